"""Milesight EM500-UDL: ultrasonic distance, battery-powered.

What the distance is (a river's level, a tank's fill) is the installation's to say. After a network outage, or when
asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, record, skip, tlv, u16

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

DISTANCE = u16("probe.distance", unit="mm", invalid={0xFFFF: "not_measured", 0xFFFD: "out_of_reach"})

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-UDL",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-udl/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x82": DISTANCE,
                # Alarm: the distance, its change, which alarm. The maker's guide says mm, as for the thresholds of the
                # alarm; its codec divides by 10.
                b"\x83\xe9": group(DISTANCE, skip(2), skip(1)),
                b"\x20\xce": record(DISTANCE),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
