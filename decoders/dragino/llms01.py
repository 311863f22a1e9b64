"""Dragino LLMS01: wetness and temperature of a leaf."""

from vdl_lora.decoding import Decoder, bits, fixed, i16, skip, u16, word

DECODER = Decoder(
    vendor="Dragino",
    models=("LLMS01",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/dragino",
    f_ports={
        2: fixed(
            "big",
            word(2, bits(0, 14, "device.battery_voltage", unit="mV")),  # bits 15 and 14 are not the battery's
            skip(2),  # a temperature of a probe that most have not
            u16("weather.leaf_wetness", div=10),
            i16("probe.temperature", div=10, channel="leaf"),
            skip(3),  # sent by the interrupt input, and the kind of frame
        ),
    },
)
