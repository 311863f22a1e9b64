"""Looks at files without changing them: can one be written there, is there room, who may read it.

And writes the ones that hold secrets.
"""

import errno
import os
import stat
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system that more room on the disk, or a higher limit, would avoid."""

_TRIAL_BYTES = 1 << 20


def cannot_write(path: Path) -> str:
    """Say why a file could not be made or written at a path, empty where it could.

    A nameless file beside it is the trial. The file itself is not opened: closing it would take the locks away that
    SQLite has on it in this process.
    """
    try:
        with tempfile.TemporaryFile(dir=_folder(path)):
            pass
    except OSError as error:
        return error.strerror or str(error)
    if path.is_dir():
        return os.strerror(errno.EISDIR)
    if path.exists() and not os.access(path, os.W_OK):
        return os.strerror(errno.EACCES)
    return ""


def free_bytes(path: Path) -> int | None:
    """Return the bytes that this user may still write on the disk of a file, whether the file exists yet or not.

    None where the disk does not answer.
    """
    try:
        disk = os.statvfs(_folder(path))
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def cannot_grow(*files: Path) -> bool:
    """Test whether files of one folder lack room to grow: on the disk, in a quota, or by a limit of this process.

    Writes a nameless file beside them, behind where the longest ends. False where that fails for any other reason.
    """
    sizes = [0]
    for file in files:
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    try:
        with tempfile.TemporaryFile(dir=_folder(files[0]), buffering=0) as trial:
            written = os.pwrite(trial.fileno(), bytes(_TRIAL_BYTES), max(sizes))
            os.fsync(trial.fileno())
    except OSError as error:
        return error.errno in NO_ROOM
    return written < _TRIAL_BYTES


def cannot_read(handle: int, within_s: float) -> bool:
    """Read an open file from its beginning, for so long at most; tell whether the system fails to read it."""
    end_s = time.monotonic() + within_s
    at = 0
    try:
        while time.monotonic() < end_s and (content := os.pread(handle, _TRIAL_BYTES, at)):
            at += len(content)
    except OSError:
        return True
    return False


def open_to_all(path: Path) -> bool:
    """Tell whether every user of this machine may read or change a file."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


@contextmanager
def staged(path: Path, text: str) -> Generator[Path]:
    """Write a text, durably, into a new file beside a path, for its owner alone; what is still there in the end goes.

    Where root writes, it belongs to whoever owns the file that it replaces, or else the folder.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # it makes them with 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            owner = (path if path.exists() else path.parent).stat()
            if os.geteuid() == 0:
                os.chown(number, owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(number)
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def place(new: Path, path: Path, *, replace: bool = False) -> None:
    """Give a staged file its name, in one step; without `replace`, never that of a file that is there."""
    if replace:
        new.replace(path)
    else:
        path.hardlink_to(new)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _folder(path: Path) -> Path:
    """Give the nearest that is there above a path."""
    return next(each for each in path.absolute().parents if each.exists())
