"""What survives kill -9: a file of records, appended one by one and rewritten whole when it has grown.

A record is a MessagePack array behind its length in four bytes; a record that is cut short at the end was being
written when the process died, and is dropped. ChirpStack's database and Redis lose no more than that.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from vdl_lora.errors import ConfigError

Record = tuple[Any, ...]

_MAGIC = b"vdl_lora virtual 1\n"
_LENGTH = 4
REWRITE_FROM = 64 << 20
_GROWTH = 3


class State(Protocol):
    """Keeps records."""

    def keep(self, *record: Any) -> None:
        """Keep one."""
        ...


class Forgetful:
    """Keeps nothing: the state lives as long as the process."""

    def keep(self, *record: Any) -> None:
        """Do nothing."""


class StateFile:
    """Keeps records in a file, rewritten whole once it has so many bytes and three times those of the last time."""

    def __init__(self, path: Path, rewrite_from: int = REWRITE_FROM) -> None:
        self._path = path
        self._rewrite_from = rewrite_from
        self._pack = msgspec.msgpack.Encoder().encode
        self._everything: Callable[[], Iterable[Record]] | None = None
        self._file = -1
        self._size = 0
        self._rewrite_at = rewrite_from

    def load(self) -> Iterator[Record]:
        """Give the records of the file, the oldest first.

        Raises ConfigError where the file is another's, so that it is not overwritten.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ConfigError(f"{self._path} is no state file of a virtual ChirpStack", advice="name another")
            while len(head := file.read(_LENGTH)) == _LENGTH:
                size = int.from_bytes(head, "little")
                body = file.read(size)
                if len(body) < size:
                    return
                yield msgspec.msgpack.decode(body, type=Record)

    def open(self, everything: Callable[[], Iterable[Record]]) -> None:
        """Begin to keep: the file is rewritten at once, and again whenever it has grown.

        Raises ConfigError where it cannot be written.
        """
        self._everything = everything
        try:
            self._rewrite(everything)
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}") from error

    def keep(self, *record: Any) -> None:
        """Append a record; before `open` and after `close` nothing is kept."""
        if self._file < 0 or self._everything is None:
            return
        body = self._pack(record)
        os.write(self._file, len(body).to_bytes(_LENGTH, "little") + body)
        self._size += _LENGTH + len(body)
        if self._size >= self._rewrite_at:
            self._rewrite(self._everything)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _rewrite(self, everything: Callable[[], Iterable[Record]]) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            size = file.write(_MAGIC)
            for record in everything():
                body = self._pack(record)
                size += file.write(len(body).to_bytes(_LENGTH, "little") + body)
        self.close()
        fresh.replace(self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = size
        self._rewrite_at = max(self._rewrite_from, _GROWTH * size)
