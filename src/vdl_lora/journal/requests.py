"""What commands of the shell ask of the service that runs, through the file: a row for each, carried out in a second.

A row stays until whoever asked has read the answer; where the service ends meanwhile, the next one carries it out.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from vdl_lora.errors import JournalBusy
from vdl_lora.interfaces import Pruned

from .schema import MIGRATIONS, check_version, load_queries, meaning

_ANSWER_S = 10.0
"""How long a service may take to begin; another writer, such as an import, never does."""

_LOOK_S = 0.1
_Q = load_queries()


class PruneRequest(NamedTuple):
    """A prune that was asked for."""

    id: int
    before_ns: int
    undelivered: bool


def next_request(connection: sqlite3.Connection) -> PruneRequest | None:
    """Give the oldest request that is not carried out yet."""
    row = connection.execute(_Q["next_request"]).fetchone()
    return PruneRequest(row[0], row[1], bool(row[2])) if row else None


def answer(connection: sqlite3.Connection, request: PruneRequest, pruned: Pruned, *, done: bool) -> None:
    """Tell how far a request is carried out."""
    state = "done" if done else "running"
    connection.execute(_Q["answer"], (state, pruned.bodies, pruned.events, pruned.receipts, request.id))


async def ask(path: Path, before_ns: int, *, undelivered: bool, told: Callable[[Pruned], None]) -> Pruned:
    """Ask the service that writes to a journal to prune it, and return when it has; `told` hears how far it is.

    Raises JournalBusy where whoever writes to it takes no requests.
    """
    with _asking(path) as connection:
        number = int(connection.execute(_Q["new_request"], (before_ns, undelivered)).lastrowid or 0)
        waited_s = 0.0
        try:
            while True:
                state, *counted = connection.execute(_Q["request"], (number,)).fetchone()
                if state == "done":
                    return Pruned(*counted)
                if state == "running":
                    told(Pruned(*counted))
                elif waited_s >= _ANSWER_S:
                    raise JournalBusy(
                        f"another process writes to {path}, and it is no service", advice="wait for its end"
                    )
                await asyncio.sleep(_LOOK_S)
                waited_s += _LOOK_S
        finally:
            connection.execute(_Q["drop_request"], (number,))


@contextmanager
def _asking(path: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if check_version(connection, len(MIGRATIONS), path) < len(MIGRATIONS):
                raise JournalBusy(f"an older vdl_lora writes to {path}", advice="start the service again with this one")
            yield connection
    except sqlite3.Error as error:
        raise meaning(error, path) from error
