"""Rows of the journal's event table from accepted events: names stand once in tables of their own."""

import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, cast, get_args

from vdl_lora.events import KEPT_OF_LARGE, MAX_BODY, AnchorSource, Encoding, JournalEvent, RawEvent
from vdl_lora.interfaces import Accepted
from vdl_lora.lorawan import EventKind
from vdl_lora.mark import Mark

from .bodies import SEED, Bodies, Form
from .schema import load_queries

ENVELOPE = "envelope"
"""The stage of events whose envelope could not be read: no cursor hands them on."""

ENCODINGS: tuple[Encoding, ...] = ("json", "protobuf", "own")
ANCHORS: tuple[AnchorSource, ...] = ("ns_time", "log_item", "arrival")
_ENCODING_NUMBERS = {name: number for number, name in enumerate(ENCODINGS)}
_ANCHOR_NUMBERS = {name: number for number, name in enumerate(ANCHORS)}

_Q = load_queries()
_KINDS = frozenset(get_args(EventKind))
_UNKNOWN_KIND = 0
_MOST_ORIGINS = 500_000


class Appended(NamedTuple):
    """What became of a group: the position that its first event was given, and the positions that were kept as new."""

    first: int
    new: Collection[int]


class Rows:
    """What the writer's thread keeps in mind: the ids of names, the last position, the dictionary.

    `reload` reads all of it again from the file, after a rollback.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        if not connection.execute("select 1 from dictionary").fetchone():
            add_dictionary(connection, "raw", SEED)
        self.reload()

    def reload(self) -> None:
        """Read the ids of names, the last position and the dictionaries from the file."""
        connection = self._connection
        self.tenants = _ids(connection, "tenant")
        self._ways = _ids(connection, "way")
        self._kinds = _ids(connection, "kind")
        self._summarises = bool(connection.execute(_Q["has_blocks"]).fetchone())  # not before schema 4
        self._origins: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.last = int(connection.execute(_Q["last_position"]).fetchone()[0])
        self.bodies = Bodies(dictionaries(connection))

    def append(self, connection: sqlite3.Connection, events: Sequence[Accepted]) -> Appended:
        """Insert events, each identity once, and count those that came again.

        Each takes a position, whether it is new or not.
        """
        first = self.last + 1
        rows = [self._row(position, event) for position, event in enumerate(events, first)]
        before = connection.total_changes
        connection.executemany(_Q["append"], rows)
        inserted = connection.total_changes - before
        self.last += len(rows)
        if inserted and self._summarises:
            connection.execute(_Q["summarise"], (first, self.last))
        if inserted == len(rows):
            return Appended(first, range(first, self.last + 1))
        new = {row[0] for row in connection.execute(_Q["appended"], (first, self.last))}
        self._count_copies(connection, first, new, events)
        return Appended(first, new)

    def _row(self, position: int, event: Accepted) -> tuple[Any, ...]:
        raw, envelope, mark = event.raw, event.envelope, event.mark
        body, bodies = kept_body(raw), self.bodies
        names = (envelope.dev_eui, envelope.tenant_id, envelope.application_id)
        origin, tenant = self._origins.get(names) or self._origin(names)
        return (
            position,
            envelope.event_at_ns,
            envelope.identity,
            origin,
            tenant,
            self._kinds.get(envelope.kind, _UNKNOWN_KIND),
            _ENCODING_NUMBERS[raw.encoding],
            self._ways.get(raw.way) or self._way(raw.way),
            raw.arrived_at_ns,
            envelope.anchor_at_ns,
            _ANCHOR_NUMBERS[envelope.anchor],
            raw.mark or None,
            bodies.newest,
            bodies.pack(body),
            *(mark_row(mark) if mark else (None, None, None)),
        )

    def _count_copies(
        self, connection: sqlite3.Connection, first: int, new: Collection[int], events: Sequence[Accepted]
    ) -> None:
        copies = [
            (self._way(raw.way), raw.arrived_at_ns, raw.mark or None, envelope.event_at_ns, envelope.identity)
            for position, (raw, envelope) in enumerate(((each.raw, each.envelope) for each in events), first)
            if position not in new
        ]
        connection.executemany(_Q["count_copy"], copies)

    def _origin(self, names: tuple[str, str, str]) -> tuple[int, int]:
        if len(self._origins) >= _MOST_ORIGINS:
            self._origins.clear()
        dev_eui, tenant_name, application = names
        tenant = self.tenant(tenant_name)
        found = (
            _id(self._connection, "origin", "dev_eui, tenant, application", (dev_eui, tenant, application)),
            tenant,
        )
        self._origins[names] = found
        return found

    def tenant(self, name: str) -> int:
        """Give a tenant's id, made where there is none."""
        if name not in self.tenants:
            self.tenants[name] = _id(self._connection, "tenant", "name", (name,))
        return self.tenants[name]

    def _way(self, name: str) -> int:
        if name not in self._ways:
            self._ways[name] = _id(self._connection, "way", "name", (name,))
        return self._ways[name]


