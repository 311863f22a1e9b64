"""Milesight EM500-UDL: ultrasonic distance, battery-powered.

What the distance is (a river's level, a tank's fill) is the installation's to say. After a network outage, or when
asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, record, skip, tlv, u16

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

DISTANCE = u16("probe.distance", unit="mm", invalid={0xFFFF: "not_measured", 0xFFFD: "out_of_reach"})

OWN_SETTINGS = {
    0x06: 9,  # distance alarm
    0x11: 4,  # time
    0x17: 2,  # time zone
    0x1C: 2,  # measuring again after a failure
    0x35: 8,  # key, device to device
    0x3B: 1,  # clock set by the network
    0x4A: 1,  # clock set now
    0x84: 1,  # device to device on
    0x96: 8,  # device to device
    0xF1: 4,  # calibration
    0xF2: 2,  # number of alarms sent
    0xF5: 1,  # end of an alarm sent
}

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
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
