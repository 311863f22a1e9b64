"""Netvox R720E: VOC, temperature and humidity of the air, battery-powered."""

from vdl_lora.decoding import Decoder, constant, group, i16, u16

from .common import ANSWERS, reports

DECODER = Decoder(
    vendor="Netvox",
    models=("R720E",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/netvox",
    f_ports={
        6: reports(
            {
                0xA5: group(
                    u16("air.tvoc"),
                    i16("air.temperature", div=100),
                    u16("air.humidity", div=100),
                    constant(b"\x00"),  # the unit of the VOC is ppb
                ),
            }
        ),
    },
    ignored_f_ports=ANSWERS,
)
