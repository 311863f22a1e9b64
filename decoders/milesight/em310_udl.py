"""Milesight EM310-UDL: ultrasonic distance, 30 to 4500 mm, and whether the device is tilted, battery-powered.

What the distance is (a container's fill, most often) is the installation's to say. It stores no samples.
"""

from vdl_lora.decoding import Decoder, tlv, u8, u16

from .common import ABOUT_SELF, SETTINGS, replies

# Nearer than 30 mm it sends 30, which cannot be told from a true 30.
DISTANCE = u16("probe.distance", unit="mm", invalid={0: "too_far"})

OWN_SETTINGS = {
    0x06: 9,  # distance alarm
}

DECODER = Decoder(
    vendor="Milesight",
    models=("EM310-UDL",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em310-udl/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x82": DISTANCE,
                b"\x04\x00": u8("device.tilted"),
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
