"""Amounts as people read and write them: counts with their noun, durations, sizes, the first few of many. Pure.

`parse_duration` and `parse_size` read what the configuration and the command line hold, and `exact_duration` and
`exact_size` write it; `duration` and `size` round, for people.
"""

import re
from collections.abc import Sequence
from typing import Final

_DURATION_UNITS: Final[dict[str, float]] = {"ms": 0.001, "s": 1, "min": 60, "h": 3_600, "d": 86_400}
_SIZE_UNITS: Final[dict[str, float]] = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_DURATIONS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = tuple((factor, unit) for unit, factor in reversed(_SIZE_UNITS.items()))
_SHOWN = 20


def parse_duration(text: str, units: Sequence[str] = ("s", "min", "h", "d")) -> float:
    """Return the seconds of a text such as `400d`: a whole number and one of `units`; an int unless in ms.

    Raises ValueError with a message whose subject is the text.
    """
    return _parse(text, {unit: _DURATION_UNITS[unit] for unit in units}, "a duration")


def parse_size(text: str) -> int:
    """Return the bytes of a text such as `20GB`: a whole number and a decimal unit, kB to TB.

    Raises ValueError with a message whose subject is the text.
    """
    return int(_parse(text, _SIZE_UNITS, "a size"))


def exact_duration(seconds: float) -> str:
    """Write a whole number of seconds in the largest unit that divides it, such as `400d`."""
    return _exact(int(seconds), {unit: factor for unit, factor in _DURATION_UNITS.items() if factor >= 1})


def exact_size(number: int) -> str:
    """Write a whole number of kB in the largest unit that divides it, such as `64MB`."""
    return _exact(number, _SIZE_UNITS)


def counted(number: int, noun: str) -> str:
    """Say how many of something there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Say how long something is, in the largest unit that it has twice."""
    size, unit = next((each for each in _DURATIONS if seconds >= 2 * each[0]), _DURATIONS[-1])
    return f"{seconds / size:.0f} {unit}{'s' if unit == 'day' else ''}"


def size(number: float) -> str:
    """Say how many bytes something takes, as the configuration would write it."""
    unit, name = next((each for each in _SIZES if number >= each[0]), _SIZES[-1])
    return f"{number / unit:.1f} {name}"


def first_of(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Name the first of some, and say how many more there are."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest:,} more" if rest > 0 else "")


def _parse(text: str, units: dict[str, float], what: str) -> float:
    found = re.fullmatch(r"([0-9]{1,18})\s*([A-Za-z]+)", text.strip())
    if found is None or found[2] not in units:
        *others, last = units
        raise ValueError(f"is not {what}; write a whole number and {', '.join(others)} or {last}")
    return int(found[1]) * units[found[2]]


def _exact(number: int, units: dict[str, float]) -> str:
    fitting = [unit for unit, factor in units.items() if number % factor == 0]
    unit = fitting[-1] if number and fitting else next(iter(units))
    return f"{int(number // units[unit])}{unit}"
