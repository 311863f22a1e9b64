"""Dragino LAQ4: indoor air (temperature, humidity, CO2, VOC), such as in a classroom.

Only its mode of work for CO2 is read, which is the one it is delivered in.
"""

from vdl_lora.decoding import Decoder, by_bits, fixed, i16, skip, u16

DECODER = Decoder(
    vendor="Dragino",
    models=("LAQ4",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/dragino",
    f_ports={
        2: by_bits(
            2,
            0x7C,
            {
                0x04: fixed(
                    "big",
                    u16("device.battery_voltage", unit="mV"),
                    skip(1),  # mode of work, alarm
                    u16("air.tvoc"),
                    u16("air.co2"),
                    i16("air.temperature", div=10),
                    u16("air.humidity", div=10),
                ),
            },
        ),
    },
)
