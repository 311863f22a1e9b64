"""Milesight VS350 and VS351: people who come and go through a door.

They send running totals, and how many there were since the last report. What they store is not read: how long such a
sample is, is told within it.
"""

from vdl_lora.decoding import Decoder, group, i16, refuse, skip, tlv, u16

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

TEMPERATURE = i16("device.internal_temperature", div=10)
TOTALS = group(
    u16("presence.people_in_total", wraps_at=1 << 16),
    u16("presence.people_out_total", wraps_at=1 << 16),
)
PERIOD = group(u16("presence.people_in_delta"), u16("presence.people_out_delta"))
ALARM = skip(1)

OWN_SETTINGS = {
    0x06: 9,  # alarms
    0x35: 8,  # key, device to device
    0x84: 1,  # device to device on
    0x8E: 3,  # reporting interval
    0x96: 8,  # device to device
    0xA6: 1,  # which direction is in
    0xA8: 1,  # totals cleared
    0xA9: 1,  # reports
    0xAA: 1,  # calibration
    0xAB: 3,  # calibration
    0xBD: 2,  # time zone
}

DECODER = Decoder(
    vendor="Milesight",
    models=("VS350", "VS351"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/vs-series/vs350/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\xcc": skip(1),  # VS351: supply
                b"\x03\x67": TEMPERATURE,
                b"\x04\xcc": TOTALS,
                b"\x05\xcc": PERIOD,
                b"\x0a\xef": skip(4),  # its clock
                b"\x83\x67": group(TEMPERATURE, ALARM),
                b"\x84\xcc": group(TOTALS, ALARM),
                b"\x85\xcc": group(PERIOD, ALARM),
                b"\x20\xce": refuse("stored samples of this sensor are not read"),
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
