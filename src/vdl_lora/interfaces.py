"""The interfaces of the service's components, and the values that pass between them.

A `Source` brings events, the `Journal` keeps them, a `Sink` stores points. Everything else that runs in the service
(delivery, upkeep, the web server) is a `Component` too. `app/build.py` chooses the classes.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, ParamSpec, Protocol

import msgspec

from vdl_lora.errors import VdlLoraError
from vdl_lora.events import Envelope, JournalEvent, RawEvent
from vdl_lora.mark import Mark
from vdl_lora.points import Point

if TYPE_CHECKING:  # aiohttp takes a quarter of a second to import, and most commands serve no page
    from aiohttp.web import AbstractRouteDef

Accept = Callable[[Sequence[RawEvent]], Awaitable[None]]
"""Takes events over: returns after they are durable; raises JournalFull or JournalUnavailable where they cannot be."""

CursorKind = Literal["live", "backlog", "replay"]
DeliveryState = Literal["flowing", "retrying", "held"]
CheckState = Literal["ok", "unknown", "warning", "failed"]


class Accepted(msgspec.Struct, frozen=True):
    """An event on its way into the journal, with its envelope; `mark` puts it into quarantine at once."""

    raw: RawEvent
    envelope: Envelope
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one sink has come with one tenant's events: `next` is the first position that is still due.

    `end` is the position at which it is done; a live cursor has none. `words` say why it is held.
    """

    id: int
    sink: str
    tenant: str
    kind: CursorKind
    next: int
    end: int | None = None
    filter: str = ""
    state: DeliveryState = "flowing"
    words: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What was written of one event: by which decoder, of which declaration, and the points as line protocol."""

    position: int
    decoder: str
    declaration: str
    lines: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that a cursor has ahead, in their order; after them it stands behind `through`.

    `more` says that others may lie behind them already; without it the next read is worth while once there is news.
    `damaged` has the marks of events whose stored body is damaged, by position, as far as they are not marked so yet:
    they are not among the events, and whoever commits `through` sets these marks.
    """

    events: Sequence[JournalEvent]
    through: int
    more: bool = False
    damaged: Mapping[int, Mark] = field(default_factory=dict[int, Mark])


