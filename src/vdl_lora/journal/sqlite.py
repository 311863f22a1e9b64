"""The embedded journal: one SQLite file, written by one thread of one process, readable beside it."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Self

import msgspec
import structlog
import zstandard

from vdl_lora import metrics
from vdl_lora.errors import JournalError, JournalFull
from vdl_lora.interfaces import (
    Accepted,
    Arrived,
    Batch,
    Check,
    Claims,
    Counts,
    Cursor,
    DeliveryState,
    Depth,
    EventFilter,
    KeptEvent,
    Pruned,
    Receipt,
)
from vdl_lora.mark import Mark
from vdl_lora.setting_types import Setting, duration, size
from vdl_lora.wording import counted

from .arrivals import Arrivals
from .bodies import SAMPLE_BYTES, SAMPLES_TO_TRAIN, Bodies, DamagedBody, train
from .damage import REPAIR, Place
from .fresh import Fresh
from .health import Health
from .prune import Pruner
from .reader import Reader, pack_receipts, read_cursors
from .requests import Confirmations, PruneParameters, Request, answer, delete_request, read_requests
from .reserve import Reserve
from .room import Room
from .rows import Appended, Rows, add_dictionary, dictionaries, mark_row, sink_stage
from .schema import MIGRATIONS, connect_reader, connect_writer, limit, load_queries, lock, meaning
from .search import Search
from .writer import Writer

_KEPT_FREE = 8
"""Events leave this part of a limited journal free: so a full one can still be delivered, and pruned after that."""

_PAGE = 500
_TOLD_S = 0.3
_Q = load_queries()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What arrived, as it arrived: nothing is acknowledged before it is here.

    0 bytes mean no limit, and no reserve.
    """

    path: Annotated[Path, Setting("one SQLite file; its folder is made")] = Path("data/journal.sqlite")
    keep_s: Annotated[int, duration("1d"), Setting("how long bodies are kept (s, min, h, d)", name="keep")] = (
        400 * 86_400
    )
    max_bytes: Annotated[
        int,
        size("500kB"),
        Setting(
            "the most it may take (kB, MB, GB, TB), an eighth kept for deliveries; empty: no limit", name="max_size"
        ),
    ] = 0
    reserve_bytes: Annotated[
        int,
        size("1MB"),
        Setting(
            "room that a file beside it takes, to be given up when the disk is full (MB, GB); empty: none",
            name="reserve",
        ),
    ] = 64 * 10**6


