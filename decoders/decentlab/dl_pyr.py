"""Decentlab DL-PYR: solar irradiance."""

from vdl_lora.decoding import Decoder, u16

from .common import BATTERY, DATASHEETS, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-PYR",),
    datasheet=DATASHEETS.format("PYR"),
    f_ports={
        1: frames(
            u16("weather.irradiance", mul=15_000, div=32_768, add=-15_000),
            BATTERY,
        ),
    },
)
