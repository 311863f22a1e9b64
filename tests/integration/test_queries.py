"""The queries of the manual, run against a real influxd and the embedded store: each gives the rows of its page.

Both hold two days of the fleet in simulated time, taken in by `journal import` as events from files are.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile

import pytest

from tests.pages import blocks
from tests.real import program, running_engine
from vdl_lora.decoding import slug
from vdl_lora.events import NS, format_time
from vdl_lora.interpret import RADIO_FIELDS
from vdl_lora.points import Point, Tags
from vdl_lora.quantities import QUANTITIES
from vdl_lora.sinks import SqliteSink
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.fleet import PLACES, Fleet
from vdl_lora.virtual.fleet.place import Place
from vdl_lora.virtual.fleet.places import WATER
from vdl_lora.virtual.fleet.timeline import DAY_S, Timeline
from vdl_lora.virtual.fleet.water import Meter

pytestmark = pytest.mark.enable_socket

PAGE = "docs/howto/query-the-data.md"
MONDAY_NS = int(datetime(2026, 11, 15, 23, tzinfo=UTC).timestamp()) * NS
"""Monday 16 November 2026, 00:00 in France."""
REPLACED_NS = MONDAY_NS + 34 * 3600 * NS
"""Tuesday, 10:00: a fitter takes a water meter away and fits another."""
END_NS = MONDAY_NS + 2 * DAY_S * NS
CUT = "…"
NAME = "Mairie de Bauzy – compteur d’eau"  # noqa: RUF001 - French's dash and apostrophe
OLD = Place(NAME, "Bauzy", "mairie", WATER, "axioma/qalcosonic-w1", 5, Meter(742.18, (300,) * 7))
NEW = replace(OLD, number=6, behaviour=Meter(0.0, (0,) * 7, leak=12.5, leaks_since_h=34))
"""Two meters at one place; nothing has passed the new one before it was fitted."""
HOT_NS = MONDAY_NS + 38 * 3600 * NS
HOT_FOR_NS = 600 * NS
HOT = "Mairie de Chambord – accueil"  # noqa: RUF001 - its name
HOT_PAYLOAD = bytes.fromhex("0367520304682d")
"""85.0 °C and 22.5 %: what an EM300-TH in the sun behind glass would say, beyond what air can be."""


TENANTS = {
    "Communauté de communes du Grand Chambord": "grand-chambord",
    "Commune de Mont-près-Chambord": "mont-pres-chambord",
    "Val de Loire Numérique": "val-de-loire",
}
INSTALLATION = '[[installation]]\ndev_eui = "{}"\nplace = "{}"\n'
FRANCE = "Europe/Paris"


needs_flux = pytest.mark.skipif(
    shutil.which("flux") is None, reason="no `flux` is there: build github.com/influxdata/flux/cmd/flux"
)
NOW_S = int(time.time())


class Clock:
    """A clock that goes as the fleet sends."""

    at_ns = MONDAY_NS

    def __call__(self):
        return self.at_ns


def live(chirpstack, clock):
    """Let the fleet live its days, and give its installations; what one sensor says on Tuesday at 14:00 cannot be."""
    places = (*PLACES, OLD, NEW)
    fleet = Fleet(chirpstack, places=places, past_s=0)
    fleet.register()
    hot = next(each.dev_eui for each in PLACES if each.name == HOT)
    for sending in takewhile(lambda each: each.at_ns < END_NS, fleet.sendings(Timeline(MONDAY_NS))):
        clock.at_ns = sending.at_ns + NS
        if sending.dev_eui == hot and 0 <= sending.at_ns - HOT_NS < HOT_FOR_NS:
            sending = replace(sending, payload=HOT_PAYLOAD)  # noqa: PLW2901 - the same frame
        if (sending.dev_eui, sending.at_ns >= REPLACED_NS) not in {(OLD.dev_eui, True), (NEW.dev_eui, False)}:
            fleet.emit(sending)
    told = {line for line in fleet.installations.splitlines() if line.startswith("dev_eui")}
    rest = [each for each in places if f'dev_eui = "{each.dev_eui}"' not in told]
    return fleet.installations + "".join(INSTALLATION.format(each.dev_eui, slug(each.name)) for each in rest)


def write_events(chirpstack, path):
    """Write what ChirpStack kept as a file to import."""
    with path.open("w", encoding="utf-8") as file:
        for _, entry in chirpstack.histories.entries():
            line = {
                "kind": entry.kind,
                "encoding": "protobuf",
                "way": "grpc",
                "arrived_at": format_time(entry.id.ms * 1_000_000),
                "mark": str(entry.id),
                "body_base64": base64.b64encode(entry.body).decode(),
            }
            file.write(json.dumps(line) + "\n")


def slugs(chirpstack):
    """Give the sections that name tenants and applications."""
    for row in chirpstack.database.tenants:
        if row.message.name in TENANTS:
            yield f'[tenants."{row.message.id}"]\nslug = "{TENANTS[row.message.name]}"\n'
    for row in chirpstack.database.applications:
        yield f'[applications."{row.message.id}"]\nslug = "{slug(row.message.name)}"\n'


class Databases:
    """The same two days in InfluxDB and in the embedded store."""

    def __init__(self, folder, engine):
        self.engine = engine
        self.folder = folder
        clock = Clock()
        chirpstack = VirtualChirpStack(history=1000, clock=clock)
        (folder / "installations.toml").write_text(live(chirpstack, clock), encoding="utf-8")
        write_events(chirpstack, folder / "events.jsonl")
        sections = "".join(['[installations]\nfile = "installations.toml"\n', *slugs(chirpstack)])
        influxdb = f'[influxdb]\nurl = "{engine.url}"\nbucket = "lora"\n[journal]\npath = "data/other.sqlite"\n'
        engine.ask("create database lora")
        importing = [take_in(folder, name, sections + more) for name, more in (("store", ""), ("influxdb", influxdb))]
        for each in importing:
            assert each.wait(120) == 0

    def rows(self, block):
        """Run the query of a block."""
        return (self._of_influxdb if block.language == "influxql" else self._of_store)(block.text)

    def _of_influxdb(self, query):
        return self.engine.ask(query, "lora")

    def _of_store(self, query):
        with closing(sqlite3.connect(f"file:{self.folder}/data/points.sqlite?mode=ro", uri=True)) as store:
            store.row_factory = sqlite3.Row
            return [dict(row) for row in store.execute(query)]


def take_in(folder, name, configuration):
    """Begin an import."""
    (folder / f"{name}.toml").write_text(configuration, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VDL_LORA_")}
    command = [sys.executable, "-m", "vdl_lora.cli", "journal", "import", "-c", f"{name}.toml", "events.jsonl"]
    return subprocess.Popen(command, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def france():
    """The clock of France for this process, as the page asks for it; skip where nobody knows it."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = FRANCE
    time.tzset()
    if time.tzname != ("CET", "CEST"):
        missing = "no table of time zones is there: apt install tzdata"
        (pytest.fail if os.environ.get("VDL_LORA_REQUIRE_REAL") == "1" else pytest.skip)(missing)
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture(scope="module")
def databases(tmp_path_factory, france):  # noqa: ARG001 - the store tells the time of day
    """Both, filled."""
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield Databases(tmp_path_factory.mktemp("site"), engine)


