"""Delivery: reads what a sink still has ahead, interprets it in a worker thread, writes it, then moves the cursor.

Each tenant is on its own: one that is held holds up nobody else. A crash between write and commit writes the same
points again, which changes nothing. Nothing waits in memory: what is not delivered is in the journal. After an outage
the newest events go first, and what waited behind them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog

from vdl_lora import metrics
from vdl_lora.decoding.reading import UNKNOWN_RECORD
from vdl_lora.errors import JournalError, PointsRefused, SinkError
from vdl_lora.events import NS, JournalEvent
from vdl_lora.interfaces import Batch, Check, Component, Cursor, DeliveryState, Journal, Receipt, Sink
from vdl_lora.interpret import Interpretation
from vdl_lora.mark import Mark
from vdl_lora.points import Point, line_protocol
from vdl_lora.retry import retry_delay_s

Interpret = Callable[[JournalEvent], Interpretation]
Interpreted = tuple[JournalEvent, Interpretation, str]
"""An event, what it gives, and its points as line protocol."""

_MAX_WORDS = 500
_MOST_OF_A_HOLD = 1000
"""A server's text, which has up to 500 characters, must not displace the advice behind it."""

_THREADS = 4
"""A thread waits while a codec of one tenant does; the others go on with the other tenants."""

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Refused:
    """An event of which a sink refuses points: its mark, and the points that it took."""

    mark: Mark
    kept: Sequence[Point]


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How delivery goes: events in a batch, from one to the next, and between tries, in s.

    Every `idle_s` it looks for cursors that others added, such as a command.
    Where more than a batch has waited for over `outage_s`, the newest batch goes first. A batch ends early where its
    events take `longest_s` to interpret: what stands before a codec that is slow or stopped does not wait for it.
    """

    batch: int = 500
    gather_s: float = 0.1
    longest_s: float = 0.25
    retry_s: float = 0.5
    longest_retry_s: float = 60.0
    held_s: float = 60.0
    idle_s: float = 1.0
    outage_s: float = 60.0


class Deliverer(Component[[]]):
    """The component that delivers the journal of all tenants, or of those that are served, to one sink."""

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        interpret: Interpret,
        *,
        served: Collection[str] = (),
        settings: DeliverySettings | None = None,
    ) -> None:
        self.name = f"deliver {sink.name}"
        self._journal = journal
        self._sink = sink
        self._interpret = interpret
        self._served = frozenset(served)
        self._settings = settings or DeliverySettings()
        self._workers = ThreadPoolExecutor(_THREADS, "interpret")
        self._next: dict[str, int] = {}
        self._at_head: dict[str, float] = {}  # when, by the monotonic clock, each tenant's live cursor was there last
        self._waits: dict[str, SinkError] = {}
        self._last = 0

    @property
    def ahead(self) -> int:
        """How many positions lie ahead of the tenant that is furthest behind, as far as was seen."""
        return max(self._last + 1 - min(self._next.values(), default=self._last + 1), 0)

    def state(self) -> Sequence[Check]:
        """Say which tenants wait for the sink, and why."""
        name = self._sink.name
        waiting = [Check.failed(f"{name} {tenant}", error) for tenant, error in self._waits.items()]
        return waiting or [Check(name, ok=True, words=f"{self.ahead} events are ahead")]

    async def run(self) -> None:
        """Deliver until cancelled; a tenant is woken by its own events, and by cursors that were added."""
        wakes: dict[str, asyncio.Event] = {}
        last = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_cursors(wakes), name=f"watch cursors of {self._sink.name}")
            while True:
                arrived = await self._journal.wait(last, self._settings.idle_s)
                last = self._last = arrived.last
                for tenant in filter(self._is_served, arrived.tenants):
                    if tenant in wakes:
                        wakes[tenant].set()
                        continue
                    wakes[tenant] = asyncio.Event()
                    name = f"deliver {self._sink.name} {tenant}"
                    tasks.create_task(self._follow(tenant, wakes[tenant]), name=name)

    async def drain(self) -> None:
        """Deliver what the journal holds now, and return when every tenant has reached its end."""
        async with asyncio.TaskGroup() as tasks:
            for tenant in filter(self._is_served, self._journal.tenants()):
                tasks.create_task(self._drain(tenant), name=f"drain {self._sink.name} {tenant}")

    async def close(self) -> None:
        """Wait for the end of what the worker threads interpret just now; no other batch is begun."""
        await asyncio.to_thread(self._workers.shutdown, cancel_futures=True)

    def _is_served(self, tenant: str) -> bool:
        return bool(tenant) and (not self._served or tenant in self._served)

    async def _watch_cursors(self, wakes: Mapping[str, asyncio.Event]) -> None:
        """Wake the tenants that have a backlog or a replay, with one query for all of them."""
        while True:
            await asyncio.sleep(self._settings.idle_s)
            try:
                behind = await self._journal.tenants_behind(self._sink.name)
            except JournalError as error:
                if error.action == "stop":
                    raise
                continue  # the journal reports it, and so does each tenant that has events to deliver
            for tenant in behind:
                if tenant in wakes:
                    wakes[tenant].set()

    async def _follow(self, tenant: str, wake: asyncio.Event) -> None:
        while True:
            begun_s = time.monotonic()
            wake.clear()
            await self._drain(tenant)
            if not wake.is_set():
                await wake.wait()
                self._at_head[tenant] = time.monotonic()  # until now nothing was ahead of it
            # a batch costs as much as some events; one that comes after a pause goes at once
            await asyncio.sleep(max(begun_s + self._settings.gather_s - time.monotonic(), 0))

    async def _drain(self, tenant: str) -> None:
        """Walk every cursor of a tenant to its end, one batch at a time; after each the live one comes first."""
        live: Cursor | None = await self._patiently(lambda: self._journal.cursor(self._sink.name, tenant))
        while True:
            while live is not None:
                live = await self._step(live)
            cursors = await self._patiently(lambda: self._journal.cursors(self._sink.name, tenant))
            behind = [each for each in cursors if each.kind != "live"]
            if not behind:
                return
            await self._step(behind[0])
            live = await self._patiently(lambda: self._journal.cursor(self._sink.name, tenant))

    async def _step(self, cursor: Cursor) -> Cursor | None:
        """Deliver one batch of a cursor; None where nothing is known to be ahead of it then."""
        batch = await self._patiently(lambda: self._journal.read(cursor, self._settings.batch))
        self._next[cursor.tenant] = cursor.next
        if cursor.kind == "live" and self._is_late(cursor.tenant, batch):
            return await self._jump(cursor)
        if batch.through < cursor.next:
            self._next.pop(cursor.tenant, None)
            return None
        found = await asyncio.get_running_loop().run_in_executor(self._workers, self._interpret_all, batch.events)
        whole = len(found) == len(batch.events)
        through = batch.through if whole else found[-1][0].position
        marks = {event.position: each.mark for event, each, _ in found if each.mark is not None or event.marked}
        refused = await self._write(cursor, [(event.position, each.points, lines) for event, each, lines in found])
        receipts = [
            Receipt(
                event.position,
                each.decoder,
                each.declaration,
                line_protocol(refused[event.position].kept) if event.position in refused else lines,
            )
            for event, each, lines in found
        ]
        marks |= {position: each.mark for position, each in refused.items()}
        marks |= {position: mark for position, mark in batch.damaged.items() if position <= through}
        moved = await self._patiently(lambda: self._journal.commit(cursor, through, receipts, marks))
        _count([each for _, each, _ in found])
        if batch.more or not whole:
            return moved
        self._next.pop(cursor.tenant, None)
        return None

    def _is_late(self, tenant: str, batch: Batch) -> bool:
        """Tell whether a live cursor has not been at the head for too long.

        At first only the arrival of the next event tells since when: the outage may have been our own.
        """
        now = time.monotonic()
        if not batch.more:
            self._at_head[tenant] = now
        elif tenant not in self._at_head and batch.events:
            self._at_head[tenant] = now - max((time.time_ns() - batch.events[0].arrived_at_ns) / NS, 0.0)
        return now - self._at_head.get(tenant, now) > self._settings.outage_s

    async def _jump(self, live: Cursor) -> Cursor:
        """Move a live cursor before the newest batch, and leave a backlog where more than that waits."""
        newest = self._settings.batch
        left = await self._patiently(lambda: self._journal.leave_backlog(live, newest))
        self._at_head[live.tenant] = time.monotonic()
        if left is None:
            return live
        log.info(
            "the newest events go first",
            action="resume",
            sink=self._sink.name,
            tenant=live.tenant,
            first=left.next,
            end=left.end,
        )
        return await self._patiently(lambda: self._journal.cursor(self._sink.name, live.tenant))

    async def _patiently(self, run: Callable[[], Awaitable[_T]]) -> _T:
        """Try again while the journal has no room or its disk fails.

        What is written already is written again, which changes nothing. Each reason to wait is logged once.
        """
        waits_for = ""
        while True:
            try:
                result = await run()
            except JournalError as error:
                if error.action == "stop":
                    raise
                if error.code != waits_for:
                    log.warning("delivery waits for the journal", action=error.action, code=error.code, why=str(error))
                waits_for = error.code
                await asyncio.sleep(self._settings.retry_s)
            else:
                if waits_for:
                    log.info("the journal can be used again", action="resume", sink=self._sink.name)
                return result

    def _interpret_all(self, events: Sequence[JournalEvent]) -> list[Interpreted]:
        """Interpret events in their order, as many as can be within the time."""
        found: list[Interpreted] = []
        until_s = time.monotonic() + self._settings.longest_s
        for event in events:
            interpretation = self._interpret(event)
            found.append((event, interpretation, line_protocol(interpretation.points)))
            if time.monotonic() > until_s:
                break
        return found

    async def _write(self, cursor: Cursor, events: Sequence[tuple[int, Sequence[Point], str]]) -> dict[int, _Refused]:
        """Write the points of some events; return those of which the sink refuses points, found by halving."""
        points = [point for _, own, _ in events for point in own]
        if not points:
            return {}
        try:
            await self._try(cursor, points, "".join([lines for _, _, lines in events]))
        except PointsRefused as error:
            if len(events) == 1:
                position, own, _ = events[0]
                kept, said = await self._sort_out(cursor, own, error)
                if not said:
                    return {}
                words = "; ".join(dict.fromkeys(said))[:_MAX_WORDS]
                return {position: _Refused(Mark("sink", PointsRefused.code, words, self._sink.name), kept)}
            middle = len(events) // 2
            return await self._write(cursor, events[:middle]) | await self._write(cursor, events[middle:])
        return {}

    async def _sort_out(
        self, cursor: Cursor, points: Sequence[Point], error: PointsRefused
    ) -> tuple[list[Point], list[str]]:
        """Write the good points of one event; return them, and what the sink said of each that it refuses."""
        if len(points) == 1:
            metrics.POINTS.labels(self._sink.name, "refused").inc()
            return [], [error.message]
        middle = len(points) // 2
        kept: list[Point] = []
        said: list[str] = []
        for half in (points[:middle], points[middle:]):
            try:
                await self._try(cursor, half)
                kept += half
            except PointsRefused as again:
                good, words = await self._sort_out(cursor, half, again)
                kept += good
                said += words
        return kept, said

    async def _try(self, cursor: Cursor, points: Sequence[Point], lines: str | None = None) -> None:
        """Write until the sink takes the points or refuses them; each reason to wait is said once."""
        failures = 0
        said = ""
        while True:
            try:
                await self._sink.write(cursor.tenant, points, lines)
            except SinkError as error:
                if error.action == "halve":
                    raise
                failures += 1
                metrics.SINK_FAILURES.labels(self._sink.name, error.code).inc()
                if error.code != said:
                    said = error.code
                    await self._hold(cursor, "held" if error.action == "wait" else "retrying", error)
                await asyncio.sleep(self._pause(failures, error))
                continue
            if failures:
                self._waits.pop(cursor.tenant, None)
                log.info("delivery goes on", action="resume", sink=self._sink.name, tenant=cursor.tenant)
            metrics.POINTS.labels(self._sink.name, "written").inc(len(points))
            return

    async def _hold(self, cursor: Cursor, state: DeliveryState, error: SinkError) -> None:
        self._waits[cursor.tenant] = error
        log.warning(
            "delivery waits",
            action=error.action,
            sink=self._sink.name,
            tenant=cursor.tenant,
            code=error.code,
            why=str(error),
        )
        try:
            await self._journal.say(cursor, state, str(error)[:_MOST_OF_A_HOLD])
        except JournalError as failed:  # it is for people to read, and in the log too
            if failed.action == "stop":
                raise

    def _pause(self, failures: int, error: SinkError) -> float:
        settings = self._settings
        if error.action == "wait":
            return retry_delay_s(1, settings.held_s, settings.held_s)
        return retry_delay_s(failures, settings.retry_s, settings.longest_retry_s)


def _count(found: Sequence[Interpretation]) -> None:
    failed = [each for each in found if each.mark is not None]
    metrics.INTERPRETED.labels("ok").inc(len(found) - len(failed))
    metrics.INTERPRETED.labels("quarantined").inc(len(failed))
    for each in failed:
        metrics.DECODE_FAILURES.labels(each.decoder or "none", each.mark.code if each.mark else "").inc()
    for each in found:
        if any(fault.code == UNKNOWN_RECORD for fault in each.faults):
            metrics.UNKNOWN_RECORDS.labels(each.decoder).inc()
