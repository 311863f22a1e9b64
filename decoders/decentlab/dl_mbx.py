"""Decentlab DL-MBX: ultrasonic distance, such as down to the level of a river or a tank.

How many of its measurements were valid is not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-MBX",),
    datasheet=DATASHEETS.format("MBX"),
    f_ports={
        1: frames(
            group(u16("probe.distance", unit="mm"), skip(2)),
            BATTERY,
        ),
    },
)
