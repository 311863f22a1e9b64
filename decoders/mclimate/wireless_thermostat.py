"""MClimate Wireless Thermostat: room temperature and the one asked for, humidity, light and movement."""

from vdl_lora.decoding import Decoder, by_head, fixed, group, skip, u8, u16

from .common import HUMIDITY, TEMPERATURE

AIR = group(TEMPERATURE, HUMIDITY, u16("device.battery_voltage", unit="mV"))
ROOM = group(skip(1), u16("air.illuminance"), u8("presence.occupied"))  # first, where its power comes from

DECODER = Decoder(
    vendor="MClimate",
    models=("Wireless Thermostat",),
    datasheet="https://docs.mclimate.eu/mclimate-lorawan-devices/devices",
    f_ports={
        2: by_head(
            {
                b"\x81": fixed("big", AIR, u16("heating.set_point", div=10), ROOM),
                b"\x01": fixed("big", AIR, u8("heating.set_point"), ROOM),
            }
        ),
    },
    f_port_can_be_set=True,
)
