"""Dragino LHT52: air temperature and humidity, with an optional temperature probe, battery-powered."""

from vdl_lora.decoding import Decoder, fixed, i16, skip, u16

DECODER = Decoder(
    vendor="Dragino",
    models=("LHT52",),
    datasheet="https://wiki.dragino.com/xwiki/bin/view/Main/User%20Manual%20for%20LoRaWAN%20End%20Nodes/LHT52%20-%20LoRaWAN%20Temperature%20%26%20Humidity%20Sensor%20User%20Manual/",
    f_ports={
        2: fixed(
            "big",
            i16("air.temperature", div=100),
            u16("air.humidity", div=10),
            i16("probe.temperature", div=100, invalid={0x7FFF: "no_sensor"}),
            skip(1),  # which probe
            skip(4),  # its clock
        ),
    },
    ignored_f_ports={5: "model, firmware and band"},
)
