"""The embedded store: a SQLite file that anyone can open; `select * from air` shows a row per series and time.

Behind the view `air` stand `_air_series` (a row a series, a column a tag) and `_air` (a row per series and time, a
column a field), in the order of time: what comes together is written to one page (docs/decisions/0010). The same rule
as in InfluxDB: the last write of a field wins, so writing twice changes nothing.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from vdl_lora.errors import PointsRefused, SinkError, SinkRefused, SinkUnavailable
from vdl_lora.files import cannot_grow, cannot_write, free_bytes
from vdl_lora.interfaces import Check, Sink
from vdl_lora.points import Point, Tags
from vdl_lora.setting_types import Setting
from vdl_lora.wording import counted, size

APPLICATION_ID = 0x76646C73  # "vdls"

_TYPES: dict[type, str] = {float: "real", int: "integer", bool: "boolean", str: "text"}
_MOST_SERIES = 200_000
_ANOTHER_PATH = "name a path in [store] that can be written"
_T = TypeVar("_T")

_Shape = tuple[object, ...]
"""A measurement, the names of a point's fields and their types, one after another."""

_Row = tuple[Any, ...]
"""The id of a series, a time, and the values of the fields."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The embedded default: used when no database is configured. A view per measurement: time (ns), tags, fields."""

    path: Annotated[Path, Setting("one SQLite file; open it with sqlite3")] = Path("data/points.sqlite")


