"""Milesight EM410-RDL: radar distance, such as down to the level of a river or a tank, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("device.internal_temperature", div=10, invalid={-1: "not_measured", -2: "switched_off"})
DISTANCE = i16("probe.distance", unit="mm", invalid={-1: "not_measured", -2: "switched_off", -3: "too_far"})

OWN_SETTINGS = {
    0x06: 9,  # alarms
    0x1B: 5,  # range
    0x1C: 2,  # measuring again after a failure
    0x2A: 1,  # sensors that are switched on
    0x3E: 1,  # tilt on
    0x4A: 1,  # clock set now
    0x8E: 3,  # reporting interval
    0xAB: 3,  # calibration
    0xBD: 2,  # time zone
    0xF2: 2,  # number of alarms sent
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM410-RDL",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em410-rdl/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\x82": DISTANCE,
                b"\x05\x00": u8("device.tilted"),
                b"\x06\xc7": skip(2),  # strength of the echo
                b"\x84\x82": group(DISTANCE, skip(1)),  # alarm
                b"\x94\x82": group(DISTANCE, skip(2), skip(1)),  # alarm: its change, which alarm
                b"\xb4\x82": group(DISTANCE, skip(1)),  # why it could not measure
                b"\x20\xce": record(DISTANCE, TEMPERATURE, skip(2), skip(1)),  # stored sample: its change, which alarms
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
