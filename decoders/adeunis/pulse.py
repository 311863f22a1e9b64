"""Adeunis PULSE: pulses of two meters, of water, gas or electricity, battery-powered.

How much a pulse is, the installation says. Where it sends a meter's earlier indexes with the newest one, only that is
read: what lies between them is not in the frame. V4 may add the time of its clock.
"""

from vdl_lora.decoding import Decoder, by_head, fixed, group, skip_rest, u32

from .common import CLOCK_AHEAD, NOTHING, STATUS, with_clock

FIRST = u32("probe.pulses_total", channel="input_1", wraps_at=1 << 32)
SECOND = u32("probe.pulses_total", channel="input_2", wraps_at=1 << 32)

NO_READING = (
    *(b"\x10", b"\x11", b"\x12"),  # configuration, thresholds
    b"\x20",  # network
    *(b"\x2f", b"\x31", b"\x33", b"\x37"),  # answers to downlinks, versions
    b"\x30",  # keep alive: flows of the day, alarms
    b"\x47",  # alarm of a flow
)

DECODER = Decoder(
    vendor="Adeunis",
    models=("PULSE",),
    datasheet="https://www.npmjs.com/package/@adeunis/codecs",
    f_ports={
        1: by_head(
            {
                b"\x46": with_clock(group(FIRST, SECOND)),
                b"\x5a": fixed("big", STATUS, FIRST, skip_rest()),
                b"\x5b": fixed("big", STATUS, SECOND, skip_rest()),
                **dict.fromkeys(NO_READING, NOTHING),
            },
        ),
    },
    parameters=(CLOCK_AHEAD,),
)
