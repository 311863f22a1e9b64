"""A disk that fails: the calls by which SQLite reads and writes some files return an error of the system.

So does `os.pread` of Python.
"""

import ctypes
import ctypes.util
import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_CALL = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_longlong, use_errno=True
)
"""The form of pread and pwrite."""

_GET = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_SET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, as https://www.sqlite.org/c3ref/vfs.html has it: what SQLite's own tests replace calls with."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("next", "name", "data", "open", "delete", "access", "full", "dl_open")),
        *((name, ctypes.c_void_p) for name in ("dl_error", "dl_sym", "dl_close", "random", "sleep", "time", "error")),
        ("time_64", ctypes.c_void_p),
        ("set_call", _SET),
        ("get_call", _GET),
    )


class FailingDisk:
    """Decides which calls fail: `reads`, `writes`, each with this error, for files whose path begins with one."""

    def __init__(self, beginning: Path) -> None:
        self.beginning = str(beginning)
        self.reads = self.writes = 0
        self.failed = 0

    def fail(self, *, reads: int = 0, writes: int = errno.EIO) -> None:
        """Let calls fail from now on, each kind with this error, 0 for none."""
        self.reads, self.writes = reads, writes

    def work(self) -> None:
        """Let all calls work again."""
        self.reads = self.writes = 0

    def replacement(self, original: Any, kind: str) -> Any:
        """Return what stands in for a call."""

        @_CALL
        def call(handle: int, content: int, size: int, at: int) -> int:
            error = getattr(self, kind)
            if error and self.is_ours(handle):
                self.failed += 1
                ctypes.set_errno(error)
                return -1
            return int(original(handle, content, size, at))

        return call

    def is_ours(self, handle: int) -> bool:
        """Tell whether a file is on this disk."""
        try:
            return str(Path(f"/proc/self/fd/{handle}").readlink()).startswith(self.beginning)
        except OSError:
            return False


@contextmanager
def failing_disk(beginning: Path) -> Generator[FailingDisk]:
    """Replace SQLite's calls in this process; skips the test where its library is not to be had."""
    try:
        library = ctypes.CDLL(ctypes.util.find_library("sqlite3") or "libsqlite3.so.0")
    except OSError:
        pytest.skip("SQLite's library cannot be loaded here: its calls cannot be replaced")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None)
    disk = FailingDisk(beginning)
    read = os.pread

    def fails_too(handle: int, size: int, at: int) -> bytes:
        if disk.reads and disk.is_ours(handle):
            raise OSError(disk.reads, os.strerror(disk.reads))
        return read(handle, size, at)

    os.pread = fails_too
    kept = []
    for name, kind in ((b"pread", "reads"), (b"pread64", "reads"), (b"pwrite", "writes"), (b"pwrite64", "writes")):
        address = vfs.contents.get_call(vfs, name)
        if not address:  # built without it
            continue
        call = disk.replacement(_CALL(address), kind)
        vfs.contents.set_call(vfs, name, ctypes.cast(call, ctypes.c_void_p))
        kept.append((name, call))
    try:
        yield disk
    finally:
        os.pread = read
        for name, _ in kept:
            vfs.contents.set_call(vfs, name, None)
