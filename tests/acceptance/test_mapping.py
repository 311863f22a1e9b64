"""A sensor that is a mapping file, from the command line: listed, shown, tested, decoded, stored."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .processes import ran

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
MAPPING = """\
vendor = "ELSYS"
models = ["ERS CO2"]
datasheet = "https://acme.example/x"
codec = "object"
ignore = ["motion"]

[reads]
temperature = "air.temperature"
co2 = "air.co2"
vdd = { is = "device.battery_voltage", unit = "mV" }
"""
VECTORS = """\
[[vector]]
f_port = 5
hex = "0100E2"
what = "temperature, CO2 and battery"
source = "ours"
object = { temperature = 22.6, co2 = 776, vdd = 3660, light = 39 }
values = { "air.temperature" = 22.6, "air.co2" = 776.0, "device.battery_voltage" = 3.66 }
"""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "decoders" / "elsys"
    folder.mkdir(parents=True)
    (folder / "ers_co2.mapping.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "ers_co2.toml").write_text(VECTORS, encoding="utf-8")
    (tmp_path / "vdl-lora.toml").write_text('[decoders]\nroots = ["decoders"]\n', encoding="utf-8")
    return tmp_path


@pytest.mark.long
def test_a_mapping_is_a_sensor_like_any_other(site):
    listed = {each["id"]: each for each in json.loads(ran("decoders", "list", "--json", cwd=site).stdout)}
    assert ["air.temperature", "air.co2", "device.battery_voltage"] == listed["elsys/ers-co2"]["quantities"]
    shown = json.loads(ran("decoders", "show", "elsys/ers-co2", "--json", cwd=site).stdout)
    assert ("object", 1, ["light"]) == (shown["codec"], shown["vectors"], shown["unmapped"])
    tested = ran("decoders", "test", "elsys/ers-co2", cwd=site)
    assert "1 vectors, 1 of 1 decoders hold" in tested.stdout
    assert "elsys/ers-co2: not mapped: light" in tested.stderr
    words = ("decode", "elsys/ers-co2", "--f-port", "5", "00", "--object", '{"temperature": 21}', "--json")
    assert [21.0] == [each["value"] for each in json.loads(ran(*words, cwd=site).stdout)["readings"]]


def test_what_chirpstack_decoded_reaches_the_store_by_a_mapping_that_beats_our_own_decoder(site):
    ran("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=site)
    with closing(sqlite3.connect(f"file:{site}/data/points.sqlite?mode=ro", uri=True)) as store:
        rows = store.execute(
            "select temperature, co2 from air join lorawan_uplink using (dev_eui, time) "
            "where decoder = 'elsys/ers-co2' order by time"
        ).fetchall()
    assert [(22.6, 776.0), (-4.5, 672.0), (23.4, 1200.0), (23.5, None)] == rows


@pytest.mark.long
def test_a_broken_mapping_stops_only_its_own_devices_and_is_said_with_its_line(site):
    path = site / "decoders" / "elsys" / "ers_co2.mapping.toml"
    path.write_text(MAPPING.replace('"air.co2"', '"air.co3"'), encoding="utf-8")
    failed = ran("decoders", "test", cwd=site, code=1)
    assert "line 9: co2: " in failed.stderr
    imported = json.loads(ran("journal", "import", str(RECORDINGS / "mqtt.jsonl"), "--json", cwd=site).stdout)
    assert 4 <= imported["quarantined"] < imported["new"]
    marks = ran("journal", "quarantine", "--json", cwd=site).stdout
    assert "could not be read" in marks


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("config", "check"), 0),
        (("config", "check", "--json"), 0),
        (("decoders", "list"), 0),
        (("decoders", "list", "--json"), 0),
        (("decoders", "show", "milesight/em300-th"), 0),
        (("decoders", "show", "elsys/ers-co2"), 2),
        (("decoders", "test"), 1),
        (("decoders", "choose", "--tag", "decoder=milesight/em300-th"), 0),
        (("decode", "milesight/em300-th", "--f-port", "85", "01755C"), 0),
        (("decode", "elsys/ers-co2", "--f-port", "5", "0100E2"), 2),
        (("decode", "--f-port", "85", "01755C"), 0),
        (("journal", "import", str(RECORDINGS / "mqtt.jsonl")), 0),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_broken_file_is_reported_once_by_each_command(site, command, code):
    path = site / "decoders" / "elsys" / "ers_co2.mapping.toml"
    path.write_text(MAPPING.replace('"air.co2"', '"air.co3"'), encoding="utf-8")
    done = ran(*command, cwd=site, code=code, COLUMNS="400")
    assert 1 == (done.stdout + done.stderr).count("line 9: co2: there is no quantity")


def test_a_path_that_leads_nowhere_fails_the_test_of_its_decoder(site):
    path = site / "decoders" / "elsys" / "ers_co2.mapping.toml"
    path.write_text(MAPPING + 'humidty = "air.humidity"\n', encoding="utf-8")
    assert "the path humidty leads to nothing" in ran("decoders", "test", "elsys/ers-co2", cwd=site, code=1).stderr


@pytest.mark.parametrize("order", [1, -1], ids=["the uplink first", "the log first"])
def test_what_chirpstack_logged_of_its_codec_is_said_of_the_uplink_whichever_came_first(site, order):
    lines = (RECORDINGS / "grpc_live.jsonl").read_text(encoding="utf-8").splitlines()
    (site / "events.jsonl").write_text("\n".join(lines[::order]) + "\n", encoding="utf-8")
    ran("journal", "import", "events.jsonl", cwd=site)
    found = [json.loads(line)["mark"] for line in ran("journal", "quarantine", "--json", cwd=site).stdout.splitlines()]
    words = [mark["words"] for mark in found if mark["words"].startswith("ChirpStack decoded nothing")]
    assert "ChirpStack decoded nothing: decodeUplink returned errors: unknown type 255" in words


def test_a_rule_says_whether_what_chirpstack_decoded_is_preferred_to_what_tags_name(site):
    mapping = site / "decoders" / "elsys" / "ers_co2.mapping.toml"
    mapping.rename(mapping.with_name("decoded.mapping.toml")).write_text(MAPPING.replace("ERS CO2", "Decoded"))
    for preferred, by in (("false", "tags vendor and model"), ("true", "rule 1")):
        rule = f'{{ profile = "ELSYS*", decoder = "elsys/decoded", preferred = {preferred} }}'
        (site / "vdl-lora.toml").write_text(f'[decoders]\nroots = ["decoders"]\nrules = [{rule}]\n', encoding="utf-8")
        words = ("--tag", "vendor=elsys", "--tag", "model=ers-co2", "--profile", "ELSYS ERS CO2", "--json")
        assert by == json.loads(ran("decoders", "choose", *words, cwd=site).stdout)["by"]
