"""How delivery goes over time: what waits, how fast that becomes less, and how long it takes until nothing does."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vdl_lora.interfaces import Depth, History, Lag

_SMOOTH_S = 5.0
"""A rate is an average over about so long, so that batches do not make it jump."""

_SLOWEST = 0.05
"""Events a second; what becomes less more slowly stands still."""

_LOOKED = 9
"""A look at a journal so large that it takes long is followed by a pause of so many times as long."""


class Pace:
    """How fast a number becomes less, smoothed."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._last: tuple[float, int] | None = None

    def see(self, at_s: float, number: int) -> float | None:
        """Take the number of this moment, and give the rate by the second; None until there are two."""
        if self._last is not None and at_s > self._last[0]:
            since_s = at_s - self._last[0]
            rate = (self._last[1] - number) / since_s
            part = 1 - math.exp(-since_s / _SMOOTH_S)
            self.rate = rate if self.rate is None else self.rate + part * (rate - self.rate)
        self._last = at_s, number
        return self.rate


@dataclass(frozen=True, slots=True)
class Flow:
    """What waits, the most that did since we look, and how much less it becomes by the second."""

    waiting: int
    most: int
    rate: float | None

    @property
    def left_s(self) -> float | None:
        """Say how long it takes until nothing waits; None where nobody can tell."""
        if not self.waiting:
            return 0.0
        return self.waiting / self.rate if self.rate is not None and self.rate > _SLOWEST else None


@dataclass(frozen=True, slots=True)
class View:
    """One look: the whole, each sink and tenant, and how many events arrive by the second."""

    at_ns: int
    events: int
    arriving: float | None
    whole: Flow
    each: Sequence[tuple[Lag, Flow]]


class Follower:
    """Makes rates of looks."""

    def __init__(self) -> None:
        self._arriving = Pace()
        self._paces: dict[tuple[str, str], tuple[Pace, int]] = {}

    def see(self, depth: Depth, at_ns: int, at_s: float) -> View:
        """Take a look in; `at_s` is the time that never jumps."""
        arriving = self._arriving.see(at_s, -depth.events)
        each = [(lag, self._flow((lag.sink, lag.tenant), lag.waiting, at_s)) for lag in depth.lags]
        whole = self._flow(("", ""), sum(lag.waiting for lag in depth.lags), at_s)
        return View(at_ns, depth.events, None if arriving is None else max(arriving, 0.0), whole, each)

    def _flow(self, name: tuple[str, str], waiting: int, at_s: float) -> Flow:
        pace, most = self._paces.get(name, (Pace(), 0))
        most = max(most, waiting) if waiting else 0  # what begins to wait then is a progress of its own
        self._paces[name] = pace, most
        return Flow(waiting, most, pace.see(at_s, waiting))


async def views(history: History, interval_s: float, stop: asyncio.Event) -> AsyncIterator[View]:
    """Look at a journal again and again until `stop` is set."""
    follower = Follower()
    while not stop.is_set():
        began = time.monotonic()
        depth = await history.depth()
        now = time.monotonic()
        yield follower.see(depth, time.time_ns(), now)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(interval_s - (now - began), (now - began) * _LOOKED))
