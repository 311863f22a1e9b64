"""Adeunis COMFORT CO2: air temperature, humidity and CO2, such as in a classroom, battery-powered.

It gathers samples and sends them together, the newest first, and may add the time of its clock. What lies between two
samples is not in the frame. The summary of a day is not read.
"""

from vdl_lora.decoding import Decoder, by_head, i16, newest_first, u8, u16

from .common import CLOCK_AHEAD, NOTHING, PERIOD, REPEATS, with_clock

SAMPLES = newest_first(
    i16("air.temperature", div=10),
    u8("air.humidity"),
    u16("air.co2"),
    every=PERIOD,
    repeats=REPEATS,
)

NO_READING = (b"\x10", b"\x11", b"\x12", b"\x20", b"\x2f", b"\x30", b"\x31", b"\x33", b"\x37")

DECODER = Decoder(
    vendor="Adeunis",
    models=("COMFORT CO2",),
    datasheet="https://www.npmjs.com/package/@adeunis/codecs",
    f_ports={
        1: by_head({b"\x6a": with_clock(SAMPLES), **dict.fromkeys(NO_READING, NOTHING)}),
    },
    parameters=(PERIOD, REPEATS, CLOCK_AHEAD),
)
