"""Milesight WS523 and WS525: sockets that measure what they supply.

Whether the socket is switched on is not kept.
"""

from vdl_lora.decoding import Decoder, skip, tlv, u8, u16, u32

from .common import ABOUT_SELF, SETTINGS, replies

OWN_SETTINGS = {
    0x22: 4,  # switching later
    0x23: 2,  # later switching cancelled
    0x24: 2,  # greatest current
    0x25: 2,  # lock of the button
    0x26: 1,  # measuring on
    0x2C: 1,  # report of the settings
    0x2F: 1,  # light-emitting diode
    0x30: 2,  # alarm of the current
}

DECODER = Decoder(
    vendor="Milesight",
    models=("WS523", "WS525"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/ws-series/ws523/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x08": skip(6),  # serial number
                b"\x03\x74": u16("electricity.voltage", div=10),
                b"\x04\x80": u32("electricity.power_active"),
                b"\x05\x81": u8("electricity.power_factor", div=100),
                b"\x06\x83": u32("electricity.energy_import", unit="W·h"),
                b"\x07\xc9": u16("electricity.current", unit="mA"),
                b"\x08\x70": skip(1),  # whether it is switched on
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
