"""Times as exact ns since 1970: RFC 3339 texts and datetimes, read and written. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache

NS = 1_000_000_000
FURTHEST_NS = (1 << 63) - 100_000 * NS  # from 1970: an offset and a fraction do not reach beyond 64 bits
_SCALE: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))
_SECONDS = 19  # characters of 2026-11-23T22:18:17
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_time(text: str) -> int:
    """Give a time such as `2026-11-23T22:18:17.690810+00:00` in ns since 1970; digits beyond nine are dropped.

    Raises ValueError where it is no such time, or lies beyond what 64 bits hold (the years 1678 to 2262).
    """
    whole = _whole_seconds(text[:_SECONDS])
    digits = text[_SECONDS + 1 : -6]
    if text.endswith("+00:00") and text[_SECONDS] == "." and digits.isdecimal() and digits.isascii():
        return whole + int(digits[:9]) * _SCALE[min(len(digits), 9)]
    fraction, shift = _fraction_and_shift(text[_SECONDS:])
    return whole - shift * NS + fraction


@lru_cache(maxsize=8192)
def _whole_seconds(text: str) -> int:
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no RFC 3339 time")
    total = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS
    if not -FURTHEST_NS < total < FURTHEST_NS:
        raise ValueError(f"{text[:40]!r} lies beyond what 64 bits of ns hold")
    return total


def _fraction_and_shift(rest: str) -> tuple[int, int]:
    """Split `.690810+00:00` into ns and the offset from UTC in s."""
    if rest.endswith("+00:00"):
        digits, shift = rest[:-6], 0
    elif rest.endswith(("Z", "z")):
        digits, shift = rest[:-1], 0
    else:
        digits, shift = rest[:-6], _shift(rest[-6:])
    if not digits:
        return 0, shift
    if digits[0] != "." or not digits[1:].isascii() or not digits[1:].isdecimal():
        raise ValueError(f"{rest[:40]!r} is no fraction and offset of an RFC 3339 time")
    return int(digits[1:10].ljust(9, "0")), shift


def _shift(text: str) -> int:
    found = _OFFSET.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no offset from UTC")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def nanoseconds(moment: datetime) -> int:
    """Give an aware time, of microseconds at the finest, as ns since 1970; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * (NS // 1_000_000)


def format_time(at_ns: int) -> str:
    """Give ns since 1970 as RFC 3339 in UTC, with nine digits of a second, or none where they are zero."""
    seconds, fraction = divmod(at_ns, NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}Z" if fraction else f"{text}Z"
