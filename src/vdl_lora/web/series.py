"""The values of one quantity over the last day, few enough to draw and to keep for many devices. Pure.

Where there are too many, each span of twelve minutes keeps its lowest and its highest value: nothing that stands out
goes.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence

MAX_POINTS = 300
DAY_MS = 86_400_000
SPAN_MS = DAY_MS // 120


class Series:
    """Values in the order of their times (ms since 1970), no more than MAX_POINTS of them."""

    __slots__ = ("_at_ms", "_values")

    def __init__(self) -> None:
        self._at_ms = array("q")
        self._values = array("d")

    def add(self, at_ms: int, value: float) -> None:
        """Add a value; another one of the same time is replaced, and what is a day older than the newest goes."""
        index = bisect_left(self._at_ms, at_ms)
        if index < len(self._at_ms) and self._at_ms[index] == at_ms:
            self._values[index] = value
            return
        if self._at_ms and at_ms < self._at_ms[-1] - DAY_MS:
            return
        self._at_ms.insert(index, at_ms)
        self._values.insert(index, value)
        self._forget(self._at_ms[-1] - DAY_MS)
        if len(self._at_ms) > MAX_POINTS:
            self._thin()

    def drop(self, at_ms: int) -> None:
        """Take the value of a time away."""
        index = bisect_left(self._at_ms, at_ms)
        if index < len(self._at_ms) and self._at_ms[index] == at_ms:
            del self._at_ms[index], self._values[index]

    def since(self, from_ms: int) -> Sequence[tuple[int, float]]:
        """Give the times and values from a time on."""
        index = bisect_left(self._at_ms, from_ms)
        return list(zip(self._at_ms[index:], self._values[index:], strict=True))

    def __len__(self) -> int:
        return len(self._at_ms)

    def _forget(self, before_ms: int) -> None:
        index = bisect_left(self._at_ms, before_ms)
        if index:
            del self._at_ms[:index], self._values[:index]

    def _thin(self) -> None:
        spans: dict[int, list[int]] = {}
        for index, at_ms in enumerate(self._at_ms):
            spans.setdefault(at_ms // SPAN_MS, []).append(index)
        kept = {len(self._at_ms) - 1}
        for indexes in spans.values():
            kept.add(min(indexes, key=self._values.__getitem__))
            kept.add(max(indexes, key=self._values.__getitem__))
        order = sorted(kept)
        self._at_ms = array("q", [self._at_ms[index] for index in order])
        self._values = array("d", [self._values[index] for index in order])
