"""A maker's script and a mapping, from the command line: a sensor like any other, and harmless where it is hostile."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.ports import free_port
from vdl_lora.app.build import open_engine
from vdl_lora.config import load
from vdl_lora.errors import VdlLoraError
from vdl_lora.operations.drafts import Named, draft_script

from .processes import COMMAND, environment, ran

pytestmark = pytest.mark.enable_socket

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
CODEC = """\
function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes.length < 3) return { errors: ["empty payload"] };
  return { data: { temperature: ((bytes[1] << 24 >> 16) | bytes[2]) / 10, port: input.fPort } };
}
"""
MAPPING = """\
vendor = "ELSYS"
models = ["ERS CO2"]
datasheet = "https://acme.example/x"
codec = "ers_co2.js"

[reads]
temperature = "air.temperature"
"""
VECTORS = """\
[[vector]]
f_port = 5
hex = "0100E2"
what = "22.6 °C"
source = "ours"
values = { "air.temperature" = 22.6 }

[[vector]]
f_port = 5
hex = "01FFD3"
what = "below zero"
source = "ours"
values = { "air.temperature" = -4.5 }

[[vector]]
f_port = 5
hex = "01"
what = "cut short"
source = "ours"
error = "the codec says: empty payload"
"""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "decoders" / "elsys"
    folder.mkdir(parents=True)
    (folder / "ers_co2.js").write_text(CODEC, encoding="utf-8")
    (folder / "ers_co2.mapping.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "ers_co2.toml").write_text(VECTORS, encoding="utf-8")
    (tmp_path / "key").write_text("no key", encoding="utf-8")
    (tmp_path / "vdl-lora.toml").write_text(
        f'[chirpstack]\nserver = "127.0.0.1:{free_port()}"\napi_key_file = "key"\n[decoders]\nroots = ["decoders"]\n',
        encoding="utf-8",
    )
    return tmp_path


def rows(site, text):
    with closing(sqlite3.connect(f"file:{site}/data/points.sqlite?mode=ro", uri=True)) as store:
        return store.execute(text).fetchall()


@pytest.mark.long
def test_a_script_is_a_sensor_like_any_other(site):
    listed = {each["id"]: each for each in json.loads(ran("decoders", "list", "--json", cwd=site).stdout)}
    assert ["air.temperature"] == listed["elsys/ers-co2"]["quantities"]
    shown = json.loads(ran("decoders", "show", "elsys/ers-co2", "--json", cwd=site).stdout)
    assert ("ers_co2.js", 3, ["port"], False, "kept") == tuple(
        shown[key] for key in ("codec", "vectors", "unmapped", "encodes", "context")
    )
    assert "context: kept" in ran("decoders", "show", "elsys/ers-co2", cwd=site).stdout
    tested = ran("decoders", "test", "elsys/ers-co2", cwd=site)
    assert "3 vectors, 1 of 1 decoders hold" in tested.stdout
    assert "elsys/ers-co2: not mapped: port" in tested.stderr
    words = ("decode", "elsys/ers-co2", "--f-port", "5", "0100D2", "--json")
    assert [21.0] == [each["value"] for each in json.loads(ran(*words, cwd=site).stdout)["readings"]]


DOWNLINK = """
[[downlink]]
f_port = 6
hex = "3E 02 58"
what = "report every ten minutes"
source = "ours"
data = { period = 600 }

