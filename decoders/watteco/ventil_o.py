"""Watteco (nke) Ventil'O: the difference of pressure across a filter or in a duct, and the temperature there."""

from vdl_lora.decoding import Decoder, i16, skip, u8

from .common import standard

DECODER = Decoder(
    vendor="Watteco",
    models=("Ventil'O",),
    datasheet="https://github.com/actility/device-catalog/tree/main/vendors/watteco",
    f_ports={
        125: standard(
            {
                0: {
                    "8008 0000 29": i16("air.pressure_diff"),
                    "0402 0000 29": i16("air.temperature", div=100),
                    "000f 0055 10": u8("probe.digital", channel="input_1"),
                    "000f 0402 23": skip(4),  # how often it switched
                },
            },
        ),
    },
)
