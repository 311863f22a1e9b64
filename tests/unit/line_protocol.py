"""A strict reader of line protocol, written from its grammar and from how InfluxDB reads it, not from our writer.

The grammar: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. What it leaves open is read as
InfluxDB 2 reads it (influxdata/influxdb, models/points.go): the end of a line is found by a scanner for which a
backslash hides the next byte, whatever it is; the end of a tag by one that looks whether the byte before a comma, an
equals sign or a space is a backslash. Where the two would part, and where anything else is doubtful, a line is refused.
"""

import math
import re
from dataclasses import dataclass

MAX_SERIES_KEY = 65_535
EARLIEST, LATEST = -(1 << 63) + 2, (1 << 63) - 2

_BACKSLASH = ord("\\")
_FLOAT = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(rb"(-?[0-9]+)i")
_STRING = re.compile(rb'"((?:[^"\\]|\\["\\])*)"')
_BOOLEANS = {b"true": True, b"false": False}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Value = float | int | bool | str


class Refused(ValueError):  # noqa: N818 - what happened to the line
    """InfluxDB would refuse this line, or could read it in two ways."""


@dataclass(frozen=True)
class Row:
    """A line that was read."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: dict[str, Value]
    at_ns: int


def read(text: str) -> list[Row]:
    """Read a body of lines.

    Raises Refused where it is not beyond doubt.
    """
    try:
        body = text.encode()
    except UnicodeEncodeError as error:
        raise Refused("half a surrogate pair") from error
    rows = []
    at = 0
    while at < len(body):
        end = _end_of_line(body, at)
        if end >= len(body):
            raise Refused("the last line has no end")
        rows.append(_row(body[at:end]))
        at = end + 1
    return rows


def _end_of_line(body: bytes, at: int) -> int:
    """Scan as InfluxDB does before it knows of tags: quotes count only in the value of a field."""
    in_fields = quoted = False
    equals = commas = 0
    while at < len(body):
        byte = body[at : at + 1]
        if byte == b"\\":
            at += 2
            continue
        if byte == b" ":
            in_fields = True
        elif in_fields and byte == b"=" and not quoted:
            equals += 1
        elif in_fields and byte == b"," and not quoted:
            commas += 1
        elif in_fields and byte == b'"' and equals > commas:
            quoted = not quoted
        elif byte == b"\n" and not quoted:
            break
        at += 1
    return at


def _row(line: bytes) -> Row:
    end = _end_of_part(line, 0, b", ")
    measurement = _unescaped(line[:end], rb"\\([, ])")
    if measurement.startswith("#"):
        raise Refused("a comment")
    tags = []
    at = end
    while line[at : at + 1] == b",":
        end = _end_of_part(line, at + 1, b"=, ")
        if line[end : end + 1] != b"=":
            raise Refused("a tag without a value")
        key = _unescaped(line[at + 1 : end], rb"\\([,= ])")
        at, end = end + 1, _end_of_part(line, end + 1, b"=, ")
        if line[end : end + 1] == b"=":
            raise Refused("an equals sign in the value of a tag")
        tags.append((key, _unescaped(line[at:end], rb"\\([,= ])")))
        at = end
    names = [name for name, _ in tags]
    if len(set(names)) != len(names) or set(names) & {"time", "_measurement", "_field"}:
        raise Refused("a tag twice, or one that is InfluxDB's own")
    fields, after = _fields(line, at)
    if any(at + 4 + len(name.encode()) > MAX_SERIES_KEY for name in fields):
        raise Refused("the series key is too long")
    if set(fields) & {*names, "time"}:
        raise Refused("a field with the name of a tag, or of time")
    return Row(measurement, tuple(tags), fields, _time(line[after:]))


def _end_of_part(line: bytes, at: int, stops: bytes) -> int:
    """Find the end of a measurement, of a tag's key or of its value, in both ways."""
    skipping = at
    while skipping < len(line) and line[skipping] not in stops:
        skipping += 2 if line[skipping] == _BACKSLASH else 1
    looking = at
    while looking < len(line) and (line[looking] not in stops or (looking > at and line[looking - 1] == _BACKSLASH)):
        looking += 1
    if skipping != looking or looking >= len(line):
        raise Refused("the two scanners part, or nothing follows")
    return looking


def _unescaped(part: bytes, escape: bytes) -> str:
    text = re.sub(escape, rb"\1", part).decode()
    if not text or _CONTROL.search(text):
        raise Refused("an empty part, or a control character")
    return text


def _fields(line: bytes, at: int) -> tuple[dict[str, Value], int]:
    fields: dict[str, Value] = {}
    while line[at : at + 1] in ((b",") if fields else (b" ")) and at < len(line):
        end = _end_of_part(line, at + 1, b"=, ")
        if line[end : end + 1] != b"=":
            raise Refused("a field without a value")
        name = _unescaped(line[at + 1 : end], rb"\\([,= ])")
        if name in fields:
            raise Refused("a field twice")
        fields[name], at = _value(line, end + 1)
    if not fields:
        raise Refused("no fields")
    return fields, at


def _value(line: bytes, at: int) -> tuple[Value, int]:
    string = _STRING.match(line, at)
    if string:
        text = re.sub(rb'\\(["\\])', rb"\1", string[1]).decode()
        if _CONTROL.search(text):
            raise Refused("a control character in a string")
        return text, string.end()
    end = min(found for stop in b", " if (found := line.find(stop, at)) >= 0 or (found := len(line)))
    word = line[at:end]
    if word in _BOOLEANS:
        return _BOOLEANS[word], end
    whole = _INTEGER.fullmatch(word)
    if whole:
        if not -(1 << 63) <= int(whole[1]) < 1 << 63:
            raise Refused("an integer beyond int64")
        return int(whole[1]), end
    if not _FLOAT.fullmatch(word) or not math.isfinite(float(word)):
        raise Refused(f"no value: {word[:40]!r}")
    return float(word), end


def _time(rest: bytes) -> int:
    found = re.fullmatch(rb" (-?[0-9]+)", rest)
    if not found:
        raise Refused("no time in ns, or more than a time")
    if not EARLIEST <= int(found[1]) <= LATEST:
        raise Refused("a time beyond int64")
    return int(found[1])
