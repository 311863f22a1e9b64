"""Dragino LDS01, LDS02 and LWL02: whether a door is open (LDS) or water has leaked (LWL), battery-powered.

They share one firmware; the third byte says what the device is. How long the last event lasted, in min, is not kept,
nor how often there was a leak.
"""

from vdl_lora.decoding import Decoder, bits, by_bits, fixed, flag, padding, skip, u24, word

BATTERY = bits(0, 14, "device.battery_voltage", unit="mV")
OPEN = flag(15, "contact.open")
LEAK = flag(14, "water.leak")
ALARM = padding(1)  # the event lasts too long; older firmware leaves it out

DECODER = Decoder(
    vendor="Dragino",
    models=("LDS01", "LDS02", "LWL02"),
    datasheet="https://wiki.dragino.com/xwiki/bin/view/Main/User%20Manual%20for%20LoRaWAN%20End%20Nodes/LDS02%20-%20LoRaWAN%20Door%20Sensor%20User%20Manual/",
    f_ports={
        10: by_bits(
            2,
            0xFF,
            {
                1: fixed("big", word(2, BATTERY, OPEN), skip(1), u24("contact.open_total"), skip(3), ALARM),
                2: fixed("big", word(2, BATTERY, LEAK), skip(1), skip(3), skip(3), ALARM),
                3: fixed("big", word(2, BATTERY, OPEN, LEAK), skip(1), skip(6), ALARM),
            },
        ),
    },
)
