"""Keeps a board up to date from the journal: reads what arrives, and asks the cursors what is stored.

Events are read in the background, in their order within each tenant, in pages; what they give is worked out in a worker
thread. An event is stored when no live or backlog cursor of its tenant has it ahead. Cursors are always read before
events, so that the board may be late but is never ahead of what is true. What a replay changes in events that were read
before is not seen.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, cast

from vdl_lora.events import NS, JournalEvent
from vdl_lora.interfaces import Arrived, Batch, Counts, Cursor, DeliveryState, EventFilter, KeptEvent
from vdl_lora.interpret import Interpretation

from .board import Board, Flow, Seen, Standing, look

Interpret = Callable[[JournalEvent], Interpretation]

PAGE = 200
_COUNT_SHARE = 20  # counting a large journal may take at most a twentieth of the time
_WORST: tuple[DeliveryState, ...] = ("held", "retrying", "flowing")
_LATER = (1 << 63) - 1
_UNREAD = 0

Ahead = Mapping[str, Sequence[tuple[int, int]]]
"""For each tenant the spans of positions that cursors have ahead; a tenant without an entry has no cursor yet."""


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """How far back a board begins, the pause between two readings of new events, and between two counts; in s."""

    back_s: float = 8 * 86_400  # a water meter may report once a week
    round_s: float = 0.25
    count_s: float = 1.0


DEFAULTS: Final = FollowSettings()


class Feed(Protocol):
    """What is needed of a Journal that is a History too."""

    async def wait(self, after: int, timeout_s: float) -> Arrived:
        """Wait until an event beyond position `after` is kept, or for `timeout_s`; return whose events are new."""
        ...

    async def read(self, cursor: Cursor, limit: int) -> Batch:
        """Read events from where a cursor stands."""
        ...

    async def cursors(self, sink: str, tenant: str) -> Sequence[Cursor]:
        """Give all cursors of a sink and tenant that are not done."""
        ...

    def events(self, which: EventFilter, *, bodies: bool = False) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal."""
        ...

    async def counts(self) -> Counts:
        """Count what there is."""
        ...


