"""Browan MerryIoT: indoor CO2 (CD10), doors and windows (DW10), battery-powered.

Newer firmware sends the temperature in tenths, in frames that are a byte longer. The time since the last event is not
kept. Without a document of the payload, the layout is that of two public codecs, one of them in ChirpStack's profiles.
"""

from vdl_lora.decoding import Decoder, bits, by_length, fixed, flag, i8, i16, skip, u8, u16, u24, word

STATUS = word(1, flag(0, "contact.open"), flag(2, "device.tamper"), flag(3, "device.tilted"))
BATTERY = word(1, bits(0, 4, "device.battery_voltage", div=10, add=2.1))
DEGREES = i8("air.temperature")
TENTHS = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity")
OPENINGS = u24("contact.open_total", wraps_at=1 << 24)

# 0 in the first ten minutes after it has joined, by the maker's manual.
CO2 = u16("air.co2", invalid={0: "not_measured"})

DECODER = Decoder(
    vendor="Browan",
    models=("CD10", "DW10"),
    datasheet="https://manuzoid.com/manuals/do7p2-MerryIoT%20CD10%20Owner's%20manual",
    f_ports={
        # DW10
        120: by_length(
            {
                10: fixed("little", STATUS, BATTERY, TENTHS, HUMIDITY, skip(2), OPENINGS),
                9: fixed("little", STATUS, BATTERY, DEGREES, HUMIDITY, skip(2), OPENINGS),
            },
        ),
        # CD10
        127: by_length(
            {
                7: fixed("little", skip(1), BATTERY, TENTHS, HUMIDITY, CO2),
                6: fixed("little", skip(1), BATTERY, DEGREES, HUMIDITY, CO2),
            },
        ),
    },
)
