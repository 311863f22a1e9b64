"""Decentlab DL-ATM22: wind and air temperature.

The tilt of the sensor, and the wind's parts to the north and the east, are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-ATM22",),
    datasheet=DATASHEETS.format("ATM22"),
    f_ports={
        1: frames(
            group(
                u16("weather.wind_speed", div=100, add=-ZERO / 100),
                u16("weather.wind_direction", div=10, add=-ZERO / 10),
                u16("weather.wind_gust", div=100, add=-ZERO / 100),
                u16("air.temperature", div=10, add=-ZERO / 10),
                skip(8),
            ),
            BATTERY,
        ),
    },
)
