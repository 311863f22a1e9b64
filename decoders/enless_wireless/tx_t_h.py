"""Enless Wireless TX T&H AMB 600-021 and TX TEMP CONT2 600-034: air temperature and humidity, battery-powered.

Alarms and the grade of the battery are not kept.
"""

from vdl_lora.decoding import Decoder, by_bits, fixed, i16, skip, u16

ABOUT_SELF = skip(6)  # number, type, counter, firmware
TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u16("air.humidity", div=10)

DECODER = Decoder(
    vendor="Enless Wireless",
    models=("TX T&H AMB 600-021", "TX TEMP CONT2 600-034"),
    datasheet="https://enless.gitbook.io/installation-guide-lorawan/",
    f_ports={
        1: by_bits(
            3,
            0xFF,
            {
                0x04: fixed("big", ABOUT_SELF, TEMPERATURE, HUMIDITY, skip(4), skip(4)),
                0x0E: fixed("big", ABOUT_SELF, TEMPERATURE, HUMIDITY, skip(4)),
            },
        ),
    },
)
