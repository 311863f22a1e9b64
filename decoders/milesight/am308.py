"""Milesight AM308: indoor air (CO2, temperature, humidity, VOC, pressure, particles), light and movement.

The AM307 with particles. At a slow data rate some of the values come in a frame of their own. After a network outage,
or when asked, it sends the samples that it stored, each with its own time. The AM308L is the same without a display.
"""

from vdl_lora.decoding import Decoder, bits, tlv, u16

from .common import ABOUT_SELF, AM300_SETTINGS, AM300_VALUES, SETTINGS, STORAGE_REPLIES, am300_stored, replies

OWN_SETTINGS = {0x65: 2}  # interval of measuring particles

DECODER = Decoder(
    vendor="Milesight",
    models=("AM308", "AM308L"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/am-series/am308/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                **AM300_VALUES,
                b"\x0b\x7d": u16("air.pm2_5"),
                b"\x0c\x7d": u16("air.pm10"),
                **am300_stored(16, bits(96, 16, "air.pm2_5"), bits(112, 16, "air.pm10")),
                **STORAGE_REPLIES,
                **replies(SETTINGS | AM300_SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
