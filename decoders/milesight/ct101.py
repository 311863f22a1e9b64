"""Milesight CT101: current in a cable, from the current itself.

It adds up ampere-hours too, which are not kept. A probe may measure the temperature.
"""

from vdl_lora.decoding import Decoder, group, i16, skip, tlv, u16

from .common import ABOUT_SELF, SETTINGS, replies

CURRENT = u16("electricity.current", div=100, invalid={0xFFFF: "not_measured"})
TEMPERATURE = i16("probe.temperature", div=10, invalid={-1: "not_measured", -3: "out_of_range"})

OWN_SETTINGS = {
    0x06: 9,  # thresholds
    0x8E: 3,  # reporting interval
    0xF2: 2,  # number of alarms sent
}

DECODER = Decoder(
    vendor="Milesight",
    models=("CT101",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/ct-series/ct101/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x97": skip(4),  # ampere-hours
                b"\x04\x98": CURRENT,
                b"\x09\x67": TEMPERATURE,
                b"\x84\x98": group(
                    skip(4), CURRENT, skip(1)
                ),  # alarm: the highest and the lowest before it, which alarm behind it
                b"\x89\x67": group(TEMPERATURE, skip(1)),  # alarm
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
