"""What a real ChirpStack said, decoded and stored: the whole road from a file to `select`, each event once.

The table says what comes out of each of the 45 events; together they are everything that the store holds.
"""

import asyncio
import random
import sqlite3
from contextlib import closing
from functools import partial
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from vdl_lora.catalog import Catalog, Rule
from vdl_lora.discovery import discover
from vdl_lora.events import NS, parse_time
from vdl_lora.installations import Installations, parse_installations
from vdl_lora.interfaces import EventFilter
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.journal import MemoryJournal, SqliteJournal
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.sinks import SqliteSink
from vdl_lora.sources import FileSource, MemorySource
from vdl_lora.sources.file import export_line, parse_line

FOLDER = Path(__file__).parents[1] / "data" / "recordings"
FILES = ("grpc_live", "grpc_replay", "http_posts", "mqtt")

RULES = (
    Rule("milesight/em300-th", profile="Milesight EM300*"),
    Rule("axioma/qalcosonic-w1", profile="Axioma*"),
    Rule("dragino/ldds75", profile="Dragino LDDS75"),
)
PLACES = """
[[installation]]
dev_eui = "a84041c5d1827fed"
place = "cosson-bracieux"
decoder = "dragino/ldds75"
reads = { "probe.distance" = "water.level" }
parameters = { mounting_height = 4.2 }
tags = { commune = "Bracieux" }
"""
INTERPRET = partial(
    interpret,
    catalog=Catalog(discover().entries(), RULES),
    installations=Installations(parse_installations(PLACES, "toml")),
    settings=PointSettings(),
)

HALL, SCHOOL, CANTEEN = "24e124136b500042", "a81758fffe0a1001", "0004a30b001a2b3c"
NAN, INFINITY, METER, RIVER = "0004a30b001a2b3d", "0004a30b001a2b3e", "70b3d5e75e012345", "a84041c5d1827fed"

EM300, ERS, W1, LDDS75 = "milesight/em300-th", "elsys/ers-co2", "axioma/qalcosonic-w1", "dragino/ldds75"


class Row(msgspec.Struct, frozen=True):
    """What comes out of an event: its own facts, its mark, and its values by measurement; `at` on 2026-11-23, UTC."""

    kind: str
    device: str
    at: str
    facts: dict[str, object] = {}
    values: dict[str, object] = {}
    decoder: str = ""
    mark: str = ""
    not_good: dict[str, str] = {}


def up(  # noqa: PLR0913, PLR0917 - the columns of the table
    device, at, f_cnt, f_port, size, decoder="", values=None, mark="", not_good=None, dr=5
):
    facts = {"f_cnt": f_cnt, "f_port": f_port, "size": size, "dr": dr}
    return Row("up", device, at, facts, values or {}, decoder, mark, not_good or {})


def log(device, at):
    return Row("log", device, at)


def em300(temperature=None, humidity=None, battery=None):
    values = {"air.temperature": temperature, "air.humidity": humidity, "device.battery_level": battery}
    return {name: value for name, value in values.items() if value is not None}


def ers(temperature, humidity, illuminance, motion, co2, battery):  # noqa: PLR0913, PLR0917 - what it measures
    return {
        "air.temperature": temperature,
        "air.humidity": humidity,
        "air.illuminance": illuminance,
        "air.motion_count_delta": motion,
        "air.co2": co2,
        "device.battery_voltage": battery,
    }


def river(level):
    return {
        "water.level": level,
        "probe.interrupt": False,
        "probe.temperature": 25.7,
        "probe.connected": False,
        "device.battery_voltage": 2.885,
    }


METER_STATUS = {
    "water_meter.dry_alarm": False,
    "water_meter.leak_alarm": True,
    "water_meter.backflow_alarm": False,
    "water_meter.freeze_alarm": False,
    "water_meter.burst_alarm": False,
    "device.battery_low": False,
    "device.error": False,
    "device.tamper": False,
}

