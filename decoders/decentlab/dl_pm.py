"""Decentlab DL-PM: particles in the air, air temperature, humidity and pressure.

PM4, the size of the particles and how many there are in a volume are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, frames

TEMPERATURE = u16("air.temperature", mul=17_572, div=6_553_600, add=-46.85)
HUMIDITY = u16("air.humidity", mul=125, div=65_536, add=-6)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-PM",),
    datasheet=DATASHEETS.format("PM"),
    f_ports={
        1: frames(
            BATTERY,
            group(
                u16("air.pm1", div=10),
                u16("air.pm2_5", div=10),
                skip(2),
                u16("air.pm10", div=10),
                skip(12),
            ),
            group(TEMPERATURE, HUMIDITY),
            u16("air.pressure", unit="Pa", mul=2),
        ),
    },
)
