"""Netvox R718X: fill level and tilt of a container, by an ultrasonic distance, battery-powered."""

from vdl_lora.decoding import Decoder, group, i16, skip, u8, u16

from .common import ANSWERS, reports

DECODER = Decoder(
    vendor="Netvox",
    models=("R718X",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/netvox",
    f_ports={
        6: reports(
            {
                0x34: group(
                    skip(1),  # whether the distance is beyond a threshold
                    u16("probe.distance", unit="mm"),
                    i16("air.temperature", div=10),
                    u8("waste.fill_level"),
                    u8("waste.tilt"),
                ),
            }
        ),
    },
    ignored_f_ports=ANSWERS,
)