class JournalReader:
    """History over a journal's file, beside whoever writes to it."""

    def __init__(self, path: Path, schema: int = len(MIGRATIONS), *, max_bytes: int = 0) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._health = Health()
        self._looks = Reader(path, "journal-looks", schema, partial(self._health.report, "looks"))

    async def events(
        self, which: EventFilter, *, bodies: bool = False, newest_first: bool = False
    ) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal, or the newest first, in pages: a large journal needs no memory."""
        search = Search(which, newest_first=newest_first)
        while (page := await self._looks.page(search, _PAGE, bodies=bodies)) is not None:
            for event in page:
                yield event

    async def newest(self, dev_eui: str, kind: str = "up", *, bodies: bool = False) -> KeptEvent | None:
        """Return the event of a device and kind that arrived last; None where there is none."""
        search = Search(EventFilter(dev_eui=dev_eui, kind=kind), newest_first=True)
        while (page := await self._looks.page(search, 1, bodies=bodies)) is not None:
            if page:
                return page[0]
        return None

    async def receipts(self, position: int) -> Sequence[tuple[str, Receipt]]:
        """Give what each sink wrote of an event, the newest first."""
        return await self._looks.receipts(position)

    async def counts(self) -> Counts:
        """Count what there is."""
        return await self._looks.counts()

    async def depth(self) -> Depth:
        """Say how much there is and how far delivery is behind, without reading the events."""
        return await self._looks.depth(self._max_bytes or None)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._looks.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class SqliteJournal(JournalReader):
    """Journal and History over a file of which this process is the only writer; made by `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, handle: int, room: Room, *, schema: int) -> None:
        super().__init__(path, schema, max_bytes=room.max_bytes)
        self._connection = connection
        self._handle = handle
        self._schema = schema
        self._room = room
        self._place = Place(path)
        self._rows = Rows(connection)
        self._reads = Reader(path, "journal-reads", schema, partial(self._health.report, "reads"))
        self._writer = Writer(connection, path, self._rows.reload, room.relieve, partial(self._health.report, "writer"))
        self._pruner = Pruner(self._reads, self._writer, self._rows)
        self._last = self._rows.last
        self._fresh = Fresh(self._last)
        self._tenants = tuple(self._rows.tenants)
        self._arrivals = Arrivals(self._last, self._tenants)
        self._confirmations = Confirmations()
        self._damaged: set[int] = set()
        self._training: threading.Thread | None = None
        self._writer.start()

    @classmethod
    async def open(
        cls, path: Path, *, max_bytes: int = 0, reserve_bytes: int = 0, migrations: Sequence[str] = MIGRATIONS
    ) -> "SqliteJournal":
        """Open the journal at a path, made where there is none.

        A reserve that is there already is given up where the disk is full, whether one is asked for or not.
        Raises JournalBusy where another process writes to it, JournalTooNew, JournalCorrupt or JournalError.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = lock(path)
        except OSError as error:
            raise JournalError(
                f"{path} cannot be made: {error}", advice="name a path that this user may write"
            ) from error
        room = Room(path, max_bytes, Reserve(path, reserve_bytes))
        try:
            try:
                return cls._opened(path, handle, room, migrations)
            except JournalFull:
                if not room.reserve.give_up():
                    raise
                return cls._opened(path, handle, room, migrations)
        except BaseException:
            os.close(handle)
            raise

    @classmethod
    def _opened(cls, path: Path, handle: int, room: Room, migrations: Sequence[str]) -> "SqliteJournal":
        connection = connect_writer(path, migrations, room.max_bytes or None)
        try:
            return cls(path, connection, handle, room, schema=len(migrations))
        except sqlite3.Error as error:
            connection.close()
            raise meaning(error, path) from error

    async def close(self) -> None:
        """Finish what is under way and close the file."""
        await asyncio.to_thread(self._writer.stop)
        if self._training is not None:
            await asyncio.to_thread(self._training.join)
        await asyncio.to_thread(self._reads.close)
        await super().close()
        await asyncio.to_thread(self._place.rescue, self._connection)
        self._connection.close()
        os.close(self._handle)

    async def append(self, events: Sequence[Accepted]) -> int:
        """Keep events durably, each identity once; return how many were new.

        Raises JournalFull where there is no room, JournalUnavailable where the disk fails.
        """
        kept: Appended = await self._writer.do(lambda connection: self._keep(connection, events), len(events))
        self._publish(kept, events)
        if self._training is None and self._last >= SAMPLES_TO_TRAIN and self._rows.bodies.form == "raw":
            self._training = threading.Thread(target=self._train, args=(asyncio.get_running_loop(),), daemon=True)
            self._training.start()
        return len(kept.new)

    def _publish(self, kept: Appended, events: Sequence[Accepted]) -> None:
        """Show what a finished commit holds, and nothing of `_rows`: its thread may be in a later transaction.

        It wakes the tenants of new events; all of them where positions before are missing, those of a cancelled call.
        """
        last = kept.first + len(events) - 1
        self._fresh.put(kept.first, kept.new, events)
        self._last = max(self._last, last)
        named = dict.fromkeys(event.envelope.tenant_id for event in events)
        self._tenants += tuple(each for each in named if each not in self._tenants)
        concerned = {events[position - kept.first].envelope.tenant_id for position in kept.new}
        if kept.first > self._arrivals.last + 1:
            concerned.update(self._tenants)
        self._arrivals.add(concerned, last)

    def _keep(self, connection: sqlite3.Connection, events: Sequence[Accepted]) -> Appended:
        self._place.check()
        self._room.refuse_if_short()
        if not self._max_bytes:
            return self._rows.append(connection, events)
        limit(connection, self._max_bytes - self._max_bytes // _KEPT_FREE)
        try:
            kept = self._rows.append(connection, events)
        except sqlite3.Error:
            self._room.aim.miss()
            raise
        finally:
            limit(connection, self._max_bytes)
        self._room.aim.took()
        return kept

    async def wait(self, after: int, timeout_s: float) -> Arrived:
        """Wait until an event beyond position `after` is kept, or for `timeout_s`; return whose events are new."""
        return await self._arrivals.wait(after, timeout_s)

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

    async def tenants_behind(self, sink: str) -> Sequence[str]:
        """Return the tenants that have a backlog or a replay of a sink, whoever began it."""
        rows = await self._reads.do(lambda connection: connection.execute(_Q["tenants_behind"], (sink,)).fetchall())
        return [name for (name,) in rows]

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
        """Read the next events of a cursor; quarantined envelopes, pruned and damaged bodies are passed over."""
        fresh = self._fresh.read(cursor, limit)
        if fresh is not None:
            return fresh
        batch = await self._reads.batch(cursor, self._rows.tenants[cursor.tenant], limit)
        for position in batch.damaged.keys() - self._damaged:
            self._damaged.add(position)
            log.warning(
                "the body of an event is damaged",
                action="quarantine",
                journal=str(self.path),
                position=position,
                why=batch.damaged[position].words,
            )
            metrics.JOURNAL_DAMAGED.inc()
        return batch

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
        if cursor.kind == "live":
            self._fresh.drop(cursor.tenant, through)
        return replace(cursor, next=max(cursor.next, through + 1), state="flowing", words="")

    async def say(self, cursor: Cursor, state: DeliveryState, words: str = "") -> None:
        """Keep how a cursor's delivery goes, for people and pages to read."""
        await self._writer.do(lambda connection: connection.execute(_Q["say"], (state, words, cursor.id)))

    async def prune(self, before_ns: int, *, undelivered: bool = False, claims: Claims | None = None) -> Pruned:
        """Remove bodies that arrived before a time, never what a cursor has ahead unless told to.

        Without claims every cursor counts, and so does every tenant that has none. Identities stay at least 40 days
        after arrival, so that a replay is still recognised.
        """
        self._fresh.clear(self._last)
        pruned = await self._pruner.prune(before_ns, self._last, undelivered=undelivered, claims=claims)
        await self._room.give_back(self._writer)
        return pruned

    async def carry_out(self, claims: Claims) -> Pruned:
        """Prune as a command of the shell asked for, where one did and still waits for it."""
        request = await self._next_request("prune")
        if request is None:
            return Pruned()
        asked = msgspec.json.decode(request.parameters, type=PruneParameters)
        self._fresh.clear(self._last)

        told_s = 0.0

        async def told(pruned: Pruned, *, done: bool = False) -> None:
            nonlocal told_s
            if done or time.monotonic() > told_s + _TOLD_S:
                await self._writer.do(lambda connection: answer(connection, request, pruned, done=done))
                told_s = time.monotonic()

        pruned = await self._pruner.prune(
            asked.before_ns, self._last, undelivered=asked.undelivered, claims=claims, told=told
        )
        await self._room.give_back(self._writer, rest=True)
        await told(pruned, done=True)
        return pruned

    async def _next_request(self, kind: str) -> Request | None:
        """Return the oldest request of a kind that somebody waits for; delete those that nobody confirms any more."""
        requests = await self._reads.do(read_requests)
        due, expired = self._confirmations.see(requests, time.monotonic())
        for number in expired:
            await self._writer.do(partial(delete_request, number=number))
        return next((each for each in due if each.kind == kind), None)

    async def prune_old(self, before_ns: int, claims: Claims) -> Pruned:
        """Remove from the front what arrived before a time, never what waits for delivery, and identities of 40 days.

        It ends where younger events begin.
        """
        return await self._pruner.prune_old(before_ns, self._last, claims)

    async def make_room(self, claims: Claims) -> Pruned:
        """Remove the oldest bodies where the journal comes near its limit, never what waits for delivery.

        Tenants that take more than their share give first.
        """
        if not await self._room.is_near(self._reads):
            return Pruned()
        pruned = await self._pruner.shrink(lambda: self._room.need(self._reads), self._last, claims)
        await self._room.note(self._reads)
        return pruned

    async def tidy(self) -> None:
        """Give room that is free back to the disk, and mind the reserve."""
        try:
            self._place.check()
            await self._room.tidy(self._reads, self._writer)
        except OSError as error:
            raise meaning(error, self.path) from error

    def state(self) -> Sequence[Check]:
        """Say what is wrong with its room and its disk, without asking anybody."""
        found = [*self._health.state(), *self._room.state()]
        if self._damaged:
            words = (
                f"{counted(len(self._damaged), 'event')} with a damaged body since the start; they are in quarantine"
            )
            found.append(Check("journal", ok=True, words=words, advice=REPAIR, doubt="warning"))
        return found

    def _samples(self) -> list[bytes]:
        """Read back what came last, each as far as it is of use."""
        with closing(connect_reader(self.path, self._schema)) as connection:
            bodies = Bodies(dictionaries(connection))
            rows = connection.execute(_Q["newest_bodies"], (SAMPLES_TO_TRAIN,))
            samples: list[bytes] = []
            for number, frame in rows:
                with suppress(DamagedBody):
                    samples.append(bodies.unpack(number, frame)[:SAMPLE_BYTES])
            return samples

    def _train(self, loop: asyncio.AbstractEventLoop) -> None:
        """Train a dictionary on what came so far, beside the writer; the seed stays if that fails."""
        try:
            content = train(self._samples())
        except (zstandard.ZstdError, sqlite3.Error, JournalError):
            return

        def learn(connection: sqlite3.Connection) -> None:
            number = add_dictionary(connection, "trained", content)
            self._rows.bodies.learn(number, "trained", content)

        try:
            asyncio.run_coroutine_threadsafe(self._writer.do(learn), loop)
        except RuntimeError:  # the loop is closed
            return
