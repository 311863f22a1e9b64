"""Decentlab DL-TRS12: water in the soil, its temperature and conductivity."""

from vdl_lora.decoding import Decoder, group, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

# The datasheet gives the water in the soil as a line through the raw number, in parts of the volume.
MOISTURE = u16("soil.moisture", mul=3_879, div=1_000_000, add=-69.56)
TEMPERATURE = u16("soil.temperature", div=10, add=-ZERO / 10)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-TRS12",),
    datasheet=DATASHEETS.format("TRS12"),
    f_ports={
        1: frames(
            group(MOISTURE, TEMPERATURE, u16("soil.conductivity", unit="µS/cm")),
            BATTERY,
        ),
    },
)