@dataclass(frozen=True, slots=True)
class Arrived:
    """The last position that an event was given, and the tenants that have new events since an earlier one."""

    last: int
    tenants: Sequence[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of a room about itself: `advice` says what to do where it is not `ok`, or is a `doubt`.

    A doubt is what is not known, or what works now and that a person should see to.
    """

    subject: str
    ok: bool
    words: str
    advice: str = ""
    doubt: Literal["", "unknown", "warning"] = ""

    @property
    def state(self) -> CheckState:
        """How good or bad it is, in one word."""
        return (self.doubt or "ok") if self.ok else "failed"

    @classmethod
    def failed(cls, subject: str, error: VdlLoraError) -> "Check":
        """Return the check that an error makes; without an advice of its own, that of its class."""
        return cls(subject, ok=False, words=error.message, advice=error.advice or error.default_advice)


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as a person looks at it: what the journal knows of it, the body only where it was asked for.

    `damage` says why there is no body although there should be one.
    """

    position: int
    kind: str
    encoding: str
    dev_eui: str
    tenant: str
    application: str
    event_at_ns: int
    anchor_at_ns: int
    arrived_at_ns: int
    ways: Mapping[str, int]
    log_item: str = ""
    mark: Mark | None = None
    body: bytes | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to look at: of a device, of a tenant, of a kind, of a span of time, or those in quarantine.

    The time is the event's own, in ns since 1970, or that of its arrival where it has none. `until_ns` is excluded.
    """

    dev_eui: str = ""
    tenant: str = ""
    kind: str = ""
    from_ns: int | None = None
    until_ns: int | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many events one sink still has ahead of one tenant."""

    sink: str
    tenant: str
    waiting: int
    state: DeliveryState
    words: str = ""


@dataclass(frozen=True, slots=True)
class Lag(Delivery):
    """How far a sink is behind with one tenant: also when the first event that is still ahead arrived."""

    oldest_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """What the journal holds and what still waits, read cheaply enough to be asked for all the time.

    `limit` is the most bytes that it may take, `disk_free` what its disk has left, `reserve` whether there is a reserve
    to give up, `daily` how many bytes came a day in the last week: None where that is not known.
    """

    events: int
    quarantined: int
    bytes: int
    lags: Sequence[Lag] = ()
    limit: int | None = None
    disk_free: int | None = None
    reserve: bool = False
    daily: int | None = None

    @property
    def days_left(self) -> float | None:
        """Say for how many days there is room if nothing is pruned; None where that is not known."""
        rooms = [self.limit - self.bytes if self.limit is not None else None, self.disk_free]
        known = [max(room, 0) for room in rooms if room is not None]
        return min(known) / self.daily if known and self.daily else None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the journal holds. `by_kind` and `by_code` count events and quarantined ones."""

    events: int
    quarantined: int
    copies: int
    oldest_at_ns: int | None
    bytes: int
    by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    by_code: Mapping[str, int] = field(default_factory=dict[str, int])
    delivery: Sequence[Delivery] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune removed: bodies (their identities stay), whole events, receipts."""

    bodies: int = 0
    events: int = 0
    receipts: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(self.bodies + other.bodies, self.events + other.events, self.receipts + other.receipts)

    def __bool__(self) -> bool:
        return bool(self.bodies or self.events or self.receipts)


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose events wait for delivery: those of the `served` tenants, none for all of them, for these sinks.

    A prune never takes what they wait for. Nobody waits for the events of another tenant, or of none, and what a sink
    that is not here any more has ahead holds nothing back.
    """

    sinks: frozenset[str]
    served: frozenset[str] = frozenset()

    def has(self, tenant: str) -> bool:
        """Tell whether a tenant's events are delivered."""
        return bool(tenant) and (not self.served or tenant in self.served)


Run = ParamSpec("Run")


class Component(Generic[Run]):
    """A part of the running service. Components derive from it, and override what they have.

    `name` stands in logs, tasks and findings. `Run` is what `run` takes: nothing, or for a source the `Accept`. A
    component checks by itself what it needs to start, such as a key or a file, and raises ConfigError when it is built
    or when `run` begins.
    """

    name: str

    async def run(self, *args: Run.args, **kwargs: Run.kwargs) -> None:
        """Work until cancelled; return early where nothing is left to do. What it raises ends the service."""

    def state(self) -> Sequence[Check]:
        """Say how it goes, from memory: asked in the event loop, often, by the health page and the metrics."""
        return ()

    async def check(self) -> Sequence[Check]:
        """Ask the other side, changing nothing there: whether this component could do its work."""
        return ()

    async def close(self) -> None:
        """Release what it holds; called once, after `run` has ended, or without it."""


class Source(Component[[Accept]], ABC):
    """Brings events: `run(accept)` hands them over, and acknowledges each only after `accept` has returned.

    Where `accept` raises JournalFull it acknowledges nothing, tries again, and goes on by itself.
    """

    @abstractmethod
    async def run(self, accept: Accept) -> None:
        """Hand over events until there are no more or it is cancelled; then hand over what was taken already."""

    def routes(self) -> "Sequence[AbstractRouteDef]":
        """Give the HTTP routes at which others hand events to it; none where it fetches them itself."""
        return ()


class Journal(Protocol):
    """The durable record of what arrived, and how far each sink has come with it.

    Small enough for a partitioned log with committed offsets to be one.
    """

    async def append(self, events: Sequence[Accepted]) -> int:
        """Keep events durably, each identity once; return how many were new.

        Raises JournalFull where there is no room, JournalUnavailable where the disk fails, and keeps none of them then.
        """
        ...

    async def wait(self, after: int, timeout_s: float) -> Arrived:
        """Wait until an event beyond position `after` is kept, or for `timeout_s`.

        Returns the last position and the tenants that have events beyond `after`: all of them, and after a start
        perhaps tenants that have none.
        """
        ...

    def tenants(self) -> Sequence[str]:
        """Give the tenants that have events."""
        ...

    async def cursor(self, sink: str, tenant: str) -> Cursor:
        """Give the live cursor of a sink and tenant; a new one begins at the first event."""
        ...

    async def cursors(self, sink: str, tenant: str) -> Sequence[Cursor]:
        """Give all cursors of a sink and tenant that are not done: live, then backlogs, then replays."""
        ...

    async def tenants_behind(self, sink: str) -> Sequence[str]:
        """Return the tenants that have a backlog or a replay of a sink, whoever began it."""
        ...

    async def leave_backlog(self, cursor: Cursor, newest: int = 0) -> Cursor | None:
        """Move a live cursor to the head, but for its tenant's `newest` events, in one commit.

        Returns the backlog cursor for what it left, None where it left nothing.
        """
        ...

    async def read(self, cursor: Cursor, limit: int) -> Batch:
        """Read the next events of a cursor; quarantined envelopes, pruned and damaged bodies are passed over."""
        ...

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
        ...

    async def say(self, cursor: Cursor, state: DeliveryState, words: str = "") -> None:
        """Keep how a cursor's delivery goes, for people and pages to read."""
        ...


class History(Protocol):
    """What people and pages ask of the journal."""

    def events(
        self, which: EventFilter, *, bodies: bool = False, newest_first: bool = False
    ) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal, which is that of arrival, or in the opposite order.

        A body that is damaged is None, and `damage` says why.
        """
        ...

    async def newest(self, dev_eui: str, kind: str = "up", *, bodies: bool = False) -> KeptEvent | None:
        """Return the event of a device and kind that arrived last; None where there is none."""
        ...

    async def receipts(self, position: int) -> Sequence[tuple[str, Receipt]]:
        """Give what each sink wrote of an event, the newest first, with the sink's name.

        A receipt that is damaged is passed over.
        """
        ...

    async def counts(self) -> Counts:
        """Count what there is."""
        ...

    async def depth(self) -> Depth:
        """Say how much there is and how far delivery is behind, without reading the events."""
        ...


class Upkeep(Protocol):
    """What keeps a journal within its bounds while events come and go: each step is short."""

    async def prune(self, before_ns: int, *, undelivered: bool = False, claims: Claims | None = None) -> Pruned:
        """Remove bodies that arrived before a time, never what a cursor has ahead unless told to.

        Without claims every cursor counts, and so does every tenant that has none. Identities stay at least 40 days
        after arrival, so that a replay is still recognised.
        """
        ...

    async def prune_old(self, before_ns: int, claims: Claims) -> Pruned:
        """Remove from the front what arrived before a time, never what waits for delivery, and identities of 40 days.

        It ends where younger events begin.
        """
        ...

    async def make_room(self, claims: Claims) -> Pruned:
        """Remove the oldest bodies where the journal comes near its limit, never what waits for delivery.

        Tenants that take more than their share give first.
        """
        ...

    async def carry_out(self, claims: Claims) -> Pruned:
        """Prune as a command of the shell asked for, where one did and still waits for it."""
        ...

    async def tidy(self) -> None:
        """Give room that is free back to the disk, and mind the reserve."""
        ...

    def state(self) -> Sequence[Check]:
        """Say what is wrong with its room, without asking anybody."""
        ...


class ServiceJournal(Journal, History, Upkeep, Protocol):
    """The journal of a service: all three interfaces over one record."""


class Sink(Component[[]], ABC):
    """Stores points, of each tenant apart."""

    @abstractmethod
    async def write(self, tenant: str, points: Sequence[Point], lines: str | None = None) -> None:
        """Write all points of a tenant, or raise one SinkError; writing them twice changes nothing.

        `lines` is the same points as line protocol, where that was written already.
        """

    @abstractmethod
    async def erase(self, tenant: str, points: Sequence[Point], stays: Sequence[Point] | None = None) -> None:
        """Take the named fields of these points away, or raise one SinkError; doing it twice changes nothing.

        `stays` is what else the rows of these points have, none where they have nothing else: a database may know no
        way but to delete a row whole, and such a sink writes these again. It may refuse to erase without them; a sink
        that takes single fields away needs none, and leaves what else is there as it is.
        """

    async def check(self, tenants: Mapping[str, str] | None = None) -> Sequence[Check]:  # noqa: ARG002 - nothing to ask
        """Check whether points could be written; `tenants` are those to write for, their names by id."""
        return ()
