"""Dragino LDDS75: ultrasonic distance, 280 to 7500 mm, with an optional DS18B20 temperature probe.

What the distance is (a river's level, a container's fill) is the installation's to say.
"""

from vdl_lora.decoding import Decoder, bits, by_length, fixed, i16, u8, u16, word

# Bits 15 and 14 are not the battery's.
BATTERY = word(2, bits(0, 14, "device.battery_voltage", unit="mV"))

# Nearer than 280 mm the echo cannot be told from the pulse: firmware 1.1.4 and later then sends 20, older firmware
# sends what it read.
DISTANCE = u16("probe.distance", unit="mm", invalid={0: "no_sensor", range(1, 280): "too_near"})

INTERRUPT = u8("probe.interrupt")

# The firmware sends 0 when it cannot read the probe, which most devices do not have: a true 0.0 °C is lost with it.
TEMPERATURE = i16("probe.temperature", div=10, invalid={0: "no_sensor"})

DECODER = Decoder(
    vendor="Dragino",
    models=("LDDS75",),
    datasheet="https://wiki.dragino.com/xwiki/bin/view/Main/User%20Manual%20for%20LoRaWAN%20End%20Nodes/LDDS75%20-%20LoRaWAN%20Distance%20Detection%20Sensor%20User%20Manual/",
    f_ports={
        2: by_length(
            {
                8: fixed("big", BATTERY, DISTANCE, INTERRUPT, TEMPERATURE, u8("probe.connected")),
                # before firmware 1.1.4
                5: fixed("big", BATTERY, DISTANCE, INTERRUPT),
                4: fixed("big", BATTERY, DISTANCE),
                3: fixed("big", BATTERY, INTERRUPT),  # no ultrasonic sensor
            },
        ),
    },
    ignored_f_ports={5: "model, firmware and band"},
)
