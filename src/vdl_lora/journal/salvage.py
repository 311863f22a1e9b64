"""Saves what a damaged journal still holds into a new one, which takes its place; the damaged one is set aside.

First SQLite reads each table, in ranges that are halved around what it cannot read. What is missing then is looked for
on every page by itself (pages.py): where a page that led to others is gone, they are still whole. How many events there
were is known from the indexes, which hold every position once more; so what is lost is counted, not guessed, unless
all of them are damaged, too. A row is saved only where it is sound: of the right types, and its body unpacks.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zstandard

from vdl_lora.errors import JournalCorrupt, JournalError
from vdl_lora.events import Envelope, RawEvent, envelope
from vdl_lora.files import free_bytes

from .bodies import SEED, Bodies, DamagedBody
from .damage import beside, sync_folder
from .keys import Keys
from .pages import Cell, Pages
from .reader import unpack_receipts
from .rows import ENCODINGS, dictionaries
from .schema import APPLICATION_ID, MIGRATIONS, connect_reader, connect_writer, load_queries, lock

_SPAN = 4_096
"""Keys of a range that is read at once."""

_MOST_KEY = 1 << 40
_MOST_SPANS = 1_000
_COMPARED = 100
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
_Q = load_queries()

Row = tuple[Any, ...]
SalvageTold = Callable[[str, int, int], None]
"""Hears what is done, how much of it, and of how much."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the journal: the types of its columns, and its indexes whose entries end in its key.

    `b` is bytes, `i` an integer, `t` text, in capitals where there may be nothing.
    """

    name: str
    types: str
    key: str = "id"
    indexes: Sequence[str] = ()

    @property
    def places(self) -> str:
        """As many places as columns, for a statement."""
        return ", ".join("?" * len(self.types))

    @property
    def all(self) -> str:
        """The statement that reads it."""
        return f"select * from {self.name}"  # noqa: S608 - names of ours, here and below

    def fits(self, values: Sequence[object]) -> bool:
        """Tell whether values may stand in these columns."""
        return len(values) == len(self.types) and all(
            isinstance(value, _TYPES[each.lower()]) or (value is None and each.isupper())
            for each, value in zip(self.types, values, strict=True)
        )


_TYPES: Final[Mapping[str, type]] = {"b": bytes, "i": int, "t": str}

SMALL: Final = (
    Table("meta", "ti", "name"),
    Table("dictionary", "itbi"),
    Table("tenant", "it", indexes=("sqlite_autoindex_tenant_1",)),
    Table("way", "it", indexes=("sqlite_autoindex_way_1",)),
    Table("kind", "it", indexes=("sqlite_autoindex_kind_1",)),
    Table("origin", "itit", indexes=("sqlite_autoindex_origin_1",)),
    Table("cursor", "ititiIttt"),
    Table("copy", "iiiiT", "position, way"),
)
"""Read whole: some of them stand in an index once more."""

RECEIPT: Final = Table("receipt", "itiiib", indexes=("receipt_position",))
EVENT: Final = Table(
    "event", "iibiiiiiiiiTIBTTT", "position", indexes=("event_tenant", "event_identity", "event_origin")
)
LARGE: Final = (RECEIPT, EVENT)


@dataclass(slots=True)
class Saved:
    """What became of a table: how many rows were saved, and how many of them from single pages or from a backup.

    `exact` says that all rows that there were are known; otherwise at least `lost` of them are lost, and
    of events `at_most`.
    """

    saved: int = 0
    from_pages: int = 0
    from_backup: int = 0
    lost: int = 0
    at_most: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was saved, by table; the positions of the lost events, at most a thousand spans; and where the damaged is.

    `last` is the last position that anything speaks of. `restarted` says that cursors are lost: what they had delivered
    is delivered again, which changes nothing.
    """

    tables: Mapping[str, Saved]
    lost: Sequence[tuple[int, int]]
    last: int
    aside: Sequence[Path]
    restarted: bool

    @property
    def events(self) -> Saved:
        """What became of the events."""
        return self.tables[EVENT.name]