TABLE = (
    Row("join", HALL, "22:18:16.777980", {"dev_addr": "003467a8"}),
    up(HALL, "22:18:17.690810", 0, 85, 10, EM300, em300(27.2, 56.5, 92.0)),
    up(HALL, "22:18:18.391878", 1, 85, 10, EM300, em300(26.6, 56.0, 92.0)),  # confirmed
    # One frame, two events of one time and one deduplicationId; its battery is unavailable, so it is absent.
    Row("status", HALL, "22:18:19.092864", {"margin": 10, "external_power": False, "battery_level": None}),
    up(HALL, "22:18:19.092864", 2, 85, 10, EM300, em300(-2.0, 50.0, 90.0)),
    # A stored sample by a clock of 2022: not written.
    up(
        HALL,
        "22:18:19.793348",
        3,
        85,
        9,
        EM300,
        not_good={"air.temperature": "bad_clock", "air.humidity": "bad_clock"},
    ),
    log(HALL, "22:18:20.699045171"),  # a reused DevNonce
    log(HALL, "22:18:22.398536574"),  # a wrong AppKey
    up(SCHOOL, "22:18:23.896054", 0, 5, 16, ERS, ers(22.6, 41.0, 39.0, 6, 776.0, 3.66)),
    up(SCHOOL, "22:18:24.596884", 1, 5, 16, ERS, ers(-4.5, 42.0, 16.0, 0, 672.0, 3.648), dr=0),
    log(SCHOOL, "22:18:25.297891"),  # a retransmission: no second up
    up(SCHOOL, "22:18:25.998362", 7, 5, 16, ERS, ers(23.4, 40.0, 500.0, 12, 1200.0, 3.644)),  # 5 frames are missing
    up(SCHOOL, "22:18:26.699303", 8, 5, 2, ERS, mark="payload"),  # ChirpStack's codec failed too: object is absent
    log(SCHOOL, "22:18:26.908846921"),
    up(SCHOOL, "22:18:27.399946", 9, 0, 0, ERS),  # without fPort
    log(SCHOOL, "22:18:27.608672845"),
    up(SCHOOL, "22:18:28.101064", 10, 0, 0, ERS),  # on fPort 0
    log(SCHOOL, "22:18:28.311171328"),
    up(SCHOOL, "22:18:29.007559563", 11, 5, 3, ERS, {"air.temperature": 23.5}),  # its gateways gave no time
    log(SCHOOL, "22:18:29.502081"),  # a counter that went back
    up(CANTEEN, "22:18:30.202730", 0, 1, 22, mark="no_decoder"),  # Cayenne LPP, whole
    log(CANTEEN, "22:18:31.109533508"),
    up(CANTEEN, "22:18:30.903382", 1, 1, 2, mark="no_decoder"),  # and cut short; its log came first
    up(NAN, "22:18:31.603937", 0, 2, 1, mark="no_decoder"),  # NaN is null in its object
    # The index by a clock of 2019: the current one at the event's time, none of the 16 of the log.
    up(
        METER,
        "22:18:33.005229",
        0,
        100,
        47,
        W1,
        {"water_meter.volume": 13.609, **METER_STATUS},
        not_good={"water_meter.volume": "bad_clock+clock_replaced", **dict.fromkeys(METER_STATUS, "clock_replaced")},
    ),
    up(RIVER, "22:18:34.406837", 0, 2, 8, LDDS75, river(1.588)),
    up(METER, "22:18:33.706126", 1, 100, 8, W1, mark="payload"),
    up(HALL, "22:18:35.111043", 4, 85, 4, EM300, em300(26.7)),
    Row("txack", HALL, "22:18:35.426891340"),
    up(RIVER, "22:18:37.324754", 1, 2, 8, LDDS75, river(1.588)),
    up(HALL, "22:18:36.615129", 5, 85, 4, EM300, em300(26.8)),
    Row("ack", HALL, "22:18:36.615129"),
    up(RIVER, "22:18:37.675783", 2, 2, 8, LDDS75, river(1.587)),
    up(RIVER, "22:18:38.027041", 3, 2, 8, LDDS75, river(1.586)),
    up(RIVER, "22:18:38.379695", 4, 2, 8, LDDS75, river(1.585)),
    up(RIVER, "22:18:38.732668", 5, 2, 8, LDDS75, river(1.584)),
    up(RIVER, "22:18:39.083293", 6, 2, 8, LDDS75, river(1.583)),
    up(RIVER, "22:18:39.440698", 7, 2, 8, LDDS75, river(1.582)),
    up(RIVER, "22:18:39.791738", 8, 2, 8, LDDS75, river(1.581)),
    up(RIVER, "22:18:40.143306", 9, 2, 8, LDDS75, river(1.58)),
    up(RIVER, "22:18:40.495440", 10, 2, 8, LDDS75, river(1.579)),
    up(RIVER, "22:18:40.847107", 11, 2, 8, LDDS75, river(1.578)),
    up(RIVER, "22:18:41.198108", 12, 2, 8, LDDS75, river(1.577)),
    up(RIVER, "22:18:41.550169", 13, 2, 8, LDDS75, river(1.576)),
    up(RIVER, "22:18:41.901818", 14, 2, 8, LDDS75, river(1.575)),
)

