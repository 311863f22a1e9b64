"""The embedded store: what anyone sees who opens the file, and what it does not take."""

import errno
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vdl_lora.errors import PointsRefused, SinkError, SinkRefused, SinkUnavailable
from vdl_lora.points import Point
from vdl_lora.sinks import MemorySink, SqliteSink

from .failing_disk import failing_disk

TAGS = (
    ("application", "a6836afa-af54-427c-813b-9a6d03df07f3"),
    ("channel", "main"),
    ("dev_eui", "24e124136b500042"),
    ("place", "mairie"),
    ("tenant", "syndicat"),
)
ELSEWHERE = (*TAGS[:3], ("place", "école"), TAGS[4])


def air(at_ns, tags=TAGS, **fields):
    return Point("air", tags, fields, at_ns)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "points.sqlite"


@pytest.fixture
async def sink(path):
    sink = SqliteSink(path)
    yield sink
    await sink.close()


def ask(path, query, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query, values).fetchall()


def rows(path, view="air"):
    """The rows of a view by the names of its columns, as a person sees them."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        quoted = view.replace('"', '""')
        return [dict(row) for row in connection.execute(f'select * from "{quoted}" order by 1, 2, 3')]  # noqa: S608


# ---------------------------------------------------------------- what anyone sees


async def test_the_newest_rows_are_found_without_reading_all(sink, path):
    await sink.write("t", [air(at_ns, temperature=20.0) for at_ns in (1, 2, 3)])
    plan = ask(path, "explain query plan select * from air where time > 2 order by time desc limit 5")
    assert any("USING PRIMARY KEY (time>?)" in row[-1] for row in plan)
    assert not any("TEMP B-TREE" in row[-1] for row in plan)


async def test_a_store_whose_rows_are_in_the_order_of_series_is_written_as_before(sink, path):
    await sink.write("t", [air(1, temperature=20.0)])
    key = "primary key (series, time)"
    for query in (
        "alter table _air rename to other",
        f"create table _air (series integer not null, time integer not null, temperature real, {key}) without rowid",
        "insert into _air select series, time, temperature from other",
        "drop view air",
        "create view air as select r.time, r.series, r.temperature from _air r",
        "drop table other",
    ):
        ask(path, query)
    again = SqliteSink(path)
    await again.write("t", [air(1, temperature=21.0), air(2, temperature=22.0)])
    await again.close()
    assert [21.0, 22.0] == [row["temperature"] for row in rows(path)]


async def test_select_from_air_shows_time_tags_and_fields(sink, path):
    await sink.write("t", [air(1_795_472_297_690_810_000, temperature=27.2, humidity=56.5)])
    [row] = rows(path)
    assert list(row) == ["time", "application", "channel", "dev_eui", "place", "tenant", "temperature", "humidity"]
    assert row == {"time": 1_795_472_297_690_810_000, **dict(TAGS), "temperature": 27.2, "humidity": 56.5}


async def test_each_measurement_is_a_view(sink, path):
    await sink.write(
        "t",
        [air(1, x=1.0), Point("water_meter", TAGS, {"volume": 13.6}, 1), Point("lorawan_uplink", TAGS, {"f": 1}, 1)],
    )
    views = ask(path, "select name from sqlite_schema where type = 'view' order by name")
    assert views == [("air",), ("lorawan_uplink",), ("water_meter",)]


async def test_a_row_is_a_series_and_a_time(sink, path):
    await sink.write("t", [air(1, x=1.0), air(2, x=2.0), air(1, ELSEWHERE, x=3.0)])
    assert [(row["time"], row["place"], row["x"]) for row in rows(path)] == [
        (1, "mairie", 1.0),
        (1, "école", 3.0),
        (2, "mairie", 2.0),
    ]


async def test_what_is_written_is_there_for_the_next_process(sink, path):
    await sink.write("t", [air(1, temperature=27.2)])
    query = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('select temperature, place from air'))"
    done = subprocess.run([sys.executable, "-c", query, path], capture_output=True, text=True, check=True)  # noqa: ASYNC221
    assert done.stdout == "(27.2, 'mairie')\n"


# ---------------------------------------------------------------- the last write wins


async def test_the_last_write_of_a_field_wins_and_the_other_fields_stay(sink, path):
    await sink.write("t", [air(1, temperature=20.0, humidity=50.0)])
    await sink.write("t", [air(1, temperature=21.0)])
    await sink.write("t", [air(1, co2=600.0)])
    [row] = rows(path)
    assert (row["temperature"], row["humidity"], row["co2"]) == (21.0, 50.0, 600.0)


async def test_points_of_one_row_in_one_batch_keep_the_order_of_their_writes(sink, path):
    shapes = [
        air(1, a=1.0, b=1.0),
        air(2, a=1.0),
        air(1, b=2.0, c=2.0),
        air(1, a=3.0, b=3.0),
        air(2, b=4.0),
        air(1, c=5.0),
        air(1, b=6.0, a=6.0),
        air(2, a=7.0, b=7.0),
    ]
    await sink.write("t", shapes)
    assert [(row["time"], row["a"], row["b"], row["c"]) for row in rows(path)] == [
        (1, 6.0, 6.0, 5.0),
        (2, 7.0, 7.0, None),
    ]


VALUES = {
    "a": st.floats(allow_nan=False),
    "b": st.integers(-(1 << 63), (1 << 63) - 1),
    "c": st.booleans(),
    "d": st.text(),
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
POINTS = st.builds(
    Point,
    st.sampled_from(["air", "device"]),
    st.sampled_from([TAGS, ELSEWHERE]),
    st.fixed_dictionaries({}, optional={**VALUES, "d": TEXT}).filter(bool),
    st.integers(0, 3),
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(batches=st.lists(st.lists(POINTS, max_size=12), max_size=4))
async def test_any_batches_leave_what_the_sink_in_memory_holds(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("store") / "points.sqlite"
    sink, memory = SqliteSink(path), MemorySink()
    for batch in batches:
        await sink.write("t", batch)
        await memory.write("t", batch)
    await sink.close()
    expected = {
        (measurement, dict(tags)["place"], at_ns): {name: (type(value), value) for name, value in fields.items()}
        for (_, measurement, tags, at_ns), fields in memory.rows.items()
    }
    found = {}
    for measurement in {point.measurement for batch in batches for point in batch}:
        for row in rows(path, measurement):
            fields = {name: row[name] for name in VALUES if row.get(name) is not None}
            if "c" in fields:
                fields["c"] = {0: False, 1: True}[fields["c"]]
            found[measurement, row["place"], row["time"]] = {n: (type(value), value) for n, value in fields.items()}
    assert found == expected


async def test_writing_twice_changes_nothing(sink, path):
    points = [air(number, temperature=number / 10, humidity=50.0) for number in range(100)]
    await sink.write("t", points)
    before = rows(path)
    await sink.write("t", points)
    await sink.write("t", points[::-1])
    assert rows(path) == before


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    "value",
    [
        *(27.2, -0.1, 0.0, 22.0, 1e-300, 1.7976931348623157e308, 5e-324, 9007199254740993.0, 0.1 + 0.2),
        *(0, 1, -1, (1 << 63) - 1, -(1 << 63), 9007199254740993),
        *("", "1", "1.0", "é 🌊", "a,b=c d\\", "'; drop table _air; --", '"', "\x00b", "x" * 4_096, "NULL"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_value_is_read_back_exactly_as_it_was_written(sink, path, value):
    await sink.write("t", [air(1, v=value)])
    [row] = rows(path)
    assert type(row["v"]) is type(value)
    assert row["v"] == value
    assert repr(row["v"]) == repr(value)


async def test_true_and_false_are_1_and_0_in_a_column_that_is_called_boolean(sink, path):
    await sink.write("t", [air(1, v=True), air(2, v=False)])
    assert [row["v"] for row in rows(path)] == [1, 0]
    assert ("v", "boolean") in [(name, kind) for _, name, kind, *_ in ask(path, "pragma table_info(_air)")]


@pytest.mark.parametrize(
    ("field", "what"), [({"v": 1 << 63}, "int beyond 64 bits"), ({"v": "\ud800"}, "half a surrogate pair")]
)
async def test_a_value_that_no_database_keeps_is_refused_and_nothing_with_it(sink, path, field, what):
    await sink.write("t", [air(1, w=1.0)])
    with pytest.raises(PointsRefused):
        await sink.write("t", [air(2, w=1.0), Point("air", TAGS, field, 3)])
    assert [row["time"] for row in rows(path)] == [1], what
    await sink.write("t", [air(4, w=1.0)])


# ---------------------------------------------------------------- new columns


async def test_a_new_field_appears_in_the_view(sink, path):
    await sink.write("t", [air(1, temperature=20.0)])
    await sink.write("t", [air(2, temperature=21.0, co2=600.0)])
    assert [(row["time"], row["temperature"], row["co2"]) for row in rows(path)] == [(1, 20.0, None), (2, 21.0, 600.0)]


async def test_a_new_tag_appears_in_the_view(sink, path):
    await sink.write("t", [air(1, x=1.0)])
    await sink.write("t", [air(1, (("commune", "Bauzy"), *TAGS), x=2.0)])
    assert sorted((row["commune"] or "", row["x"]) for row in rows(path)) == [("", 1.0), ("Bauzy", 2.0)]


async def test_a_start_knows_the_series_and_columns_of_the_file(path):
    for number in range(3):
        sink = SqliteSink(path)
        await sink.write("t", [air(number, temperature=float(number)), air(number, **{f"field_{number}": 1})])
        await sink.close()
    assert [row["temperature"] for row in rows(path)] == [0.0, 1.0, 2.0]
    assert len(ask(path, "select * from _air_series")) == 1


# ---------------------------------------------------------------- refused


async def test_another_type_for_a_field_is_refused_and_the_rest_of_its_write_is_not_kept(sink, path):
    await sink.write("t", [air(1, v=1.0)])
    for other in (1, True, "1"):
        with pytest.raises(PointsRefused, match=r"field type conflict: air\.v is \w+ here and real in the store"):
            await sink.write(
                "t", [air(2, v=2.0), air(2, new_field=1), Point("fresh", TAGS, {"x": 1}, 1), air(3, v=other)]
            )
    assert [(row["time"], row["v"]) for row in rows(path)] == [(1, 1.0)]
    assert ask(path, "select name from sqlite_schema where name = 'fresh'") == []
    assert "new_field" not in rows(path)[0]
    await sink.write("t", [air(2, v=2.0, new_field="text"), Point("fresh", TAGS, {"x": "text"}, 1)])
    assert len(rows(path)) == 2


async def test_two_types_for_a_new_field_in_one_write_are_refused(sink, path):
    with pytest.raises(PointsRefused, match="field type conflict"):
        await sink.write("t", [air(1, v=1.0), air(2, v=1)])
    assert not path.exists() or ask(path, "select name from sqlite_schema where type = 'view'") == []


# ---------------------------------------------------------------- erase


async def test_erasing_takes_the_named_fields_of_a_row(sink, path):
    await sink.write("t", [air(1, temperature=20.0, humidity=50.0), air(2, temperature=21.0)])
    await sink.erase("t", [air(1, temperature=99.0)])
    assert [(row["time"], row["temperature"], row["humidity"]) for row in rows(path)] == [
        (1, None, 50.0),
        (2, 21.0, None),
    ]


async def test_erasing_the_last_field_takes_the_row(sink, path):
    await sink.write("t", [air(1, temperature=20.0, humidity=50.0), air(2, temperature=21.0)])
    await sink.erase("t", [air(1, temperature=20.0), air(1, humidity=50.0)])
    assert [row["time"] for row in rows(path)] == [2]


async def test_erasing_what_is_not_there_changes_nothing(sink, path):
    await sink.erase("t", [air(1, temperature=20.0)])
    await sink.write("t", [air(1, temperature=20.0)])
    before = rows(path)
    await sink.erase("t", [air(2, temperature=20.0), air(1, ELSEWHERE, temperature=20.0), air(1, unknown=1)])
    await sink.erase("t", [Point("unknown", TAGS, {"temperature": 20.0}, 1)])
    assert rows(path) == before


async def test_what_was_erased_can_be_written_again(sink, path):
    await sink.write("t", [air(1, temperature=20.0)])
    await sink.erase("t", [air(1, temperature=20.0)])
    await sink.write("t", [air(1, temperature=22.0)])
    assert [row["temperature"] for row in rows(path)] == [22.0]


# ---------------------------------------------------------------- odd names

ODD = [
    "with space",
    'with "quotes"',
    "with 'apostrophe'",
    "semi;colon",
    "x); drop table _air; --",
    'x"); drop table "_air"; --',
    "é",
    "select",
    "a.b",
    "%s",
    "?",
    "[brackets]",
    "`ticks`",
    "🌊",
    "1",
    "-- comment",
    "/* comment */",
]


@pytest.mark.parametrize("name", ODD)
async def test_names_of_tags_fields_and_measurements_may_be_odd(sink, path, name):
    await sink.write("t", [air(1, x=1.0)])
    odd = Point(name, ((f"tag {name}", name), *TAGS), {name: 1.5, f"{name} too": "text"}, 1)
    for _ in range(2):
        await sink.write("t", [odd])
        [row] = rows(path, name)
        assert (row[name], row[f"{name} too"], row[f"tag {name}"]) == (1.5, "text", name)
    await sink.erase("t", [Point(name, odd.tags, {name: 0.0}, 1)])
    [row] = rows(path, name)
    assert (row[name], row[f"{name} too"]) == (None, "text")
    assert [row["x"] for row in rows(path)] == [1.0]


@pytest.mark.parametrize("name", ["id", "key", "series", "rowid", "air", "r", "s"])
async def test_a_site_may_name_its_tags_as_the_store_names_its_own_columns(sink, path, name):
    await sink.write("t", [air(1, ((name, "one"), *TAGS), x=1.0), air(1, ((name, "two"), *TAGS), x=2.0)])
    assert sorted((row[name], row["x"]) for row in rows(path)) == [("one", 1.0), ("two", 2.0)]


# ---------------------------------------------------------------- what is no store of ours, or cannot be written


async def test_a_foreign_sqlite_file_is_refused_and_left_as_it_is(sink, path):
    ask(path, "create table people (name text)")
    before = path.read_bytes()
    with pytest.raises(SinkRefused, match="no store of vdl_lora; name a path in"):
        await sink.write("t", [air(1, x=1.0)])
    assert path.read_bytes() == before


async def test_a_file_that_is_no_sqlite_file_is_refused_and_left_as_it_is(sink, path):
    before = b"time,temperature\n" * 200
    path.write_bytes(before)
    with pytest.raises(SinkRefused, match="not a database"):
        await sink.write("t", [air(1, x=1.0)])
    assert path.read_bytes() == before


async def test_a_folder_and_a_path_below_a_file_are_refused(tmp_path):
    (tmp_path / "folder.sqlite").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder.sqlite", tmp_path / "file" / "points.sqlite"):
        sink = SqliteSink(path)
        with pytest.raises(SinkRefused, match="check the path"):
            await sink.write("t", [air(1, x=1.0)])
        [check] = await sink.check()
        assert not check.ok
        assert check.advice
        await sink.close()


async def test_a_failing_disk_is_told_from_a_full_one_and_both_are_retried(sink, path, monkeypatch):
    await sink.write("t", [air(1, x=1.0)])
    with failing_disk(path) as disk:
        disk.fail()
        with pytest.raises(SinkUnavailable, match=r"disk of the store .* fails: disk I/O error; check the disk"):
            await sink.write("t", [air(2, x=2.0)])
        disk.fail(writes=errno.ENOSPC)
        with pytest.raises(SinkUnavailable, match=r"cannot grow: .* full; free disk space"):
            await sink.write("t", [air(2, x=2.0)])
        monkeypatch.setattr("vdl_lora.sinks.sqlite.cannot_grow", lambda *_files: True)
        disk.fail(writes=errno.EDQUOT)
        with pytest.raises(SinkUnavailable, match=r"cannot grow: disk I/O error; free disk space"):
            await sink.write("t", [air(2, x=2.0)])
    await sink.write("t", [air(2, x=2.0)])
    assert 2 == len(rows(path))


async def test_a_store_that_another_program_holds_is_unavailable_and_goes_on_by_itself(path):
    sink = SqliteSink(path, busy_s=0.05)
    await sink.write("t", [air(1, x=1.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        for _ in range(2):
            with pytest.raises(SinkUnavailable, match="locked"):
                await sink.write("t", [air(2, x=2.0)])
        other.execute("rollback")
    await sink.write("t", [air(3, x=3.0)])
    assert [row["time"] for row in rows(path)] == [1, 3]
    await sink.close()


async def test_a_reader_holds_up_nobody(sink, path):
    await sink.write("t", [air(1, x=1.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin")
        assert other.execute("select count(*) from air").fetchone() == (1,)
        await sink.write("t", [air(2, x=2.0), air(2, new=1)])
        assert other.execute("select count(*) from air").fetchone() == (1,)
    assert len(rows(path)) == 2


async def test_what_was_refused_is_tried_anew_once_the_path_is_mended(sink, path):
    path.mkdir()
    with pytest.raises(SinkError):
        await sink.write("t", [air(1, x=1.0)])
    path.rmdir()
    await sink.write("t", [air(1, x=1.0)])
    assert len(rows(path)) == 1


async def test_a_store_that_can_be_written_says_so(sink, path):
    store, disk = await sink.check()
    assert (store.ok, store.subject, disk.ok, disk.subject) == (True, "store", True, "disk")
    assert store.words.startswith(f"{path}: ")


async def test_the_writer_waits_for_the_disk_and_keeps_a_log_ahead(sink):
    await sink.write("t", [air(1, x=1.0)])
    connection = sink._store.connection  # noqa: SLF001 - these settings are the connection's own
    assert connection.execute("pragma synchronous").fetchone() == (2,)
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
