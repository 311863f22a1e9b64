"""Numbers as people read them: counts with their noun, durations, sizes, the first few of many. Pure."""

from collections.abc import Sequence

_DURATIONS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_SHOWN = 20


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
