"""Requests of commands to the running service, through the journal's file: a row for each, of any kind.

Whoever asks increments the row's counter while it waits. The service carries a request out only after it has seen the
counter change, and deletes one whose counter stands still: so a request ends with the process that made it, however
that ends, and no clocks are compared. A service that starts meanwhile takes over what is still confirmed.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from vdl_lora.errors import JournalBusy
from vdl_lora.interfaces import Pruned

from .schema import MIGRATIONS, check_version, load_queries, meaning

EXPIRES_S: Final = 5.0
"""For how long a request is kept that nobody confirms."""

_CONFIRM_S = 0.5
_ANSWER_S = 10.0
"""How long a service may take to begin; another writer, such as an import, never does."""

_LOOK_S = 0.1
_Q = load_queries()
_T = TypeVar("_T")


class PruneParameters(msgspec.Struct, frozen=True):
    """Bodies to remove: those that arrived before a time, in ns since 1970."""

    before_ns: int
    undelivered: bool = False


class Request(NamedTuple):
    """A request as the service reads it; `parameters` is JSON, whose form the kind names."""

    id: int
    kind: str
    parameters: str
    state: str
    confirmed: int


def read_requests(connection: sqlite3.Connection) -> list[Request]:
    """Read all requests, the oldest first."""
    return [Request(*row) for row in connection.execute(_Q["requests"])]


def answer(connection: sqlite3.Connection, request: Request, progress: Any, *, done: bool) -> None:
    """Write how far a request is carried out."""
    state = "done" if done else "running"
    connection.execute(_Q["answer"], (state, msgspec.json.encode(progress).decode(), request.id))


def delete_request(connection: sqlite3.Connection, number: int) -> None:
    """Delete a request: it is answered, withdrawn or expired. What runs already continues."""
    connection.execute(_Q["drop_request"], (number,))


class Confirmations:
    """Which requests are still waited for, by the changes of their counters that the service itself has seen."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}
        self._alive: set[int] = set()

    def see(self, requests: list[Request], now_s: float) -> tuple[list[Request], list[int]]:
        """Take what stands in the file at a monotonic time; return the requests to carry out, and the expired ids."""
        self._seen = {each.id: self._seen.get(each.id, (each.confirmed, now_s)) for each in requests}
        self._alive &= self._seen.keys()
        expired: list[int] = []
        for each in requests:
            confirmed, since_s = self._seen[each.id]
            if confirmed != each.confirmed:
                self._seen[each.id] = each.confirmed, now_s
                self._alive.add(each.id)
            elif now_s - since_s > EXPIRES_S:
                expired.append(each.id)
        due = [each for each in requests if each.id in self._alive and each.id not in expired and each.state != "done"]
        return due, expired


async def ask_prune(path: Path, before_ns: int, *, undelivered: bool, told: Callable[[Pruned], None]) -> Pruned:
    """Ask the service that writes to a journal to prune it, and return when it has; `told` is called with the progress.

    Raises JournalBusy where whoever writes to it takes no requests.
    """
    return await ask(path, "prune", PruneParameters(before_ns, undelivered), Pruned, told)


async def ask(path: Path, kind: str, parameters: msgspec.Struct, form: type[_T], told: Callable[[_T], None]) -> _T:
    """Ask the service that writes to a journal for something, and return its answer, which has this form.

    Raises JournalBusy where whoever writes to it takes no such requests.
    """
    content = msgspec.json.encode(parameters).decode()
    with _asking(path) as connection:
        number, began_s, confirmed_s = 0, time.monotonic(), time.monotonic()
        try:
            while True:
                row = connection.execute(_Q["request"], (number,)).fetchone()
                if row is None:  # new, or expired while this process stood still
                    number = int(connection.execute(_Q["new_request"], (kind, content)).lastrowid or 0)
                    continue
                state, text = row
                if state == "done":
                    return msgspec.json.decode(text, type=form)
                if state == "running":
                    told(msgspec.json.decode(text, type=form))
                elif time.monotonic() - began_s >= _ANSWER_S:
                    raise JournalBusy(
                        f"another process writes to {path}, and it is no service", advice="wait for its end"
                    )
                if time.monotonic() - confirmed_s >= _CONFIRM_S:
                    connection.execute(_Q["confirm"], (number,))
                    confirmed_s = time.monotonic()
                await asyncio.sleep(_LOOK_S)
        finally:
            delete_request(connection, number)


@contextmanager
def _asking(path: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if check_version(connection, len(MIGRATIONS), path) < len(MIGRATIONS):
                raise JournalBusy(f"an older vdl_lora writes to {path}", advice="start the service again with this one")
            yield connection
    except sqlite3.Error as error:
        raise meaning(error, path) from error
