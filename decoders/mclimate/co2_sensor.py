"""MClimate CO2 Sensor and Notifier: CO2, air temperature and humidity, battery-powered."""

from vdl_lora.decoding import Decoder, u8, u16

from .common import HUMIDITY, TEMPERATURE, keep_alive

DECODER = Decoder(
    vendor="MClimate",
    models=("CO2 Sensor",),
    datasheet="https://docs.mclimate.eu/mclimate-lorawan-devices/devices",
    f_ports={
        2: keep_alive(
            u16("air.co2"),
            TEMPERATURE,
            HUMIDITY,
            u8("device.battery_voltage", mul=8, unit="mV", add=1600),
        ),
    },
    f_port_can_be_set=True,
)
