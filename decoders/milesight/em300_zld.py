"""Milesight EM300-SLD and EM300-ZLD: water leak by a spot or a rope, air temperature and humidity, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, i16, record, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
LEAK = u8("water.leak")

OWN_SETTINGS = {
    0x06: 9,  # thresholds of the alarms
    0xEA: 3,  # calibration
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM300-SLD", "EM300-ZLD"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em300-zld/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x05\x00": LEAK,
                b"\x20\xce": record(TEMPERATURE, HUMIDITY, LEAK),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
