"""Decentlab DL-LP8P: CO2, air temperature, humidity and pressure.

The smoothed CO2 and what the sensor says of itself are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

TEMPERATURE = u16("air.temperature", mul=17_572, div=6_553_600, add=-46.85)
HUMIDITY = u16("air.humidity", mul=125, div=65_536, add=-6)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-LP8P",),
    datasheet=DATASHEETS.format("LP8P"),
    f_ports={
        1: frames(
            group(TEMPERATURE, HUMIDITY),
            group(skip(2), u16("air.pressure", unit="Pa", mul=2)),
            group(
                u16("air.co2", add=-ZERO),
                skip(14),
            ),
            BATTERY,
        ),
    },
)
