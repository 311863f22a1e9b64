"""Milesight AM307: indoor air (CO2, temperature, humidity, VOC, pressure), light and movement.

At a slow data rate some of the values come in a frame of their own. After a network outage, or when asked, it sends
the samples that it stored, each with its own time. The AM307L is the same without a display. The AM308 and AM319 store
longer samples and are not read here.
"""

from vdl_lora.decoding import Decoder, tlv

from .common import ABOUT_SELF, AM300_SETTINGS, AM300_VALUES, SETTINGS, STORAGE_REPLIES, am300_stored, replies

DECODER = Decoder(
    vendor="Milesight",
    models=("AM307", "AM307L"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/am-series/am307/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                **AM300_VALUES,
                **am300_stored(12),
                **STORAGE_REPLIES,
                **replies(SETTINGS | AM300_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
