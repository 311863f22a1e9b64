"""What every sink promises: all points or one error, the last write of a field wins, erasing takes what is named."""

import sqlite3
from contextlib import closing

import pytest

from tests.influxdb2 import running_influxdb2
from tests.real import running_engine
from vdl_lora.errors import PointsRefused
from vdl_lora.events import NS
from vdl_lora.points import Point, Tags, line_protocol
from vdl_lora.sinks import InfluxSettings, InfluxSink, MemorySink, SqliteSink

pytestmark = pytest.mark.enable_socket

AT_NS = 1_795_472_297 * NS
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
HERE = Tags([("dev_eui", "24e124136b500042"), ("channel", "main"), ("place", 'École "d\'en haut"')])
THERE = Tags([("dev_eui", "24e124136b500042"), ("channel", "main"), ("place", "mairie")])


def air(number, tags=HERE, **fields):
    return Point("air", tags, fields, AT_NS + number)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with running_engine(tmp_path_factory.mktemp("influxdb")) as made:
        yield made


@pytest.fixture(params=["memory", "sqlite", "influxdb 1", "influxdb 2"])
async def kept(request, tmp_path):
    """A sink of each kind, and what it holds: place, time, temperature, humidity."""
    if request.param == "memory":
        sink = MemorySink()
        yield sink, lambda: columns({**dict(tags), "time": at, **row} for (_, _, tags, at), row in sink.rows.items())
    elif request.param == "sqlite":
        sink = SqliteSink(tmp_path / "points.sqlite")
        yield sink, lambda: columns(in_file(sink.path))
        await sink.close()
    elif request.param == "influxdb 2":
        with running_influxdb2() as influxdb:
            influxdb.make_bucket(TENANT)
            token = influxdb.authorize([influxdb.right(TENANT)])["token"]
            sink = InfluxSink(InfluxSettings(url=influxdb.url, org="vdl", token=token))
            yield sink, lambda: columns(in_memory(influxdb.holds(TENANT)))
            await sink.close()
    else:
        engine = request.getfixturevalue("engine")
        engine.ask(f'drop database "{TENANT}"')
        engine.ask(f'create database "{TENANT}"')
        sink = InfluxSink(InfluxSettings(url=engine.url))
        yield sink, lambda: columns(engine.ask("select * from air", TENANT))
        await sink.close()


def in_file(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("select * from air")]


def in_memory(rows):
    return [{**dict(tags), "time": at_ns, **fields} for (_, tags, at_ns), fields in rows.items()]


def columns(rows):
    return {tuple(row.get(name) for name in ("place", "time", "temperature", "humidity")) for row in rows}


def at(*rows):
    """Rows as a sink is asked for them."""
    return {(dict(tags)["place"], AT_NS + number, *fields) for number, tags, *fields in rows}


async def test_writing_twice_changes_nothing_and_the_last_write_of_a_field_wins(kept):
    sink, rows = kept
    points = [air(1, temperature=20.0, humidity=50.0), air(1, THERE, temperature=9.0), air(2, temperature=21.0)]
    for written in ([*points, air(1, temperature=20.5)], [air(1, temperature=20.0)], points):
        await sink.write(TENANT, written, line_protocol(written))
        await sink.write(TENANT, written)
    assert at((1, HERE, 20.0, 50.0), (1, THERE, 9.0, None), (2, HERE, 21.0, None)) == rows()


async def test_nothing_is_written_for_no_points(kept):
    sink, _ = kept
    await sink.write(TENANT, [])
    await sink.erase(TENANT, [], [])


async def test_erasing_takes_the_named_fields_and_no_other(kept):
    sink, rows = kept
    await sink.write(TENANT, [air(n, temperature=20.0 + n, humidity=50.0) for n in range(3)])
    await sink.write(TENANT, [air(1, THERE, temperature=9.0)])
    for _ in range(2):
        await sink.erase(TENANT, [air(1, temperature=21.0)], [air(1, humidity=50.0)])
        assert at((0, HERE, 20.0, 50.0), (1, HERE, None, 50.0), (1, THERE, 9.0, None), (2, HERE, 22.0, 50.0)) == rows()


async def test_erasing_the_last_field_takes_the_row_and_it_can_be_written_again(kept):
    sink, rows = kept
    await sink.write(TENANT, [air(1, temperature=20.0, humidity=50.0), air(2, temperature=21.0)])
    await sink.erase(TENANT, [air(1, temperature=20.0), air(1, humidity=50.0), air(7, temperature=1.0)], [])
    assert at((2, HERE, 21.0, None)) == rows()
    await sink.write(TENANT, [air(1, temperature=19.0)])
    assert at((1, HERE, 19.0, None), (2, HERE, 21.0, None)) == rows()


async def test_points_that_are_refused_leave_the_good_to_be_written(kept):
    sink, rows = kept
    if isinstance(sink, MemorySink):
        sink.refuses = lambda point: isinstance(point.fields["temperature"], str)
    await sink.write(TENANT, [air(1, temperature=20.0)])
    good, bad = air(2, temperature=21.0), air(3, temperature="warm")
    with pytest.raises(PointsRefused):
        await sink.write(TENANT, [good, bad])
    await sink.write(TENANT, [good])
    assert at((1, HERE, 20.0, None), (2, HERE, 21.0, None)) == rows()


async def test_every_sink_says_whether_points_could_be_written(kept):
    sink, _ = kept
    await sink.write(TENANT, [air(1, temperature=20.0)])
    assert {True} == {check.ok for check in await sink.check()}
