"""Browan Tabs: doors, movement, indoor air, light and leaks, battery-powered.

Each kind of sensor has an fPort of its own. The time since the last event is not kept, nor the total of movements, nor
what the TBHV110 makes of its sensor of VOC: an equivalent of CO2 and an index.
"""

from vdl_lora.decoding import Decoder, bits, by_length, fixed, flag, skip, u24, word

# Above these bits stands what is not described, here and below.
BATTERY = word(1, bits(0, 4, "device.battery_voltage", div=10, add=2.5))
BOARD = word(1, bits(0, 7, "device.internal_temperature", add=-32))
AIR = word(1, bits(0, 7, "air.temperature", add=-32))
HUMIDITY = word(1, bits(0, 7, "air.humidity", invalid={127: "not_measured"}))

DECODER = Decoder(
    vendor="Browan",
    models=("TBDW100", "TBMS100", "TBHH100", "TBHV110", "TBAM100", "TBWL100"),
    datasheet="https://manualshive.com/en/manual/browan/tbwl100/2820137",
    f_ports={
        # TBDW100
        100: fixed(
            "little",
            word(1, flag(0, "contact.open")),
            BATTERY,
            BOARD,
            skip(2),
            u24("contact.open_total", wraps_at=1 << 24),
        ),
        # TBMS100
        102: fixed("little", word(1, flag(0, "presence.occupied")), BATTERY, BOARD, skip(5)),
        103: by_length(
            {
                8: fixed("little", skip(1), BATTERY, AIR, HUMIDITY, skip(4)),  # TBHH100
                11: fixed("little", skip(1), BATTERY, BOARD, HUMIDITY, skip(6), AIR),  # TBHV110
            },
        ),
        # TBAM100
        104: fixed("little", skip(1), BATTERY, BOARD, u24("air.illuminance", div=100)),
        # TBWL100
        106: fixed("little", word(1, flag(0, "water.leak")), BATTERY, BOARD, HUMIDITY, AIR),
    },
)
