"""MClimate HT Sensor: air temperature and humidity, battery-powered. Its thermistor on a cable is not read."""

from vdl_lora.decoding import Decoder, bits, skip, word

from .common import HUMIDITY, TEMPERATURE, keep_alive

BATTERY = word(1, bits(4, 4, "device.battery_voltage", div=10, add=2))

DECODER = Decoder(
    vendor="MClimate",
    models=("HT Sensor",),
    datasheet="https://docs.mclimate.eu/mclimate-lorawan-devices/devices/mclimate-ht-sensor-lorawan",
    f_ports={
        2: keep_alive(TEMPERATURE, HUMIDITY, BATTERY, skip(2)),
    },
    f_port_can_be_set=True,
)
