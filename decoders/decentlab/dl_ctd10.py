"""Decentlab DL-CTD10: depth, temperature and conductivity of water, such as in wells and rivers.

Whether the sensor may be frozen is not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-CTD10",),
    datasheet=DATASHEETS.format("CTD10"),
    f_ports={
        1: frames(
            group(
                u16("water.depth", unit="mm", add=-ZERO),
                u16("water.temperature", div=10, add=-ZERO / 10),
                u16("water.conductivity"),
                skip(2),
            ),
            BATTERY,
        ),
    },
)
