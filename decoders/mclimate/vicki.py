"""MClimate Vicki: a radiator's thermostat and valve, and the room around it.

Where the valve stands, the window that it takes for open, and how it is set up are not kept. Behind a downlink, answers
stand before the frame, and it is refused.
"""

from collections.abc import Iterable

from vdl_lora.decoding import Decoder, Frame, Item, bits, by_hand, by_head, fixed, flag, group, skip, u8, word

from .common import HUMIDITY

SET_POINT = u8("heating.set_point")
REST = group(
    HUMIDITY,
    skip(3),  # valve: where it stands, of how much
    word(1, bits(4, 4, "device.battery_voltage", div=10, add=2), flag(0, "device.error")),  # its sensor is broken
    skip(1),
)

KEEP_ALIVE = by_head(
    {
        b"\x01": fixed("big", SET_POINT, u8("air.temperature", mul=165, div=256, add=-40), REST),
        b"\x81": fixed("big", SET_POINT, u8("air.temperature", mul=3, div=17, add=-5), REST),
    }
)


def keep_alive(frame: Frame) -> Iterable[Item]:
    """Read either; nothing in a temperature tells which of the two scales it had, so it is not written back."""
    return KEEP_ALIVE.decode(frame)


DECODER = Decoder(
    vendor="MClimate",
    models=("Vicki",),
    datasheet="https://docs.mclimate.eu/mclimate-lorawan-devices/devices/mclimate-vicki-lorawan",
    f_ports={1: by_hand(keep_alive, *KEEP_ALIVE.values())},
    f_port_can_be_set=True,
)