def salvage_journal(
    path: Path, backup: Path | None = None, *, told: SalvageTold = lambda _what, _done, _all: None
) -> Salvaged:
    """Save what can be read, and what else a backup of the same journal has.

    Until all is saved and on the disk, the damaged file stays as it is and where it is. Raises JournalBusy where a
    process writes to it, JournalError where there is nothing to save, or no room for it.
    """
    log = beside(path, "-wal")
    size = sum(file.stat().st_size for file in (path, log) if file.is_file())
    if path.is_dir() or not size:
        raise JournalError(f"there is nothing to save at {path}", advice="restore a backup, or name another path")
    free = free_bytes(path.absolute())
    if free is not None and free < size:
        raise JournalError(
            f"the new journal may need {size / 1e6:.0f} MB, and the disk has {free / 1e6:.0f}",
            advice=f"make room beside {path}",
        )
    handle = lock(path)
    try:
        with _new(path) as (fresh, made):
            work = _Work(made, told)
            with Pages(path, log) as pages, _source(path) as source, _opened(backup) as kept:
                if pages.owner not in (None, APPLICATION_ID):
                    raise JournalError(
                        f"{path} is a SQLite file, but no journal of vdl_lora", advice="name another path"
                    )
                found = work.save(source, pages, kept)
                if not found and pages.owner is None:
                    raise JournalError(
                        f"nothing of a journal is in {path}", advice="restore a backup, or name another path"
                    )
            if made.execute("pragma quick_check(1)").fetchone()[0] != "ok":
                raise JournalCorrupt(
                    f"{fresh} was written and cannot be read", advice=f"see the disk, {path} is as it was"
                )
        return Salvaged(work.tables, work.lost, work.last, _swap(path, fresh), work.restarted)
    finally:
        os.close(handle)


@contextmanager
def _opened(backup: Path | None) -> Generator[sqlite3.Connection | None]:
    if backup is None:
        yield None
        return
    with closing(connect_reader(backup, len(MIGRATIONS))) as connection:
        yield connection


@contextmanager
def _new(path: Path) -> Generator[tuple[Path, sqlite3.Connection]]:
    """Give a new journal beside the old one; it goes where not all goes well."""
    fresh = beside(path, ".salvaging")
    try:
        _unlink(fresh)
        with closing(connect_writer(fresh, MIGRATIONS, None)) as made:
            fresh.chmod(0o600)
            made.execute("pragma journal_mode = delete")
            made.execute("pragma synchronous = off")  # it goes to the disk as a whole, before it is used
            yield fresh, made
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
    except (sqlite3.Error, OSError) as error:
        _unlink(fresh)
        raise JournalError(f"{fresh} cannot be written: {error}; {path} is as it was") from error
    except BaseException:
        _unlink(fresh)
        raise


@contextmanager
def _source(path: Path) -> Generator[sqlite3.Connection | None]:
    """Give a connection that only reads; None where SQLite must not see the file, or cannot.

    Of an empty file it would take the log away.
    """
    if not path.is_file() or not path.stat().st_size:
        yield None
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("pragma writable_schema = on")  # a file that is cut short is read all the same
        connection.execute("pragma cell_size_check = on")
        try:
            connection.execute("select count(*) from sqlite_schema").fetchone()
            connection.execute("begin")
        except sqlite3.Error as error:
            _raise_unless_damage(error)
            yield None
        else:
            yield connection


