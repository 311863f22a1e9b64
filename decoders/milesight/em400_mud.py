"""Milesight EM400-MUD: ultrasonic distance and whether the device is tilted, such as on a container.

What the distance is (a container's fill, most often) is the installation's to say. It measures the temperature too.
"""

from vdl_lora.decoding import Decoder, group, i16, skip, tlv, u8, u16

from .common import ABOUT_SELF, SETTINGS, replies

TEMPERATURE = i16("device.internal_temperature", div=10)
DISTANCE = u16("probe.distance", unit="mm")

OWN_SETTINGS = {
    0x06: 9,  # alarms
    0x13: 1,  # mode
    0x1C: 2,  # measuring again after a failure
    0x3E: 1,  # tilt on
    0x4A: 1,  # clock set now
    0x56: 1,  # tilt
    0x70: 2,  # depth of the container
    0x71: 1,  # position
    0x77: 2,  # lid
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM400-MUD",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em400-mud/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x82": DISTANCE,
                b"\x05\x00": u8("device.tilted"),
                b"\x83\x67": group(TEMPERATURE, skip(1)),  # alarm
                b"\x84\x82": group(DISTANCE, skip(1)),  # alarm
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
