"""Milesight EM320-TH, AM102 and AM102L: air temperature and humidity, battery-powered.

After a network outage, or when asked, they send the samples that they stored, each with its own time: a byte shorter
than those of the EM300-TH.
"""

from vdl_lora.decoding import Decoder, i16, record, skip, tlv, u8

from .common import ABOUT_SELF, INDOOR_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)

DECODER = Decoder(
    vendor="Milesight",
    models=("EM320-TH", "AM102", "AM102L"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em320-th/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x18": skip(2),  # sensors that are switched on
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x20\xce": record(TEMPERATURE, HUMIDITY),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | INDOOR_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
