"""`vdl-lora journal`: what arrived, what became of it, and what is to be kept."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from vdl_lora.app.build import claims_of, open_history, open_journal, open_knowledge, open_sinks
from vdl_lora.app.process import END_S, stop_on_signals
from vdl_lora.events import NS, format_time, parse_time
from vdl_lora.interfaces import Counts, EventFilter, KeptEvent, Pruned
from vdl_lora.journal.backup import back_up
from vdl_lora.journal.salvage import Salvaged, Saved, salvage_journal
from vdl_lora.lorawan import DevEUI
from vdl_lora.operations.delivery_progress import views
from vdl_lora.operations.imports import Imported, import_files
from vdl_lora.operations.prune import prune_journal
from vdl_lora.operations.quarantine import with_logged_words
from vdl_lora.setting_types import duration
from vdl_lora.settings import Settings
from vdl_lora.sources import Skipped, export_line
from vdl_lora.terminal import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    commands,
    delivery_view,
    err,
    out,
    parser_of,
    print_json,
    print_json_line,
    print_table,
    say,
    settings_of,
    warn,
)
from vdl_lora.wording import counted, size

app = commands("journal", "Look at what arrived, import, export, prune, back up and salvage it.")

_SHOWN_SKIPS = 20
_SHOWN_SPANS = 20
_T = TypeVar("_T")

DevEUIOption = Annotated[str, typer.Option("--dev-eui", metavar="DEVEUI", help="Only this device.", show_default=False)]
KindOption = Annotated[
    str,
    typer.Option(
        "--kind", help="Only this kind: up, join, status, ack, txack, log, location, own.", show_default=False
    ),
]
BodyOption = Annotated[
    bool,
    typer.Option(
        "--body",
        help="With --json: the body too, as body, or body_base64 where it is no text, null if damaged.",
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]
NewestOption = Annotated[
    bool, typer.Option("--newest", help="The newest first: in the opposite order of arrival.", show_default=False)
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Only events of this time or later: a date, or a time as RFC 3339 has it; in UTC where it names no zone.",
        show_default=False,
    ),
]
UntilOption = Annotated[
    str,
    typer.Option("--until", metavar="TIME", help="Only events before this time, written likewise.", show_default=False),
]


@app.command("import")
def import_(
    events: Annotated[
        list[Path],
        typer.Argument(
            metavar="EVENTS...",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="Files with one event a line, as from gRPC, HTTP, MQTT or `journal export`.",
        ),
    ],
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take events from files into the journal, decode them and store their points.

    Files may be imported again: what the journal has is known by its identity. A line that is no event is named on
    stderr, the rest goes on, and the exit code is 1.

    Example: vdl-lora journal import recorded.jsonl
    """
    imported = _run(_import(settings_of(config), events))
    for skipped in imported.skipped[:_SHOWN_SKIPS]:
        say(f"{skipped.path}, line {skipped.line}: {skipped.reason}")
    if len(imported.skipped) > _SHOWN_SKIPS:
        say(f"... and {len(imported.skipped) - _SHOWN_SKIPS} more lines")
    if as_json:
        print_json({**asdict(imported), "skipped": [_skip(each) for each in imported.skipped]})
    else:
        out.print(
            f"{imported.events} events read, {imported.new} new, {imported.quarantined} of them in quarantine, "
            f"{len(imported.skipped)} lines skipped"
        )
    if imported.skipped:
        raise typer.Exit(EXIT_FAILED)


async def _import(settings: Settings, paths: Sequence[Path]) -> Imported:
    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    total = sum(path.stat().st_size for path in paths)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        reading = progress.add_task("reading", total=total)
        with open_knowledge(settings) as knowledge:
            warn(knowledge.discovered.warnings)
            async with open_journal(settings) as journal, open_sinks(settings) as sinks:
                return await import_files(
                    journal,
                    sinks,
                    knowledge,
                    settings.points,
                    paths,
                    served=settings.served,
                    read=lambda size: progress.advance(reading, size),
                    ahead=lambda events: progress.update(
                        reading, description=f"reading, {events} events to deliver" if events else "reading"
                    ),
                )


