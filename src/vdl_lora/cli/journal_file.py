"""`vdl-lora journal backup` and `salvage`: the journal's file as a whole."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vdl_lora.journal.backup import back_up
from vdl_lora.journal.salvage import Salvaged, Saved, salvage_journal
from vdl_lora.terminal import ConfigOption, JsonOption, err, out, print_json, say, settings_of
from vdl_lora.wording import counted, size

_SHOWN_SPANS = 20


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
    with _progress() as show:
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
    with _progress() as show:
        found = salvage_journal(journal, backup_file, told=show)
    if as_json:
        print_json(_document(found))
        return
    out.print(f"events: {_words(found.events)}")
    if not found.events.exact:
        out.print(
            f"  no index is whole: perhaps {found.events.at_most:,} are lost up to position {found.last}, and later"
        )
    for first, last in found.lost[:_SHOWN_SPANS]:
        out.print(f"  lost: position {first}" if first == last else f"  lost: positions {first} to {last}")
    if len(found.lost) > _SHOWN_SPANS:
        out.print("  and more; --json names them")
    out.print(f"receipts: {_words(found.tables['receipt'])}")
    if found.restarted:
        say("It is lost how far delivery was: what has no cursor is delivered from the first event on again.")
    for path in found.aside:
        say(f"set aside: {path}")
    say("Start the service again. Remove what is set aside once you miss nothing.")


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal: what is done, how much of it, and of how much."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("beginning", total=None)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        yield show


def _words(saved: Saved) -> str:
    words = f"{saved.saved:,} saved"
    sources = ((saved.from_pages, "from single pages"), (saved.from_backup, "from the backup"))
    if parts := [f"{count:,} {where}" for count, where in sources if count]:
        words += f" ({', '.join(parts)})"
    return f"{words}, {'' if saved.exact or not saved.lost else 'at least '}{saved.lost or 'none'} lost"


def _document(found: Salvaged) -> dict[str, Any]:
    names = {
        "event": "events",
        "receipt": "receipts",
        "copy": "copies",
        "cursor": "cursors",
        "dictionary": "dictionaries",
    }
    return {
        **{name: _counts(found.tables[table]) for table, name in names.items()},
        "lost_positions": found.lost,
        "last_position": found.last,
        "restarted": found.restarted,
        "set_aside": [str(path) for path in found.aside],
    }


def _counts(saved: Saved) -> dict[str, Any]:
    return {
        "saved": saved.saved,
        "from_pages": saved.from_pages,
        "from_backup": saved.from_backup,
        "lost": saved.lost,
        "lost_at_most": saved.at_most,
        "exact": saved.exact,
    }
