"""Milesight EM300-MCS and WS301: whether a door or window is open, battery-powered.

The EM300-MCS measures the air too. After a network outage, or when asked, it sends the samples that it stored, each
with its own time. The WS301 tells whether it is still fixed where it was installed.
"""

from vdl_lora.decoding import Decoder, i16, record, skip, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
OPEN = u8("contact.open")

OWN_SETTINGS = {
    0x06: 9,  # threshold of the alarm
    0xEA: 3,  # calibration
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM300-MCS", "WS301"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em300-mcs/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x08": skip(6),  # serial number of the WS301
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x06\x00": OPEN,  # EM300-MCS
                b"\x03\x00": OPEN,  # WS301
                b"\x04\x00": u8("device.tamper"),  # WS301: taken off its place
                b"\x20\xce": record(TEMPERATURE, HUMIDITY, OPEN),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
