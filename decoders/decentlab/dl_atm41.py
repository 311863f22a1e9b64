"""Decentlab DL-ATM41: weather station (air, wind, rain, sun).

Lightning, the pressure of the vapour, the tilt of the station and the wind's parts are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-ATM41",),
    datasheet=DATASHEETS.format("ATM41"),
    f_ports={
        1: frames(
            group(
                u16("weather.irradiance", add=-ZERO),
                u16("weather.rain_delta", div=1000, add=-ZERO / 1000),
                skip(4),  # lightning: strikes, distance
                u16("weather.wind_speed", div=100, add=-ZERO / 100),
                u16("weather.wind_direction", div=10, add=-ZERO / 10),
                u16("weather.wind_gust", div=100, add=-ZERO / 100),
                u16("air.temperature", div=10, add=-ZERO / 10),
                skip(2),  # pressure of the vapour
                u16("air.pressure", unit="kPa", div=100, add=-ZERO / 100),
                u16("air.humidity", div=10, add=-ZERO / 10),
                u16("device.internal_temperature", div=10, add=-ZERO / 10),
                skip(10),  # tilt, compass, wind to the north and the east
            ),
            BATTERY,
        ),
    },
)