def _raise_unless_damage(error: sqlite3.Error) -> None:
    """Let what damage does pass; a table that is not there is damage, too."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code not in _DAMAGE and code != sqlite3.SQLITE_ERROR and not isinstance(error, sqlite3.DataError):
        raise error


def _unlink(path: Path) -> None:
    for each in (path, *(beside(path, name) for name in ("-wal", "-shm", "-journal"))):
        each.unlink(missing_ok=True)


def _swap(path: Path, fresh: Path) -> list[Path]:
    """Set the damaged file and its log aside, and put the new one in place.

    Cut short in between, no file is there: then no start makes an empty one.
    """
    aside = beside(path, time.strftime(".damaged-%Y%m%dT%H%M%SZ", time.gmtime()))
    while aside.exists():
        aside = beside(aside, "-again")
    moved: list[Path] = []
    for suffix in ("", "-wal"):
        old = beside(path, suffix)
        if old.exists() and old.stat().st_size:
            moved.append(old.rename(beside(aside, suffix)))
        else:
            old.unlink(missing_ok=True)
    beside(path, "-shm").unlink(missing_ok=True)
    fresh.rename(path)
    sync_folder(path)
    return moved


class _Work:
    """Saves the rows of one journal into another."""

    def __init__(self, made: sqlite3.Connection, told: SalvageTold) -> None:
        self.tables = {table.name: Saved() for table in (*SMALL, *LARGE)}
        self.lost: list[tuple[int, int]] = []
        self.last = 0
        self.restarted = False
        self._made = made
        self._told = told
        self._known = {table.name: Keys() for table in LARGE}
        self._saved = {table.name: Keys() for table in LARGE}
        self._roots: dict[str, int] = dict(made.execute("select name, rootpage from sqlite_schema where rootpage > 0"))
        self._bodies = Bodies({})

    def save(self, source: sqlite3.Connection | None, pages: Pages, kept: sqlite3.Connection | None) -> bool:
        """Save all tables; tell whether there was any event."""
        self._made.execute("begin")
        for table in SMALL:
            self._save_small(table, source, pages)
            if kept is not None and not self.tables[table.name].exact:
                self.tables[table.name].from_backup = self._take_from(table, kept)
        self._learn()
        for table in LARGE:
            self._save_large(table, source, pages)
        if any(not self.tables[table.name].exact or self._missing(table) for table in LARGE):
            self._save_from_pages(pages)
        for table in LARGE:
            if kept is not None:
                self._save_from_backup(table, kept)
            self.tables[table.name].lost = self.tables[table.name].at_most = len(self._missing(table))
        self.lost = [span for span, _ in zip(self._missing(EVENT).spans(), range(_MOST_SPANS), strict=False)]
        self.restarted = not self.tables["cursor"].exact
        self._name_again()
        self._remember_last()
        self._made.execute("commit")
        return bool(self._known[EVENT.name]) or bool(self._saved[EVENT.name])

    # ------------------------------------------------------------------ small tables

    def _save_small(self, table: Table, source: sqlite3.Connection | None, pages: Pages) -> None:
        """Save a table from both its ends, then from an index that holds all of it, then from its pages."""
        saved = self.tables[table.name]
        if source is not None and self._take(table, source, table.all) and not pages.dropped:
            return
        saved.exact = False
        if source is not None:
            backwards = ", ".join(f"{each} desc" for each in table.key.split(", "))
            self._take(table, source, f"{table.all} order by {backwards}")
            for index in table.indexes:
                saved.exact = self._take(table, source, f"{table.all} indexed by {index}") or saved.exact
        rows: list[Row] = []
        whole = pages.tree(self._roots[table.name], lambda cell: rows.append(_row(cell)))
        saved.exact = saved.exact or whole
        saved.from_pages = self._insert(table, rows)

    def _take_from(self, table: Table, kept: sqlite3.Connection) -> int:
        before = self.tables[table.name].saved
        self._take(table, kept, table.all)
        return self.tables[table.name].saved - before

    def _take(self, table: Table, source: sqlite3.Connection, query: str) -> bool:
        """Save what a query gives; tell whether it came to its end."""
        for some in self._fetch(source, query):
            if some is None:
                return False
            self._insert(table, some)
        return True

    @staticmethod
    def _fetch(source: sqlite3.Connection, query: str) -> Iterator[list[Row] | None]:
        """Give what a query gives, some at a time, and None in the end where it cannot be read to it."""
        try:
            rows = source.execute(query)
            while some := rows.fetchmany(_SPAN):
                yield some
        except sqlite3.Error as error:
            _raise_unless_damage(error)
            yield None

    def _insert(self, table: Table, rows: Sequence[Row]) -> int:
        """Insert the rows that fit and are not there; return how many."""
        before = self._made.total_changes
        insert = f"insert or ignore into {table.name} values ({table.places})"  # noqa: S608 - names of ours
        self._made.executemany(insert, [row for row in rows if table.fits(row)])
        new = self._made.total_changes - before
        self.tables[table.name].saved += new
        return new

    def _learn(self) -> None:
        """Learn the dictionaries; in place of one that is lost stands the text that every journal begins with."""
        for number, (form, content) in dictionaries(self._made).items():
            try:
                self._bodies.learn(number, form, content)
            except JournalCorrupt:
                self._made.execute("delete from dictionary where id = ?", (number,))
                self.tables["dictionary"].exact = False
        if not self._bodies.knows(1):
            insert = "insert into dictionary (id, form, content, made_at_ns) values (1, 'raw', ?, ?)"
            self._made.execute(insert, (SEED, time.time_ns()))
            self._bodies.learn(1, "raw", SEED)

    # ------------------------------------------------------------------ large tables

    def _missing(self, table: Table) -> Keys:
        return self._known[table.name] - self._saved[table.name]

    def _save_large(self, table: Table, source: sqlite3.Connection | None, pages: Pages) -> None:
        """Save what SQLite reads of a table, and find out what else was there."""
        saved = self.tables[table.name]
        saved.exact = any(self._know(table, source, pages, index) for index in table.indexes)
        if source is None:
            return
        last = max(self._known[table.name].last, self._last_of(table, source))
        clean = last > 0
        for first in range(1, last + 1, _SPAN):
            self._told(f"reading {table.name}s", first, last)
            for rows in self._read(table, source, first, min(first + _SPAN - 1, last)):
                clean = clean and rows is not None
                self._keep(table, rows or ())
        saved.exact = saved.exact or (clean and not pages.dropped)

    def _know(self, table: Table, source: sqlite3.Connection | None, pages: Pages, index: str) -> bool:
        """Learn from an index which rows there were; tell whether all of it could be read."""
        known = self._known[table.name]

        def take(key: object) -> None:
            if isinstance(key, int) and _is_key(key):
                known.add(key)

        self._told(f"reading {index}", 0, 0)
        if source is not None:
            query = f"select {table.key} from {table.name} indexed by {index}"  # noqa: S608 - names of ours
            for some in self._fetch(source, query):
                if some is None:
                    break
                for (key,) in some:
                    take(key)
            else:
                if not pages.dropped:
                    return True
        root = self._roots[index]
        return pages.is_index(root) and pages.tree(root, lambda cell: take(cell.values[-1] if cell.values else None))

    @staticmethod
    def _last_of(table: Table, source: sqlite3.Connection) -> int:
        try:
            last = source.execute(f"select max({table.key}) from {table.name} not indexed").fetchone()[0]  # noqa: S608
        except sqlite3.Error as error:
            _raise_unless_damage(error)
            return 0
        return last if isinstance(last, int) and last < _MOST_KEY else 0

    def _read(self, table: Table, source: sqlite3.Connection, first: int, last: int) -> Iterator[list[Row] | None]:
        """Give the rows of a range, in halves where not all can be read, and None where one cannot."""
        query = f"{table.all} not indexed where {table.key} between ? and ? order by {table.key}"
        try:
            rows = source.execute(query, (first, last)).fetchall()
        except sqlite3.Error as error:
            _raise_unless_damage(error)
            if first == last:
                yield None
                return
            middle = (first + last) // 2
            yield from self._read(table, source, first, middle)
            yield from self._read(table, source, middle + 1, last)
        else:
            yield rows

    def _save_from_pages(self, pages: Pages) -> None:
        """Look at every page by itself for rows that are missing, or of which nobody knows."""
        missing = {table.name: self._missing(table) for table in LARGE}
        for number, cells in enumerate(pages.leaves()):
            if not number % _SPAN:
                self._told("looking at single pages", number, pages.total)
            rows = [_row(cell) for cell in cells if cell.key is not None]
            for table in LARGE:
                anything = not self.tables[table.name].exact
                wanted = [row for row in rows if _is_key(row[0]) and (anything or row[0] in missing[table.name])]
                self.tables[table.name].from_pages += self._keep(table, wanted)

    def _save_from_backup(self, table: Table, kept: sqlite3.Connection) -> None:
        """Take what is missing from a backup, where it has it; and what nobody knows of."""
        if table is EVENT and not self._is_related(kept):
            raise JournalError("the backup is not one of this journal: the same positions hold other events")
        saved, missing = self.tables[table.name], self._missing(table)
        last = self._last_of(table, kept)
        for first in range(1, last + 1, _SPAN):
            self._told(f"reading {table.name}s of the backup", first, last)
            for rows in self._read(table, kept, first, min(first + _SPAN - 1, last)):
                wanted = [row for row in rows or () if not saved.exact or row[0] in missing]
                saved.from_backup += self._keep(table, wanted)

    def _is_related(self, kept: sqlite3.Connection) -> bool:
        """See that some of the oldest and some of the newest events that both have are the same."""
        identities = "select position, identity from event order by position"
        for order in ("asc", "desc"):
            here = dict(self._made.execute(f"{identities} {order} limit {_COMPARED}").fetchall())
            for position, identity in here.items():
                found = kept.execute("select identity from event where position = ?", (position,)).fetchone()
                if found is not None and found[0] != identity:
                    return False
        return True

    def _keep(self, table: Table, rows: Sequence[Row]) -> int:
        """Insert the rows that are sound and not there yet; return how many."""
        saved = self._saved[table.name]
        sound = [row for row in rows if table.fits(row) and row[0] not in saved and self._unpacks(table, row)]
        new = self._insert(table, sound)
        for row in sound:
            if new == len(sound) or self._has(table, row[0]):
                saved.add(row[0])
        return new

    def _has(self, table: Table, key: int) -> bool:
        query = f"select 1 from {table.name} where {table.key} = ?"  # noqa: S608 - names of ours
        return self._made.execute(query, (key,)).fetchone() is not None

    def _unpacks(self, table: Table, row: Row) -> bool:
        try:
            if table is RECEIPT:
                unpack_receipts(row[_RECEIPT_CONTENT])
            elif row[_EVENT_BODY] is not None:
                self._bodies.unpack(row[_EVENT_BODY - 1], row[_EVENT_BODY])
        except (DamagedBody, zstandard.ZstdError):
            return False
        return True

    # ------------------------------------------------------------------ what the rows need

    def _name_again(self) -> None:
        """Give the names that are lost to the rows that have them: a body says whose it is."""
        for (number,) in self._made.execute(_UNNAMED.format("tenant")).fetchall():
            found = self._envelope("tenant", number)
            name = found.tenant_id if found else f"lost-{number}"
            self._made.execute("insert or ignore into tenant (id, name) values (?, ?)", (number, name))
        for number, tenant in self._made.execute(_UNNAMED_ORIGIN).fetchall():
            found = self._envelope("origin", number)
            names = (found.dev_eui, tenant, found.application_id) if found else ("", tenant, f"lost-{number}")
            insert = "insert or ignore into origin (id, dev_eui, tenant, application) values (?, ?, ?, ?)"
            self._made.execute(insert, (number, *names))
        for table in ("way", "kind"):
            for (number,) in self._made.execute(_UNNAMED.format(table)).fetchall():
                insert = f"insert into {table} (id, name) values (?, ?)"  # noqa: S608 - names of ours
                self._made.execute(insert, (number, f"lost-{number}"))

    def _envelope(self, column: str, number: int) -> Envelope | None:
        """Read the envelope of an event again."""
        row = self._made.execute(_ANY_BODY.format(column), (number,)).fetchone()
        if row is None:
            return None
        kind, encoding, dictionary, body, arrived_at_ns = row
        raw = RawEvent(
            kind or "unknown", ENCODINGS[int(encoding)], self._bodies.unpack(dictionary, body), "", arrived_at_ns
        )
        return envelope(raw)

    def _remember_last(self) -> None:
        """Remember the last position that was given: what comes next must lie ahead of every cursor.

        Where not all events that there were are known, any position up to there may have had one.
        """
        saved, has = self.tables[EVENT.name], self._saved[EVENT.name]
        self.last = max(self._known[EVENT.name].last, has.last, *self._made.execute(_ENDS).fetchone())
        self._made.execute(_Q["remember"], ("last_position", self.last))
        self._made.execute(_Q["summarise"], (1, self.last))
        if not saved.exact:
            saved.at_most = max(self.last - max(has.first, 1) + 1 - len(has), saved.lost)


_RECEIPT_CONTENT, _EVENT_BODY = 5, 13  # columns
_UNNAMED = "select distinct {0} from event where {0} not in (select id from {0})"
_UNNAMED_ORIGIN = (
    "select distinct origin, tenant from event where origin not in (select id from origin) group by origin"
)
_ANY_BODY = (
    "select kind.name, encoding, dictionary, body, arrived_at_ns from event left join kind on kind.id = event.kind "
    "where event.{0} = ? and body is not null limit 1"
)
_ENDS = (
    "select coalesce((select max(value) from meta where name = 'last_position'), 0), "
    'coalesce((select max(max(next, coalesce("end", 0))) - 1 from cursor), 0), '
    "coalesce((select max(last) from receipt), 0)"
)


def _row(cell: Cell) -> Row:
    """Give a row as SQLite gives it: the key stands where the page has nothing."""
    return (cell.key, *cell.values[1:]) if cell.key is not None else tuple(cell.values)


def _is_key(key: object) -> bool:
    return isinstance(key, int) and 0 < key < _MOST_KEY
