"""Decentlab DL-RHC: air temperature and humidity, of high precision."""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-RHC",),
    datasheet=DATASHEETS.format("RHC"),
    f_ports={
        1: frames(
            group(
                skip(4),  # number of the sensor
                u16("air.humidity", div=100),
                u16("air.temperature", div=100, add=-ZERO / 100),
            ),
            BATTERY,
        ),
    },
)
