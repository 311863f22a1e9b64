"""The journal's file: its lock, its schema and its migrations, and what SQLite's errors mean."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from vdl_lora.errors import (
    JournalBusy,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalTooNew,
    JournalUnavailable,
)
from vdl_lora.files import NO_ROOM, cannot_grow, cannot_read

from .damage import DISK_ADVICE, PID_BYTES, SALVAGE, beside, look, remember_made

APPLICATION_ID: Final = 0x76646C6A  # "vdlj": tells `file` and us that it is a journal


def _text(name: str) -> str:
    return files("vdl_lora.journal").joinpath(name).read_text(encoding="utf-8")


MIGRATIONS: Final[Sequence[str]] = (
    _text("schema.sql"),
    _text("schema_2.sql"),
    _text("schema_3.sql"),
    _text("schema_4.sql"),
)
"""What leads from schema n to n + 1, in order; the first makes a new file. Entries are added, never changed."""


_WRITES = frozenset(
    {
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
"""What SQLite reports where writing fails, for whatever reason."""


_TRIAL_S = 5.0
_opened: dict[Path, int] = {}


def load_queries() -> Mapping[str, str]:
    """Read the statements of queries.sql by their names."""
    parts = re.split(r"^-- name: (\w+)\n", _text("queries.sql"), flags=re.MULTILINE)[1:]
    return {name: body.strip().rstrip(";") for name, body in zip(parts[::2], parts[1::2], strict=True)}


def lock(path: Path) -> int:
    """Take the lock that makes this process the only one that writes; the kernel frees it when the process ends.

    Raises JournalBusy where another process has it.
    """
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, PID_BYTES, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise JournalBusy(
            f"another process (pid {owner}) writes to {path}",
            advice="stop it, or let it do the work: `journal status`, `events` and `quarantine` read beside it, and a "
            "service carries `prune` out by itself",
        ) from None
    os.pwrite(handle, f"{os.getpid()}\n".ljust(PID_BYTES).encode(), 0)  # what stands behind it stays
    return handle


def connect_writer(path: Path, migrations: Sequence[str], max_bytes: int | None) -> sqlite3.Connection:
    """Open the file for writing, made or migrated where it must be.

    Raises JournalTooNew, JournalCorrupt or another JournalError.
    """
    try:
        look(path, APPLICATION_ID, len(migrations))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    except (sqlite3.Error, OSError) as error:
        raise meaning(error, path) from error
    try:
        if check_version(connection, len(migrations), path) == 0:  # what is not ours stays as it is
            connection.execute("pragma auto_vacuum = incremental")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma cache_size = -512")  # kB: what is new shares few pages, and more is no faster
        connection.execute("pragma wal_autocheckpoint = 4000")  # pages; at 1,000 an append costs a tenth more
        connection.execute("pragma temp_store = memory")
        migrate(connection, migrations, path)
        if max_bytes is not None:
            limit(connection, max_bytes)
    except sqlite3.Error as error:
        connection.close()
        raise meaning(error, path) from error
    except JournalError:
        connection.close()
        raise
    remember_made(path)
    return connection


def limit(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Let the file grow to so many bytes; where it is larger already, it stays as large as it is."""
    page = int(connection.execute("pragma page_size").fetchone()[0])
    connection.execute(f"pragma max_page_count = {max(max_bytes // page, 1)}")


def connect_reader(path: Path, newest: int) -> sqlite3.Connection:
    """Open the file, of a schema up to `newest`, for reading beside whoever writes.

    Raises JournalError where there is no journal.
    """
    if path.is_dir():
        raise JournalError(f"{path} is a folder", advice="name a file in it")
    if not path.is_file():
        raise JournalError(
            f"there is no journal at {path}", advice="`vdl-lora journal import` or `vdl-lora run` makes it"
        )
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        connection.execute("pragma cache_size = -256")  # kB: it reads on and on, and never the same again
        check_version(connection, newest, path)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[str], path: Path) -> None:
    """Bring the file to the newest schema, one migration a transaction, so that a crash leaves a whole schema."""
    version = check_version(connection, len(migrations), path)
    for number, script in enumerate(migrations[version:], version + 1):
        connection.executescript(
            f"begin immediate;\n{script}\npragma user_version = {number};\n"
            f"pragma application_id = {APPLICATION_ID};\ncommit;"
        )


def check_version(connection: sqlite3.Connection, newest: int, path: Path) -> int:
    """Give the file's schema version, 0 for an empty file.

    Raises JournalTooNew where it is newer than ours, JournalError where the file is no journal.
    """
    version = int(connection.execute("pragma user_version").fetchone()[0])
    owner = int(connection.execute("pragma application_id").fetchone()[0])
    empty = connection.execute("select count(*) from sqlite_schema").fetchone()[0] == 0
    if not empty and owner != APPLICATION_ID:
        raise JournalError(f"{path} is a SQLite file, but no journal of vdl_lora", advice="name another path")
    if version > newest:
        raise JournalTooNew(
            f"{path} has schema {version}, this vdl_lora knows schemas up to {newest}",
            advice="install the newer version again",
        )
    return version


def lacks_room(error: sqlite3.Error | OSError, path: Path) -> bool:
    """Tell whether an error means that a journal lacks room, and not that its disk fails.

    SQLite reports a quota and a limit of the process as failed writes, as it does a broken disk; a trial tells them
    apart.
    """
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    code = getattr(error, "sqlite_errorcode", 0)
    return code == sqlite3.SQLITE_FULL or (code in _WRITES and cannot_grow(path, beside(path, "-wal")))


def _is_unreadable(path: Path) -> bool:
    """Tell whether the system fails to read a journal: SQLite reports that as damage.

    The files stay open: closing them would release the locks that SQLite has on them in this process.
    """
    for file in (path, beside(path, "-wal")):
        try:
            if file not in _opened:
                _opened[file] = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError:
            return True
        if cannot_read(_opened[file], _TRIAL_S):
            return True
    return False


def meaning(error: sqlite3.Error | OSError, path: Path) -> JournalError:
    """Return our error for one of SQLite's or of the system's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CORRUPT and not _is_unreadable(path):
        return JournalCorrupt(f"{path} is damaged ({error})", advice=SALVAGE)
    if lacks_room(error, path):
        return JournalFull(f"{path} cannot grow ({error})", advice="free disk space or prune, then events flow again")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT) or isinstance(error, OSError):
        name = getattr(error, "sqlite_errorname", "")
        return JournalUnavailable(f"the disk of {path} fails ({error}{name and f', {name}'})", advice=DISK_ADVICE)
    if code == sqlite3.SQLITE_NOTADB:
        return JournalCorrupt(f"{path} is no journal ({error})", advice=f"name another path. If it was one, {SALVAGE}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalBusy(f"{path} is locked by another program ({error})", advice="close it")
    return JournalError(f"{path}: {error}")