[[downlink]]
what = "report every day, which is too much"
source = "ours"
data = { period = 86400 }
error = "out of range"
"""
WRITES = """
function encodeDownlink(input) {
  var period = input.data.period;
  return period > 65535 ? { errors: ["out of range"] } : { fPort: 6, bytes: [62, period >> 8, period & 255] };
}
function decodeDownlink(input) { return { data: { period: (input.bytes[1] << 8) | input.bytes[2] } }; }
"""


@pytest.mark.long
def test_downlinks_that_vectors_name_are_written_and_read_again(site):
    folder = site / "decoders" / "elsys"
    (folder / "ers_co2.toml").write_text(VECTORS + DOWNLINK, encoding="utf-8")
    assert "it must define encodeDownlink" in ran("decoders", "test", "elsys/ers-co2", cwd=site, code=1).stderr
    (folder / "ers_co2.js").write_text(CODEC + WRITES, encoding="utf-8")
    assert "5 vectors, 1 of 1 decoders hold" in ran("decoders", "test", "elsys/ers-co2", cwd=site).stdout
    (folder / "ers_co2.js").write_text(CODEC + WRITES.replace("62, ", "63, "), encoding="utf-8")
    failed = ran("decoders", "test", "elsys/ers-co2", cwd=site, code=1).stderr
    assert "the downlink 'report every ten minutes': expected 3e0258 on fPort 6, got 3f0258 on fPort 6" in failed
    (folder / "ers_co2.js").write_text(CODEC + WRITES.replace("<< 8)", "<< 7)"), encoding="utf-8")
    assert "read again, expected {'period': 600}" in ran("decoders", "test", "elsys/ers-co2", cwd=site, code=1).stderr


def test_what_a_script_gives_reaches_the_store(site):
    imported = json.loads(ran("journal", "import", str(RECORDINGS / "mqtt.jsonl"), "--json", cwd=site).stdout)
    assert 0 < imported["new"]
    found = rows(
        site,
        "select temperature from air join lorawan_uplink using (dev_eui, time) "
        "where decoder = 'elsys/ers-co2' order by time",
    )
    assert [(22.6,), (-4.5,), (23.4,)] == found[:3]


@pytest.mark.long
def test_what_is_wrong_is_said_by_test_at_start_and_by_the_doctor_and_only_its_devices_wait(site):
    folder = site / "decoders" / "elsys"
    (folder / "ers_co2.js").write_text(CODEC + "}", encoding="utf-8")
    for name, more in (("path", 'humidty = "air.humidity"\n'), ("twice", ""), ("again", "")):
        model = "Path" if more else "Twice"
        text = MAPPING.replace("ERS CO2", model).replace("ers_co2.js", "other.js") + more
        (folder / f"{name}.mapping.toml").write_text(text, encoding="utf-8")
    (folder / "other.js").write_text(CODEC, encoding="utf-8")
    (folder / "path.toml").write_text(VECTORS, encoding="utf-8")
    words = [
        "ers_co2.mapping.toml: line 4: codec: ",
        "ers_co2.js: SyntaxError",
        "(line 6)",
        "path.mapping.toml: line 8: the path humidty leads to nothing",
        "again.mapping.toml: elsys/twice is declared by ",
        "twice.mapping.toml: elsys/twice is declared by ",
        "rename or remove one of them",
    ]
    failed = ran("decoders", "test", cwd=site, code=1).stderr
    assert [] == [each for each in words if each not in failed]
    assert "leads to nothing" in ran("decoders", "test", "elsys/path", cwd=site, code=1).stderr
    done = ran("journal", "import", str(RECORDINGS / "mqtt.jsonl"), "--json", cwd=site)
    warnings = done.stderr.split("warning: ")[1:]
    assert 4 == len(warnings)
    assert [] == [each for each in words if not any(each in " ".join(line.split()) for line in warnings)]
    imported = json.loads(done.stdout)
    assert 4 <= imported["quarantined"] < imported["new"]
    marks = ran("journal", "quarantine", "--json", cwd=site).stdout
    assert all(each in marks for each in words[:3])
    assert [] != rows(site, "select f_cnt from lorawan_uplink")
    found = json.loads(ran("doctor", "--json", cwd=site, code=1).stdout)
    told = [each for each in found if each["subject"] == "decoders" and each["state"] == "failed"]
    assert [] == [each for each in words if not any(each in finding["words"] for finding in told)]
    assert {"mend this file; until then its devices wait in quarantine"} == {each["advice"] for each in told}


# ---------------------------------------------------------------- drafts and choices


EXAMPLES = """\
{"fPort": 5, "bytes": "0100E2", "object": {"temperature": 22.6, "port": 5}}
{"fPort": 5, "bytes": [1, 255, 211], "object": {"temperature": 4.5, "port": 5}}
{"fPort": 5, "bytes": "01"}
"""


@pytest.mark.long
def test_a_sensor_is_drafted_from_a_script_and_its_examples_and_holds_at_once(site):
    (site / "codec.js").write_text(CODEC, encoding="utf-8")
    (site / "examples.jsonl").write_text(EXAMPLES, encoding="utf-8")
    words = ("decoders", "new", "--js", "codec.js", "--vectors", "examples.jsonl", "Acme/X-1")
    drafted = json.loads(ran(*words, "--json", cwd=site).stdout)
    folder = Path("decoders", "acme")
    assert "acme/x-1" == drafted["id"]
    assert [str(folder / f"x_1{ending}") for ending in (".mapping.toml", ".toml", ".js")] == drafted["files"]
    assert ["temperature: is it air.temperature", "port: no quantity is known for it"] == drafted["decide"]
    [difference] = drafted["differences"]
    assert difference.startswith("example 2: the examples say ")
    tested = ran("decoders", "test", "acme/x-1", cwd=site)
    assert "3 vectors, 1 of 1 decoders hold" in tested.stdout
    assert "is there already" in ran(*words, cwd=site, code=1).stderr
    assert "decide: no quantity is known for it; seen: 5" in (site / folder / "x_1.mapping.toml").read_text()
    said = ran(*words[:-1], "acme/x2", "--into", "elsewhere", cwd=site).stdout
    assert '[decoders] roots = ["elsewhere"]' in said
    assert (site / "elsewhere" / "acme" / "x2.js").read_text() == CODEC


def test_a_sensor_is_drafted_from_what_chirpstack_decoded(site):
    words = ("decoders", "new", "--object", str(RECORDINGS / "mqtt.jsonl"), "acme/x1")
    drafted = json.loads(ran(*words, "--dev-eui", "a81758fffe0a1001", "--json", cwd=site).stdout)
    assert [] != drafted["files"]
    assert "1 of 1 decoders hold" in ran("decoders", "test", "acme/x1", cwd=site).stdout
    said = ran(*words[:-1], "acme/x2", "--dev-eui", "a81758fffe0a1009", cwd=site, code=1).stderr
    assert "no uplink of a81758fffe0a1009 has an object" in said


def drafting(site, text, examples):
    """What is said where a draft of this script and these examples is none."""
    (site / "codec.js").write_text(text, encoding="utf-8")
    (site / "examples.jsonl").write_text(examples, encoding="utf-8")
    with open_engine(load(None)) as engine, pytest.raises(VdlLoraError) as caught:
        draft_script(Named("acme", "x1", site), site / "codec.js", site / "examples.jsonl", engine)
    return str(caught.value)


def test_what_cannot_be_drafted_is_said(site):
    assert "codec.js: it has no entry point" in drafting(site, "var x = 1;", EXAMPLES)
    never = "function Decoder() { throw new Error('never'); }"
    assert "no example gives a value: the codec says: Error: never" in drafting(site, never, EXAMPLES)
    assert "no example gives a value: there is none" in drafting(site, CODEC, "[]")
    assert "example 1 has no bytes" in drafting(site, CODEC, '{"fPort": 5}')
    with open_engine(load(None)) as engine, pytest.raises(VdlLoraError, match=r"absent\.jsonl cannot be read"):
        draft_script(Named("acme", "x1", site), site / "codec.js", site / "absent.jsonl", engine)
    words = ("decoders", "new", "--js", "codec.js")
    assert "give --js and --vectors, or --object" in ran(*words, "acme/x1", cwd=site, code=2).stderr
    assert "is not VENDOR/MODEL" in ran(*words, "x1", cwd=site, code=2).stderr
    assert not (site / "acme").exists()


@pytest.mark.long
def test_which_decoder_a_device_has_is_told_with_who_chose_it(site):
    ran("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=site)
    chosen = json.loads(ran("decoders", "choose", "a81758fffe0a1001", "--json", cwd=site).stdout)
    assert ("elsys/ers-co2", "tags vendor and model", "ELSYS ERS CO2") == (
        chosen["decoder"],
        chosen["by"],
        chosen["profile"],
    )
    assert chosen["file"].endswith("ers_co2.mapping.toml")
    otherwise = ("decoders", "choose", "a81758fffe0a1001", "--tag", "decoder=milesight/em300-th", "--json")
    assert "tag decoder" == json.loads(ran(*otherwise, cwd=site).stdout)["by"]
    none = json.loads(ran("decoders", "choose", "--profile", "Unknown", "--json", cwd=site, code=1).stdout)
    assert (None, None) == (none["decoder"], none["by"])
    assert "nothing names a decoder" in none["why_none"]
    assert "no uplink of a81758fffe0affff" in ran("decoders", "choose", "a81758fffe0affff", cwd=site, code=1).stderr


# ---------------------------------------------------------------- hostile scripts


ATTACKS = sorted((Path(__file__).parents[1] / "data" / "codecs" / "attacks").glob("*.js"))
MOST_MEMORY = 256 << 20
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""Runs a command and prints how many KiB it took at most; a child of pytest counts what pytest had when it began."""


