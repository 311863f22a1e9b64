"""Rows of the journal's event table from accepted events: names stand once in tables of their own."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, cast

from vdl_lora.events import KEPT_OF_LARGE, MAX_BODY, AnchorSource, Encoding
from vdl_lora.interfaces import Accepted
from vdl_lora.interpret import Mark

from .bodies import SAMPLES_TO_TRAIN, SEED, Bodies, Form
from .schema import load_queries

ENCODINGS: tuple[Encoding, ...] = ("json", "protobuf", "own")
ANCHORS: tuple[AnchorSource, ...] = ("ns_time", "log_item", "arrival")
_ENCODING_NUMBERS = {name: number for number, name in enumerate(ENCODINGS)}
_ANCHOR_NUMBERS = {name: number for number, name in enumerate(ANCHORS)}

_Q = load_queries()
_UNKNOWN_KIND = 0
_MOST_ORIGINS = 500_000
_SAMPLE = 8_192  # bytes of a body that a dictionary is trained on


class Rows:
    """What the writer's thread keeps in mind: the ids of names, the last position, the dictionary.

    `reload` reads all of it again from the file, after a rollback.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.samples: list[bytes] = []
        if not connection.execute("select 1 from dictionary").fetchone():
            add_dictionary(connection, "raw", SEED)
        self.reload()

    def reload(self) -> None:
        """Read the ids of names, the last position and the dictionaries from the file."""
        connection = self._connection
        self.tenants = _ids(connection, "tenant")
        self._ways = _ids(connection, "way")
        self._kinds = _ids(connection, "kind")
        self._origins: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.last = int(connection.execute(_Q["last_position"]).fetchone()[0])
        self.bodies = Bodies(dictionaries(connection))

    def append(self, connection: sqlite3.Connection, events: Sequence[Accepted]) -> int:
        """Insert events, each identity once, and count those that came again; return how many were new."""
        first = self.last + 1
        rows = [self._row(position, event) for position, event in enumerate(events, first)]
        before = connection.total_changes
        connection.executemany(_Q["append"], rows)
        new = connection.total_changes - before
        self.last += len(rows)
        if new < len(rows):
            self._count_copies(connection, first, events)
        return new

    def _row(self, position: int, event: Accepted) -> tuple[Any, ...]:
        raw, envelope, mark = event.raw, event.envelope, event.mark
        body, bodies = raw.body, self.bodies
        if len(body) > MAX_BODY:
            body = body[:KEPT_OF_LARGE]
        if bodies.form == "raw" and len(self.samples) < SAMPLES_TO_TRAIN:
            self.samples.append(body[:_SAMPLE])
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

    def _count_copies(self, connection: sqlite3.Connection, first: int, events: Sequence[Accepted]) -> None:
        new = {row[0] for row in connection.execute(_Q["appended"], (first, self.last))}
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