def table(rows, columns):
    """Write rows as the page shows them: times as a clock in France does, numbers to two decimals."""
    lines = [columns, *([_cell(row[name]) for name in columns] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _cell(value):
    if isinstance(value, int) and value > 10**18:
        return f"{datetime.fromtimestamp(value / NS):%Y-%m-%d %H:%M}"  # noqa: DTZ006 - that is the point
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def shown_after(block):
    """Give the table that the page shows after a query."""
    page = blocks(PAGE)
    return next(each for each in page[page.index(block) :] if each.language == "text")


RUN = [block for block in blocks(PAGE) if block.language in {"influxql", "sql"}]


@pytest.mark.parametrize("block", RUN, ids=[f"{block.heading} ({block.language})" for block in RUN])
def test_a_query_gives_the_rows_that_the_page_shows(databases, block):
    shown = shown_after(block)
    assert block.heading == shown.heading
    lines = [line.rstrip() for line in shown.text.splitlines()]
    found = table(databases.rows(block), re.split(r"  +", lines[0]))
    if lines[-1] == CUT:
        lines.pop()
        found = found[: len(lines)]
    assert lines == found


@pytest.mark.parametrize("language", ["influxql", "sql"])
def test_there_are_queries_in_both_languages_that_can_be_run_here(language):
    assert 10 < sum(block.language == language for block in RUN)


@pytest.mark.parametrize("language", ["flux", "postgresql"])
def test_what_cannot_be_run_here_asks_for_measurements_and_fields_that_there_are(language):
    text = "".join(block.text for block in blocks(PAGE) if block.language == language)
    named = re.findall(r'_measurement == "(\w+)" and r\._field == "(\w+)"', text)
    named += [(measurement, "") for measurement in re.findall(r"^ *from (?!steps)(\w+)$", text, re.MULTILINE)]
    assert named
    known = {(each.measurement, each.field) for each in QUANTITIES.values()}
    known |= {("lorawan_uplink", field) for field in RADIO_FIELDS} | {("quality", "state")}
    known |= {(measurement, "") for measurement, _ in known}
    assert set(named) <= known


FLUX = [block for block in blocks(PAGE) if block.language == "flux"]
SENSOR = {"channel": "main", "dev_eui": "24e124136d000003", "place": "a"}
AIR = {"_measurement": "air", "_field": "temperature", **SENSOR}
FLAG = {"_measurement": "quality", "_field": "state", **SENSOR}


def annotated(series, kind, values):
    """Write one series as the annotated CSV that Flux reads: values by how many seconds ago they were measured."""
    lines = [
        f"#datatype,string,long,dateTime:RFC3339,{kind}" + ",string" * len(series),
        "#group,false,false,false,false" + ",true" * len(series),
        "#default,_result,,," + "," * len(series),
        ",result,table,_time,_value," + ",".join(series),
    ]
    for seconds, value in values.items():
        at = datetime.fromtimestamp(NOW_S - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f",,0,{at},{value}," + ",".join(series.values()))
    return "\n".join(lines) + "\n\n"


def run_flux(text, data, folder):
    """Run a query with the program `flux`, whose `from` is replaced by a file, and give its output."""
    (folder / "data.csv").write_text(data, encoding="utf-8")
    lines = text.splitlines()
    imports = [line for line in lines if line.startswith("import ")]
    rest = [line for line in lines if not line.startswith("import ")]
    data_from = f'from = (bucket) => csv.from(file: "{folder}/data.csv")'
    (folder / "query.flux").write_text("\n".join([*imports, 'import "csv"', data_from, *rest]), encoding="utf-8")
    done = subprocess.run(
        [shutil.which("flux") or "flux", "--format", "csv", folder / "query.flux"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "error" not in done.stdout + done.stderr
    assert done.returncode == 0
    return done.stdout


@needs_flux
@pytest.mark.parametrize("block", FLUX, ids=[block.heading for block in FLUX])
def test_flux_query_runs_with_values_and_no_doubtful_one(block, tmp_path):
    run_flux(block.text, annotated(AIR, "double", {3600: 20.5}), tmp_path)


@needs_flux
@pytest.mark.parametrize(
    ("flags", "left"),
    [
        ({}, [20.5, 85, 21]),
        ({"air.temperature": 2}, [20.5, 21]),
        ({"time": 2}, [20.5, 21]),
        ({"air.humidity": 2}, [20.5, 85, 21]),
        ({"air.temperature": 2, "time": 1}, [20.5]),
    ],
)
def test_flux_query_leaves_out_what_is_flagged(flags, left, tmp_path):
    values = annotated(AIR, "double", dict(zip((10_800, 7200, 3600), (20.5, 85.0, 21.0), strict=True)))
    flagged = [
        annotated({**FLAG, "quantity": quantity}, "string", {hours * 3600: "out_of_bounds"})
        for quantity, hours in flags.items()
    ]
    [block] = [each for each in FLUX if each.heading == "Leave out what is doubtful"]
    lines = run_flux(block.text, values + "".join(flagged), tmp_path).splitlines()
    columns = next(line for line in lines if ",_value" in line).split(",")
    assert left == [float(line.split(",")[columns.index("_value")]) for line in lines if ",air," in line]


def test_no_flux_query_joins_because_a_join_fails_on_an_empty_table():
    assert 11 == len(FLUX)
    assert [] == [block.heading for block in FLUX if re.search(r"\bjoin\b", block.text)]


def test_store_without_a_doubtful_value_has_no_table_quality(tmp_path):
    store = SqliteSink(tmp_path / "points.sqlite")
    point = Point("air", Tags([("dev_eui", "24e124136d000003"), ("channel", "main")]), {"temperature": 20.5}, MONDAY_NS)
    asyncio.run(written(store, point))
    [block] = [each for each in RUN if each.language == "sql" and each.heading == "Leave out what is doubtful"]
    with closing(sqlite3.connect(tmp_path / "points.sqlite")) as file:
        with pytest.raises(sqlite3.OperationalError, match="no such table: quality"):
            file.execute(block.text)
        assert [(20.5,)] == file.execute("select temperature from air").fetchall()


async def written(sink, point):
    await sink.write("t", [point])
    await sink.close()


def run(databases, *command, typed=""):
    """Run a command where the page's reader would, with the address of the real InfluxDB."""
    typed = typed.replace("http://127.0.0.1:8086", databases.engine.url)
    done = subprocess.run(command, cwd=databases.folder, input=typed, text=True, check=False, timeout=60)
    assert done.returncode == 0


def test_what_is_taken_elsewhere_is_there(databases):
    program("curl")
    program("sqlite3")
    levels = len(databases.engine.ask("select level from water where time >= '2026-11-16'", "lora"))
    written = set()
    for block in blocks(PAGE):
        file = databases.folder / "levels.csv"
        file.unlink(missing_ok=True)
        if block.language == "bash":
            run(databases, program("bash"), "-eus", typed=block.text)
        elif block.language == "python":
            compile(block.text, PAGE, "exec")
            if not any(package in block.text for package in ("influxdb_client", "pyarrow")):
                run(databases, sys.executable, "-", typed=block.text)
        if file.exists():
            assert 1 + levels == len(file.read_text(encoding="utf-8").splitlines())
            written.add(block.language)
    assert {"bash", "python"} == written
    water = (databases.folder / "water.csv").read_text(encoding="utf-8").splitlines()
    assert {"time", "place", "level"} <= set(water[0].split(","))


STORE = [block for block in blocks("docs/howto/read-the-store.md") if block.language in {"sql", "python"}]


@pytest.mark.parametrize("block", STORE, ids=[block.heading for block in STORE])
def test_what_the_page_of_the_store_asks_is_answered(databases, block):
    if block.language == "python":
        run(databases, sys.executable, "-", typed=block.text)
    else:
        databases.rows(block._replace(text=block.text.removeprefix(".tables\n")))


def test_a_device_is_erased_as_the_page_of_security_says(databases):
    """It is the last test here: it takes the device away from those before."""
    erasing = {block.language: block.text for block in blocks("docs/explanation/security.md")}
    count = "select count(temperature) as n from air where dev_eui = '24e124136d000003'"
    everything = "select count(temperature) as n from air"
    [[before], [others]] = [databases.engine.ask(query, "lora") for query in (count, everything)]
    assert 0 < before["n"] < others["n"]
    databases.engine.ask(erasing["influxql"], "lora")
    assert [] == databases.engine.ask(count, "lora")
    assert others["n"] - before["n"] == databases.engine.ask(everything, "lora")[0]["n"]
    with closing(sqlite3.connect(databases.folder / "data" / "points.sqlite")) as store, store:
        assert before["n"] == store.execute(erasing["sql"]).rowcount
        assert (0,) == store.execute(count).fetchone()