class SqliteSink(Sink):
    """Writes points into one SQLite file, in a thread of its own; waits for `busy_s` where another program holds it."""

    name = "sqlite"

    def __init__(self, path: Path, busy_s: float = 5.0) -> None:
        self.path = path
        self._busy_s = busy_s
        self._thread = ThreadPoolExecutor(1, "store")
        self._store: _Store | None = None

    async def write(self, tenant: str, points: Sequence[Point], lines: str | None = None) -> None:  # noqa: ARG002 - a file for all, no text
        """Write all points in one transaction, or raise one SinkError."""
        await self._do(lambda store: store.write(points))

    async def erase(self, tenant: str, points: Sequence[Point], stays: Sequence[Point] | None = None) -> None:  # noqa: ARG002 - a file for all, and what stays does so by itself
        """Take the named fields of these points away; a row without fields goes."""
        await self._do(lambda store: store.erase(points))

    async def check(self, tenants: Mapping[str, str] | None = None) -> Sequence[Check]:  # noqa: ARG002 - a file for all
        """Say whether the file can be written, without making it where there is none."""
        path = self.path.absolute()
        try:
            count = await asyncio.to_thread(self._look)
        except SinkError as error:
            return [Check.failed("store", error)]
        words = "it is made when the first value is stored"
        if count is not None:
            words = f"{counted(count, 'measurement')} in {size(path.stat().st_size)}"
        store = Check("store", ok=True, words=f"{path}: {words}")
        free = free_bytes(path)
        return [store] if free is None else [store, Check("disk", ok=True, words=f"{size(free)} are free")]

    async def close(self) -> None:
        """Close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._store is not None:
            self._store.connection.close()
            self._store = None

    def _look(self) -> int | None:
        """Count the measurements; begin a transaction, which shows whether one could write, and leave it."""
        if problem := cannot_write(self.path):
            raise SinkRefused(f"the store {self.path} cannot be used: {problem}", advice=_ANOTHER_PATH)
        if not self.path.exists():
            return None
        where = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(where, uri=True, isolation_level=None)) as connection:
                _refuse_others(connection, self.path)
                connection.execute("begin immediate")
                count = connection.execute("select count(*) from sqlite_schema where type = 'view'").fetchone()[0]
                connection.execute("rollback")
        except sqlite3.Error as error:
            raise _meaning(error, self.path) from error
        return int(count)

    async def _do(self, run: Callable[["_Store"], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, run)

    def _run(self, run: Callable[["_Store"], _T]) -> _T:
        try:
            if self._store is None:
                self._store = _Store(self.path, self._busy_s)
            return self._store.transaction(run)
        except (sqlite3.Error, OSError) as error:
            raise _meaning(error, self.path) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise PointsRefused(f"a value that SQLite cannot keep: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class _Insert:
    """What inserts the rows of a shape; it equals itself alone, so that rows are gathered by it without comparing."""

    measurement: str
    statement: str


def _meet(pending: Mapping[_Insert, Sequence[_Row]]) -> bool:
    """Tell whether a series has a time in two shapes, where the order of writes counts."""
    of: dict[str, list[Sequence[_Row]]] = {}
    for insert, rows in pending.items():
        of.setdefault(insert.measurement, []).append(rows)
    return any(
        len({row[:2] for rows in shapes for row in rows}) < sum(map(len, shapes))
        for shapes in of.values()
        if len(shapes) > 1
    )


class _Store:
    """The open file, and what it holds: the columns of each measurement and the ids of its series."""

    def __init__(self, path: Path, busy_s: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(
            path, timeout=busy_s, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        try:
            self._begin(path)
        except BaseException:
            self.connection.close()
            raise

    def _begin(self, path: Path) -> None:
        _refuse_others(self.connection, path)
        self.connection.execute(f"pragma application_id = {APPLICATION_ID}")
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = full")
        self.connection.execute("pragma cache_size = -16384")
        self.reload()

    def reload(self) -> None:
        """Read the columns from the file; series are looked up again when they are needed."""
        names = [
            name[1:]
            for (name,) in self.connection.execute("select name from sqlite_schema where type = 'table'")
            if name.startswith("_") and not name.endswith("_series")
        ]
        self.columns = {name: self._columns(f"_{name}") for name in names}
        self._series: dict[tuple[str, Tags], int] = {}
        self._inserts: dict[_Shape, _Insert] = {}

    def transaction(self, run: Callable[["_Store"], _T]) -> _T:
        """Run something in one transaction; after a failure nothing of it is kept."""
        self.connection.execute("begin immediate")
        try:
            result = run(self)
            self.connection.execute("commit")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("rollback")
            self.reload()
            raise
        return result

    def write(self, points: Sequence[Point]) -> None:
        """Insert points, those of one shape together, unless a row comes in two shapes: then one after another."""
        pending: dict[_Insert, list[_Row]] = {}
        for point in points:
            insert, row = self._row(point)
            pending.setdefault(insert, []).append(row)
        if _meet(pending):
            for insert, row in map(self._row, points):
                self.connection.execute(insert.statement, row)
            return
        for insert, rows in pending.items():
            self.connection.executemany(insert.statement, rows)

    def _row(self, point: Point) -> tuple["_Insert", _Row]:
        """Give the row of a point, and what inserts it; tables and columns are made where they are missing."""
        values = point.fields.values()
        shape = (point.measurement, *point.fields, *map(type, values))
        insert = self._inserts.get(shape) or self._prepare(shape, point)
        series = self._series.get((point.measurement, point.tags)) or self._series_id(point)
        return insert, (series, point.at_ns, *values)

    def erase(self, points: Sequence[Point]) -> None:
        """Set fields to null, and delete the rows that then have none."""
        for point in points:
            table = _quoted(f"_{point.measurement}")
            known = [name for name in point.fields if name in self.columns.get(point.measurement, {})]
            if not known:
                continue
            where = (self._series_id(point), point.at_ns)
            nulls = ", ".join(f"{_quoted(name)} = null" for name in known)
            empty = " and ".join(f"{_quoted(name)} is null" for name in self._fields(point.measurement))
            self.connection.execute(f"update {table} set {nulls} where (series, time) = (?, ?)", where)  # noqa: S608
            self.connection.execute(f"delete from {table} where (series, time) = (?, ?) and {empty}", where)  # noqa: S608

    def _prepare(self, shape: _Shape, point: Point) -> "_Insert":
        """Make the columns of a shape where they are missing, and its insert.

        Raises PointsRefused where a field has another type already.
        """
        measurement, names = point.measurement, list(point.fields)
        self._make(measurement, [name for name, _ in point.tags])
        for name, value in point.fields.items():
            wanted, found = _TYPES[type(value)], self.columns[measurement].get(name)
            if found is None:
                self.connection.execute(f"alter table {_quoted(f'_{measurement}')} add column {_quoted(name)} {wanted}")
                self.columns[measurement][name] = wanted
                self._make_view(measurement)
            elif found != wanted:
                raise PointsRefused(
                    f"field type conflict: {measurement}.{name} is {wanted} here and {found} in the store"
                )
        columns = ", ".join(_quoted(name) for name in names)
        updates = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in names)
        self._inserts[shape] = made = _Insert(
            measurement,
            f"insert into {_quoted(f'_{measurement}')} (series, time, {columns}) "  # noqa: S608 - quoted names
            f"values (?, ?{', ?' * len(names)}) on conflict (time, series) do update set {updates}",
        )
        return made

    def _make(self, measurement: str, tags: Iterable[str]) -> None:
        """Make the tables of a measurement, and the columns of its tags, where they are missing."""
        rows, series = _quoted(f"_{measurement}"), f"_{measurement}_series"
        if measurement not in self.columns:
            self.connection.execute(
                f"create table {rows} (series integer not null, time integer not null, primary key (time, series)) "
                "without rowid"
            )
            self.connection.execute(
                f"create table {_quoted(series)} (_id integer primary key, _key text not null unique)"
            )
            self.columns[measurement] = self._columns(f"_{measurement}")
        known = self._columns(series)
        missing = [name for name in tags if name not in known]
        for name in missing:
            self.connection.execute(f"alter table {_quoted(series)} add column {_quoted(name)} text")
        if missing:
            self._make_view(measurement)

    def _make_view(self, measurement: str) -> None:
        view, rows, series = (_quoted(name) for name in (measurement, f"_{measurement}", f"_{measurement}_series"))
        tags = sorted(self._columns(f"_{measurement}_series").keys() - {"_id", "_key"})
        fields = [f"r.{_quoted(name)}" for name in self._fields(measurement)]
        columns = ", ".join([f"s.{_quoted(name)}" for name in tags] + fields)
        self.connection.execute(f"drop view if exists {view}")
        self.connection.execute(
            f"create view {view} as select r.time, {columns} from {rows} r join {series} s on s._id = r.series"  # noqa: S608
        )

    def _fields(self, measurement: str) -> list[str]:
        return [name for name in self.columns[measurement] if name not in ("series", "time")]

    def _columns(self, table: str) -> dict[str, str]:
        return {row[1]: row[2].lower() for row in self.connection.execute(f"pragma table_info({_quoted(table)})")}

    def _series_id(self, point: Point) -> int:
        """Give the id of a point's series, made where it is new."""
        if len(self._series) >= _MOST_SERIES:
            self._series.clear()
        table = _quoted(f"_{point.measurement}_series")
        key = "\x1f".join(f"{name}={value}" for name, value in point.tags)
        found = self.connection.execute(f"select _id from {table} where _key = ?", (key,)).fetchone()  # noqa: S608
        if found is None:
            self._make(point.measurement, [name for name, _ in point.tags])
            names = "".join(f", {_quoted(name)}" for name, _ in point.tags)
            found = self.connection.execute(
                f"insert into {table} (_key{names}) values (?{', ?' * len(point.tags)}) returning _id",  # noqa: S608
                (key, *(value for _, value in point.tags)),
            ).fetchone()
        self._series[point.measurement, point.tags] = int(found[0])
        return int(found[0])


