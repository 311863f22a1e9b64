"""Reading a journal: a connection and a thread of its own, beside whoever writes."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import structlog
import zstandard

from vdl_lora.events import NS, AnchorSource, Encoding, JournalEvent
from vdl_lora.files import free_bytes
from vdl_lora.interfaces import (
    Batch,
    Counts,
    Cursor,
    CursorKind,
    Delivery,
    DeliveryState,
    Depth,
    KeptEvent,
    Lag,
    Receipt,
)
from vdl_lora.mark import Mark

from .bodies import Bodies, DamagedBody, damage_mark
from .reserve import reserve_stands
from .rows import ANCHORS, ENCODINGS, ENVELOPE, dictionaries, read_mark
from .schema import MIGRATIONS, connect_reader, load_queries, meaning
from .search import Search

FOREVER = (1 << 63) - 1
_STATES: tuple[DeliveryState, ...] = ("flowing", "retrying", "held")
_MOST_LINES = 1 << 26
_DAY_NS = 86_400 * NS
_WEEK_NS = 7 * _DAY_NS
_LEAST_NS = 3_600 * NS  # a shorter time says nothing of a day
_ROW_BYTES = 170  # about what an event takes beside its body, with its indexes
_ENVELOPE = ENVELOPE.encode()
_BODY, _STAGE, _CODE = 4, 10, 11  # columns of what a cursor reads
_ENCODINGS: Mapping[Any, Encoding] = dict(enumerate(ENCODINGS))
_ANCHORS: Mapping[Any, AnchorSource] = dict(enumerate(ANCHORS))
_RECEIPTS = msgspec.json.Decoder(list[Receipt])
log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_Q = load_queries()


class Reader:
    """A connection that only reads, used by one thread; `report` is called with the outcome of each query."""

    def __init__(
        self,
        path: Path,
        name: str,
        schema: int = len(MIGRATIONS),
        report: Callable[[Exception | None], None] = lambda _error: None,
    ) -> None:
        self._path = path
        self._schema = schema
        self._report = report
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: sqlite3.Connection | None = None
        self._bodies = Bodies({})

    async def do(self, run: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a query in the reader's thread.

        Raises JournalError where there is no journal, or SQLite cannot read it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, run)

    def _run(self, run: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            if self._connection is None:
                self._connection = connect_reader(self._path, self._schema)
            result = run(self._connection)
        except (sqlite3.Error, OSError) as error:
            said = meaning(error, self._path)
            self._report(said)
            raise said from error
        self._report(None)
        return result

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unpack(self, number: int, frame: bytes) -> bytes:
        """Give a body back. Raises DamagedBody."""
        if not self._bodies.knows(number) and self._connection is not None:
            self._bodies = Bodies(dictionaries(self._connection))
        return self._bodies.unpack(number, frame)

    async def batch(self, cursor: Cursor, tenant: int, limit: int) -> Batch:
        """Read the next events of a cursor."""
        end = FOREVER if cursor.end is None else cursor.end

        def read(connection: sqlite3.Connection) -> Batch:
            rows = connection.execute(_Q["read"], (tenant, cursor.next, end, limit)).fetchall()
            events: list[JournalEvent] = []
            damaged: dict[int, Mark] = {}
            for row in rows:
                if row[_BODY] is None or row[_STAGE] == _ENVELOPE:
                    continue
                try:
                    events.append(self._event(row))
                except DamagedBody as error:
                    mark = damage_mark(str(error))
                    if (_text(row[_STAGE]), _text(row[_CODE])) != (mark.stage, mark.code):
                        damaged[row[0]] = mark
            if len(rows) == limit:
                return Batch(events, int(rows[-1][0]), more=True, damaged=damaged)
            if cursor.end is not None:
                return Batch(events, cursor.end - 1, damaged=damaged)
            return Batch(events, int(rows[-1][0]) if rows else cursor.next - 1, damaged=damaged)

        return await self.do(read)

    def _event(self, row: Sequence[Any]) -> JournalEvent:
        """Read an event. Raises DamagedBody where its body or its row is damaged."""
        position, kind, encoding, dictionary, body, way, arrived, anchor_at, anchor, log_item, stage, _ = row
        if kind is None or way is None or encoding not in _ENCODINGS or anchor not in _ANCHORS:
            raise DamagedBody("the row names a kind, a way, an encoding or an anchor that does not exist")
        return JournalEvent(
            position,
            kind,
            _ENCODINGS[encoding],
            self._unpack(dictionary, body),
            way,
            arrived,
            anchor_at,
            _ANCHORS[anchor],
            _text(log_item),
            stage is not None,
        )

    async def page(self, search: Search, limit: int, *, bodies: bool) -> list[KeptEvent] | None:
        """Read the events of a search's next window; None behind its end."""

        def read(connection: sqlite3.Connection) -> list[KeptEvent] | None:
            ends = connection.execute(_Q["first_and_last"]).fetchone()
            window = search.window(*ends) if ends[0] is not None else None
            if window is None:
                return None
            direction = "desc" if search.newest_first else ""
            positions = search.positions(int(connection.execute("pragma user_version").fetchone()[0]))
            query = f"{_Q['events']} where event.position in ({positions}) order by event.position {direction}"
            rows = connection.execute(query, search.values(window, limit))
            found = [self._kept(row, bodies=bodies) for row in rows]
            search.found(window, len(found), limit, found[-1].position if found else 0)
            return found

        return await self.do(read)

    def _kept(self, row: Sequence[Any], *, bodies: bool) -> KeptEvent:
        position, kind, encoding, dev_eui, tenant, application, event_at, anchor_at, arrived = row[:9]
        way, copies, log_item, stage, code, words, dictionary, body = row[9:]
        ways = {way: 1}
        content, damage = None, ""
        if bodies and body is not None:
            try:
                content = self._unpack(dictionary, body)
            except DamagedBody as error:
                damage = str(error)
        for copy in copies.split(",") if copies else ():
            name, _, count = copy.partition(" ")
            again = bytes.fromhex(name).decode()
            ways[again] = ways.get(again, 0) + int(count)
        return KeptEvent(
            position=position,
            kind=kind,
            encoding=_ENCODINGS.get(encoding, "unknown"),
            dev_eui=dev_eui,
            tenant=tenant,
            application=application,
            event_at_ns=event_at,
            anchor_at_ns=anchor_at,
            arrived_at_ns=arrived,
            ways=ways,
            log_item=_text(log_item),
            mark=read_mark((_text(stage), _text(code), _text(words))) if stage is not None else None,
            body=content,
            damage=damage,
        )

    async def receipts(self, position: int) -> list[tuple[str, Receipt]]:
        """Read what each sink wrote of an event, the newest first."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, Receipt]]:
            return [
                (sink, receipt)
                for number, sink, content in connection.execute(_Q["receipts"], (position, position, position))
                for receipt in _readable(number, content)
                if receipt.position == position
            ]

        return await self.do(read)

    async def counts(self) -> Counts:
        """Count what there is."""
        return await self.do(lambda connection: _counts(connection, self._path))

    async def depth(self, limit: int | None = None) -> Depth:
        """Say how much there is and how far delivery is behind, without reading the events."""
        return await self.do(lambda connection: _depth(connection, self._path, limit))

    async def cursors(self, sink: str, tenant: str) -> list[Cursor]:
        """Read the cursors of a sink and tenant."""
        return await self.do(lambda connection: read_cursors(connection, sink, tenant))


def _text(content: bytes | None) -> str:
    """Read a text as far as it is one."""
    return content.decode("utf-8", "replace") if content else ""


def pack_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Compress the receipts of one batch together: neighbours are so much alike that a higher level gains nothing."""
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(msgspec.json.encode(receipts))


