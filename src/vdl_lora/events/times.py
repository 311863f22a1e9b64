"""RFC 3339 times as exact ns since 1970."""

from datetime import UTC, datetime
from functools import lru_cache

NS = 1_000_000_000
_INT64 = 1 << 63
_SECONDS = 19  # characters of 2026-11-23T22:18:17


def parse_time(text: str) -> int:
    """Give a time such as `2026-11-23T22:18:17.690810+00:00` in ns since 1970; digits beyond nine are dropped.

    Raises ValueError where it is no such time, or lies beyond what 64 bits hold (the years 1678 to 2262).
    """
    seconds = _seconds(text[:_SECONDS])
    fraction, shift = _fraction_and_shift(text[_SECONDS:])
    total = (seconds - shift) * NS + fraction
    if not -_INT64 <= total < _INT64:
        raise ValueError(f"{text[:40]!r} lies beyond what 64 bits of ns hold")
    return total


@lru_cache(maxsize=8192)
def _seconds(text: str) -> int:
    if len(text) != _SECONDS or text[10] not in "Tt ":
        raise ValueError(f"{text[:40]!r} is no RFC 3339 time")
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


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
    hours, minutes = text[1:3], text[4:6]
    if len(text) != 6 or text[0] not in "+-" or text[3] != ":" or not (hours + minutes).isdecimal():  # noqa: PLR2004
        raise ValueError(f"{text!r} is no offset from UTC")
    seconds = int(hours) * 3600 + int(minutes) * 60
    return -seconds if text[0] == "-" else seconds


def format_time(at_ns: int) -> str:
    """Give ns since 1970 as RFC 3339 in UTC, with nine digits of a second, or none where they are zero."""
    seconds, fraction = divmod(at_ns, NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}Z" if fraction else f"{text}Z"
