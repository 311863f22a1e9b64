"""Milesight WS202 and WS203: movement in a room, battery-powered.

The WS203 measures the air too. After a network outage, or when asked, it sends the samples that it stored, each with
its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

OCCUPIED = u8("presence.occupied")
TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)

OWN_SETTINGS = {
    0x06: 9,  # thresholds
    0x17: 2,  # time zone
    0x2F: 1,  # light-emitting diode
    0x35: 8,  # key, device to device
    0x4A: 1,  # clock set now
    0x84: 1,  # device to device on
    0x8E: 3,  # reporting interval
    0x95: 2,  # time without movement
    0x96: 8,  # device to device
}

DECODER = Decoder(
    vendor="Milesight",
    models=("WS202", "WS203"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/ws-series/ws203/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x08": skip(6),  # serial number of the WS202
                b"\x03\x00": OCCUPIED,  # WS202
                b"\x04\x00": skip(1),  # WS202: light or dark
                b"\x03\x67": TEMPERATURE,
                b"\x04\x68": HUMIDITY,
                b"\x05\x00": OCCUPIED,  # WS203
                b"\x83\x67": group(TEMPERATURE, skip(1)),  # alarm
                b"\x20\xce": record(skip(1), OCCUPIED, TEMPERATURE, HUMIDITY),  # stored sample, and why
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