def kept_body(raw: RawEvent) -> bytes:
    """Give as much of a body as is kept."""
    return raw.body if len(raw.body) <= MAX_BODY else raw.body[:KEPT_OF_LARGE]


def kind_of(event: Accepted) -> str:
    """Give the kind as it is kept: one that ChirpStack does not have yet is unknown."""
    kind = event.envelope.kind
    return kind if kind in _KINDS else "unknown"


def goes_on(mark: Mark | None) -> bool:
    """Tell whether cursors hand an event on that has this mark."""
    return mark is None or mark.stage != ENVELOPE


def journal_event(position: int, event: Accepted, *, marked: bool) -> JournalEvent:
    """Give an event as it is read back."""
    raw, envelope = event.raw, event.envelope
    return JournalEvent(
        position,
        kind_of(event),
        raw.encoding,
        kept_body(raw),
        raw.way,
        raw.arrived_at_ns,
        envelope.anchor_at_ns,
        envelope.anchor,
        raw.mark,
        marked,
    )


def mark_row(mark: Mark) -> tuple[str, str, str]:
    """Give a mark as it stands in the file, where the name of a sink follows its stage: `sink:store`."""
    return (f"{mark.stage}:{mark.sink}" if mark.sink else mark.stage, mark.code, mark.words)


def sink_stage(name: str) -> str:
    """Give the stage of the marks of a sink, as it stands in the file."""
    return f"sink:{name}"


def read_mark(row: tuple[str, str, str]) -> Mark:
    """Give the mark that a row of the file says; an older file names no sink."""
    stage, _, sink = row[0].partition(":")
    return Mark(stage, row[1], row[2], sink)


def _ids(connection: sqlite3.Connection, table: str) -> dict[str, int]:
    return dict(connection.execute(f"select name, id from {table}"))  # noqa: S608 - a name of ours


def _id(connection: sqlite3.Connection, table: str, columns: str, values: tuple[Any, ...]) -> int:
    """Give the id of a row with these values, made where there is none."""
    places = ", ".join("?" * len(values))
    connection.execute(f"insert into {table} ({columns}) values ({places}) on conflict do nothing", values)  # noqa: S608
    found = connection.execute(f"select id from {table} where ({columns}) = ({places})", values)  # noqa: S608
    return int(found.fetchone()[0])


def dictionaries(connection: sqlite3.Connection) -> dict[int, tuple[Form, bytes]]:
    """Read all dictionaries by their number."""
    rows = connection.execute("select id, form, content from dictionary order by id")
    return {number: (cast("Form", form), content) for number, form, content in rows}


def add_dictionary(connection: sqlite3.Connection, form: Form, content: bytes) -> int:
    """Keep a dictionary and return its number."""
    insert = "insert into dictionary (form, content, made_at_ns) values (?, ?, ?)"
    return int(connection.execute(insert, (form, content, time.time_ns())).lastrowid or 0)
