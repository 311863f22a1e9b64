"""A point, and line protocol. Pure.

A point's tags are put in order when it is made, so that every sink names a series the same. What no database keeps
(an empty tag, a newline, a backslash that would hide what follows it, half a surrogate pair) never gets this far.
Source of the grammar: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

FieldValue = float | int | bool | str
Tags = tuple[tuple[str, str], ...]

NONE = "none"
"""The value of a tag that has none: InfluxDB cannot name a series that lacks a tag which others have."""

MAX_TAG = 256
MAX_TEXT = 4096

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDING_BACKSLASH = re.compile(r"\\(?=[\\,= ]|$)")
_TAG_SPECIAL = re.compile(r"([,= ])")
_TEXT_SPECIAL = re.compile(r'(["\\])')
_MEASUREMENT_SPECIAL = re.compile(r"([, ])")


class Point(msgspec.Struct, frozen=True):
    """One row of one series: `tags` in the order of their names, `fields` never empty, the time in ns since 1970."""

    measurement: str
    tags: Tags
    fields: Mapping[str, FieldValue]
    at_ns: int


@lru_cache(maxsize=16384)
def tag_value(text: str) -> str:
    """Give a tag value as every database keeps it: one line, no half characters, `none` where it is empty."""
    plain = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))[:MAX_TAG].strip(" ")
    return _HIDING_BACKSLASH.sub("/", plain) or NONE


@lru_cache(maxsize=4096)
def text_value(text: str) -> str:
    """Give a string field's value: no control characters, no half characters, of bounded length."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))[:MAX_TEXT]


def line_protocol(points: Iterable[Point]) -> str:
    """Write points as line protocol with times in ns, a line each."""
    return "".join([_line(point) for point in points])


def _line(point: Point) -> str:
    fields = ",".join([f"{_key(name)}={_field(value)}" for name, value in point.fields.items()])
    return f"{_series(point.measurement, point.tags)} {fields} {point.at_ns}\n"


@lru_cache(maxsize=65536)
def _series(measurement: str, tags: Tags) -> str:
    named = "".join([f",{_key(name)}={_escaped(value)}" for name, value in tags])
    return _MEASUREMENT_SPECIAL.sub(r"\\\1", measurement) + named


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    return _escaped(name)


def _escaped(text: str) -> str:
    return _TAG_SPECIAL.sub(r"\\\1", text)


def _field(value: FieldValue) -> str:
    kind = type(value)
    if kind is float:
        return repr(value)
    if kind is int:
        return f"{value}i"
    if kind is bool:
        return "true" if value else "false"
    return f'"{_quoted(str(value))}"'


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return _TEXT_SPECIAL.sub(r"\\\1", text)
