"""Decentlab DL-NTU: turbidity and temperature of water.

The turbidity in other scales and the status of the probe are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-NTU",),
    datasheet=DATASHEETS.format("NTU"),
    f_ports={
        1: frames(
            group(
                skip(2),
                u16("water.temperature", div=100, add=-ZERO / 100),
                u16("water.turbidity", div=10),
                skip(4),
            ),
            BATTERY,
        ),
    },
)
