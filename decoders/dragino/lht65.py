"""Dragino LHT65 and LHT65N: air temperature and humidity, with an optional DS18B20 temperature probe.

Only the temperature probe (E1) is read among those that can be plugged in. The samples that it stores come when asked,
in frames that are not read here.
"""

from vdl_lora.decoding import Decoder, bits, by_bits, fixed, i16, skip, word

# Bits 15 and 14 grade the battery.
BATTERY = word(2, bits(0, 14, "device.battery_voltage", unit="mV"))
TEMPERATURE = i16("air.temperature", div=100)
HUMIDITY = word(2, bits(0, 12, "air.humidity", div=10))
PROBE = i16("probe.temperature", div=100, invalid={0x7FFF: "no_sensor"})

DECODER = Decoder(
    vendor="Dragino",
    models=("LHT65", "LHT65N"),
    datasheet="https://wiki.dragino.com/xwiki/bin/view/Main/User%20Manual%20for%20LoRaWAN%20End%20Nodes/LHT65N%20--%20LoRaWAN%20Temperature%20%26%20Humidity%20Sensor%20Manual/",
    f_ports={
        2: by_bits(
            6,
            0xFF,
            {
                0x01: fixed("big", BATTERY, TEMPERATURE, HUMIDITY, skip(1), PROBE, skip(2)),
                0x00: fixed("big", BATTERY, TEMPERATURE, HUMIDITY, skip(1), skip(4)),  # nothing is plugged in
            },
        ),
    },
    ignored_f_ports={5: "model, firmware and band"},
)
