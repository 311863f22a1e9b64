"""ChirpStack's JSON of its protobuf messages, byte for byte in the style of its serialiser (pbjson). No I/O.

Names are lowerCamelCase. In messages of the package `integration` every scalar, list and map is there, zero or not;
elsewhere zero values are left out. Messages that are unset are left out. Times have 0, 3, 6 or 9 digits and +00:00.
"""

import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from vdl_lora.float32 import shortest_float32

Convert = Callable[[Any], Any]


class NotJson(Exception):  # noqa: N818 - a property of the message, not a mistake of ours
    """The message holds a number that JSON has not: ChirpStack sends it as protobuf only."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    key: str
    convert: Convert
    many: bool
    always: bool
    """It is written even where it is zero."""
    set_or_not: bool
    """It is a message or `optional`, left out where it is unset."""


def encode(message: Any) -> bytes:
    """Write a message as JSON.

    Raises NotJson where it holds an infinite number or none.
    """
    return msgspec.json.encode(plain(message))


def plain(message: Any) -> Any:
    """Give a message as plain values."""
    return _converter(message.DESCRIPTOR)(message)


@cache
def _converter(descriptor: Any) -> Convert:
    known = _KNOWN.get(descriptor.full_name)
    if known is not None:
        return known
    fields = [_field(each, always=descriptor.file.package == "integration") for each in descriptor.fields]

    def convert(message: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in fields:
            if field.set_or_not and not message.HasField(field.name):
                continue
            value = getattr(message, field.name)
            if field.always or field.set_or_not or value:
                found[field.key] = [field.convert(each) for each in value] if field.many else field.convert(value)
        return found

    return convert


def _field(descriptor: Any, *, always: bool) -> _Field:
    kind = descriptor.type
    is_map = kind == FieldDescriptor.TYPE_MESSAGE and descriptor.message_type.GetOptions().map_entry
    many = bool(descriptor.is_repeated) and not is_map
    return _Field(
        name=descriptor.name,
        key=descriptor.json_name,
        convert=_map_converter(descriptor) if is_map else _value_converter(descriptor),
        many=many,
        always=always,
        set_or_not=bool(descriptor.has_presence),
    )


def _value_converter(descriptor: Any) -> Convert:
    if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
        return _later(descriptor.message_type)
    if descriptor.type == FieldDescriptor.TYPE_ENUM:
        names = {number: value.name for number, value in descriptor.enum_type.values_by_number.items()}
        return lambda number: names[number]
    return _SCALARS.get(descriptor.type, _same)


def _later(descriptor: Any) -> Convert:
    """Look a message's converter up when it is needed: messages may hold themselves."""
    return lambda message: _converter(descriptor)(message)  # noqa: PLW0108 - looked up when it is called


def _map_converter(descriptor: Any) -> Convert:
    convert = _value_converter(descriptor.message_type.fields_by_name["value"])

    def convert_map(entries: Mapping[Any, Any]) -> dict[str, Any]:
        return {str(key): convert(value) for key, value in entries.items()}

    return convert_map


def _same(value: Any) -> Any:
    return value


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise NotJson
    return value


def _float32(value: float) -> float:
    return shortest_float32(_float(value))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    text = f"{nanos:09d}"
    if text.endswith("000000"):
        return "." + text[:3]
    return "." + (text[:6] if text.endswith("000") else text)


@cache
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%dT")


def _timestamp(value: Any) -> str:
    days, second = divmod(value.seconds, 86_400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_day(days)}{hour:02d}:{minute:02d}:{second:02d}{_fraction(value.nanos)}+00:00"


def _duration(value: Any) -> str:
    sign = "-" if value.seconds < 0 or value.nanos < 0 else ""
    return f"{sign}{abs(value.seconds)}{_fraction(abs(value.nanos))}s"


def _struct(value: Any) -> dict[str, Any]:
    return {key: _any(each) for key, each in value.fields.items()}


def _any(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return _float(value.number_value)
    if kind == "struct_value":
        return _struct(value.struct_value)
    if kind == "list_value":
        return [_any(each) for each in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


_SCALARS: dict[int, Convert] = {
    FieldDescriptor.TYPE_FLOAT: _float32,
    FieldDescriptor.TYPE_DOUBLE: _float,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_INT64: str,
    FieldDescriptor.TYPE_UINT64: str,
}
_KNOWN: dict[str, Convert] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Struct": _struct,
}
