"""Decentlab DL-IAM: indoor air (temperature, humidity, pressure, CO2, VOC) and movement.

Two raw values of light come too, of which the maker makes an illuminance; they are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

TEMPERATURE = u16("air.temperature", mul=175, div=65_535, add=-45)
HUMIDITY = u16("air.humidity", mul=100, div=65_535)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-IAM",),
    datasheet=DATASHEETS.format("IAM"),
    f_ports={
        1: frames(
            BATTERY,
            group(TEMPERATURE, HUMIDITY),
            u16("air.pressure", unit="Pa", mul=2),
            skip(4),  # light
            group(u16("air.co2", add=-ZERO), skip(4)),
            u16("air.motion_count_delta"),
            u16("air.tvoc"),
        ),
    },
)
