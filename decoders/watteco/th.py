"""Watteco (nke) TH: air temperature and humidity, battery-powered.

It reports each by itself, when it has changed enough or its time has come.
"""

from vdl_lora.decoding import Decoder, i16, skip, u8, u16

from .common import standard

DECODER = Decoder(
    vendor="Watteco",
    models=("TH",),
    datasheet="https://support.watteco.com/indoor_th",
    f_ports={
        125: standard(
            {
                0: {
                    "0402 0000 29": i16("air.temperature", div=100),
                    "0405 0000 21": u16("air.humidity", div=100),
                    # The switch of the case. Those who cite the maker's documents read a 1 in two ways.
                    "000f 0055 10": u8("probe.digital", channel="case"),
                    "000f 0402 23": skip(4),  # how often it switched
                },
            },
        ),
    },
)
