"""Elvaco CMi4130, CMi4140 and CMi4160: modules in heat meters of Itron, Kamstrup and Diehl.

They send records of M-Bus. Of the standard frame, the heat and the two temperatures are kept; volume, flow and power
are not.
"""

from collections.abc import Iterable

from vdl_lora.decoding import Decoder, Element, Frame, Item, by_hand, by_head, i16, i32, skip, tlv

# By the last bits of a record's second byte: how many of a unit. The first byte says how long the number is.
ENERGY: dict[bytes, Element] = {
    bytes((0x04, 0x03 + power)): i32("heat.energy", unit="W·h", mul=10**power) for power in range(5)
}
TEMPERATURES: dict[bytes, Element] = {
    bytes((0x02, first + 3 - power)): i16("probe.temperature", div=10**power, channel=channel)
    for first, channel in ((0x58, "flow"), (0x5C, "return"))
    for power in range(4)
}
OTHERS: dict[bytes, Element] = {
    **{bytes((0x04, kind)): skip(4) for kind in range(0x10, 0x18)},  # volume
    **{bytes((0x02, kind)): skip(2) for kind in (*range(0x28, 0x30), *range(0x38, 0x40))},  # power, flow
    b"\x0c\x78": skip(4),  # number of the meter
    b"\x07\x79": skip(8),  # the same, in full
    b"\x01\xfd": skip(2),  # errors
    b"\x02\xfd": skip(3),
    b"\x04\xfd": skip(5),
}
STANDARD = by_head(
    dict.fromkeys((b"\x0f", b"\x15", b"\x1e"), tlv("little", {**ENERGY, **TEMPERATURES, **OTHERS})),
)


def standard(frame: Frame) -> Iterable[Item]:
    """Read the standard frame; nothing in a value tells how it was scaled, so it is not written back."""
    return STANDARD.decode(frame)


DECODER = Decoder(
    vendor="Elvaco",
    models=("CMi4130", "CMi4140", "CMi4160"),
    datasheet="https://support.elvaco.com/hc/en-us",
    f_ports={2: by_hand(standard, *STANDARD.values())},
)
