"""Decentlab DL-WRM: surface of a road and the air above it, for winter services."""

from vdl_lora.decoding import Decoder, group, u16

from .common import BATTERY, DATASHEETS, frames

TEMPERATURE = u16("air.temperature", mul=175, div=65_535, add=-45)
HUMIDITY = u16("air.humidity", mul=100, div=65_535)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-WRM",),
    datasheet=DATASHEETS.format("WRM"),
    f_ports={
        1: frames(
            group(TEMPERATURE, HUMIDITY),
            group(
                u16("probe.temperature", div=10, add=-100, channel="surface"),
                u16("device.internal_temperature", div=10, add=-100),
            ),
            BATTERY,
        ),
    },
)
