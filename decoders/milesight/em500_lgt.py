"""Milesight EM500-LGT: illuminance outdoors, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, record, tlv, u32

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

LIGHT = u32("air.illuminance")

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-LGT",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-lgt/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x94": LIGHT,
                b"\x20\xce": record(LIGHT),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
