"""Decentlab DL-CWS2: surface of a road and the air above it, of high precision, for winter services.

The air is measured in a radiation shield, and once more by the sensor that looks at the road. The dew point and the
angle of the sensor are not kept.
"""

from vdl_lora.decoding import Decoder, group, skip, u16

from .common import BATTERY, DATASHEETS, ZERO, frames

TEMPERATURE = u16("air.temperature", mul=175, div=65_535, add=-45)
HUMIDITY = u16("air.humidity", mul=100, div=65_535)

DECODER = Decoder(
    vendor="Decentlab",
    models=("DL-CWS2",),
    datasheet=DATASHEETS.format("CWS2"),
    f_ports={
        1: frames(
            group(TEMPERATURE, HUMIDITY),
            group(
                u16("probe.temperature", div=100, add=-ZERO / 100, channel="surface"),
                u16("air.temperature", div=100, add=-ZERO / 100, channel="sensor"),
                u16("air.humidity", div=100, add=-ZERO / 100, channel="sensor"),
                skip(4),
                u16("device.internal_temperature", div=100, add=-ZERO / 100),
            ),
            BATTERY,
        ),
    },
)
