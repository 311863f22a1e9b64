"""Netvox R718UBB: indoor air (temperature, humidity, CO2, pressure) and light, battery-powered.

It sends them in two reports. Whether it was shaken is not kept.
"""

from vdl_lora.decoding import Decoder, group, i16, skip, u16, u24, u32

from .common import ANSWERS, reports

DECODER = Decoder(
    vendor="Netvox",
    models=("R718UBB",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/netvox",
    f_ports={
        6: reports(
            {0xBB: group(i16("air.temperature", div=100), u16("air.humidity", div=100), u16("air.co2"), skip(1))},
            {0xBB: group(u32("air.pressure", div=100), u24("air.illuminance"))},
        ),
    },
    ignored_f_ports=ANSWERS,
)
