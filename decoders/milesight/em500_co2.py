"""Milesight EM500-CO2: air temperature, humidity, CO2 and pressure, outdoors or in damp rooms.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8, u16

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
CO2 = u16("air.co2")
PRESSURE = u16("air.pressure", div=10)

# 1a (calibration of CO2) is missing: its length depends on its first byte.
OWN_SETTINGS = {
    0x18: 2,  # sensors that are switched on
    0x39: 5,  # automatic calibration of CO2
    0x87: 3,  # altitude
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-CO2",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-co2/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x05\x7d": CO2,
                b"\x06\x73": PRESSURE,
                b"\x83\xd7": group(TEMPERATURE, skip(2), skip(1)),  # alarm: its change, which alarm
                b"\x20\xce": record(CO2, PRESSURE, TEMPERATURE, HUMIDITY),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
