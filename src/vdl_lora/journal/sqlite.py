"""The embedded journal: one SQLite file, written by one thread of one process, readable beside it."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import zstandard

from vdl_lora.errors import JournalError
from vdl_lora.interfaces import (
    Accepted,
    Batch,
    Counts,
    Cursor,
    DeliveryState,
    Depth,
    EventFilter,
    KeptEvent,
    Pruned,
    Receipt,
)
from vdl_lora.interpret import Mark

from .bodies import SAMPLES_TO_TRAIN, train
from .reader import Reader, pack_receipts, read_cursors, spans
from .rows import Rows, add_dictionary, mark_row, sink_stage
from .schema import MIGRATIONS, connect_writer, limit, load_queries, lock, meaning
from .writer import Writer

IDENTITIES_KEPT_NS = 40 * 86_400 * 1_000_000_000
"""How long an identity is known after its event arrived, whatever is pruned: Redis replays events for 31 days."""

_KEPT_FREE = 8
"""Events leave this part of a limited journal free: so a full one can still be delivered, and pruned after that."""

_PRUNE_SPAN = 5_000
_GIVEN_BACK = 1_000
_PAGE = 500
_Q = load_queries()


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Where the journal is, how long it keeps the bodies of events, and how many bytes it may take (0: no limit)."""

    path: Path = Path("data/journal.sqlite")
    keep_s: int = 400 * 86_400
    max_bytes: int = 0