@app.command()
def export(
    *,
    config: ConfigOption = None,
    dev_eui: DevEUIOption = "",
    kind: KindOption = "",
    quarantined: Annotated[bool, typer.Option(help="Only events in quarantine.")] = False,
) -> None:
    """Print events as they arrived, one a line, in a form that `journal import` reads.

    Events whose body is pruned are passed over. One whose body is damaged is named on stderr, and the exit code is 1.

    Example: vdl-lora journal export --quarantined > quarantine.jsonl
    """

    async def write(settings: Settings) -> int:
        damaged = 0
        async with open_history(settings) as journal:
            which = EventFilter(dev_eui=_dev_eui(dev_eui), kind=kind, quarantined=quarantined)
            async for event in journal.events(which, bodies=True):
                if event.body is not None:
                    typer.echo(export_line(event), nl=False)
                damaged += _warn_if_damaged(event)
        return damaged

    if _run(write(settings_of(config))):
        raise typer.Exit(EXIT_FAILED)


def _warn_if_damaged(event: KeptEvent) -> bool:
    if event.damage:
        say(f"position {event.position}: the body is damaged: {event.damage}")
    return bool(event.damage)


@app.command()
def status(
    *,
    config: ConfigOption = None,
    follow_: Annotated[bool, typer.Option("--follow", help="Show how delivery goes, until Ctrl-C.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            parser=parser_of(duration("100ms", "60min", example="1s", units=("ms", "s", "min"))),
            metavar="TIME",
            help="With --follow: from one look to the next, such as 500ms; 1s without it.",
            show_default=False,
        ),
    ] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Tell how many events there are, how many are in quarantine and what still waits to be delivered.

    With --follow it shows, for each sink and tenant, how many events wait, how many less that becomes by the second and
    how long it takes until none does: as a table on a terminal, as a line a look otherwise, with --json as JSON lines.
    It only reads, beside the service, and is cheap on a large journal.

    Example: vdl-lora journal status --follow
    """
    settings = settings_of(config)
    if follow_:
        _run(_follow(settings, interval, as_json=as_json))
        return
    counts = _run(_counts(settings))
    if as_json:
        print_json(_status(counts))
        return
    oldest = format_time(counts.oldest_at_ns) if counts.oldest_at_ns is not None else "none"
    out.print(f"{settings.journal.path}: {counts.bytes / 1e6:.1f} MB")
    out.print(f"{counts.events} events, the oldest arrived at {oldest}; {counts.copies} came again and were known")
    print_table(["kind", "events"], [[kind, str(count)] for kind, count in counts.by_kind.items()])
    if counts.quarantined:
        out.print(f"\n{counts.quarantined} in quarantine, see `vdl-lora journal quarantine`", style="yellow")
        print_table(["code", "events"], [[code, str(count)] for code, count in counts.by_code.items()])
    if counts.delivery:
        out.print()
        rows = [[each.sink, each.tenant, str(each.waiting), each.state, each.words] for each in counts.delivery]
        print_table(["sink", "tenant", "waiting", "state", "why"], rows)


async def _follow(settings: Settings, interval_s: float, *, as_json: bool) -> None:
    async with open_history(settings) as history:
        await delivery_view.show(views(history, interval_s, stop_on_signals(END_S)), as_json=as_json)


async def _counts(settings: Settings) -> Counts:
    async with open_history(settings) as journal:
        return await journal.counts()


def _status(counts: Counts) -> dict[str, Any]:
    return {
        "events": counts.events,
        "quarantined": counts.quarantined,
        "oldest_at": format_time(counts.oldest_at_ns) if counts.oldest_at_ns is not None else None,
        "delivery": [asdict(each) for each in counts.delivery],
        "copies": counts.copies,
        "bytes": counts.bytes,
        "by_kind": counts.by_kind,
        "by_code": counts.by_code,
    }


@app.command()
def events(  # noqa: PLR0913 - a command's options
    *,
    config: ConfigOption = None,
    dev_eui: DevEUIOption = "",
    kind: KindOption = "",
    from_: FromOption = "",
    until: UntilOption = "",
    newest: NewestOption = False,
    limit: LimitOption = 100,
    body: BodyOption = False,
    as_json: JsonOption = False,
) -> None:
    """List events in the order in which they arrived, the oldest first; with --json one a line.

    --from and --until mean the event's own time, or that of its arrival where it has none. An event that came late,
    from ChirpStack's history for instance, stands where it arrived.

    Example: vdl-lora journal events --dev-eui 24e124136b500042 --kind up --newest --limit 10

    Example: vdl-lora journal events --from 2026-11-23 --until 2026-11-23T06:00:00+01:00
    """
    which = EventFilter(
        dev_eui=_dev_eui(dev_eui), kind=kind, from_ns=_time(from_, "--from"), until_ns=_time(until, "--until")
    )
    _run(_list(settings_of(config), which, limit, newest_first=newest, body=body, as_json=as_json))


@app.command()
def quarantine(  # noqa: PLR0913 - a command's options
    *,
    config: ConfigOption = None,
    dev_eui: DevEUIOption = "",
    from_: FromOption = "",
    until: UntilOption = "",
    newest: NewestOption = False,
    limit: LimitOption = 100,
    body: BodyOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the events that could not be decoded or written, each with the stage, the code and the words.

    Where ChirpStack's own codec failed, the words are those of its log, if that is in the journal too.
    They stay in the journal as they came. What each code means, and what to do, is in the manual under errors.
    --from and --until mean the event's own time, or that of its arrival where it has none.

    Example: vdl-lora journal quarantine --newest --limit 20
    """
    which = EventFilter(
        dev_eui=_dev_eui(dev_eui), from_ns=_time(from_, "--from"), until_ns=_time(until, "--until"), quarantined=True
    )
    _run(_list(settings_of(config), which, limit, newest_first=newest, body=body, as_json=as_json))


async def _list(  # noqa: PLR0913 - what a list shows
    settings: Settings, which: EventFilter, limit: int, *, newest_first: bool, body: bool, as_json: bool
) -> None:
    async with open_history(settings) as journal:
        events_ = journal.events(which, bodies=body or which.quarantined, newest_first=newest_first)
        first = _first(events_, limit)
        found = [event async for event in (with_logged_words(journal, first) if which.quarantined else first)]
    for event in found:
        _warn_if_damaged(event)
    if as_json:
        for event in found:
            print_json_line(_event(event, body=body))
        return
    columns = ["position", "event at", "kind", "DevEUI", "ways"]
    rows = [
        [
            str(event.position),
            format_time(event.event_at_ns) if event.event_at_ns else "unknown",
            event.kind,
            event.dev_eui or "unknown",
            " ".join(f"{way}*{count}" for way, count in event.ways.items()),
            *([event.mark.stage, event.mark.code, event.mark.words] if which.quarantined and event.mark else ()),
        ]
        for event in found
    ]
    print_table([*columns, *(("stage", "code", "words") if which.quarantined else ())], rows)


async def _first(events_: AsyncIterator[KeptEvent], limit: int) -> AsyncIterator[KeptEvent]:
    left = limit
    async for event in events_:
        yield event
        left -= 1
        if not left:
            return


def _event(event: KeptEvent, *, body: bool) -> dict[str, Any]:
    document = {
        "position": event.position,
        "kind": event.kind,
        "encoding": event.encoding,
        "dev_eui": event.dev_eui or None,
        "tenant": event.tenant or None,
        "application": event.application or None,
        "event_at": format_time(event.event_at_ns) if event.event_at_ns else None,
        "arrived_at": format_time(event.arrived_at_ns),
        "ways": event.ways,
        "mark": None if event.mark is None else {f: getattr(event.mark, f) for f in ("stage", "code", "words", "sink")},
    }
    if not body:
        return document
    return {**document, **({"body": None, "damage": event.damage} if event.damage else _body(event.body or b""))}


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


@app.command()
def prune(
    *,
    config: ConfigOption = None,
    older_than: Annotated[
        int | None,
        typer.Option(
            parser=parser_of(duration()),
            metavar="TIME",
            help="Such as 400d; without it, [journal] keep.",
            show_default=False,
        ),
    ] = None,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Also what was not delivered yet. This loses data.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the bodies of old events; their identities stay 40 days, so that a replay is still recognised.

    The service does this by itself, by [journal] keep and max_size. While it runs, it carries this out too.

    Example: vdl-lora journal prune --older-than 400d
    """
    settings = settings_of(config)
    seconds = settings.journal.keep_s if older_than is None else older_than
    pruned = _run(_prune(settings, time.time_ns() - seconds * NS, undelivered=undelivered))
    if as_json:
        print_json(asdict(pruned))
    else:
        out.print(f"{pruned.bodies} bodies, {pruned.events} whole events and {pruned.receipts} receipts removed")


async def _prune(settings: Settings, before_ns: int, *, undelivered: bool) -> Pruned:
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        pruning = progress.add_task("pruning", total=None)
        return await prune_journal(
            settings.journal.path,
            partial(open_journal, settings),
            before_ns,
            claims=claims_of(settings),
            undelivered=undelivered,
            told=lambda pruned: progress.update(pruning, description=f"the service prunes, {pruned.bodies} bodies"),
        )


def _dev_eui(text: str) -> str:
    try:
        return DevEUI.parse(text) if text else ""
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--dev-eui") from None


def _time(text: str, option: str) -> int | None:
    """Read a date or a time, which is in UTC where it names no zone."""
    for form in (text, f"{text}Z", f"{text}T00:00:00Z") if text else ():
        try:
            return parse_time(form)
        except ValueError:
            continue
    if text:
        raise typer.BadParameter("write a date, 2026-11-23, or a time, 2026-11-23T06:00:00Z", param_hint=option)
    return None


def _skip(skipped: Skipped) -> dict[str, Any]:
    return {"file": str(skipped.path), "line": skipped.line, "reason": skipped.reason}


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.", show_default=False)],
    *,
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE where it exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the journal into a file that is a journal itself, while the service runs.

    The copy is of one moment. It is read from end to end before it gets its name, so a FILE that is there is whole, and
    a backup each night is also a check of the journal each night. The file can be read by its owner alone. To use it:
    stop the service, put it in the journal's place, remove what lies beside that with -wal and -shm, start.

    Example: vdl-lora journal backup /mnt/backup/journal-$(date +%F).sqlite
    """
    journal = settings_of(config).journal.path
    with _stage_progress() as show:
        made = back_up(journal, file, force=force, told=show)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "bytes": made.bytes,
                "events": made.events,
                "last_position": made.last,
                "schema": made.schema,
            }
        )
    else:
        out.print(f"{made.path}: {counted(made.events, 'event')} up to position {made.last}, {size(made.bytes)}, whole")


