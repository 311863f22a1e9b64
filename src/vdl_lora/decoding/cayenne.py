"""Cayenne LPP: records of a channel, a type and a value, read into the tree that ChirpStack makes of them. Pure.

Source: the types, names and scales of ChirpStack v4's own codec (chirpstack/src/codec/cayenne_lpp.rs), which follows
https://docs.mydevices.com/docs/lorawan/cayenne-lpp and adds the types of the ElectronicCats library.
"""

from dataclasses import dataclass
from typing import Final

from vdl_lora.errors import PayloadError

from .paths import Tree


@dataclass(frozen=True, slots=True)
class _Type:
    """A type: what ChirpStack calls it, the bytes of one number, their sign, what it is divided by, its parts."""

    name: str
    size: int
    signed: bool = False
    by: int = 1
    parts: tuple[str, ...] = ()
    parts_by: tuple[int, ...] = ()


_AXES = ("x", "y", "z")
TYPES: Final = {
    0: _Type("digitalInput", 1),
    1: _Type("digitalOutput", 1),
    2: _Type("analogInput", 2, signed=True, by=100),
    3: _Type("analogOutput", 2, signed=True, by=100),
    100: _Type("genericSensor", 4),
    101: _Type("illuminanceSensor", 2),
    102: _Type("presenceSensor", 1),
    103: _Type("temperatureSensor", 2, signed=True, by=10),
    104: _Type("humiditySensor", 1, by=2),
    113: _Type("accelerometer", 2, signed=True, parts=_AXES, parts_by=(1000, 1000, 1000)),
    115: _Type("barometer", 2, by=10),
    116: _Type("voltage", 2, by=100),
    117: _Type("current", 2, by=1000),
    118: _Type("frequency", 4),
    120: _Type("percentage", 1),
    121: _Type("altitude", 2, signed=True),
    125: _Type("concentration", 2),
    128: _Type("power", 2),
    130: _Type("distance", 4, by=1000),
    131: _Type("energy", 4, by=1000),
    132: _Type("direction", 2),
    133: _Type("unix_time", 4),
    134: _Type("gyrometer", 2, signed=True, parts=_AXES, parts_by=(100, 100, 100)),
    135: _Type("color", 1, parts=("r", "g", "b"), parts_by=(1, 1, 1)),
    136: _Type(
        "gpsLocation",
        3,
        signed=True,
        parts=("latitude", "longitude", "altitude"),
        parts_by=(10_000, 10_000, 100),
    ),
    142: _Type("switch", 1),
}
"""The 26 types that ChirpStack knows, by their number on the wire."""


def tree(payload: bytes) -> dict[str, dict[str, Tree]]:
    """Give the values by type and channel; what ChirpStack keeps the last of stands beside it as `3_2`, `3_3`.

    Raises PayloadError where a record is cut short or of an unknown type.
    """
    found: dict[str, dict[str, Tree]] = {}
    at = 0
    while at < len(payload):
        if at + 1 >= len(payload):
            raise PayloadError(f"byte {at}: a channel stands alone at the end")
        channel, number = payload[at], payload[at + 1]
        kind = TYPES.get(number)
        if kind is None:
            raise PayloadError(f"byte {at + 1}: Cayenne LPP has no type {number}")
        size = kind.size * max(len(kind.parts), 1)
        raw = payload[at + 2 : at + 2 + size]
        if len(raw) < size:
            raise PayloadError(f"byte {at + 2}: {kind.name} has {size} bytes, {len(raw)} are left")
        channels = found.setdefault(kind.name, {})
        channels[_free(channels, str(channel))] = _value(kind, raw)
        at += 2 + size
    return found


def _value(kind: _Type, raw: bytes) -> Tree:
    numbers = [
        int.from_bytes(raw[at : at + kind.size], "big", signed=kind.signed) for at in range(0, len(raw), kind.size)
    ]
    if not kind.parts:
        return _scaled(numbers[0], kind.by)
    return {name: _scaled(number, by) for name, number, by in zip(kind.parts, numbers, kind.parts_by, strict=True)}


def _scaled(number: int, by: int) -> float:
    return number if by == 1 else number / by


def _free(taken: dict[str, Tree], channel: str) -> str:
    """Give the channel's name, or with the next number behind it where it is taken."""
    name, times = channel, 1
    while name in taken:
        times += 1
        name = f"{channel}_{times}"
    return name
