"""Atomsenses AS-201 and AS-203: indoor air (temperature, humidity, CO2).

The AS-203 measures formaldehyde and VOC too, which are not kept: their units are not told.
"""

from vdl_lora.decoding import Decoder, i16, skip, tlv, u8, u16

DECODER = Decoder(
    vendor="Atomsenses",
    models=("AS-201", "AS-203"),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/tree/master/vendor/atomsenses",
    f_ports={
        85: tlv(
            "little",
            {
                b"\x01\x75": u8("device.battery_level"),
                b"\x03\x67": i16("air.temperature", div=10),
                b"\x04\x68": u8("air.humidity", div=2),
                b"\x07\x7d": u16("air.co2"),
                b"\x08\x7d": skip(2),  # VOC
                b"\x0a\x7d": skip(2),  # formaldehyde
            },
        ),
    },
)
