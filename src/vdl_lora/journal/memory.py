"""A journal in memory: the public fake of Journal and History, for tests and for trying things out."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vdl_lora.errors import JournalError, JournalFull
from vdl_lora.interfaces import (
    Accepted,
    Arrived,
    Batch,
    Check,
    Claims,
    Counts,
    Cursor,
    Delivery,
    DeliveryState,
    Depth,
    EventFilter,
    KeptEvent,
    Lag,
    Pruned,
    Receipt,
)
from vdl_lora.mark import Mark

from .arrivals import Arrivals
from .reader import FOREVER
from .room import STUCK
from .rows import goes_on, journal_event, kept_body, kind_of
from .shares import NEAR, Aim, gifts

_STATES: tuple[DeliveryState, ...] = ("flowing", "retrying", "held")


@dataclass(slots=True)
class _Row:
    accepted: Accepted
    body: bytes | None
    mark: Mark | None
    ways: Counter[str] = field(default_factory=Counter[str])


class MemoryJournal:
    """A journal that is lost with the process; `capacity` is how many bodies it takes before it is full."""

    def __init__(self, capacity: int = 1_000_000) -> None:
        self.capacity = capacity
        self._bodies = 0
        self._aim = Aim()
        self._stuck = False
        self._rows: dict[int, _Row] = {}
        self._known: dict[tuple[int, bytes], int] = {}
        self._cursors: dict[int, Cursor] = {}
        self._receipts: list[tuple[str, str, Receipt]] = []
        self._last = 0
        self._numbers = itertools.count(1)
        self._arrivals = Arrivals()

    async def append(self, events: Sequence[Accepted]) -> int:
        """Keep events, each identity once; return how many were new."""
        if self._bodies + len(events) > self.capacity:
            self._aim.miss()
            raise JournalFull
        self._aim.took()
        new: list[str] = []
        for event in events:
            key = (event.envelope.event_at_ns, event.envelope.identity)
            if key not in self._known:
                new.append(event.envelope.tenant_id)
                self._last += 1
                self._known[key] = self._last
                self._rows[self._last] = _Row(event, kept_body(event.raw), event.mark)
                self._bodies += 1
            row = self._rows.get(self._known[key])
            if row is not None:
                row.ways[event.raw.way] += 1
        self._arrivals.add(dict.fromkeys(new), self._last)
        return len(new)

    async def wait(self, after: int, timeout_s: float) -> Arrived:
        """Wait until an event beyond position `after` is kept, or for `timeout_s`; return whose events are new."""
        return await self._arrivals.wait(after, timeout_s)

    def tenants(self) -> Sequence[str]:
        """Give the tenants that have events."""
        return tuple(dict.fromkeys(row.accepted.envelope.tenant_id for row in self._rows.values()))

    async def cursor(self, sink: str, tenant: str) -> Cursor:
        """Give the live cursor of a sink and tenant; a new one begins at the first event."""
        for cursor in self._cursors.values():
            if (cursor.sink, cursor.tenant, cursor.kind) == (sink, tenant, "live"):
                return cursor
        number = next(self._numbers)
        self._cursors[number] = Cursor(number, sink, tenant, "live", 1)
        return self._cursors[number]

    async def cursors(self, sink: str, tenant: str) -> Sequence[Cursor]:
        """Give all cursors of a sink and tenant that are not done: live, then backlogs, then replays."""
        order = {"live": 0, "backlog": 1, "replay": 2}
        mine = [cursor for cursor in self._cursors.values() if (cursor.sink, cursor.tenant) == (sink, tenant)]
        return sorted(mine, key=lambda cursor: (order[cursor.kind], -cursor.id))

    async def tenants_behind(self, sink: str) -> Sequence[str]:
        """Return the tenants that have a backlog or a replay of a sink, whoever began it."""
        behind = [each.tenant for each in self._cursors.values() if each.sink == sink and each.kind != "live"]
        return tuple(dict.fromkeys(behind))

    async def leave_backlog(self, cursor: Cursor, newest: int = 0) -> Cursor | None:
        """Move a live cursor to the head, but for its tenant's `newest` events; return the backlog, if any is left."""
        if cursor.kind != "live":
            raise JournalError(f"only a live cursor leaves a backlog, not a {cursor.kind} one")
        cursor = self._cursors[cursor.id]
        left = self._positions(cursor.tenant, range(self._last, cursor.next - 1, -1))
        last = next(itertools.islice(left, newest, None), None)
        if last is None:
            return None
        number = next(self._numbers)
        self._cursors[number] = Cursor(number, cursor.sink, cursor.tenant, "backlog", cursor.next, last + 1)
        self._cursors[cursor.id] = replace(cursor, next=last + 1, state="flowing", words="")
        return self._cursors[number]

    def _positions(self, tenant: str, among: range) -> Iterator[int]:
        rows = self._rows
        return (each for each in among if each in rows and rows[each].accepted.envelope.tenant_id == tenant)

    async def read(self, cursor: Cursor, limit: int) -> Batch:
        """Read the next events of a cursor; quarantined envelopes and pruned bodies are passed over."""
        end = min(FOREVER if cursor.end is None else cursor.end, self._last + 1)
        ahead = itertools.islice(self._positions(cursor.tenant, range(cursor.next, end)), limit)
        mine = [(position, self._rows[position]) for position in ahead]
        events = [
            journal_event(position, row.accepted, marked=row.mark is not None)
            for position, row in mine
            if row.body is not None and goes_on(row.mark)
        ]
        if len(mine) == limit:
            return Batch(events, mine[-1][0], more=True)
        return Batch(events, end - 1 if cursor.end is not None else mine[-1][0] if mine else cursor.next - 1)

    async def commit(
        self,
        cursor: Cursor,
        through: int,
        receipts: Sequence[Receipt] = (),
        marks: Mapping[int, Mark | None] | None = None,
    ) -> Cursor:
        """Move a cursor behind `through`, keep receipts, set or clear marks; a sink's mark is cleared by it alone."""
        moved = replace(cursor, next=max(cursor.next, through + 1), state="flowing", words="")
        known = self._cursors.get(cursor.id)
        if known is not None:
            self._cursors[cursor.id] = replace(moved, next=max(known.next, moved.next))
        if moved.end is not None and moved.next >= moved.end:
            self._cursors.pop(cursor.id, None)
        self._receipts += [(cursor.sink, cursor.tenant, receipt) for receipt in receipts]
        for position, mark in (marks or {}).items():
            row = self._rows[position]
            if mark is not None or row.mark is None or row.mark.sink in ("", cursor.sink):
                row.mark = mark
        return moved

    async def say(self, cursor: Cursor, state: DeliveryState, words: str = "") -> None:
        """Keep how a cursor's delivery goes."""
        if cursor.id in self._cursors:
            self._cursors[cursor.id] = replace(self._cursors[cursor.id], state=state, words=words)

    async def events(
        self, which: EventFilter, *, bodies: bool = False, newest_first: bool = False
    ) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal, or the newest first."""
        for position, row in sorted(self._rows.items(), reverse=newest_first):
            kept = _kept(position, row, bodies=bodies)
            if _matches(which, kept):
                yield kept

    async def newest(self, dev_eui: str, kind: str = "up", *, bodies: bool = False) -> KeptEvent | None:
        """Return the event of a device and kind that arrived last; None where there is none."""
        which = EventFilter(dev_eui=dev_eui, kind=kind)
        return await anext(self.events(which, bodies=bodies, newest_first=True), None)

    async def receipts(self, position: int) -> Sequence[tuple[str, Receipt]]:
        """Give what each sink wrote of an event, the newest first."""
        return [(sink, receipt) for sink, _, receipt in reversed(self._receipts) if receipt.position == position]

    async def counts(self) -> Counts:
        """Count what there is."""
        rows = self._rows.values()
        return Counts(
            events=len(rows),
            quarantined=sum(row.mark is not None for row in rows),
            copies=sum(row.ways.total() - 1 for row in rows),
            oldest_at_ns=min((row.accepted.raw.arrived_at_ns for row in rows), default=None),
            bytes=sum(len(row.body or b"") for row in rows),
            by_kind=Counter(kind_of(row.accepted) for row in rows),
            by_code=Counter(row.mark.code for row in rows if row.mark is not None),
            delivery=[Delivery(each.sink, each.tenant, each.waiting, each.state, each.words) for each in self._lags()],
        )

    async def depth(self) -> Depth:
        """Say how much there is and how far delivery is behind."""
        counts = await self.counts()
        return Depth(counts.events, counts.quarantined, counts.bytes, self._lags())

    def _lags(self) -> list[Lag]:
        due: dict[tuple[str, str], list[Cursor]] = {}
        for cursor in self._cursors.values():
            if cursor.kind != "replay":
                due.setdefault((cursor.sink, cursor.tenant), []).append(cursor)
        return [self._lag(sink, tenant, mine) for (sink, tenant), mine in sorted(due.items())]

    def _lag(self, sink: str, tenant: str, mine: Sequence[Cursor]) -> Lag:
        ahead = [
            [
                row.accepted.raw.arrived_at_ns
                for position, row in self._rows.items()
                if cursor.next <= position < (FOREVER if cursor.end is None else cursor.end)
                and row.accepted.envelope.tenant_id == tenant
            ]
            for cursor in mine
        ]
        state = _STATES[max(_STATES.index(cursor.state) for cursor in mine)]
        words = max(cursor.words for cursor in mine)
        return Lag(
            sink, tenant, sum(map(len, ahead)), state, words, min((each[0] for each in ahead if each), default=None)
        )

    async def prune(self, before_ns: int, *, undelivered: bool = False, claims: Claims | None = None) -> Pruned:
        """Remove bodies that arrived before a time; identities stay as long as this journal."""
        old = [
            position
            for position, row in self._rows.items()
            if row.accepted.raw.arrived_at_ns < before_ns and (undelivered or self._is_free(position, row, claims))
        ]
        return self._strip(old)

    async def carry_out(self, claims: Claims) -> Pruned:  # noqa: ARG002 - the form of Upkeep
        """Do nothing: no command of the shell reaches it."""
        return Pruned()

    async def prune_old(self, before_ns: int, claims: Claims) -> Pruned:
        """Remove bodies that arrived before a time, never what waits for delivery."""
        return await self.prune(before_ns, claims=claims)

    async def make_room(self, claims: Claims) -> Pruned:
        """Remove the oldest bodies that are free where it comes near its capacity: of those who have most at first."""
        near = self._bodies > self.capacity * NEAR
        if not near and not self._aim.missed:
            self._stuck = False
            return Pruned()
        self._aim.begin(reached=self._bodies <= self.capacity * self._aim.enough)
        whole = [(position, row) for position, row in self._rows.items() if row.body is not None]
        sizes = Counter(row.accepted.envelope.tenant_id for _, row in whole)
        free = [
            (position, row.accepted.envelope.tenant_id)
            for position, row in whole
            if self._is_free(position, row, claims)
        ]
        need = max(self._bodies - int(self.capacity * self._aim.enough), 0)
        left = gifts(sizes, need)
        going: dict[int, None] = {}
        for position, tenant in free:
            if left.get(tenant, 0) > 0:
                left[tenant] -= 1
                going[position] = None
        rest = sorted(free, key=lambda each: not claims.has(each[1]))
        going |= dict.fromkeys([position for position, _ in rest if position not in going][: need - len(going)])
        pruned = self._strip(going)
        self._stuck = self._bodies > self.capacity * NEAR
        return pruned

    async def tidy(self) -> None:
        """Do nothing: what is free here is free."""

    def state(self) -> Sequence[Check]:
        """Say what is wrong with its room."""
        return [STUCK] if self._stuck else []

    def _is_free(self, position: int, row: _Row, claims: Claims | None) -> bool:
        """Tell whether nobody waits for an event."""
        tenant = row.accepted.envelope.tenant_id
        if not (tenant if claims is None else claims.has(tenant)):
            return True
        mine = [each for each in self._cursors.values() if each.tenant == tenant]
        live = {each.sink for each in mine if each.kind == "live"}
        if not live if claims is None else claims.sinks - live:
            return False
        counted = [each for each in mine if claims is None or each.sink in claims.sinks]
        return not any(each.next <= position < (FOREVER if each.end is None else each.end) for each in counted)

    def _strip(self, positions: Iterable[int]) -> Pruned:
        """Remove bodies, and the receipts of which no event has one."""
        whole = [self._rows[position] for position in positions if self._rows[position].body is not None]
        for row in whole:
            row.body = None
        self._bodies -= len(whole)
        kept = [each for each in self._receipts if self._rows[each[2].position].body is not None]
        gone = len(self._receipts) - len(kept)
        self._receipts = kept
        return Pruned(len(whole), 0, gone)


def _kept(position: int, row: _Row, *, bodies: bool) -> KeptEvent:
    raw, envelope = row.accepted.raw, row.accepted.envelope
    return KeptEvent(
        position=position,
        kind=kind_of(row.accepted),
        encoding=raw.encoding,
        dev_eui=envelope.dev_eui,
        tenant=envelope.tenant_id,
        application=envelope.application_id,
        event_at_ns=envelope.event_at_ns,
        anchor_at_ns=envelope.anchor_at_ns,
        arrived_at_ns=raw.arrived_at_ns,
        ways=dict(row.ways),
        log_item=raw.mark,
        mark=row.mark,
        body=row.body if bodies else None,
    )


def _matches(which: EventFilter, event: KeptEvent) -> bool:
    at_ns = event.event_at_ns or event.arrived_at_ns
    named = (which.dev_eui, event.dev_eui), (which.tenant, event.tenant), (which.kind, event.kind)
    return (
        all(not wanted or wanted == found for wanted, found in named)
        and (which.from_ns is None or at_ns >= which.from_ns)
        and (which.until_ns is None or at_ns < which.until_ns)
        and (not which.quarantined or event.mark is not None)
    )
