"""Milesight EM300-TH: air temperature and humidity, battery-powered.

It reports every 10 minutes and its battery every 6 hours. After a network outage, or when asked, it sends the samples
that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, i16, padding, record, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)

OWN_SETTINGS = {
    0x06: 9,  # temperature threshold
    0xEA: 3,  # calibration
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM300-TH",),
    datasheet="https://www.milesight.com/iot/product/lorawan-sensor/em300-th",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x20\xce": record(TEMPERATURE, HUMIDITY, padding(1)),  # stored sample; the last byte is reserved
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
