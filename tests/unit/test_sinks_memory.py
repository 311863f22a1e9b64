"""The sink in memory, which other tests stand on: it keeps points as a database does."""

import pytest

from vdl_lora.errors import PointsRefused, SinkRefused
from vdl_lora.points import Point
from vdl_lora.sinks import MemorySink

TAGS = (("dev_eui", "24e124136b500042"),)


def air(at_ns, tags=TAGS, **fields):
    return Point("air", tags, fields, at_ns)


async def test_the_last_write_of_a_field_wins_and_other_fields_stay():
    sink = MemorySink()
    await sink.write("t", [air(1, temperature=20.0, humidity=50.0), air(1, temperature=21.0)])
    await sink.write("t", [air(1, co2=600.0), air(2, co2=601.0)])
    assert sink.rows == {
        ("t", "air", TAGS, 1): {"temperature": 21.0, "humidity": 50.0, "co2": 600.0},
        ("t", "air", TAGS, 2): {"co2": 601.0},
    }


async def test_tenants_measurements_and_tags_are_kept_apart():
    sink = MemorySink()
    for tenant in ("t", "u"):
        await sink.write(
            tenant, [air(1, x=1.0), Point("device", TAGS, {"x": 1.0}, 1), air(1, (("dev_eui", "0"),), x=1.0)]
        )
    assert len(sink.rows) == 6


async def test_nothing_of_a_refused_write_is_kept():
    sink = MemorySink(refuses=lambda point: "bad" in point.fields)
    with pytest.raises(PointsRefused, match="air at 2 is refused, dropped=1"):
        await sink.write("t", [air(1, x=1.0), air(2, bad=1.0)])
    assert sink.rows == {}


async def test_it_fails_as_it_is_told_before_anything_is_kept():
    sink = MemorySink(fails=lambda tenant: SinkRefused("401") if tenant == "t" else None)
    with pytest.raises(SinkRefused, match="401"):
        await sink.write("t", [air(1, x=1.0)])
    await sink.write("u", [air(1, x=1.0)])
    assert {tenant for tenant, *_ in sink.rows} == {"u"}
    assert sink.writes == 2


async def test_erasing_takes_the_named_fields_and_the_rows_that_have_none_left():
    sink = MemorySink()
    await sink.write("t", [air(1, x=1.0, y=2.0), air(2, x=1.0)])
    await sink.erase("t", [air(1, x=0.0), air(2, x=0.0), air(3, x=0.0)])
    await sink.erase("u", [air(1, y=0.0)])
    assert sink.rows == {("t", "air", TAGS, 1): {"y": 2.0}}


async def test_what_is_given_to_it_is_not_changed_by_it():
    sink = MemorySink()
    point = air(1, x=1.0)
    await sink.write("t", [point])
    await sink.write("t", [air(1, y=2.0)])
    assert dict(point.fields) == {"x": 1.0}


async def test_it_is_always_there():
    assert [True] == [check.ok for check in await MemorySink().check()]
