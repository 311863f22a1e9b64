"""Milesight AM308: indoor air (CO2, temperature, humidity, VOC, pressure, particles), light and movement.

The AM307 with particles. At a slow data rate some of the values come in a frame of their own. After a network outage,
or when asked, it sends the samples that it stored, each with its own time. The AM308L is the same without a display.
"""

from vdl_lora.decoding import Decoder, bits, i16, record, skip, tlv, u8, u16, word

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

# 16 bytes behind the time. The humidity has two bytes here and one in a current value.
STORED = (
    bits(0, 16, "air.temperature", signed=True, div=10),
    bits(16, 16, "air.humidity", div=2),
    bits(32, 8, "presence.occupied"),
    bits(40, 8, "air.light_level"),
    bits(48, 16, "air.co2"),
    bits(80, 16, "air.pressure", div=10),
    bits(96, 16, "air.pm2_5"),
    bits(112, 16, "air.pm10"),
)

# 1a (calibration of CO2) is missing: its length depends on its first byte.
OWN_SETTINGS = {
    0x17: 2,  # time zone
    0x25: 1,  # buttons locked
    0x2C: 1,  # values asked for
    0x2D: 1,  # display on
    0x2E: 1,  # light-emitting diode
    0x39: 5,  # automatic calibration of CO2
    0x3A: 2,  # reporting interval
    0x3B: 1,  # clock set by the network
    0x3C: 1,  # what the display shows
    0x3D: 1,  # buzzer silenced
    0x3E: 1,  # buzzer on
    0x65: 2,  # interval of measuring particles
    0x66: 1,  # alarms on the display
    0xEB: 1,  # unit of VOC
    0xF0: 4,  # values on the display
    0xF4: 1,  # calibration of CO2 on
}

DECODER = Decoder(
    vendor="Milesight",
    models=("AM308", "AM308L"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/am-series/am308/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": i16("air.temperature", div=10),
                b"\x04\x68": u8("air.humidity", div=2),
                b"\x05\x00": u8("presence.occupied"),  # infrared, of movement
                b"\x06\xcb": u8("air.light_level"),  # up to 5, 50, 100, 500 and 2000 lx, and above
                b"\x07\x7d": u16("air.co2"),
                # One or the other, as the unit is set. Neither can be converted to the other.
                b"\x08\x7d": u16("air.iaq_rating", div=100),
                b"\x08\xe6": u16("air.tvoc_mass"),
                b"\x09\x73": u16("air.pressure", div=10),
                b"\x0b\x7d": u16("air.pm2_5"),
                b"\x0c\x7d": u16("air.pm10"),
                b"\x0e\x01": skip(1),  # buzzer sounds
                # Stored samples. The VOC, from bit 64, is named first: by it the two are told apart when written.
                b"\x20\xce": record(word(16, bits(64, 16, "air.iaq_rating", div=100), *STORED)),
                b"\x21\xce": record(word(16, bits(64, 16, "air.tvoc_mass"), *STORED)),
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
