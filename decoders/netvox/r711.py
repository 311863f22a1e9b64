"""Netvox air sensors, battery-powered: temperature, and with it humidity, pressure or particles; or light alone (R311).

The R311B tells a threshold of the light, the R311G a change of it; what they report is the same.
"""

from vdl_lora.decoding import Decoder, group, i16, skip, u16, u32

from .common import ANSWERS, reports

TEMPERATURE = i16("air.temperature", div=100)
HUMIDITY = u16("air.humidity", div=100)

CLIMATE = group(TEMPERATURE, HUMIDITY, skip(3))
PARTICLES = group(TEMPERATURE, HUMIDITY, u16("air.pm2_5"), skip(1))
LIGHT = group(u16("air.illuminance"), skip(5))

DECODER = Decoder(
    vendor="Netvox",
    models=(
        *("R711", "R712", "R718A", "R718AB", "R720A", "R720C"),
        *("RA0716", "R72616", "R72616A", "R72716"),
        *("R311B", "R311G"),
    ),
    datasheet="https://manualshive.com/ru/manual/netvox/r718a/r718a_user-manual_1675072-7.html",
    f_ports={
        6: reports(
            {
                0x01: CLIMATE,  # R711, R712
                0x0B: CLIMATE,  # R718A
                0x13: CLIMATE,  # R718AB
                0x6E: CLIMATE,  # R720A
                0x70: group(u32("air.pressure", div=100), TEMPERATURE, skip(1)),  # R720C
                0x35: PARTICLES,  # RA0716
                0x36: PARTICLES,  # R72616
                0x37: PARTICLES,  # R72716
                0x6A: PARTICLES,  # R72616A
                0x04: LIGHT,  # R311G
                0x4B: LIGHT,  # R311B
            }
        ),
    },
    ignored_f_ports=ANSWERS,
)
