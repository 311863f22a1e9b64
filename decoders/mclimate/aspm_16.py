"""MClimate 16ASPM: a switch of 16 A that measures what it supplies. Whether it is switched on is not kept."""

from vdl_lora.decoding import Decoder, skip, u8, u16, u32

from .common import keep_alive

DECODER = Decoder(
    vendor="MClimate",
    models=("16ASPM",),
    datasheet="https://docs.mclimate.eu/mclimate-lorawan-devices/devices/mclimate-16a-switch-and-power-meter-lorawan-16aspm",
    f_ports={
        2: keep_alive(
            skip(1),  # internal temperature, whose sign those who read it differ about
            u32("electricity.energy_import", unit="W·h"),
            u16("electricity.power_active"),
            u8("electricity.voltage"),
            u16("electricity.current", unit="mA"),
            skip(1),
        ),
    },
    f_port_can_be_set=True,
)
