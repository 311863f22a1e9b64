"""What is wrong with a journal's file, found at a start at little cost, and while it is in use.

A start reads the schema, the newest rows, and as much of the whole as fits into a second, or into five after an end
that was not orderly; 660 MB a second were measured. What it does not reach is met by whoever reads it, and by every
backup, which is read from end to end. The log ahead of the file needs a look of its own: SQLite takes what comes behind
a damaged part of it for something that was never committed, and drops it without a word.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog

from vdl_lora.errors import JournalCorrupt, JournalError, JournalUnavailable

from .pages import Log

SALVAGE: Final = (
    "leave the files as they are, and run `vdl-lora journal salvage` with the service's configuration, "
    "or restore a backup"
)
"""What to do about a damaged journal."""

DISK_ADVICE: Final = (
    "check the disk and the kernel's log, then it continues by itself, or restart the service if the file system was "
    "mounted again"
)
"""What to do about a disk that fails."""

REPAIR: Final = (
    "see the disk and the memory of this machine; to restore the bodies, stop the service and run "
    "`vdl-lora journal salvage --backup FILE`"
)
"""What to do about damaged bodies in a journal that is whole otherwise."""

_LOOK_S, _LONG_LOOK_S = 1.0, 5.0
_OPCODES = 10_000  # between two looks at the clock
_NEWEST = (
    "select sum(length(body)) from (select body from event order by position desc limit 1000)",
    "select count(*) from (select * from cursor)",
    "select sum(length(content)) from (select content from receipt order by id desc limit 10)",
)
_MADE = b"a journal was here\n"

PID_BYTES: Final = 16
"""Of the lock's file, for the pid of whoever has it; what is behind them is ours."""

log = structlog.get_logger(__name__)


def look(path: Path, owner: int, newest: int) -> None:
    """Look at a journal before it is opened for writing, for that already would change what is damaged.

    What has another owner, or a newer schema, is left to whoever opens it. Raises JournalCorrupt, or JournalError
    where there is no file.
    """
    ahead = beside(path, "-wal")
    length = ahead.stat().st_size if ahead.exists() else 0
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        _look_for_traces(path, length)
        return
    if path.is_dir():
        raise JournalError(f"{path} is a folder", advice="name a file in it")
    if length:
        _look_at_log(path)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        found, version = (
            connection.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if found != owner or not 0 < version <= newest:
            return
        connection.execute("begin")
        for query in _NEWEST:
            connection.execute(query).fetchone()
        _check(connection, path, _LONG_LOOK_S if length else _LOOK_S)


def _look_for_traces(path: Path, ahead: int) -> None:
    """Refuse to begin a new journal where there must be one: SQLite would take the log of the old one away."""
    what = "is empty" if path.exists() else "is missing"
    if ahead:
        raise JournalCorrupt(f"{path} {what}, and the log beside it has events", advice=SALVAGE)
    if _was_made(path):
        raise JournalCorrupt(
            f"{path} {what}, and there was a journal",
            advice=f"put it back, or restore a backup. To begin a new one, remove {path.name} and {path.name}.lock",
        )


def _look_at_log(path: Path) -> None:
    """See whether commits stand in the log behind what SQLite reads of it.

    One may: whose writing was cut short by a power cut, before anybody was told that it is there.
    """
    ahead = Log(beside(path, "-wal"))
    try:
        dropped = ahead.dropped(_LONG_LOOK_S)
    finally:
        ahead.close()
    if dropped > 1:
        raise JournalCorrupt(
            f"{path}: the log beside it is damaged, and {dropped} commits stand behind that", advice=SALVAGE
        )


def _check(connection: sqlite3.Connection, path: Path, within_s: float) -> None:
    end_s = time.monotonic() + within_s
    connection.set_progress_handler(lambda: time.monotonic() > end_s, _OPCODES)
    try:
        found = str(connection.execute("pragma quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise JournalCorrupt(f"{path} is damaged ({' '.join(found.split())})", advice=SALVAGE)


def remember_made(path: Path) -> None:
    """Keep beside a journal that there is one: where it is missing at the next start, none is begun unasked."""
    lock = beside(path, ".lock")
    if lock.exists() and not _was_made(path):
        with lock.open("r+b") as file:
            file.seek(PID_BYTES)
            file.write(_MADE)
            file.flush()
            os.fsync(file.fileno())


def _was_made(path: Path) -> bool:
    lock = beside(path, ".lock")
    return lock.is_file() and lock.read_bytes()[PID_BYTES:].startswith(_MADE)


class Place:
    """Where the file is that a running service writes to.

    A file that is removed can still be written to, and is gone with the last who has it open: so nothing more may be
    accepted then, and what was is copied out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is = self._found()
        self.left = False

    def check(self) -> None:
        """See that the file is still there.

        Raises JournalError where it is gone, or another has its place, JournalUnavailable where the disk cannot tell.
        """
        try:
            if not self.left and self._found() == self._is:
                return
        except OSError as error:
            raise JournalUnavailable(f"the disk of {self._path} fails ({error})", advice=DISK_ADVICE) from error
        self.left = True
        what = "was replaced" if self._path.exists() else "was removed"
        raise JournalError(
            f"{self._path} {what} while the service runs; nothing more is taken, and what it had is copied beside it",
            advice="move that copy into its place, and start the service again",
        )

    def rescue(self, connection: sqlite3.Connection) -> None:
        """Copy out what a file has that lost its name, before it is closed and gone."""
        if not self.left:
            return
        copy = beside(self._path, time.strftime(".rescued-%Y%m%dT%H%M%SZ", time.gmtime()))
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(copy)) as rescued:
                connection.backup(rescued)
        except (OSError, sqlite3.Error) as error:
            copy.unlink(missing_ok=True)
            log.error("the journal lost its place, and cannot be copied out", action="stop", why=str(error))  # noqa: TRY400 - its words say it
        else:
            log.warning("the journal lost its place; what it had is copied out", action="stop", copy=str(copy))

    def _found(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino


def beside(path: Path, suffix: str) -> Path:
    """Give the file that belongs to another one by its name."""
    return path.with_name(path.name + suffix)


def sync_folder(path: Path) -> None:
    """Make sure that a file's name is on the disk."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
