"""The short nouns with which a decoder file declares its fields."""

from dataclasses import replace
from typing import Unpack

from .fields import Constant, Counted, Float, Gap, Meaning, Number, Part, Refused, Rest, Word, value


def u8(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare an unsigned integer of 1 byte."""
    return Number(1, signed=False, value=value(name, **meaning))


def i8(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare a signed integer of 1 byte."""
    return Number(1, signed=True, value=value(name, **meaning))


def u16(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare an unsigned integer of 2 bytes."""
    return Number(2, signed=False, value=value(name, **meaning))


def i16(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare a signed integer of 2 bytes."""
    return Number(2, signed=True, value=value(name, **meaning))


def u24(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare an unsigned integer of 3 bytes."""
    return Number(3, signed=False, value=value(name, **meaning))


def i24(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare a signed integer of 3 bytes."""
    return Number(3, signed=True, value=value(name, **meaning))


def u32(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare an unsigned integer of 4 bytes."""
    return Number(4, signed=False, value=value(name, **meaning))


def i32(name: str, **meaning: Unpack[Meaning]) -> Number:
    """Declare a signed integer of 4 bytes."""
    return Number(4, signed=True, value=value(name, **meaning))


def f32(name: str, **meaning: Unpack[Meaning]) -> Float:
    """Declare an IEEE 754 number of 4 bytes.

    Raises ValueError where the quantity is no float.
    """
    return _float(4, name, **meaning)


def f64(name: str, **meaning: Unpack[Meaning]) -> Float:
    """Declare an IEEE 754 number of 8 bytes.

    Raises ValueError where the quantity is no float.
    """
    return _float(8, name, **meaning)


def _float(size: int, name: str, **meaning: Unpack[Meaning]) -> Float:
    declared = value(name, **meaning)
    if declared.quantity.type != "float" or declared.states is not None:
        raise ValueError(f"{name} is {declared.quantity.type}, an IEEE 754 number is not")
    return Float(size, replace(declared, is_float=True))


def bits(first: int, width: int, name: str, *, signed: bool = False, **meaning: Unpack[Meaning]) -> Part:
    """Declare `width` bits of a word from bit `first`, counted from the least significant."""
    return Part(first, width, value(name, **meaning), signed)


def flag(bit: int, name: str, **meaning: Unpack[Meaning]) -> Part:
    """Declare one bit of a word."""
    return Part(bit, 1, value(name, **meaning))


def word(size: int, *parts: Part) -> Word:
    """Declare an integer of `size` bytes whose bits are several values.

    States may be read from the very same bits: one code that says which of several alarms there is.
    Raises ValueError where parts overlap otherwise or lie outside.
    """
    used = 0
    seen: set[tuple[int, int]] = set()
    for part in parts:
        mask = (1 << part.width) - 1 << part.first
        same = (part.first, part.width) in seen and part.value.states is not None
        if part.width < 1 or (mask & used and not same) or mask >> 8 * size:
            raise ValueError(f"bits {part.first} to {part.first + part.width - 1} overlap or lie outside")
        used |= mask
        seen.add((part.first, part.width))
    return Word(size, parts)


def skip(size: int) -> Gap:
    """Declare bytes that say nothing about a quantity."""
    return Gap(size)


def skip_counted() -> Counted:
    """Declare bytes that say nothing about a quantity, their number in a byte before them."""
    return Counted()


def skip_rest() -> Rest:
    """Declare that the rest of the frame says nothing about a quantity."""
    return Rest()


def padding(size: int) -> Gap:
    """Declare bytes that say nothing, and that some firmware leaves out at the end of a frame."""
    return Gap(size, at_end_optional=True)


def refuse(words: str) -> Refused:
    """Declare a part that the datasheet leaves open; a frame with it is refused with these words."""
    return Refused(words)


def constant(content: bytes) -> Constant:
    """Declare bytes that are always the same.

    Raises ValueError where there are none.
    """
    if not content:
        raise ValueError("a constant has at least one byte")
    return Constant(content)
