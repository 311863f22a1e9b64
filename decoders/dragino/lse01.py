"""Dragino LSE01: soil moisture, temperature and conductivity, battery-powered.

The maker's manual and codec make a temperature below zero one hundredth too warm: they take 65535 off, not 65536.
"""

from vdl_lora.decoding import Decoder, bits, fixed, i16, skip, u16, word

DECODER = Decoder(
    vendor="Dragino",
    models=("LSE01",),
    datasheet="https://wiki.dragino.com/xwiki/bin/view/Main/User%20Manual%20for%20LoRaWAN%20End%20Nodes/LSE01-LoRaWAN%20Soil%20Moisture%20%26%20EC%20Sensor%20User%20Manual/",
    f_ports={
        2: fixed(
            "big",
            word(2, bits(0, 14, "device.battery_voltage", unit="mV")),  # bits 15 and 14 are not the battery's
            skip(2),  # a temperature that the manual says to ignore
            u16("soil.moisture", div=100),
            i16("soil.temperature", div=100),
            u16("soil.conductivity", unit="µS/cm"),
            skip(1),  # sent by the interrupt input, sensor there
        ),
    },
)
