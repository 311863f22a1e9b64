"""The reserve: a file beside the journal that takes room on the disk, to be given up when there is no other.

Given up, it stays as an empty file, so that the next start knows of it.
"""

import os
from pathlib import Path
from typing import Final

from vdl_lora.files import free_bytes

ROOM: Final = 2
"""The reserve is made where more than so many times its size is free: it must not be what fills the disk."""

_FOR_DELIVERY: Final = 2
"""While it is given up, events leave this part of its size free: so cursors can move on, and prune can work."""


class Reserve:
    """The reserve of a journal: `size` bytes in the file `<journal>.reserve`, 0 where none is wanted."""

    def __init__(self, journal: Path, size: int) -> None:
        self.path = reserve_path(journal)
        self.size = size
        self.given_up = bool(size) and self.path.exists() and not reserve_stands(journal)

    @property
    def missing(self) -> bool:
        """Whether one is wanted and not there."""
        return bool(self.size) and not self._is_whole()

    def give_up(self) -> bool:
        """Free its room; tell whether there was any."""
        try:
            if not self.path.stat().st_size:
                return False
            os.truncate(self.path, 0)
        except OSError:
            return False
        self.given_up = True
        return True

    def renew(self) -> bool:
        """Make it where it is wanted and has room, remove it where it is not wanted; tell whether it was made."""
        try:
            if not self.size:
                self.path.unlink(missing_ok=True)
                return False
            if self._is_whole() or (free_bytes(self.path) or 0) <= ROOM * self.size:
                return False
            self._allocate()
        except OSError:
            return False
        self.given_up = False
        return True

    def is_short(self) -> bool:
        """Tell whether it is given up, and what is left of its room must stay for deliveries."""
        free = free_bytes(self.path) if self.given_up else None
        return free is not None and free < self.size // _FOR_DELIVERY

    def _is_whole(self) -> bool:
        return self.path.exists() and self.path.stat().st_size == self.size

    def _allocate(self) -> None:
        """Take its blocks, for a file that is merely long frees nothing; where they are not to be had, leave it empty.

        Raises OSError.
        """
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, 0)
            try:
                os.posix_fallocate(handle, 0, self.size)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, 0)
                raise
        finally:
            os.close(handle)


def reserve_path(journal: Path) -> Path:
    """Give where the reserve of a journal is."""
    return journal.with_name(journal.name + ".reserve")


def reserve_stands(journal: Path) -> bool:
    """Tell whether a journal has a reserve to give up."""
    path = reserve_path(journal)
    return path.exists() and path.stat().st_size > 0
