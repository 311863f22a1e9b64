"""Decentlab DL-LID: laser distance, such as down to the level of a river or a heap.

Of some hundred measurements it sends the average, the ends, the median and other percentiles; those are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-LID",),
    datasheet=DATASHEETS.format("LID"),
    f_ports={
        1: frames(
            group(
                u16("probe.distance", unit="mm"),
                u16("probe.distance", unit="mm", channel="minimum"),
                u16("probe.distance", unit="mm", channel="maximum"),
                u16("probe.distance", unit="mm", channel="median"),
                skip(14),
            ),
            BATTERY,
        ),
    },
)
