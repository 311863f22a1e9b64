"""Milesight WTS305 and WTS506: weather station (air, wind, pressure; the WTS506 rain too).

The rain is a running total beside a counter of its own, in 2 bytes by the first protocol and in 4 by the second. After
a network outage, or when asked, they send the samples that they stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8, u16, u32

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
DIRECTION = u16("weather.wind_direction", div=10)
PRESSURE = u16("air.pressure", div=10)
WIND = u16("weather.wind_speed", div=10)
RAIN = u16("weather.rain_total", div=100)
LONG_RAIN = u32("weather.rain_total", div=100)
ALARM = skip(1)  # which threshold it is; the value before it is the reading

OWN_SETTINGS = {
    0x11: 4,  # time
    0x17: 2,  # time zone
    0x67: 1,  # alarm of rain
}

DECODER = Decoder(
    vendor="Milesight",
    models=("WTS305", "WTS506"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/wts-series/wts506/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x05\x84": DIRECTION,
                b"\x06\x73": PRESSURE,
                b"\x07\x92": WIND,
                b"\x08\xec": group(LONG_RAIN, skip(1)),  # and a counter
                b"\x08\x77": group(RAIN, skip(1)),
                b"\x83\x67": group(TEMPERATURE, ALARM),
                b"\x86\x73": group(PRESSURE, ALARM),
                b"\x87\x92": group(WIND, ALARM),
                b"\x88\xec": group(LONG_RAIN, skip(1), ALARM),
                # Stored samples.
                b"\x21\xce": record(TEMPERATURE, HUMIDITY, PRESSURE, DIRECTION, WIND, LONG_RAIN),
                b"\x20\xce": record(TEMPERATURE, HUMIDITY, PRESSURE, DIRECTION, WIND, RAIN),
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
