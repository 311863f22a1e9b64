"""Decentlab DL-PHEHT: pH and temperature of water.

The redox potential and the status of the probe are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-PHEHT",),
    datasheet=DATASHEETS.format("PHEHT"),
    f_ports={
        1: frames(
            group(
                skip(2),
                u16("water.temperature", div=100, add=-ZERO / 100),
                u16("water.ph", div=100, add=-ZERO / 100),
                skip(4),
            ),
            BATTERY,
        ),
    },
)