OF_DEVICE = {
    HALL: {"place": HALL, "commune": "Bauzy", "site": "mairie", "usage": "confort", "gateways": 2},
    SCHOOL: {"place": SCHOOL, "commune": "Bauzy", "site": "école", "usage": "confort", "gateways": 3},
    CANTEEN: {"place": CANTEEN, "commune": "Bauzy", "site": "cantine", "usage": "confort", "gateways": 1},
    NAN: {"place": NAN, "commune": "Bauzy", "site": "none", "usage": "confort", "gateways": 1},
    METER: {"place": METER, "commune": "none", "site": "none", "usage": "eau", "gateways": 1},
    RIVER: {"place": "cosson-bracieux", "commune": "Bracieux", "site": "none", "usage": "risque", "gateways": 2},
}
TAGS = ("application", "channel", "commune", "dev_eui", "place", "site", "tenant", "usage")


def at_ns(row):
    return parse_time(f"2026-11-23T{row.at}Z")


def recorded(name):
    """The events of a recording, in its order."""
    lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    return [event for line in lines if (event := parse_line(line)) is not None]


def dump(path):
    """All that anyone sees in a store: every view, its columns, and its rows in the order of series and time."""
    with closing(sqlite3.connect(path)) as connection:
        views = [
            name for (name,) in connection.execute("select name from sqlite_schema where type = 'view' order by 1")
        ]
        found = {}
        for view in views:
            names = sorted(name for _, name, *_ in connection.execute(f"pragma table_info({view})"))
            rows = connection.execute(f"select {', '.join(names)} from {view} order by dev_eui, time, channel")  # noqa: S608
            found[view] = [dict(zip(names, row, strict=True)) for row in rows]
            found[view].sort(key=lambda row: (row["dev_eui"], row["time"], str(row.get("quantity"))))
    return found


def as_bytes(path):
    return repr(dump(path)).encode()


async def store(folder, *sources):
    """Take sources in through the whole road; give the store's path and what the journal says of each event."""
    path = folder / "points.sqlite"
    journal, sink = await SqliteJournal.open(folder / "journal.sqlite"), SqliteSink(path)
    deliverer = Deliverer(journal, sink, INTERPRET)
    try:
        for source in sources:
            await source.run(Acceptor(journal))
        await deliverer.drain()
        kept = [event async for event in journal.events(EventFilter())]
        receipts = [await journal.receipts(event.position) for event in kept]
    finally:
        await deliverer.close()
        await sink.close()
        await journal.close()
    return path, kept, receipts


def file_of(name):
    return FileSource([FOLDER / f"{name}.jsonl"])


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """All four files, in their order."""
    return asyncio.run(store(tmp_path_factory.mktemp("reference"), *map(file_of, FILES)))


# ---------------------------------------------------------------- each event


def test_the_four_files_give_45_events_each_once(reference):
    _, kept, _ = reference
    assert len(kept) == len(TABLE) == 45
    assert [dict(event.ways) for event in kept] == [{"grpc": 2, "http": 1, "mqtt": 1}] * 45


