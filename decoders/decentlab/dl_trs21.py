"""Decentlab DL-TRS21: how hard the soil holds its water, and its temperature."""

from vdl_lora.decoding import Decoder, group, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-TRS21",),
    datasheet=DATASHEETS.format("TRS21"),
    f_ports={
        1: frames(
            group(
                u16("soil.water_potential", mul=-1, div=10),
                u16("soil.temperature", div=10, add=-ZERO / 10),
            ),
            BATTERY,
        ),
    },
)
