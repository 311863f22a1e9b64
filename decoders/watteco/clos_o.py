"""Watteco (nke) Clos'O: whether a door or a window is open, battery-powered."""

from vdl_lora.decoding import Decoder, skip, u8

from .common import standard

DECODER = Decoder(
    vendor="Watteco",
    models=("Clos'O",),
    datasheet="https://github.com/actility/device-catalog/tree/main/vendors/watteco",
    f_ports={
        125: standard(
            {
                0: {"000f 0055 10": skip(1)},  # the switch of the case
                1: {
                    "000f 0055 10": u8("contact.open"),
                    "000f 0402 23": skip(4),  # how often it switched
                },
            },
        ),
    },
)