@pytest.mark.parametrize("number", range(45), ids=lambda n: f"{n + 1:02} {TABLE[n].kind} {TABLE[n].at}")
def test_what_comes_out_of_each_event(reference, number):
    _, kept, receipts = reference
    row, event, [(sink, receipt)] = TABLE[number], kept[number], receipts[number]
    assert (event.kind, event.dev_eui, event.event_at_ns) == (row.kind, row.device, at_ns(row))
    assert (event.mark.code if event.mark else "", receipt.decoder, sink) == (row.mark, row.decoder, "sqlite")
    written = {line.partition(",")[0] for line in receipt.lines.splitlines()}
    expected = {name.partition(".")[0] for name in row.values} | ({"quality"} if row.not_good else set())
    if row.kind in ("up", "join", "status"):
        expected.add({"up": "lorawan_uplink", "join": "lorawan_join", "status": "lorawan_status"}[row.kind])
    assert written == expected
    assert all(line.endswith(f" {at_ns(row)}") for line in receipt.lines.splitlines())


def seen(view, row, time, **more):
    """The row of a view for an event; None where there is none."""
    found = [
        each
        for each in view
        if (each["dev_eui"], each["time"]) == (row.device, time) and all(each[name] == more[name] for name in more)
    ]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("number", range(45), ids=lambda n: f"{n + 1:02} {TABLE[n].kind} {TABLE[n].at}")
def test_what_the_store_holds_of_each_event(reference, number):
    row, views = TABLE[number], dump(reference[0])
    time = at_ns(row)
    known = OF_DEVICE[row.device]
    for quantity, value in row.values.items():
        measurement, field = quantity.split(".")
        found = seen(views[measurement], row, time)
        assert found is not None
        assert found[field] == value
        assert type(found[field]) is (int if isinstance(value, bool) else type(value))
        assert {name: found[name] for name in ("place", "commune", "site", "usage", "channel")} == {
            **{name: known[name] for name in ("place", "commune", "site", "usage")},
            "channel": "main",
        }
    if row.kind in ("up", "join", "status"):
        name = {"up": "lorawan_uplink", "join": "lorawan_join", "status": "lorawan_status"}[row.kind]
        found = seen(views[name], row, time)
        assert found is not None
        assert {fact: found.get(fact) for fact in row.facts} == row.facts
        if row.kind == "up":
            assert (found["gateways"], found["decoder"]) == (known["gateways"], row.decoder or None)
    for quantity, state in row.not_good.items():
        assert seen(views["quality"], row, time, quantity=quantity)["state"] == state


def test_the_store_holds_nothing_else(reference):
    views = dump(reference[0])
    expected = {}
    for row in TABLE:
        names = {quantity.partition(".")[0] for quantity in row.values}
        names |= {
            f"lorawan_{name}"
            for kind, name in (("up", "uplink"), ("join", "join"), ("status", "status"))
            if kind == row.kind
        }
        for name in names:
            expected.setdefault(name, []).append((row.device, at_ns(row)))
        for quantity in row.not_good:
            expected.setdefault("quality", []).append((row.device, at_ns(row), quantity))
    found = {
        view: [(row["dev_eui"], row["time"], *([row["quantity"]] if view == "quality" else [])) for row in rows]
        for view, rows in views.items()
    }
    assert found == {view: sorted(keys) for view, keys in expected.items()}
    for view, rows in views.items():
        stated = {
            (row.device, at_ns(row), quantity.partition(".")[2])
            for row in TABLE
            for quantity in row.values
            if quantity.startswith(f"{view}.")
        }
        if stated:
            fields = rows[0].keys() - {*TAGS, "time"}
            assert {
                (row["dev_eui"], row["time"], name) for row in rows for name in fields if row[name] is not None
            } == stated


def test_an_uplink_tells_all_its_radio_facts(reference):
    [found] = [row for row in dump(reference[0])["lorawan_uplink"] if row["time"] == at_ns(TABLE[1])]
    assert found == {
        "time": at_ns(TABLE[1]),
        "application": "a6836afa-af54-427c-813b-9a6d03df07f3",
        "tenant": "886d1009-b480-4696-b96d-4a269b13caa7",
        "channel": "main",
        "dev_eui": HALL,
        "place": HALL,
        "commune": "Bauzy",
        "site": "mairie",
        "usage": "confort",
        "f_cnt": 0,
        "f_port": 85,
        "dr": 5,
        "frequency": 868_300_000,
        "size": 10,
        "gateways": 2,
        "rssi": -97,
        "snr": 7.5,
        "gateway": "0016c001f1500001",
        "airtime": 0.061696,
        "device": "Mairie, salle du conseil",
        "profile": "Milesight EM300-TH (sans codec)",
        "model": "EM300-TH",
        "decoder": "milesight/em300-th",
    }


