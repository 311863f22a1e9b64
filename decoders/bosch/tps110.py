"""Bosch TPS110: whether a parking bay is taken.

It tells at once when that changes, and again with its temperature while nothing does.
"""

from vdl_lora.decoding import Decoder, fixed, flag, i8, skip, word

OCCUPIED = word(1, flag(0, "parking.occupied"))

DECODER = Decoder(
    vendor="Bosch",
    models=("TPS110",),
    datasheet="https://github.com/TheThingsNetwork/lorawan-devices/blob/master/vendor/bosch/tps110.yaml",
    f_ports={
        1: fixed("big", OCCUPIED),
        2: fixed("big", OCCUPIED, i8("device.internal_temperature")),
        3: fixed("big", skip(12), skip(3), skip(1), OCCUPIED),  # at its start: traces, firmware, why it started
    },
)
