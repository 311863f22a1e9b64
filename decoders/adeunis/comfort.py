"""Adeunis COMFORT: air temperature and humidity, battery-powered.

It gathers samples and sends them together, the newest first; newer ones may add the time of their clock. What lies
between two samples is not in the frame.
"""

from vdl_lora.decoding import Decoder, by_head, group, i16, newest_first, skip, u8

from .common import CLOCK_AHEAD, NOTHING, PERIOD, REPEATS, with_clock

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity")

NO_READING = (b"\x10", b"\x11", b"\x12", b"\x20", b"\x2f", b"\x31", b"\x33", b"\x37")

DECODER = Decoder(
    vendor="Adeunis",
    models=("COMFORT",),
    datasheet="https://www.npmjs.com/package/@adeunis/codecs",
    f_ports={
        1: by_head(
            {
                b"\x4c": with_clock(newest_first(TEMPERATURE, HUMIDITY, every=PERIOD, repeats=REPEATS)),
                b"\x4d": with_clock(group(skip(1), TEMPERATURE, HUMIDITY)),  # alarm: which, and the values
                **dict.fromkeys(NO_READING, NOTHING),
            },
        ),
    },
    parameters=(PERIOD, REPEATS, CLOCK_AHEAD),
)