def count_points(path: Path) -> int:
    """Count the points in a store, a row of a measurement each, beside whoever writes to it; 0 where there is none."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        views = connection.execute("select name from sqlite_schema where type = 'view'").fetchall()
        return sum(connection.execute(f"select count(*) from {_quoted(f'_{name}')}").fetchone()[0] for (name,) in views)  # noqa: S608


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is another program's."""
    owner = connection.execute("pragma application_id").fetchone()[0]
    empty = connection.execute("select count(*) from sqlite_schema").fetchone()[0] == 0
    if not empty and owner != APPLICATION_ID:
        raise SinkRefused(f"{path} is a SQLite file, but no store of vdl_lora", advice=_ANOTHER_PATH)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _meaning(error: sqlite3.Error | OSError, path: Path) -> SinkError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    files = path, path.with_name(f"{path.name}-wal")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and cannot_grow(*files)):
        return SinkUnavailable(
            f"the store {path} cannot grow: {error}", advice="free disk space, then it is written again"
        )
    if code == sqlite3.SQLITE_IOERR:
        advice = "check the disk and the kernel's log"
        return SinkUnavailable(f"the disk of the store {path} fails: {error}", advice=advice)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SinkUnavailable(f"the store {path} cannot be written now: {error}")
    return SinkRefused(f"the store {path} cannot be used: {error}", advice="check the path, its rights and its disk")