def uplink(number, decoder, data):
    body = {
        "deduplicationId": f"up-{number}",
        "time": f"2026-11-23T22:{number // 60:02}:{number % 60:02}Z",
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
            "devEui": f"24e124136b{number:06x}",
            "tags": {"decoder": decoder},
        },
        "fCnt": number,
        "fPort": 85,
        "data": data,
    }
    own = {"kind": "up", "encoding": "json", "way": "http", "arrived_at": "2026-11-23T23:00:00Z"}
    return json.dumps({**own, "body": json.dumps(body)})


@pytest.mark.long
def test_attacks_end_as_words_about_their_devices_and_harm_nobody(site):
    folder = site / "decoders" / "acme"
    folder.mkdir()
    names = [path.stem for path in ATTACKS if path.stem != "endless_loop_at_once"]
    for name in names:
        (folder / f"{name}.js").write_bytes((ATTACKS[0].parent / f"{name}.js").read_bytes())
        text = f'vendor = "Acme"\nmodels = ["{name}"]\ncodec = "{name}.js"\n[reads]\nt = "air.temperature"\n'
        (folder / f"{name}.mapping.toml").write_text(text, encoding="utf-8")
    lines = []
    for number, name in enumerate(names):
        lines.append(uplink(2 * number, f"acme/{name.replace('_', '-')}", "AQ=="))
        lines.append(uplink(2 * number + 1, "milesight/em300-th", "A2cQAQ=="))
    (site / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    measured = [sys.executable, "-c", MEASURED, *COMMAND, "journal", "import", "events.jsonl", "--json"]
    done = subprocess.run(measured, cwd=site, env=environment(), capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    text, _, most = done.stdout.strip().rpartition("\n")
    imported = json.loads(text)
    assert int(most) << 10 < MOST_MEMORY
    assert 2 * len(names) == imported["new"]
    assert [(27.2,)] * len(names) == rows(site, "select temperature from air where temperature is not null")
    assert [(2 * len(names),)] == rows(site, "select count(*) from lorawan_uplink")
    marks = [json.loads(line) for line in ran("journal", "quarantine", "--json", cwd=site).stdout.splitlines()]
    assert imported["quarantined"] == len(marks)
    assert {("decode", "engine"), ("decode", "payload"), ("decode", "no_decoder")} == {
        (each["mark"]["stage"], each["mark"]["code"]) for each in marks
    }
    assert all(int(each["dev_eui"][-6:], 16) % 2 == 0 for each in marks)
