"""Milesight VS330, VS340, VS341 and VS370: whether a desk, a seat or a room is occupied, battery-powered.

The VS330 measures the distance to what is before it, such as a toilet's user. The VS370 is a radar.
"""

from vdl_lora.decoding import Decoder, skip, tlv, u8, u16

from .common import ABOUT_SELF, SETTINGS, replies

OCCUPIED = u8("presence.occupied")

OWN_SETTINGS = {
    0x2F: 1,  # light-emitting diode
    0x35: 8,  # key, device to device
    0x70: 2,  # distance of a user
    0x71: 1,  # calibration
    0x72: 2,  # time without a user
    0x7A: 3,  # hours
    0x84: 1,  # device to device on
    0x8E: 3,  # reporting interval
    0x96: 8,  # device to device
    0x98: 5,  # thresholds
    0x99: 5,  # thresholds
    0xB2: 1,  # mode
    0xBD: 2,  # time zone
}

DECODER = Decoder(
    vendor="Milesight",
    models=("VS330", "VS340", "VS341", "VS370"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/vs-series/vs340/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x02\x82": u16("probe.distance", unit="mm"),  # VS330
                b"\x03\x8e": OCCUPIED,  # VS330
                b"\x04\x8e": skip(1),  # VS330: whether it could be calibrated
                b"\x03\x00": OCCUPIED,
                b"\x04\x00": skip(1),  # VS370: bright or dim
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
