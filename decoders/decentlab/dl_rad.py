"""Decentlab DL-RAD: radar distance, such as down to the level of a river or a tank.

How well the echo could be told, and the status of the radar, are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-RAD",),
    datasheet=DATASHEETS.format("RAD"),
    f_ports={
        1: frames(
            group(
                u16("probe.distance", unit="mm"),
                u16("device.internal_temperature", div=100, add=-ZERO / 100),
                skip(4),
            ),
            BATTERY,
        ),
    },
)
