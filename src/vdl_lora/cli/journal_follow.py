"""The progress view of `vdl-lora journal status --follow`: what waits, how fast it becomes less, how long it takes."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vdl_lora.app.build import open_history
from vdl_lora.app.process import END_S, stop_on_signals
from vdl_lora.events import format_time
from vdl_lora.interfaces import Depth, Lag
from vdl_lora.settings import Settings
from vdl_lora.terminal import print_json_line
from vdl_lora.wording import counted, duration

_SMOOTH_S = 5.0
"""A rate is an average over about so long, so that batches do not make it jump."""

_SLOWEST = 0.05
"""Events a second; what becomes less more slowly stands still."""

_LOOKED = 9
"""A look at a journal so large that it takes long is followed by a pause of so many times as long."""

_BESIDE = 6  # lines of the view that are no tenant's
_BAR = 20
_STYLES = {"flowing": "green", "retrying": "yellow", "held": "red"}


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


async def follow(settings: Settings, interval_s: float, *, as_json: bool) -> None:
    """Show how it goes until Ctrl-C: on a terminal in place, otherwise a line for each look."""
    console = Console(highlight=False, markup=False, emoji=False)
    views = _views(settings, interval_s)
    if as_json or not console.is_terminal:
        async for view in views:
            if as_json:
                print_json_line(document(view))
            else:
                console.print(line(view), soft_wrap=True)
            console.file.flush()
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        async for view in views:
            live.update(table(view, console.height - _BESIDE), refresh=True)


async def _views(settings: Settings, interval_s: float) -> AsyncIterator[View]:
    stop = stop_on_signals(END_S)
    follower = Follower()
    async with open_history(settings) as journal:
        while not stop.is_set():
            began = time.monotonic()
            depth = await journal.depth()
            now = time.monotonic()
            yield follower.see(depth, time.time_ns(), now)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(interval_s - (now - began), (now - began) * _LOOKED))


def document(view: View) -> dict[str, Any]:
    """Give a look as JSON."""
    return {
        "at": format_time(view.at_ns),
        "events": view.events,
        "arriving": _rounded(view.arriving),
        **_flow_document(view.whole),
        "delivery": [
            {
                "sink": lag.sink,
                "tenant": lag.tenant,
                **_flow_document(flow),
                "state": lag.state,
                "words": lag.words,
                "oldest_at": format_time(lag.oldest_at_ns) if lag.oldest_at_ns is not None else None,
            }
            for lag, flow in view.each
        ],
    }


def _flow_document(flow: Flow) -> dict[str, Any]:
    return {"waiting": flow.waiting, "rate": _rounded(flow.rate), "left_s": _rounded(flow.left_s)}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


def line(view: View) -> str:
    """Give a look as a line: the whole, and whoever does not flow."""
    parts = [f"{format_time(view.at_ns)} {_summary(view)}"]
    parts += [f"{lag.sink} {lag.tenant} is {lag.state}: {lag.words}" for lag, _ in view.each if lag.state != "flowing"]
    return "; ".join(parts)


def table(view: View, rows: int) -> Table:
    """Give a look as a table: the whole above, then each sink and tenant, whoever waits most first."""
    shown = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
    shown.title = Text(_summary(view))
    shown.title_justify = "left"
    for name in ("sink", "tenant", "waiting", "", "less a second", "left", "state", "why"):
        is_number = name in ("waiting", "less a second")
        shown.add_column(name, justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis")
    ordered = sorted(view.each, key=lambda pair: (pair[0].state == "flowing", -pair[1].waiting, pair[0].tenant))
    for lag, flow in ordered[: max(rows, 1)]:
        shown.add_row(
            lag.sink,
            lag.tenant,
            f"{flow.waiting:,}",
            ProgressBar(total=flow.most or 1, completed=flow.most - flow.waiting if flow.most else 1, width=_BAR),
            "" if flow.rate is None else f"{flow.rate:,.0f}",
            _left(flow),
            Text(lag.state, style=_STYLES[lag.state]),
            lag.words,
        )
    hidden = len(ordered) - max(rows, 1)
    shown.caption = Text(f"and {hidden:,} more; " * (hidden > 0) + "Ctrl-C ends it")
    return shown


def _summary(view: View) -> str:
    words = f"{counted(view.whole.waiting, 'event')} {'waits' if view.whole.waiting == 1 else 'wait'}"
    if view.whole.waiting and view.whole.rate is not None:
        words += f", {view.whole.rate:,.0f} less a second, {_left(view.whole) or 'no end in sight'}"
    arriving = "" if view.arriving is None else f", {view.arriving:,.1f} arrive a second"
    return f"{words}; {counted(view.events, 'event')} in the journal{arriving}"


def _left(flow: Flow) -> str:
    if not flow.waiting or flow.left_s is None:
        return ""
    return f"about {duration(flow.left_s)} left" if flow.left_s >= 1 else "a moment left"