class Follower:
    """Follows a journal with a board until cancelled."""

    def __init__(
        self,
        feed: Feed,
        interpret: Interpret,
        *,
        settings: FollowSettings = DEFAULTS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self.board = Board()
        self.clock = clock
        self._feed = feed
        self._interpret = interpret
        self._back_ns = round(settings.back_s * NS)
        self._next: dict[str, int] = {}
        self._without_cursor: dict[str, int] = {}
        self._counts: Counts | None = None
        self._behind = True

    async def run(self) -> None:
        """Follow until cancelled."""
        first = await self._begin()
        workers = ThreadPoolExecutor(1, "web-interpret")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_counts(), name="web counts")
                tasks.create_task(self._follow_events(first, workers), name="web events")
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    async def _begin(self) -> int:
        """Find the position from which to read, and the time that the board knows from."""
        from_ns = self.clock() - self._back_ns
        last = (await self._feed.wait(_UNREAD, 0)).last
        events = self._feed.events(EventFilter(from_ns=from_ns))
        found = await anext(events, None)
        if isinstance(events, AsyncGenerator):
            await cast("AsyncGenerator[KeptEvent]", events).aclose()
        return found.position if found is not None else last + 1

    async def _follow_events(self, first: int, workers: ThreadPoolExecutor) -> None:
        last = _UNREAD
        unread: set[str] = set()
        while True:
            arrived = await self._feed.wait(last, 0 if unread else self._settings.round_s)
            last = arrived.last
            unread.update(arrived.tenants)
            ahead = await self._ahead()
            unread = {tenant for tenant in unread if await self._read(tenant, first, ahead, workers)}
            await self._settle(ahead)
            self._behind = bool(unread)
            if not unread:
                self._say()
                await asyncio.sleep(self._settings.round_s)

    async def _read(self, tenant: str, first: int, ahead: Ahead, workers: ThreadPoolExecutor) -> bool:
        """Read one page of a tenant; tell whether there was one."""
        following = self._next.get(tenant, first)
        batch = await self._feed.read(_at(tenant, following), PAGE)
        if batch.through < following:
            return False
        found = await asyncio.get_running_loop().run_in_executor(
            workers, self._look, batch.events, tenant, ahead.get(tenant)
        )
        for seen in found:
            self.board.take(seen)
        if found and (self.board.since_ns is None or batch.events[0].arrived_at_ns < self.board.since_ns):
            self.board.since_ns = batch.events[0].arrived_at_ns
        self._next[tenant] = batch.through + 1
        self._without_cursor[tenant] = self._without_cursor.get(tenant, 0) + sum(
            not event.marked and event.kind != "own" for event in batch.events
        )
        return True

    def _look(self, events: Sequence[JournalEvent], tenant: str, ahead: Sequence[tuple[int, int]] | None) -> list[Seen]:
        return [look(each, tenant, self._interpret(each), ahead=_is_ahead(each.position, ahead)) for each in events]

    async def _settle(self, ahead: Ahead) -> None:
        """Find out how the events stand that were ahead when they were read and are no longer."""
        for tenant, positions in self.board.waiting().items():
            spans = ahead.get(tenant)
            due = [position for position in positions if not _is_ahead(position, spans)]
            while due:
                batch = await self._feed.read(_at(tenant, due[0]), PAGE)
                marked = {event.position for event in batch.events if event.marked} | batch.damaged.keys()
                through = max(batch.through, due[0])
                standings: dict[int, Standing] = {
                    position: "quarantined" if position in marked else "stored"
                    for position in due
                    if position <= through
                }
                self.board.settle(tenant, standings)
                due = [position for position in due if position > through]

    async def _ahead(self) -> Ahead:
        found: dict[str, list[tuple[int, int]]] = {}
        for each in self._counts.delivery if self._counts is not None else ():
            spans = found.setdefault(each.tenant, [])
            for cursor in await self._feed.cursors(each.sink, each.tenant):
                if cursor.kind != "replay":
                    spans.append((cursor.next, _LATER if cursor.end is None else cursor.end))
        return found

    async def _follow_counts(self) -> None:
        while True:
            begun = time.monotonic()
            self._counts = await self._feed.counts()
            self._say()
            await asyncio.sleep(max(self._settings.count_s, _COUNT_SHARE * (time.monotonic() - begun)))

    def _say(self) -> None:
        counts = self._counts
        if counts is not None:
            self.board.say(flow_of(counts, self._without_cursor), reading=self._behind)


def flow_of(counts: Counts, read: Mapping[str, int]) -> Flow:
    """Give the flow from what the journal counts; `read` counts the events without a mark of each tenant.

    Our own events count as neither received nor stored. Events of a tenant that no sink delivers yet are waiting.
    """
    waiting: dict[str, int] = {}
    for each in counts.delivery:
        waiting[each.tenant] = max(waiting.get(each.tenant, 0), each.waiting)
    for tenant, events in read.items():
        waiting.setdefault(tenant, events)
    received = counts.events - counts.by_kind.get("own", 0)
    in_all = min(sum(waiting.values()), received)
    return Flow(
        received=received,
        stored=max(received - counts.quarantined - in_all, 0),
        quarantined=counts.quarantined,
        waiting=in_all,
        kinds=dict(counts.by_kind),
        codes=dict(counts.by_code),
        delivery=_worst(counts),
    )


def _worst(counts: Counts) -> DeliveryState:
    for state in _WORST:
        if any(each.state == state for each in counts.delivery):
            return state
    return "flowing"


def _at(tenant: str, position: int) -> Cursor:
    """Give a cursor of nobody, which only reads."""
    return Cursor(0, "", tenant, "replay", position)


def _is_ahead(position: int, spans: Sequence[tuple[int, int]] | None) -> bool:
    return spans is None or any(first <= position < end for first, end in spans)