@app.command()
def salvage(
    *,
    config: ConfigOption = None,
    backup_file: Annotated[
        Path | None,
        typer.Option(
            "--backup",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A backup of this journal: what is lost here is taken from there.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Save what a damaged journal still holds into a new one, and set the damaged one aside.

    For a journal that the service refuses as damaged. Stop the service first. Every row that can be read and whose body
    is sound goes into a new file; only when that is on the disk does it take the journal's place, and the damaged file
    stays beside it under a name with .damaged. It says what was saved and what is lost. Events that ChirpStack still
    has in its history come back by themselves. Where it is lost how far delivery was, that begins at the first event
    again; writing twice changes nothing.

    Example: vdl-lora journal salvage --backup /mnt/backup/journal-2026-11-23.sqlite
    """
    journal = settings_of(config).journal.path
    with _stage_progress() as show:
        found = salvage_journal(journal, backup_file, told=show)
    if as_json:
        print_json(_salvage_document(found))
        return
    out.print(f"events: {_saved_text(found.events)}")
    if not found.events.exact:
        out.print(
            f"  no index is whole: perhaps {found.events.at_most:,} are lost up to position {found.last}, and later"
        )
    for first, last in found.lost[:_SHOWN_SPANS]:
        out.print(f"  lost: position {first}" if first == last else f"  lost: positions {first} to {last}")
    if len(found.lost) > _SHOWN_SPANS:
        out.print("  and more; --json names them")
    out.print(f"receipts: {_saved_text(found.tables['receipt'])}")
    if found.restarted:
        say("It is lost how far delivery was: what has no cursor is delivered from the first event on again.")
    for path in found.aside:
        say(f"set aside: {path}")
    say("Start the service again. Remove what is set aside once you miss nothing.")


@contextmanager
def _stage_progress() -> Generator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal: what is done, how much of it, and of how much."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("beginning", total=None)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        yield show


def _saved_text(saved: Saved) -> str:
    words = f"{saved.saved:,} saved"
    sources = ((saved.from_pages, "from single pages"), (saved.from_backup, "from the backup"))
    if parts := [f"{count:,} {where}" for count, where in sources if count]:
        words += f" ({', '.join(parts)})"
    return f"{words}, {'' if saved.exact or not saved.lost else 'at least '}{saved.lost or 'none'} lost"


def _salvage_document(found: Salvaged) -> dict[str, Any]:
    names = {
        "event": "events",
        "receipt": "receipts",
        "copy": "copies",
        "cursor": "cursors",
        "dictionary": "dictionaries",
    }
    return {
        **{name: _saved(found.tables[table]) for table, name in names.items()},
        "lost_positions": found.lost,
        "last_position": found.last,
        "restarted": found.restarted,
        "set_aside": [str(path) for path in found.aside],
    }


def _saved(saved: Saved) -> dict[str, Any]:
    return {
        "saved": saved.saved,
        "from_pages": saved.from_pages,
        "from_backup": saved.from_backup,
        "lost": saved.lost,
        "lost_at_most": saved.at_most,
        "exact": saved.exact,
    }
