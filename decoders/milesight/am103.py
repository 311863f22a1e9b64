"""Milesight AM103, AM104 and AM107: indoor air (temperature, humidity, CO2, VOC, pressure) and light.

Each has some of these values. The AM103 stores samples and sends them after a network outage, each with its own time;
the AM103L is the same without a display.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8, u16

from .common import ABOUT_SELF, INDOOR_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
CO2 = u16("air.co2")

# 1a (calibration of CO2) is missing: its length depends on its first byte.
OWN_SETTINGS = {
    0x39: 5,  # automatic calibration of CO2
    0x54: 5,  # alarm of CO2
    0x87: 3,  # altitude
    0xF0: 4,  # values on the display
}

DECODER = Decoder(
    vendor="Milesight",
    models=("AM103", "AM103L", "AM104", "AM107"),
    datasheet="https://www.milesight.com/products/docs/en/am103/protocol/am100/am10x-uplink.html",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x08": skip(6),  # serial number of the AM104 and AM107
                b"\xff\x18": skip(2),  # sensors that are switched on
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x05\x6a": skip(2),  # movement, on a scale that is not told
                b"\x06\x65": group(u16("air.illuminance"), skip(4)),  # raw visible light and infrared behind it
                b"\x07\x7d": CO2,
                b"\x08\x7d": u16("air.tvoc"),
                b"\x09\x73": u16("air.pressure", div=10),
                b"\x20\xce": record(TEMPERATURE, HUMIDITY, CO2),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | INDOOR_SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
