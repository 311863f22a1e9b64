"""Watteco (nke) Intens'O: the current in a cable, battery-powered."""

from vdl_lora.decoding import Decoder, f32

from .common import standard

DECODER = Decoder(
    vendor="Watteco",
    models=("Intens'O",),
    datasheet="https://github.com/actility/device-catalog/tree/main/vendors/watteco",
    f_ports={125: standard({0: {"000c 0055 39": f32("electricity.current")}})},
)
