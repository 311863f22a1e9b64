"""Pruning: bodies leave the file, the oldest first, in steps so short that appends go on beside them.

A step takes the rows of neighbouring positions out and writes those that stay together again: where a row only shrinks,
its page stays as it is, and a full journal would stay full.
"""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from vdl_lora.events import NS
from vdl_lora.interfaces import Claims, Pruned

from .reader import FOREVER, Reader, spans
from .rows import Rows
from .schema import load_queries
from .shares import gifts
from .writer import Writer

IDENTITIES_KEPT_NS: Final = 40 * 86_400 * NS
"""How long an identity is known after its event arrived, whatever is pruned: Redis replays events for 31 days."""

STEP_S: Final = 0.015
"""How long the work of a step should take; after one that took longer the next is smaller."""

_FEWEST_ROWS, _MOST_ROWS = 20, 500
_MOST_BYTES = 1 << 20
_LEAST_GIFT = 1 << 16
_COUNTED = 20_000
_Q = load_queries()


class Row(NamedTuple):
    """What a step sees of an event; `size` is None where the body is gone."""

    position: int
    tenant: int
    arrived_at_ns: int
    size: int | None


Told = Callable[[Pruned], Awaitable[None]]
Choose = Callable[[Row], bool]
"""Says whether a body that is free should go; asked in the order of positions."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Which bodies go on a walk over positions: `choose` begins anew for every step, at `ends` the walk is over."""

    choose: Callable[[], Choose]
    claims: Claims | None = None
    undelivered: bool = False
    ends: Callable[[Row], bool] = lambda _row: False


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did up to the position `through`; `over` says that its walk ends there.

    `freed` is the bytes that each tenant gave, `gave` the last position of them, `kept` the first body that stayed.
    """

    through: int
    over: bool = False
    pruned: Pruned = field(default_factory=Pruned)
    freed: Mapping[int, int] = field(default_factory=dict[int, int])
    gave: Mapping[int, int] = field(default_factory=dict[int, int])
    kept: int = FOREVER
    took_s: float = 0.0


class Ahead:
    """What waits for delivery, by tenant, as spans of positions."""

    def __init__(self, connection: sqlite3.Connection, claims: Claims | None) -> None:
        self.spans: dict[int, tuple[tuple[int, int], ...]] = {}
        self.claimed: set[int] = set()
        found: dict[tuple[int, str], list[tuple[str, str, int, int]]] = {}
        for tenant, name, sink, kind, following, end in connection.execute(_Q["ahead"]):
            mine = found.setdefault((tenant, name), [])
            if sink is not None:
                mine.append((sink, kind, following, FOREVER if end is None else end))
        for (tenant, name), cursors in found.items():
            if name if claims is None else claims.has(name):
                self.claimed.add(tenant)
                self.spans[tenant] = tuple(sorted(_ahead(cursors, claims)))

    def holds(self, row: Row) -> bool:
        """Tell whether an event waits."""
        return any(first <= row.position < end for first, end in self.spans.get(row.tenant, ()))

    def next_free(self, tenant: int, position: int) -> int:
        """Give the next position at which no event of a tenant waits."""
        for first, end in self.spans.get(tenant, ()):
            if first <= position < end:
                position = end
        return position


def _ahead(cursors: Sequence[tuple[str, str, int, int]], claims: Claims | None) -> Iterable[tuple[int, int]]:
    """Give the spans that cursors have ahead: everything where a sink has not begun."""
    for sink, _, following, end in cursors:
        if claims is None or sink in claims.sinks:
            yield following, end
    began = {sink for sink, kind, _, _ in cursors if kind == "live"}
    if not began if claims is None else claims.sinks - began:
        yield 0, FOREVER


@dataclass(slots=True)
class _Held:
    """The bytes of the bodies of a tenant, from where on it may have one that is free, and what waited then."""

    size: int = 0
    first: int = FOREVER
    waited: tuple[tuple[int, int], ...] = ()


class Pruner:
    """Removes what may go, and keeps in mind how far it came."""

    def __init__(self, reads: Reader, writer: Writer, rows: Rows) -> None:
        self._reads = reads
        self._writer = writer
        self._rows = rows
        self._step_rows = _FEWEST_ROWS
        self._held: dict[int, _Held] = {}
        self._counted = 0

    async def prune(
        self, before_ns: int, last: int, *, undelivered: bool, claims: Claims | None, told: Told | None = None
    ) -> Pruned:
        """Remove every body that arrived before a time, wherever it is; `told` hears how far it is.

        Whoever wants to hear has others beside him: then it rests between its steps.
        """
        walk = Walk(lambda: lambda row: row.arrived_at_ns < before_ns, claims, undelivered)
        pruned = Pruned()
        position = 1
        while position <= last:
            step = await self._step(walk, position, last)
            pruned, position = pruned + step.pruned, step.through + 1
            if told is not None:
                await told(pruned)
                await asyncio.sleep(step.took_s)
        self._held, self._counted = {}, 0
        return pruned

    async def prune_old(self, before_ns: int, last: int, claims: Claims) -> Pruned:
        """Remove old bodies and old identities from the front, each up to where younger ones begin."""
        now_ns = time.time_ns()
        forgotten_ns = now_ns - IDENTITIES_KEPT_NS

        def old(row: Row) -> bool:
            return row.arrived_at_ns < before_ns

        def young(row: Row) -> bool:  # not what came while the clock was ahead: it would be the end for ever
            return row.size is not None and before_ns <= row.arrived_at_ns <= now_ns

        def known(row: Row) -> bool:
            return forgotten_ns <= row.arrived_at_ns <= now_ns

        identities, _ = await self._walk_on("identities_through", Walk(lambda: old, claims, ends=known), last)
        bodies, kept = await self._walk_on("bodies_through", Walk(lambda: old, claims, ends=young), last)
        if kept < FOREVER:  # it waits for delivery, or came from a clock ahead of ours: its time will come
            await self._remember("bodies_through", kept)
        return identities + bodies

    async def _walk_on(self, name: str, walk: Walk, last: int) -> tuple[Pruned, int]:
        """Walk from where the last walk of this name ended, and remember where this one does.

        Return what it removed, and the first position of a body that stayed behind.
        """
        began = position = await self._reads.do(lambda connection: _remembered(connection, name))
        pruned, kept = Pruned(), FOREVER
        while position <= last:
            step = await self._step(walk, position, last)
            pruned, position, kept = pruned + step.pruned, step.through + 1, min(kept, step.kept)
            if step.over:
                break
            await asyncio.sleep(step.took_s)
        if position != began:
            await self._remember(name, position)
        return pruned, kept

    async def _remember(self, name: str, position: int) -> None:
        await self._writer.do(lambda connection: connection.execute(_Q["remember"], (name, position)))

    async def shrink(self, need: Callable[[], Awaitable[int]], last: int, claims: Claims) -> Pruned:
        """Remove the oldest bodies that are free until nothing is needed any more, or nothing is free.

        First those tenants give that have more than their share, then all whose events are delivered, then the others.
        """
        ahead = await self._count(last, claims)
        pruned = Pruned()
        for chosen in (None, ahead.claimed, self._held.keys()):
            while (wanted := await need()) > 0:
                wanted = max(wanted // 2, _LEAST_GIFT)  # receipts and pages give room too
                sizes = {tenant: held.size for tenant, held in self._held.items() if chosen is None or tenant in chosen}
                given = await self._collect(gifts(sizes, wanted) if chosen is None else sizes, wanted, last, claims)
                if not given:
                    break
                pruned = pruned + given
        return pruned

    async def _collect(self, gifts_: Mapping[int, int], wanted: int, last: int, claims: Claims) -> Pruned:
        """Take bodies of those who give, at most so many bytes of each, and no more than is wanted."""
        left = dict(gifts_)
        pruned = Pruned()
        while wanted > 0:
            ahead = await self._reads.do(lambda connection: Ahead(connection, claims))
            starts = [ahead.next_free(tenant, self._held[tenant].first) for tenant, size in left.items() if size > 0]
            position = min(starts, default=FOREVER)
            if position > last:
                break
            walk = Walk(partial(_giving, {**left}, wanted), claims)
            step = await self._step(walk, position, last)
            pruned = pruned + step.pruned
            wanted -= sum(step.freed.values())
            for tenant, before in left.items():
                left[tenant] = before - step.freed.get(tenant, 0)
                done = left[tenant] <= 0 or wanted <= 0
                through = step.gave.get(tenant, position - 1) if done else step.through
                self._held[tenant].first = max(self._held[tenant].first, through + 1)
            await asyncio.sleep(step.took_s)
        return pruned

    async def _count(self, last: int, claims: Claims) -> Ahead:
        """Count the bytes of each tenant's bodies, as far as that was not done before."""
        for first, through in spans(last, _COUNTED, self._counted + 1):

            def count(connection: sqlite3.Connection, span: tuple[int, int] = (first, through)) -> list[Any]:
                return connection.execute(_Q["held"], span).fetchall()

            for tenant, size, position in await self._reads.do(count):
                held = self._held.setdefault(tenant, _Held())
                held.size += size
                held.first = min(held.first, position)
            self._counted = through
        ahead = await self._reads.do(lambda connection: Ahead(connection, claims))
        for tenant, held in self._held.items():
            waits = ahead.spans.get(tenant, ())
            held.first = min([held.first, *(first for first, _ in set(held.waited) - set(waits))])
            held.waited = waits
        return ahead

    async def _step(self, walk: Walk, first: int, last: int) -> Step:
        step: Step = await self._writer.do(lambda connection: self._run(connection, walk, first, last))
        fit = int(self._step_rows * STEP_S / max(step.took_s, STEP_S / 2))
        self._step_rows = min(max(fit, _FEWEST_ROWS), _MOST_ROWS)
        for tenant, size in step.freed.items():
            if tenant in self._held:
                self._held[tenant].size = max(self._held[tenant].size - size, 0)
        return step

    def _run(self, connection: sqlite3.Connection, walk: Walk, first: int, last: int) -> Step:
        """Do a step in the writer's thread; where its commit fails it is undone, and may be done again."""
        began = time.monotonic()
        seen = [Row(*row) for row in connection.execute(_Q["step"], (first, last, self._step_rows))]
        fits = _fitting(seen)
        here = seen[: next((number for number, row in enumerate(seen[:fits]) if walk.ends(row)), fits)]
        over = len(here) < fits
        if not here:
            return Step(seen[0].position - 1 if over else last, over)
        through = seen[len(here)].position - 1 if over else here[-1].position
        ahead = Ahead(connection, walk.claims)
        choose = walk.choose()
        free = (row for row in here if row.size is not None and (walk.undelivered or not ahead.holds(row)))
        gone = {row.position: row for row in free if choose(row)}
        forgotten = self._forgotten(here, gone)
        self._rewrite(connection, here, gone, forgotten)
        receipts = sum(
            connection.execute(_Q["prune_receipts"], (tenant, first, through)).rowcount
            for tenant in {row.tenant for row in here if row.position in gone or row.position in forgotten}
        )
        freed: Counter[int] = Counter()
        for row in gone.values():
            freed[row.tenant] += (row.size or 0) if row.position <= self._counted else 0
        return Step(
            through,
            over,
            Pruned(len(gone), len(forgotten), receipts),
            freed,
            {row.tenant: row.position for row in gone.values()},
            min((row.position for row in here if row.size is not None and row.position not in gone), default=FOREVER),
            time.monotonic() - began,
        )

    @staticmethod
    def _forgotten(here: Sequence[Row], gone: Mapping[int, Row]) -> set[int]:
        """Give the events without a body whose identity is no longer needed."""
        before_ns = time.time_ns() - IDENTITIES_KEPT_NS
        bare = (row for row in here if row.size is None or row.position in gone)
        return {row.position for row in bare if row.arrived_at_ns < before_ns}

    def _rewrite(
        self, connection: sqlite3.Connection, here: Sequence[Row], gone: Mapping[int, Row], forgotten: set[int]
    ) -> None:
        """Take bodies and whole events out; what stays of the others is packed where any row shrinks."""
        if forgotten:
            connection.execute(_Q["remember"], ("last_position", self._rows.last))  # rows at the end may go
            for query in ("prune_copies", "prune_events"):
                connection.executemany(_Q[query], [(position,) for position in forgotten])
        if gone.keys() - forgotten:
            span = (here[0].position, here[-1].position)
            taken = connection.execute(_Q["take_rows"], span)
            names = [column[0] for column in taken.description]
            body, dictionary = names.index("body"), names.index("dictionary")
            rows = [list(row) for row in taken.fetchall()]
            for row in rows:
                if row[0] in gone:
                    row[body] = row[dictionary] = None
            connection.execute(_Q["drop_rows"], span)
            connection.executemany(f"insert into event values ({', '.join('?' * len(names))})", rows)  # noqa: S608 - places


def _giving(gifts_: Mapping[int, int], wanted: int) -> Choose:
    """Choose the bodies of those who still give, until no more is wanted."""
    left = dict(gifts_)

    def choose(row: Row) -> bool:
        nonlocal wanted
        if wanted <= 0 or left.get(row.tenant, 0) <= 0:
            return False
        left[row.tenant] -= row.size or 0
        wanted -= row.size or 0
        return True

    return choose


def _fitting(seen: Sequence[Row]) -> int:
    """Say how many rows a step takes on: the first, and as many more as are not too many bytes."""
    size = 0
    for number, row in enumerate(seen):
        size += row.size or 0
        if number and size > _MOST_BYTES:
            return number
    return len(seen)


def _remembered(connection: sqlite3.Connection, name: str) -> int:
    """Give the position up to which a walk came, 1 where there was none."""
    found = connection.execute(_Q["remembered"], (name,)).fetchone()
    return int(found[0]) if found else 1
