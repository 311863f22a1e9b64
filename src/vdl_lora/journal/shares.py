"""How far a journal shrinks when it comes near its limit, and how much each tenant gives for it. No I/O."""

from collections.abc import Mapping
from typing import Final, TypeVar

NEAR: Final = 13 / 16
"""The part of its limit at which a journal begins to make room."""

_ENOUGH: Final = 12 / 16
_DEEPER: Final = 1 / 16
_T = TypeVar("_T")


class Aim:
    """Down to which part of its limit a journal shrinks: `enough`, less where events still find no room after that."""

    def __init__(self) -> None:
        self.enough = _ENOUGH
        self.missed = False

    def took(self) -> None:
        """Note that events found room."""
        self.enough, self.missed = _ENOUGH, False

    def miss(self) -> None:
        """Note that events found none."""
        self.missed = True

    def begin(self, *, reached: bool) -> None:
        """Aim lower where events found no room although the aim was reached: they come many at a time."""
        if self.missed and reached:
            self.enough = max(self.enough - _DEEPER, 0.0)
        self.missed = False


def gifts(sizes: Mapping[_T, int], need: int) -> dict[_T, int]:
    """Say what each gives of its bytes so that together they give `need`: none has less than another gives down to.

    So whoever has less than its share, an equal part of what stays, gives nothing.
    """
    level = _level(sorted(sizes.values(), reverse=True), need)
    return {each: size - level for each, size in sizes.items() if size > level}


def _level(sizes: list[int], need: int) -> int:
    """Find the height to which the tallest are cut: going down, one after another joins those that are cut."""
    above = 0
    for count, size in enumerate(sizes, 1):
        above += size
        following = sizes[count] if count < len(sizes) else 0
        if above - count * following >= need:
            return max((above - need) // count, 0)
    return 0