class JournalReader:
    """History over a journal's file, beside whoever writes to it."""

    def __init__(self, path: Path, schema: int = len(MIGRATIONS)) -> None:
        self.path = path
        self._looks = Reader(path, "journal-looks", schema)

    async def events(self, which: EventFilter, *, bodies: bool = False) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal, read in pages so that a large journal needs no memory."""
        after = 0
        while page := await self._looks.page(which, after, _PAGE, bodies=bodies):
            for event in page:
                yield event
            after = page[-1].position

    async def receipts(self, position: int) -> Sequence[tuple[str, Receipt]]:
        """Give what each sink wrote of an event, the newest first."""
        return await self._looks.receipts(position)

    async def counts(self) -> Counts:
        """Count what there is."""
        return await self._looks.counts()

    async def depth(self) -> Depth:
        """Say how much there is and how far delivery is behind, without reading the events."""
        return await self._looks.depth()

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._looks.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class SqliteJournal(JournalReader):
    """Journal and History over a file of which this process is the only writer; made by `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, handle: int, *, schema: int, max_bytes: int) -> None:
        super().__init__(path, schema)
        self._connection = connection
        self._handle = handle
        self._max_bytes = max_bytes
        self._rows = Rows(connection)
        self._reads = Reader(path, "journal-reads", schema)
        self._writer = Writer(connection, path, self._rows.reload)
        self._grown = asyncio.Event()
        self._last = self._rows.last
        self._tenants = tuple(self._rows.tenants)
        self._training: threading.Thread | None = None
        self._writer.start()

    @classmethod
    async def open(cls, path: Path, *, max_bytes: int = 0, migrations: Sequence[str] = MIGRATIONS) -> "SqliteJournal":
        """Open the journal at a path, made where there is none.

        Raises JournalBusy where another process writes to it, JournalTooNew, JournalCorrupt or JournalError.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = lock(path)
        except OSError as error:
            raise JournalError(f"{path} cannot be made: {error}; name a path that this user may write") from error
        try:
            connection = connect_writer(path, migrations, max_bytes or None)
            try:
                return cls(path, connection, handle, schema=len(migrations), max_bytes=max_bytes)
            except sqlite3.Error as error:
                connection.close()
                raise meaning(error, path) from error
        except BaseException:
            os.close(handle)
            raise

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        await asyncio.to_thread(self._writer.stop)
        if self._training is not None:
            await asyncio.to_thread(self._training.join)
        await asyncio.to_thread(self._reads.close)
        await super().close()
        self._connection.close()
        os.close(self._handle)

    async def append(self, events: Sequence[Accepted]) -> int:
        """Keep events durably, each identity once; return how many were new.

        Raises JournalFull where there is no room.
        """
        new: int = await self._writer.do(lambda connection: self._keep(connection, events), len(events))
        self._last, self._tenants = self._rows.last, tuple(self._rows.tenants)
        self._grown.set()
        if len(self._rows.samples) >= SAMPLES_TO_TRAIN and self._training is None:
            self._training = threading.Thread(target=self._train, args=(asyncio.get_running_loop(),), daemon=True)
            self._training.start()
        return new

    def _keep(self, connection: sqlite3.Connection, events: Sequence[Accepted]) -> int:
        if not self._max_bytes:
            return self._rows.append(connection, events)
        limit(connection, self._max_bytes - self._max_bytes // _KEPT_FREE)
        try:
            return self._rows.append(connection, events)
        finally:
            limit(connection, self._max_bytes)

    async def wait(self, after: int, timeout_s: float) -> int:
        """Wait until a position beyond `after` exists, or for `timeout_s`; return the last position."""
        if self._last <= after:
            self._grown.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._grown.wait()
            except TimeoutError:
                pass
        return self._last

    def tenants(self) -> Sequence[str]:
        """Give the tenants that have events."""
        return self._tenants

    async def cursor(self, sink: str, tenant: str) -> Cursor:
        """Give the live cursor of a sink and tenant; a new one begins at the first event."""

        def make(connection: sqlite3.Connection) -> Cursor:
            connection.execute(_Q["new_cursor"], (sink, self._rows.tenant(tenant), "live", 1, None, ""))
            return read_cursors(connection, sink, tenant)[0]

        found: Cursor = await self._writer.do(make)
        return found

    async def cursors(self, sink: str, tenant: str) -> Sequence[Cursor]:
        """Give all cursors of a sink and tenant that are not done: live, then backlogs, then replays."""
        return await self._reads.cursors(sink, tenant)

    async def leave_backlog(self, cursor: Cursor, newest: int = 0) -> Cursor | None:
        """Move a live cursor to the head, but for its tenant's `newest` events; return the backlog, if any is left."""
        if cursor.kind != "live":
            raise JournalError(f"only a live cursor leaves a backlog, not a {cursor.kind} one")

        def leave(connection: sqlite3.Connection) -> Cursor | None:
            tenant = self._rows.tenant(cursor.tenant)
            behind = read_cursors(connection, cursor.sink, cursor.tenant)[0].next
            last = connection.execute(_Q["last_left"], (tenant, behind, newest)).fetchone()
            if last is None:
                return None
            head = int(last[0]) + 1
            made = connection.execute(_Q["new_cursor"], (cursor.sink, tenant, "backlog", behind, head, ""))
            connection.execute(_Q["move_cursor"], (head, cursor.id))
            left = read_cursors(connection, cursor.sink, cursor.tenant)
            return next(each for each in left if each.id == made.lastrowid)

        left: Cursor | None = await self._writer.do(leave)
        return left

    async def read(self, cursor: Cursor, limit: int) -> Batch:
        """Read the next events of a cursor; quarantined envelopes and pruned bodies are passed over."""
        return await self._reads.batch(cursor, self._rows.tenants[cursor.tenant], limit)

    async def commit(
        self,
        cursor: Cursor,
        through: int,
        receipts: Sequence[Receipt] = (),
        marks: Mapping[int, Mark | None] | None = None,
    ) -> Cursor:
        """Move a cursor behind `through`, keep receipts, set or clear marks, all in one commit.

        A mark that names a sink is cleared by that sink alone.
        """

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_Q["move_cursor"], (through + 1, cursor.id))
            connection.execute(_Q["drop_cursor"], (cursor.id,))
            if receipts:
                tenant = self._rows.tenant(cursor.tenant)
                span = (receipts[0].position, receipts[-1].position)
                connection.execute(_Q["keep_receipt"], (cursor.sink, tenant, *span, pack_receipts(receipts)))
            said = (marks or {}).items()
            connection.executemany(_Q["mark"], [(*mark_row(mark), position) for position, mark in said if mark])
            cleared = [(position, sink_stage(cursor.sink)) for position, mark in said if not mark]
            connection.executemany(_Q["clear_mark"], cleared)

        await self._writer.do(write)
        return replace(cursor, next=max(cursor.next, through + 1), state="flowing", words="")

    async def say(self, cursor: Cursor, state: DeliveryState, words: str = "") -> None:
        """Keep how a cursor's delivery goes, for people and pages to read."""
        await self._writer.do(lambda connection: connection.execute(_Q["say"], (state, words, cursor.id)))

    async def prune(self, before_ns: int, *, undelivered: bool = False) -> Pruned:
        """Remove bodies that arrived before a time, never what a cursor has ahead unless told to.

        Identities stay at least 40 days after arrival, so that a replay is still recognised.
        """
        identities_before_ns = min(before_ns, time.time_ns() - IDENTITIES_KEPT_NS)
        bodies = events = 0
        await self._writer.do(
            lambda connection: connection.execute(_Q["keep_last_position"], (self._rows.last,)),
        )
        for span in spans(self._last, _PRUNE_SPAN):

            def prune_span(connection: sqlite3.Connection, span: tuple[int, int] = span) -> tuple[int, int]:
                removed = connection.execute(_Q["prune_bodies"], (*span, before_ns, undelivered)).rowcount
                connection.execute(_Q["prune_copies"], (*span, identities_before_ns))
                gone = connection.execute(_Q["prune_events"], (*span, identities_before_ns)).rowcount
                if removed:
                    connection.execute(_Q["stripped"])
                    for step in ("take_stripped", "drop_stripped", "put_stripped"):
                        connection.execute(_Q[step], span)
                    connection.execute("drop table stripped")
                return removed, gone

            removed, gone = await self._writer.do(prune_span)
            bodies, events = bodies + removed, events + gone
        receipts: int = await self._writer.do(lambda connection: connection.execute(_Q["prune_receipts"]).rowcount)
        while await self._writer.do(_give_back):
            pass
        return Pruned(bodies, events, receipts)

    def _train(self, loop: asyncio.AbstractEventLoop) -> None:
        """Train a dictionary on what came so far, beside the writer; the seed stays if that fails."""
        try:
            content = train(self._rows.samples)
        except zstandard.ZstdError:
            return

        def learn(connection: sqlite3.Connection) -> None:
            number = add_dictionary(connection, "trained", content)
            self._rows.bodies.learn(number, "trained", content)
            self._rows.samples = []

        try:
            asyncio.run_coroutine_threadsafe(self._writer.do(learn), loop)
        except RuntimeError:  # the loop is closed
            return


def _give_back(connection: sqlite3.Connection) -> int:
    """Take some free pages out of the file; return how many there still are."""
    free = int(connection.execute("pragma freelist_count").fetchone()[0])
    for _ in range(min(free, _GIVEN_BACK)):
        connection.execute("pragma incremental_vacuum(1)")  # asked for more, sqlite3 stops after one all the same
    return max(free - _GIVEN_BACK, 0)