def test_the_words_of_a_mark_say_what_to_do_or_what_is_wrong(reference):
    _, kept, _ = reference
    words = {number: event.mark.words for number, event in enumerate(kept, 1) if event.mark}
    assert sorted(words) == [13, 21, 23, 24, 27]
    assert "ff" in words[13]
    assert "set the device tag `decoder`" in words[21]
    assert "8 bytes" in words[27]


def test_a_meters_clock_of_2019_and_a_samples_of_2022_are_told_and_nothing_is_written_there(reference):
    views = dump(reference[0])
    told = {row["quantity"]: row["detail"] for row in views["quality"]}
    assert told["air.temperature"] == "a stored sample says 1665561758 s since 1970"  # 2022-10-12
    assert told["device.error"] == "the device said 1563795470 s since 1970"  # 2019-07-22
    assert "the device said 1563795470 s" in told["water_meter.volume"]
    assert "a stored sample says 1563738196 s" in told["water_meter.volume"]
    assert {row["time"] // (86_400 * NS) for rows in views.values() for row in rows} == {20_780}  # 2026-11-23


def test_the_uplink_whose_codec_gave_infinity_came_on_no_way_in_json(reference):
    _, kept, _ = reference
    assert {event.dev_eui for event in kept} == set(OF_DEVICE)
    assert INFINITY.encode() in (FOLDER / "grpc_live.jsonl").read_bytes()  # its stream was open, and stayed silent


# ---------------------------------------------------------------- whichever way, in any order


@pytest.mark.parametrize("name", FILES)
async def test_each_way_alone_gives_the_same_store(tmp_path, reference, name):
    path, kept, _ = await store(tmp_path, file_of(name))
    assert len(kept) == 45
    assert as_bytes(path) == as_bytes(reference[0])


@pytest.mark.parametrize("names", list(permutations(FILES)), ids=" ".join)
async def test_the_ways_together_in_any_order_give_each_event_once_and_the_same_store(tmp_path, reference, names):
    path, kept, _ = await store(tmp_path, *map(file_of, names))
    assert len(kept) == 45
    assert sorted(tuple(sorted(event.ways.items())) for event in kept) == [(("grpc", 2), ("http", 1), ("mqtt", 1))] * 45
    assert as_bytes(path) == as_bytes(reference[0])


async def test_all_lines_in_any_order_give_each_event_once_and_the_same_store(tmp_path, reference, soak):
    every = [event for name in FILES for event in recorded(name)]
    for seed in range(100 if soak else 8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        random.Random(seed).shuffle(every)  # noqa: S311 - any order, the same each time
        path, kept, _ = await store(folder, MemorySource(every, batch=1 + seed % 60))
        assert len(kept) == 45, seed
        assert as_bytes(path) == as_bytes(reference[0]), seed


async def test_a_second_import_changes_nothing(tmp_path, reference):
    await store(tmp_path, *map(file_of, FILES))
    path, kept, receipts = await store(tmp_path, *map(file_of, FILES))
    assert len(kept) == 45
    assert [len(each) for each in receipts] == [1] * 45
    assert as_bytes(path) == as_bytes(reference[0])


async def test_what_our_own_export_holds_gives_the_same_store(tmp_path, reference):
    journal = MemoryJournal()
    for name in FILES:
        await file_of(name).run(Acceptor(journal))
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"".join([export_line(event) async for event in journal.events(EventFilter(), bodies=True)]))
    path, kept, _ = await store(tmp_path, FileSource([export]))
    assert len(kept) == 45
    assert as_bytes(path) == as_bytes(reference[0])


def test_the_receipts_name_every_row_of_the_store(reference):
    _, _, receipts = reference
    lines = "".join(receipt.lines for [(_, receipt)] in receipts)
    assert len(lines.splitlines()) == sum(len(rows) for rows in dump(reference[0]).values())