def unpack_receipts(content: bytes) -> bytes:
    """Give the JSON of a batch's receipts back."""
    return zstandard.ZstdDecompressor().decompress(content, max_output_size=_MOST_LINES)


def _readable(number: int, content: bytes) -> list[Receipt]:
    """Read the receipts of a batch, none where they are damaged: the events are known without them."""
    try:
        return _RECEIPTS.decode(unpack_receipts(content))
    except (zstandard.ZstdError, msgspec.MsgspecError, TypeError) as error:
        log.warning("receipts are damaged", action="skip", receipt=number, why=str(error))
        return []


def read_cursors(connection: sqlite3.Connection, sink: str, tenant: str) -> list[Cursor]:
    """Read the cursors of a sink and tenant that are not done: live, then backlogs, then replays."""
    return [
        Cursor(number, of, tenant_name, cast("CursorKind", kind), following, end, chosen, state, words)
        for number, of, tenant_name, kind, following, end, chosen, state, words in connection.execute(
            _Q["cursors"], (sink, tenant)
        )
    ]


def _counts(connection: sqlite3.Connection, path: Path) -> Counts:
    by_kind: dict[str, int] = {}
    oldest: list[int] = []
    for kind, count, arrived in connection.execute(_Q["count_events"]):
        by_kind[kind] = count
        oldest.append(arrived)
    by_code: dict[str, int] = dict(connection.execute(_Q["count_quarantined"]))
    return Counts(
        events=sum(by_kind.values()),
        quarantined=sum(by_code.values()),
        copies=int(connection.execute(_Q["count_copies"]).fetchone()[0]),
        oldest_at_ns=min(oldest, default=None),
        bytes=_size(path),
        by_kind=by_kind,
        by_code=by_code,
        delivery=[
            Delivery(sink, tenant, waiting, _STATES[int(state)], words)
            for sink, tenant, waiting, state, words, _ in connection.execute(_Q["deliveries"])
        ],
    )


