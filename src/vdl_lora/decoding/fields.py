"""The fields of a payload: numbers, flags, words of bits, gaps. A field reads bytes and writes them back.

A field knows its quantity, the unit on the wire and what the datasheet calls invalid. The conversion to the
quantity's unit is one exact fraction, fixed when the field is declared: 272 tenths are 27.2 and never
27.200000000000003.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NoReturn, Protocol, TypedDict, Unpack

from vdl_lora.errors import PayloadError
from vdl_lora.float32 import shortest_float32
from vdl_lora.quantities import Quantity, conversion, quantity

from .reading import MAIN, Fault, Item, Reading, Readout, Scalar

ByteOrder = Literal["little", "big"]
States = Mapping[int, Scalar]
Invalid = Mapping[int | range, str]

NONZERO: States = {}
"""States of a bool for which every raw value but 0 is true."""

_YES_NO: States = {0: False, 1: True}
_UNKNOWN_STATE = "unknown_state"
_NOT_A_NUMBER = "not_a_number"
_RAW = "raw value "

_SINGLE = 4
"""The bytes of an IEEE 754 single."""


class Items:
    """The readings and faults that an encoder still has to write, in order, and the time that they must have."""

    def __init__(self, items: Iterable[Item], received_at_ns: int = 0) -> None:
        self._left = list(items)[::-1]
        self.received_at_ns = received_at_ns
        self.measured_at_ns: int | None = None
        self.stored = False

    def __bool__(self) -> bool:
        return bool(self._left)

    @property
    def first(self) -> Item:
        """The next one, which stays.

        Raises ValueError where nothing is left.
        """
        if not self._left:
            raise ValueError("nothing is left to write")
        return self._left[-1]

    def take(self, value: "Value") -> Item:
        """Take the next one, which must be of this field and of the time that holds here.

        Raises ValueError where it is of another quantity, channel or time, or there is none.
        """
        if not self._left or not value.matches(self._left[-1]):
            found = f"{self._left[-1].quantity.name}" if self._left else "nothing"
            raise ValueError(f"{value.quantity.name} ({value.channel}) is due, {found} came")
        item = self._left[-1]
        if item.measured_at_ns != self.measured_at_ns or item.stored != self.stored:
            raise ValueError(f"{value.quantity.name} cannot have a time of its own here")
        return self._left.pop()


class Element(Protocol):
    """A part of a layout, of one byte or of many."""

    def values(self) -> Iterator["Value"]:
        """Give everything that this part may give, declared before it has seen a byte."""
        ...

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read from byte `at` and return where the next part begins.

        Raises PayloadError where the bytes are not what was declared.
        """
        ...

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the bytes that would be read as these items.

        Raises ValueError where they are others, or a value does not fit the field.
        """
        ...


def cut_short(at: int, needed: int, data: bytes) -> PayloadError:
    """Say that a frame ends too early."""
    return PayloadError(f"byte {at}: {needed} bytes are due, {max(len(data) - at, 0)} are left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a raw number means: value = (raw * numerator + offset) / denominator, in the quantity's unit.

    `of` makes a reading of a raw number, or the declared fault; `raw_of` is its inverse. A counter says at
    which raw number it begins again at 0. `is_float` says that the raw number is an IEEE 754 number.
    """

    quantity: Quantity
    channel: str = MAIN
    numerator: int = 1
    denominator: int = 1
    offset: int = 0
    invalid: Mapping[int, str] = field(default_factory=dict[int, str])
    states: States | None = None
    wraps_at: int | None = None
    is_float: bool = False
    plain: bool = field(init=False)
    """Whether every raw number is a value of type float: neither a fault nor a state. Most are."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", not self.invalid and self.states is None and self.quantity.type == "float")

    def matches(self, item: Item) -> bool:
        """Tell whether a reading or fault is of this quantity and channel."""
        return item.quantity is self.quantity and item.channel == self.channel

    def fault_codes(self) -> frozenset[str]:
        """Give the faults that this field may give."""
        codes = set(self.invalid.values())
        if self.states:
            codes.add(_UNKNOWN_STATE)
        if self.is_float:
            codes.add(_NOT_A_NUMBER)
        return frozenset(codes)

    def of(self, raw: int, measured_at_ns: int | None = None, *, stored: bool = False) -> Item:
        """Make a reading of a raw number, or the fault that it stands for."""
        if raw in self.invalid:
            return self.fault(self.invalid[raw], f"{_RAW}{raw}", measured_at_ns, stored=stored)
        if self.states is not None:
            return self._of_state(raw, measured_at_ns, stored)
        value: Scalar = raw * self.numerator + self.offset
        if self.quantity.type == "float":
            value = value / self.denominator
        return Reading(self.quantity, value, self.channel, measured_at_ns, stored)

    def of_float(self, number: float, measured_at_ns: int | None = None, *, stored: bool = False) -> Item:
        """Make a reading of an IEEE 754 number, or a fault; NaN and infinity are no numbers."""
        if number in self.invalid:
            return self.fault(self.invalid[int(number)], f"{_RAW}{number}", measured_at_ns, stored=stored)
        if not math.isfinite(number):
            return self.fault(_NOT_A_NUMBER, repr(number), measured_at_ns, stored=stored)
        if self.denominator != 1 or self.numerator != 1 or self.offset:
            # The decimal that was meant is converted, for 1.001 * 1000 is 1000.9999999999999.
            exact = (Fraction(repr(number)) * self.numerator + self.offset) / self.denominator
            try:
                value = float(exact)
            except OverflowError:
                return self.fault(_NOT_A_NUMBER, repr(number), measured_at_ns, stored=stored)
        else:
            value = number
        return Reading(self.quantity, value, self.channel, measured_at_ns, stored)

    def fault(self, code: str, detail: str = "", measured_at_ns: int | None = None, *, stored: bool = False) -> Fault:
        """Make a fault of this quantity and channel."""
        return Fault(self.quantity, code, detail, self.channel, measured_at_ns, stored)

    def raw_of(self, item: Item) -> int:
        """Give the raw number that is read as this item.

        Raises ValueError where no number is.
        """
        if isinstance(item, Fault):
            return self._raw_of_fault(item)
        if self.states is not None:
            return self._raw_of_state(item.value)
        raw = round(self._unconverted(item))
        if raw in self.invalid:
            raise ValueError(f"{self.quantity.name} {item.value!r} would be read as {self.invalid[raw]}")
        return raw

    def float_of(self, item: Item) -> float:
        """Give the IEEE 754 number that is read as this item.

        Raises ValueError where no number is.
        """
        if isinstance(item, Fault):
            if item.code == _NOT_A_NUMBER:
                return float(item.detail or "nan")
            return float(self._raw_of_fault(item))
        try:
            return float(self._unconverted(item))
        except OverflowError as error:
            raise ValueError(f"{self.quantity.name} {item.value!r} does not fit the field") from error

    def _unconverted(self, reading: Reading) -> Fraction:
        try:
            value = Fraction(reading.value)
        except OverflowError as error:
            raise ValueError(f"{self.quantity.name} {reading.value!r} is no number") from error
        return (value * self.denominator - self.offset) / self.numerator

    def _of_state(self, raw: int, measured_at_ns: int | None, stored: bool) -> Item:  # noqa: FBT001 - private
        states = self.states
        if states:
            if raw not in states:
                return self.fault(_UNKNOWN_STATE, f"{_RAW}{raw}", measured_at_ns, stored=stored)
            return Reading(self.quantity, states[raw], self.channel, measured_at_ns, stored)
        return Reading(self.quantity, raw != 0, self.channel, measured_at_ns, stored)

    def _raw_of_state(self, value: Scalar) -> int:
        for raw, state in (self.states or _YES_NO).items():
            if state == value:
                return raw
        raise ValueError(f"{self.quantity.name} has no state {value!r}")

    def _raw_of_fault(self, fault: Fault) -> int:
        for raw, code in self.invalid.items():
            if code == fault.code and fault.detail in ("", f"{_RAW}{raw}", f"{_RAW}{float(raw)}"):
                return raw
        if fault.code == _UNKNOWN_STATE and self.states and fault.detail.startswith(_RAW):
            raw = int(fault.detail.removeprefix(_RAW))
            if raw not in self.states:
                return raw
        raise ValueError(f"{self.quantity.name} has no raw value for the fault {fault.code}")


class Meaning(TypedDict, total=False):
    """What a declaration may say of a raw number, beside its quantity.

    The value is (raw * `mul` / `div` + `add`) in `unit`, which is converted to the quantity's unit. `invalid`
    maps raw numbers, or ranges of them, to fault codes. `states` maps raw numbers to the values of a state: a
    bool is 0 and 1 unless told otherwise, and anything else is the fault `unknown_state`.
    """

    unit: str
    div: int
    mul: int
    add: float
    channel: str
    invalid: Invalid
    states: States
    wraps_at: int


def value(name: str, **meaning: Unpack[Meaning]) -> Value:
    """Declare what a raw number means.

    Raises ValueError where the quantity, its unit or its type does not fit.
    """
    what = quantity(name)
    factor, shift = conversion(meaning.get("unit", ""), what.unit)
    scale = Fraction(meaning.get("mul", 1), meaning.get("div", 1)) * factor
    constant = Fraction(str(meaning.get("add", 0))) * factor + shift
    denominator = math.lcm(scale.denominator, constant.denominator)
    if what.type == "int" and denominator != 1:
        raise ValueError(f"{name} is an integer, {scale} of a raw number is not")
    states = meaning.get("states", _YES_NO if what.type == "bool" else None)
    for state in (states or {}).values():
        if type(state).__name__ != what.type:
            raise ValueError(f"{name} is {what.type}, its state {state!r} is not")
    return Value(
        quantity=what,
        channel=meaning.get("channel", MAIN),
        numerator=int(scale * denominator),
        denominator=denominator,
        offset=int(constant * denominator),
        invalid=_spread(meaning.get("invalid", {})),
        states=states,
        wraps_at=meaning.get("wraps_at"),
    )


def _spread(invalid: Invalid) -> dict[int, str]:
    spread: dict[int, str] = {}
    for raw, code in invalid.items():
        spread.update(dict.fromkeys(raw if isinstance(raw, range) else (raw,), code))
    return spread


@dataclass(frozen=True, slots=True)
class Number:
    """An integer of `size` bytes."""

    size: int
    signed: bool
    value: Value

    def values(self) -> Iterator[Value]:
        """Give its one value."""
        yield self.value

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the integer."""
        end = at + self.size
        if end > len(data):
            raise cut_short(at, self.size, data)
        raw = int.from_bytes(data[at:end], order, signed=self.signed)
        value = self.value
        if value.plain:  # as `of` does, without the call: this is the most frequent line of all
            number = (raw * value.numerator + value.offset) / value.denominator
            out.items.append(Reading(value.quantity, number, value.channel, out.measured_at_ns, out.stored))
        else:
            out.items.append(value.of(raw, out.measured_at_ns, stored=out.stored))
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the integer."""
        return to_bytes(self.value.raw_of(items.take(self.value)), self.size, order, signed=self.signed)


def to_bytes(raw: int, size: int, order: ByteOrder, *, signed: bool = False) -> bytes:
    """Write an integer.

    Raises ValueError where it does not fit.
    """
    try:
        return raw.to_bytes(size, order, signed=signed)
    except OverflowError as error:
        raise ValueError(f"{raw} does not fit {size} bytes") from error


@dataclass(frozen=True, slots=True)
class Float:
    """An IEEE 754 number of 4 or 8 bytes; 4 bytes are read as their shortest decimal."""

    size: int
    value: Value

    def values(self) -> Iterator[Value]:
        """Give its one value."""
        yield self.value

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the number."""
        end = at + self.size
        if end > len(data):
            raise cut_short(at, self.size, data)
        (number,) = struct.unpack(self._format(order), data[at:end])
        number = shortest_float32(number) if self.size == _SINGLE else number
        out.items.append(self.value.of_float(number, out.measured_at_ns, stored=out.stored))
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the number."""
        number = self.value.float_of(items.take(self.value))
        try:
            return struct.pack(self._format(order), number)
        except OverflowError as error:
            raise ValueError(f"{number!r} does not fit {self.size} bytes") from error

    def _format(self, order: ByteOrder) -> str:
        return ("<" if order == "little" else ">") + ("f" if self.size == _SINGLE else "d")


@dataclass(frozen=True, slots=True)
class Part:
    """Some bits of a word: `width` bits from bit `first` (0 is the least significant)."""

    first: int
    width: int
    value: Value
    signed: bool = False

    def raw_in(self, word: int) -> int:
        """Give the number that these bits of a word are."""
        raw = word >> self.first & (1 << self.width) - 1
        return raw - (1 << self.width) if self.signed and raw >> self.width - 1 else raw

    def bits_of(self, raw: int) -> int:
        """Give the word in which these bits are a number, and all others 0.

        Raises ValueError where it does not fit.
        """
        lowest = -(1 << self.width - 1) if self.signed else 0
        if not lowest <= raw < lowest + (1 << self.width):
            raise ValueError(f"{raw} does not fit {self.width} bits")
        return (raw & (1 << self.width) - 1) << self.first


@dataclass(frozen=True, slots=True)
class Word:
    """An integer of `size` bytes whose bits are several values."""

    size: int
    parts: tuple[Part, ...]

    def values(self) -> Iterator[Value]:
        """Give the values of its parts."""
        return (part.value for part in self.parts)

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read all parts, in the order of their declaration."""
        end = at + self.size
        if end > len(data):
            raise cut_short(at, self.size, data)
        word = int.from_bytes(data[at:end], order)
        for part in self.parts:
            out.items.append(part.value.of(part.raw_in(word), out.measured_at_ns, stored=out.stored))
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write all parts; bits that belong to none are 0.

        Raises ValueError where two states of the same bits exclude each other.
        """
        taken = [(part, items.take(part.value)) for part in self.parts]
        word = 0
        for part, item in taken:
            word |= part.bits_of(part.value.raw_of(item))
        for part, item in taken:
            raw = part.raw_in(word)
            again = part.value.of(raw, item.measured_at_ns, stored=item.stored)
            if raw != part.value.raw_of(item) and again != item:
                raise ValueError(f"{part.value.quantity.name} excludes another state of the same bits")
        return to_bytes(word, self.size, order)


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that say nothing about a quantity; with `at_end_optional` the frame may end instead."""

    size: int
    at_end_optional: bool = False

    def values(self) -> Iterator[Value]:
        """Give nothing."""
        return iter(())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:  # noqa: ARG002 - the protocol's
        """Pass over the bytes."""
        if at + self.size > len(data):
            if self.at_end_optional and at == len(data):
                return at
            raise cut_short(at, self.size, data)
        return at + self.size

    def write(self, items: Items, order: ByteOrder) -> bytes:  # noqa: ARG002 - the protocol's
        """Write zeros."""
        return bytes(self.size)


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes that say nothing about a quantity, their number in a byte before them."""

    def values(self) -> Iterator[Value]:
        """Give nothing."""
        return iter(())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:  # noqa: ARG002 - the protocol's
        """Pass over the bytes."""
        if at >= len(data):
            raise cut_short(at, 1, data)
        end = at + 1 + data[at]
        if end > len(data):
            raise cut_short(at + 1, data[at], data)
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:  # noqa: ARG002 - the protocol's
        """Write none of them."""
        return b"\x00"


@dataclass(frozen=True, slots=True)
class Rest:
    """All that is left of a frame, which says nothing about a quantity."""

    def values(self) -> Iterator[Value]:
        """Give nothing."""
        return iter(())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:  # noqa: ARG002 - the protocol's
        """Pass over the bytes."""
        return len(data)

    def write(self, items: Items, order: ByteOrder) -> bytes:  # noqa: ARG002 - the protocol's
        """Write nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class Refused:
    """A part that the datasheet names and leaves open, so that a frame with it cannot be read."""

    words: str

    def values(self) -> Iterator[Value]:
        """Give nothing."""
        return iter(())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Refuse the frame."""
        raise PayloadError(f"byte {at}: {self.words}")

    def write(self, items: Items, order: ByteOrder) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Refuse to write."""
        raise ValueError(self.words)


@dataclass(frozen=True, slots=True)
class Constant:
    """Bytes that are always the same, such as a frame's type."""

    content: bytes

    def values(self) -> Iterator[Value]:
        """Give nothing."""
        return iter(())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:  # noqa: ARG002 - the protocol's
        """Compare the bytes."""
        end = at + len(self.content)
        came = data[at:end]
        if came != self.content:
            raise PayloadError(f"byte {at}: {self.content.hex()} is due, {came.hex() or 'nothing'} came")
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:  # noqa: ARG002 - the protocol's
        """Write them."""
        return self.content
