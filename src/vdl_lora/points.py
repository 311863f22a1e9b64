"""A point, and line protocol. Pure.

A point's tags are put in order when it is made, so that every sink names a series the same. What no database keeps
(an empty tag, a newline, a backslash that would hide what follows it, half a surrogate pair) never gets this far.
Source of the grammar: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Self

import msgspec

FieldValue = float | int | bool | str
_InWords = Callable[[Any], str]

NONE = "none"
"""The value of a tag that has none: InfluxDB cannot name a series that lacks a tag which others have."""

MAX_TAG = 256
MAX_TEXT = 4096

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDING_BACKSLASH = re.compile(r"\\(?=[\\,= ]|$)")
_TAG_SPECIAL = re.compile(r"([,= ])")
_TEXT_SPECIAL = re.compile(r'(["\\])')
_FORMATS: Mapping[str | type, str] = {float: "%r", int: "%di", bool: "%s", str: "%s"}
_BACKSLASHED = r"\\\1"
_MEASUREMENT_SPECIAL = re.compile(r"([, ])")


class Tags(tuple[tuple[str, str], ...]):  # noqa: SLOT001 - a tuple takes no slots, and these are kept
    """The tags of a series in the order of their names; `text` is their line protocol, written once."""

    text: str
    _hash: int

    def __new__(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Make the tags of pairs, in the order of their names."""
        self = super().__new__(cls, sorted(pairs))
        self.text = "".join([f",{_escaped(name)}={_escaped(value)}" for name, value in self])
        self._hash = hash(tuple(self))
        return self

    def __hash__(self) -> int:
        """Give the hash that was computed once: a series is looked up for every point."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Compare as the tuple that it is."""
        return self is other or super().__eq__(other)


class Point(msgspec.Struct, frozen=True):
    """One row of one series: `tags` in the order of their names, `fields` never empty, the time in ns since 1970."""

    measurement: str
    tags: Tags
    fields: Mapping[str, FieldValue]
    at_ns: int


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
    fields = point.fields
    values: list[FieldValue] = list(fields.values())
    template, worded = _template(point.measurement, *fields, *map(type, values))
    for index, in_words in worded:
        values[index] = in_words(values[index])
    return template % (point.tags.text, *values, point.at_ns)


@lru_cache(maxsize=4096)
def _template(measurement: str, *shape: str | type) -> tuple[str, tuple[tuple[int, _InWords], ...]]:
    """Give the line of points with these fields of these types, and which values must be made text first, and how."""
    names, types = shape[: len(shape) // 2], shape[len(shape) // 2 :]
    fields = ",".join(f"{_literal(str(name))}={_FORMATS[kind]}" for name, kind in zip(names, types, strict=True))
    head = _MEASUREMENT_SPECIAL.sub(_BACKSLASHED, measurement).replace("%", "%%")
    return f"{head}%s {fields} %d\n", tuple(
        (index, _IN_WORDS[kind]) for index, kind in enumerate(types) if kind in _IN_WORDS
    )


def _literal(name: str) -> str:
    return _escaped(name).replace("%", "%%")


def _yes_or_no(value: FieldValue) -> str:
    return "true" if value else "false"


def _escaped(text: str) -> str:
    return _TAG_SPECIAL.sub(_BACKSLASHED, text)


@lru_cache(maxsize=16384)
def _quoted(text: str) -> str:
    return f'"{_TEXT_SPECIAL.sub(_BACKSLASHED, text)}"'


_IN_WORDS: Mapping[str | type, _InWords] = {bool: _yes_or_no, str: _quoted}