def _depth(connection: sqlite3.Connection, path: Path, limit: int | None) -> Depth:
    events, quarantined = connection.execute(_Q["depth"]).fetchone()
    return Depth(
        events=events,
        quarantined=quarantined,
        bytes=_size(path),
        lags=[
            Lag(sink, tenant, waiting, _STATES[int(state)], words, oldest_at_ns)
            for sink, tenant, waiting, state, words, oldest_at_ns in connection.execute(_Q["deliveries"])
        ],
        limit=limit,
        disk_free=free_bytes(path),
        reserve=reserve_stands(path),
        daily=_daily(connection, events, time.time_ns()),
    )


def _daily(connection: sqlite3.Connection, events: int, now_ns: int) -> int | None:
    """Estimate the bytes that come a day, from the last week, or from what there is of it."""
    ends = connection.execute(_Q["ends"]).fetchone()
    if ends is None:
        return None
    first, last, first_at_ns = ends
    since_ns = max(now_ns - _WEEK_NS, first_at_ns)
    if now_ns - since_ns < _LEAST_NS:
        return None
    each, receipts = (connection.execute(_Q[name]).fetchone()[0] or 0.0 for name in ("newest_size", "newest_receipts"))
    began = _position_at(connection, first, last, since_ns)
    came = (last - began + 1) * events / (last - first + 1)  # a position that a copy was given has no event
    return int(came * (_ROW_BYTES + each + receipts) * _DAY_NS / (now_ns - since_ns))


def _position_at(connection: sqlite3.Connection, first: int, last: int, at_ns: int) -> int:
    """Find about where the events begin that arrived since a time."""
    while first < last:
        middle = (first + last) // 2
        position, arrived_at_ns = connection.execute(_Q["arrived"], (middle,)).fetchone()
        if arrived_at_ns >= at_ns:
            last = middle
        else:
            first = position + 1
    return first


def _size(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def spans(last: int, size: int, first: int = 1) -> Iterator[tuple[int, int]]:
    """Give spans of positions that cover `first` to `last`."""
    return ((each, min(each + size - 1, last)) for each in range(first, last + 1, size))
