"""Decentlab DL-DLR2-010: pulses of two meters.

The time in which they were counted and the running totals are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-DLR2-010",),
    datasheet=DATASHEETS.format("DLR2"),
    f_ports={
        1: frames(
            group(u16("probe.pulses_delta", channel="input_1"), skip(6)),
            group(u16("probe.pulses_delta", channel="input_2"), skip(6)),
            BATTERY,
        ),
    },
)
