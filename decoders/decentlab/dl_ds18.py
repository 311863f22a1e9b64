"""Decentlab DL-DS18: temperature of a probe on a cable."""

from vdl_lora.decoding import Decoder, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-DS18",),
    datasheet=DATASHEETS.format("DS18"),
    f_ports={
        1: frames(
            u16("probe.temperature", div=16, add=-ZERO / 16),
            BATTERY,
        ),
    },
)
