"""Milesight EM500-PT100: temperature of an industrial probe, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("probe.temperature", div=10)

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-PT100",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-pt100/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x1b": skip(5),  # range of the probe
                b"\x03\x67": TEMPERATURE,
                b"\x83\xd7": group(TEMPERATURE, skip(2), skip(1)),  # alarm: its change, which alarm
                b"\x20\xce": record(TEMPERATURE),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
