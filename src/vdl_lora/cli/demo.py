"""`vdl-lora demo`: everything at once, on this machine, with nothing installed beside it."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvloop
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from vdl_lora.app.demo import Demonstration, DemoSettings, DemoSummary, demonstrate
from vdl_lora.app.process import stop_on_signals
from vdl_lora.errors import ConfigError
from vdl_lora.setting_types import duration
from vdl_lora.settings import ServerSettings
from vdl_lora.terminal import EXIT_FAILED, JsonOption, commands, err, log_to_stderr, out, parser_of, print_json, say
from vdl_lora.virtual.fleet import DEMO_SPEED

_SHOW_S = 1.0

END_S = 60.0
"""An end that takes longer is cut short: what was emitted needs some seconds to arrive."""


app = commands()


@app.command("demo")
def demo(
    *,
    lasts_s: Annotated[
        float | None,
        typer.Option(
            "--for",
            parser=parser_of(duration(example="20s")),
            metavar="DURATION",
            help="End after 20s, 10min, 1h; without it, at Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page on 127.0.0.1; 0 takes a free one.")] = 8090,
    speed: Annotated[
        float, typer.Option(min=0.01, max=3600, help="How much faster than the clock the sensors' days pass.")
    ] = DEMO_SPEED,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Keep journal and values in this new folder; without it they are removed in the end.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything at work: a virtual ChirpStack, a fleet of sensors, the service, and a page in French.

    Nothing leaves this machine. In the end it stops emitting, waits until every event has come to its end, and counts
    them: each that was emitted is in the journal, and was interpreted or is in quarantine. Some are meant to be.

    Example: vdl-lora demo --for 20s --json
    """
    log_to_stderr(logging.WARNING)
    with _folder(data) as folder:
        settings = DemoSettings(folder, ServerSettings(port=port), speed)
        summary = uvloop.run(_demo(settings, lasts_s))
    _tell(summary, as_json=as_json)
    if not summary.events.complete:
        say("not every event has come to its end in time; run it with --data FOLDER and look into its journal")
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _folder(data: Path | None) -> Generator[Path]:
    """Give an empty folder; one that nobody named goes in the end."""
    if data is None:
        with TemporaryDirectory(prefix="vdl-lora-demo-") as folder:
            yield Path(folder)
        return
    try:
        data.mkdir(parents=True, exist_ok=True)
        used = any(data.iterdir())
    except OSError as error:
        raise ConfigError(f"--data: {data} cannot be used: {error.strerror}") from error
    if used:
        raise ConfigError(f"--data: {data} is not empty", advice="name a new folder, or remove what is in it")
    yield data


async def _demo(settings: DemoSettings, lasts_s: float | None) -> DemoSummary:
    stop = stop_on_signals(END_S)
    async with demonstrate(settings) as running:
        say(f"{running.sensors} virtual sensors of the Grand Chambord, a virtual ChirpStack, and the service")
        say(f"page    {running.url}")
        say(f"values  {running.store}   (sqlite3, or any program that reads SQLite)")
        say("Ctrl-C ends it." if lasts_s is None else f"It ends after {lasts_s:g} s, or at Ctrl-C.")
        with suppress(TimeoutError):
            async with asyncio.timeout(lasts_s):
                await _show(running, stop, lasts_s)
        say("emitting has ended; the rest arrives")
        return await running.finish()


async def _show(running: Demonstration, stop: asyncio.Event, lasts_s: float | None) -> None:
    """Show the flow on a terminal until it is time to stop."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *((BarColumn(),) if lasts_s else ()))
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("beginning", total=lasts_s)
        while not stop.is_set():
            emitted, journalled, quarantined, waiting = await running.flow()
            words = f"{emitted} emitted, {journalled} in the journal, {waiting} to deliver, {quarantined} in quarantine"
            progress.update(task, description=words)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _SHOW_S)
            progress.advance(task, _SHOW_S)


def _tell(summary: DemoSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    events = summary.events
    out.print(
        f"{events.emitted} events emitted, {events.journalled} in the journal: {events.interpreted} interpreted, "
        f"{events.quarantined} in quarantine; {summary.points.stored} points stored"
    )
