"""What a decoder takes and gives: a frame, readings, faults. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from vdl_lora.quantities import Quantity

MAIN = "main"
"""The channel of a sensor that has one of a kind."""

PAYLOAD: Final = Quantity("payload", "The payload as a whole", "event", "bool", "-", "")
"""What a fault of a whole payload is of: not in the vocabulary, so no field can declare it."""

UNKNOWN_RECORD: Final = "unknown_record"
"""The code of a fault of PAYLOAD: a record that the decoder does not know, and all bytes from there to the end."""

Scalar = float | int | bool
NO_PARAMETERS: Mapping[str, float] = MappingProxyType({})


class Reading(msgspec.Struct, frozen=True):
    """One value of one quantity, in the quantity's unit.

    `measured_at_ns` is None where the frame names no time: then the uplink's own time holds.
    `stored` says that the device kept the sample from an earlier time: it cannot take the uplink's time.
    """

    quantity: Quantity
    value: Scalar
    channel: str = MAIN
    measured_at_ns: int | None = None
    stored: bool = False


class Fault(msgspec.Struct, frozen=True):
    """A value that the sensor could not give; `code` says why in snake_case, `detail` in words."""

    quantity: Quantity
    code: str
    detail: str = ""
    channel: str = MAIN
    measured_at_ns: int | None = None
    stored: bool = False


Item = Reading | Fault


def unknown_record(data: bytes, at: int) -> Fault:
    """Make the fault of the bytes from `at` to the end, which no record of the decoder begins.

    Its detail has their position and, in hexadecimal, all of them: at most 255, as a payload has no more.
    """
    return Fault(PAYLOAD, UNKNOWN_RECORD, f"byte {at}: {data[at:].hex()}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a decoder must be told about a device and cannot read from its frames."""

    name: str
    unit: str
    about: str
    default: float | None = None
    minimum: float | None = None


class Frame(msgspec.Struct, frozen=True):
    """One FRMPayload: its fPort, its bytes, when it was received, and the installation's parameters.

    `decoded` is what ChirpStack's own codec made of it, as JSON, empty where it made nothing. `head` holds the bytes
    before `payload` that `by_head` has read: a position in the whole FRMPayload counts from their beginning.
    """

    f_port: int
    payload: bytes
    received_at_ns: int = 0
    parameters: Mapping[str, float] = NO_PARAMETERS
    decoded: bytes = b""
    head: bytes = b""


@dataclass(slots=True)
class Readout:
    """What was read of a frame so far, and the time at which the next readings were measured."""

    items: list[Item] = field(default_factory=list[Item])
    measured_at_ns: int | None = None
    stored: bool = False
    received_at_ns: int = 0
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
