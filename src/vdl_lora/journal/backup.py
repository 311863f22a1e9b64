"""A copy of a journal that is a journal itself, made while the service writes to the original.

It is SQLite's online backup, of one snapshot: the reading connection keeps a transaction open all the while. Without
one the copy begins again whenever somebody writes, and beside a busy service never ends. `vacuum into` reads one
snapshot, too, but takes 3.6 times as long (measured: 40 MB in 108 ms, not 30), cannot say how far it is, and saves
4 %, because the service gives free pages back by itself.

Meanwhile the writer goes on; only the log ahead of the file cannot begin anew, and grows by what is written.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vdl_lora.errors import JournalCorrupt, JournalError
from vdl_lora.files import free_bytes

from .damage import SALVAGE, beside, sync_folder
from .schema import MIGRATIONS, connect_reader, meaning

_STEP_PAGES = 256
_SYNC_STEPS = 16
"""Steps between which the copy goes to the disk: all at once in the end, it would hold up the writer's own commits."""

_MOST_REST_S = 0.1
_SPARE_BYTES = 64 << 20
"""A backup leaves so much of its disk free: the journal may be on the same."""

_BESIDE = ("-wal", "-shm", "-journal", ".lock", ".reserve")

BackupStage = Literal["copying", "checking"]
BackupTold = Callable[[BackupStage, int, int], None]
"""Hears what is done, how many pages of it, and of how many; of a check nobody knows how far it is."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: so many events up to the position `last`."""

    path: Path
    bytes: int
    events: int
    last: int
    schema: int


def back_up(
    journal: Path, target: Path, *, force: bool = False, told: BackupTold = lambda _stage, _done, _all: None
) -> Backup:
    """Copy a journal into a file that appears once it is whole and checked; nothing of it is there before.

    Raises JournalError where that is not possible, JournalCorrupt where the journal is damaged.
    """
    _refuse(journal, target, force=force)
    with closing(connect_reader(journal, len(MIGRATIONS))) as source:
        try:
            source.execute("begin")
            size = _size(source)
        except sqlite3.Error as error:
            raise meaning(error, journal) from error
        free = free_bytes(target.absolute())
        if free is not None and free < size + _SPARE_BYTES:
            raise JournalError(
                f"{target} needs {size / 1e6:.0f} MB, and its disk has {free / 1e6:.0f}", advice="name another disk"
            )
        with _part(target) as (part, handle):
            _copy(source, journal, part, handle, told)
            source.rollback()  # the log may begin anew while the copy is checked
            told("checking", 0, 0)
            made = _checked(part, target, journal, lambda: told("checking", 0, 0))
            os.fsync(handle)
            _refuse(journal, target, force=force)
            part.rename(target)
    sync_folder(target)
    return made


def _refuse(journal: Path, target: Path, *, force: bool) -> None:
    """Refuse to take another file's place unasked, and that of a journal always."""
    mine = {journal.resolve(), *(beside(journal.resolve(), each) for each in _BESIDE)}
    if target.resolve() in mine:
        raise JournalError(f"{target} is the journal itself", advice="name another file for its backup")
    if target.is_dir():
        raise JournalError(f"{target} is a folder", advice="name a file in it")
    if any(beside(target, each).exists() for each in ("-wal", "-shm", "-journal")):
        raise JournalError(f"{target} is in use as a journal, or was until a crash", advice="name another file")
    if target.exists() and not force:
        raise JournalError(f"{target} exists", advice="name another file, or replace it with --force")


@contextmanager
def _part(target: Path) -> Generator[tuple[Path, int]]:
    """Give an empty file beside the target, for us alone; it goes where it was not renamed."""
    part = beside(target, ".part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise JournalError(
            f"{part} cannot be made: {error.strerror}", advice="name a folder that this user may write"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise JournalError(f"another backup to {target} is under way", advice="wait for its end") from None
        try:
            os.fchmod(handle, 0o600)
            os.ftruncate(handle, 0)
            yield part, handle
        except OSError as error:
            raise JournalError(f"{target} cannot be written: {error.strerror}") from error
        finally:
            for file in (part, *(beside(part, each) for each in ("-wal", "-shm", "-journal"))):
                with suppress(FileNotFoundError):
                    file.unlink()
    finally:
        os.close(handle)


def _copy(source: sqlite3.Connection, journal: Path, part: Path, handle: int, told: BackupTold) -> None:
    steps, began = 0, time.monotonic()

    def stepped(_status: int, left: int, pages: int) -> None:
        nonlocal steps, began
        steps += 1
        if not steps % _SYNC_STEPS:
            os.fdatasync(handle)
        told("copying", pages - left, pages)
        time.sleep(min(time.monotonic() - began, _MOST_REST_S))  # half of the disk's time is the service's
        began = time.monotonic()

    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute("pragma synchronous = off")  # it goes to the disk by the handle
            source.backup(copy, pages=_STEP_PAGES, progress=stepped)
            copy.execute("pragma journal_mode = delete")  # one file, with nothing beside it
            if copy.execute("pragma user_version").fetchone()[0] == len(MIGRATIONS):
                copy.execute("delete from request")  # it was asked of the journal of today
    except sqlite3.Error as error:
        said = meaning(error, journal)
        raise (
            said if isinstance(said, JournalCorrupt) else JournalError(f"{part} cannot be written: {error}")
        ) from error


def _checked(part: Path, target: Path, journal: Path, told: Callable[[], None]) -> Backup:
    """Read the copy from end to end, on a connection of its own."""

    def alive() -> int:
        told()
        return 0

    with closing(connect_reader(part, len(MIGRATIONS))) as copy:
        try:
            copy.set_progress_handler(alive, 1_000_000)
            found = str(copy.execute("pragma quick_check(1)").fetchone()[0])
            if found == "ok":
                events, last = copy.execute("select count(*), coalesce(max(position), 0) from event").fetchone()
                schema = copy.execute("pragma user_version").fetchone()[0]
                return Backup(target, part.stat().st_size, events, last, schema)
        except sqlite3.Error as error:
            found = str(error)
    raise JournalCorrupt(
        f"the copy is damaged ({found}), and so is {journal}, or a disk; no backup was made, and what {target} was it "
        "still is",
        advice=f"stop the service, {SALVAGE}",
    )


def _size(connection: sqlite3.Connection) -> int:
    pages, size = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)
