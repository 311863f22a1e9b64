"""Milesight EM500-PP: pressure in a pipe, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, i16, record, tlv

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

PRESSURE = i16("water.pressure")

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-PP",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-pp/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x7b": PRESSURE,
                b"\x20\xce": record(PRESSURE),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
