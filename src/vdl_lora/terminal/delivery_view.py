"""The view of `vdl-lora journal status --follow`: a table on a terminal, a line or a JSON document elsewhere."""

from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vdl_lora.events import format_time
from vdl_lora.operations.delivery_progress import Flow, View
from vdl_lora.wording import counted, duration

from . import print_json_line

_BESIDE = 6  # lines of the view that are no tenant's
_BAR = 20
_STYLES = {"flowing": "green", "retrying": "yellow", "held": "red"}


async def show(views: AsyncIterator[View], *, as_json: bool) -> None:
    """Show each look: on a terminal in place, otherwise as a line."""
    console = Console(highlight=False, markup=False, emoji=False)
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
