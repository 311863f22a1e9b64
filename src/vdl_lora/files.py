"""Looks at files without changing them: can one be written there, is there room, who may read it."""

import errno
import os
import stat
import tempfile
from pathlib import Path


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


def free_bytes(path: Path) -> int:
    """Say how many bytes the disk of a file has left, whether the file is there yet or not."""
    found = os.statvfs(_folder(path))
    return found.f_bavail * found.f_frsize


def open_to_all(path: Path) -> bool:
    """Tell whether every user of this machine may read or change a file."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def _folder(path: Path) -> Path:
    """Give the nearest that is there above a path."""
    return next(each for each in path.absolute().parents if each.exists())
