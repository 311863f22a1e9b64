"""The installed command, run as a person or a script runs it."""

import base64
import ctypes
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .processes import COMMAND, environment, ran

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
CONFIG = """
[decoders]
rules = [
  { profile = "Milesight EM300*", decoder = "milesight/em300-th" },
  { profile = "Axioma*", decoder = "axioma/qalcosonic-w1" },
]
[installations]
file = "places.toml"
"""
PLACES = """
[[installation]]
dev_eui = "a84041c5d1827fed"
place = "cosson-bracieux"
decoder = "dragino/ldds75"
reads = { "probe.distance" = "water.level" }
parameters = { mounting_height = 4.2 }
"""


def run(*words, cwd=None, code=0):
    """Run the command; the environment holds nothing of ours."""
    return ran(*words, cwd=cwd, code=code, PYTHONWARNINGS="error", COLUMNS="200")


def configured(folder):
    """Write a configuration into a folder, and give the folder."""
    (folder / "vdl-lora.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "places.toml").write_text(PLACES, encoding="utf-8")
    return folder


@pytest.fixture
def site(tmp_path):
    """A folder with a configuration."""
    return configured(tmp_path)


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """A folder with a configuration and the 45 recorded events of MQTT, imported; tests only read it."""
    folder = configured(tmp_path_factory.mktemp("messages"))
    run("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=folder)
    return folder


@pytest.fixture
def own_messages(messages, tmp_path):
    """A copy of that folder, which a test may change."""
    return shutil.copytree(messages, tmp_path / "messages")


def test_decode_answers_in_the_words_of_the_contract():
    done = run("decode", "milesight/em300-th", "--f-port", "85", "01755C03671001046871", "--json")
    assert json.loads(done.stdout) == {
        "decoder": "milesight/em300-th",
        "readings": [
            {"quantity": "device.battery_level", "value": 92.0, "unit": "%", "channel": "main", "measured_at": None},
            {"quantity": "air.temperature", "value": 27.2, "unit": "°C", "channel": "main", "measured_at": None},
            {"quantity": "air.humidity", "value": 56.5, "unit": "%", "channel": "main", "measured_at": None},
        ],
        "faults": [],
    }


@pytest.mark.long
def test_decode_reads_a_payload_as_people_paste_it():
    expected = run("decode", "milesight/em300-th", "--f-port", "85", "01755C03671001046871", "--json").stdout
    for pasted in ("01 75 5c 03 67 10 01 04 68 71", "0x01755C03671001046871", "01:75:5C:03:67:10:01:04:68:71"):
        assert expected == run("decode", "Milesight/EM300-TH", "--f-port", "85", pasted, "--json").stdout


def test_decode_without_a_model_shows_every_decoder_that_reads_the_payload():
    found = json.loads(run("decode", "--f-port", "85", "01755C03671001046871", "--json").stdout)
    assert "milesight/em300-th" in [each["decoder"] for each in found]


def test_decode_of_a_payload_cut_short_says_where_and_exits_1():
    done = run("decode", "milesight/em300-th", "--f-port", "85", "01755C0367", "--json", code=1)
    document = json.loads(done.stdout)
    assert document["error"]["code"] == "payload"
    assert "byte 5: 2 bytes are due, 0 are left" in document["error"]["message"]
    assert "byte 5" in run("decode", "milesight/em300-th", "--f-port", "85", "01755C0367", code=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("decode", "milesight/em300", "--f-port", "85", "00"), "milesight/em300-th"),
        (("decode", "milesight/em300-th", "--f-port", "85", "0g"), "not hexadecimal"),
        (("decode", "milesight/em300-th", "00"), "--f-port"),
        (("decode", "a", "b", "c", "--f-port", "1"), "without spaces"),
        (("decode", "elsys/ers", "--f-port", "5", "00", "--parameter", "period"), "NAME=NUMBER"),
        (("journal", "import", "no-such-file.jsonl"), "no-such-file.jsonl"),
        (("journal", "prune", "--older-than", "soon"), "400d"),
        (("journal", "prune", "--older-than", "1000000000d"), "must be at most 36500d"),
        (("journal", "status", "--follow", "--interval", "50ms"), "must be at least 100ms"),
        (("journal", "events", "--dev-eui", "12"), "16 hexadecimal digits"),
        (("journal", "events", "--from", "yesterday"), "2026-11-23T06:00:00Z"),
        (("decoders", "show", "acme/x1"), "no decoder 'acme/x1'"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_would_be_right(words, said):
    assert said in run(*words, code=2).stderr


def test_a_wrong_configuration_exits_78_with_every_mistake_on_stderr(tmp_path):
    (tmp_path / "vdl-lora.toml").write_text('[journal]\nkeep = "x"\n[stores]\n', encoding="utf-8")
    done = run("journal", "status", cwd=tmp_path, code=78)
    assert done.stdout == ""
    assert "journal.keep" in done.stderr
    assert "did you mean store?" in done.stderr


def test_a_port_above_the_highest_exits_78_without_a_traceback(tmp_path):
    (tmp_path / "vdl-lora.toml").write_text('[monitoring]\nbind = "127.0.0.1:70000"\n', encoding="utf-8")
    for words in (("config", "check"), ("run",)):
        stderr = run(*words, cwd=tmp_path, code=78).stderr
        assert "monitoring.bind: has port 70000; the highest port is 65535" in " ".join(stderr.split())
        assert "Traceback" not in stderr


def test_the_example_configuration_checks(tmp_path):
    (tmp_path / "vdl-lora.toml").write_text(run("config", "example").stdout, encoding="utf-8")
    assert "is right" in run("config", "check", "-c", "vdl-lora.toml", cwd=tmp_path).stdout


def test_decoders_are_listed_in_the_words_of_the_contract():
    listed = {each["id"]: each for each in json.loads(run("decoders", "list", "--json").stdout)}
    em300 = listed["milesight/em300-th"]
    assert {"id", "vendor", "model", "quantities"} == em300.keys()
    assert ("Milesight", "EM300-TH") == (em300["vendor"], em300["model"])
    assert {"air.temperature", "air.humidity", "device.battery_level"} == set(em300["quantities"])
    assert {"elsys/ers-co2", "axioma/qalcosonic-w1", "dragino/ldds75"} <= listed.keys()


def test_every_vector_of_every_decoder_holds():
    results = json.loads(run("decoders", "test", "--json").stdout)
    assert len(results) > 50
    assert [] == [result for result in results if not result["vectors"] or result["failures"]]


@pytest.mark.long
def test_a_site_s_decoder_is_listed_shown_and_tested_and_its_mistakes_are_said(tmp_path):
    vendor = tmp_path / "decoders" / "acme"
    vendor.mkdir(parents=True)
    (vendor / "t1.py").write_text(
        '"""Acme T1."""\nfrom vdl_lora.decoding import Decoder, fixed, i16\n'
        'DECODER = Decoder(vendor="Acme", models=("T1",), datasheet="https://acme.example",\n'
        '    f_ports={2: fixed("big", i16("air.temperature", div=10))})\n',
        encoding="utf-8",
    )
    vector = (
        '[[vector]]\nf_port = 2\nhex = "00DC"\nwhat = "warm"\nsource = "ours"\nvalues = {{ "air.temperature" = {} }}\n'
    )
    (vendor / "t1.toml").write_text(vector.format("22.0"), encoding="utf-8")
    (tmp_path / "vdl-lora.toml").write_text('[decoders]\nroots = ["decoders"]\n', encoding="utf-8")
    shown = json.loads(run("decoders", "show", "acme/t1", "--json", cwd=tmp_path).stdout)
    assert shown["f_ports"]["2"][0]["unit"] == "°C"
    run("decoders", "test", "acme/t1", cwd=tmp_path)
    (vendor / "t1.toml").write_text(vector.format("23.0"), encoding="utf-8")
    assert "expected 23.0, got 22.0" in run("decoders", "test", "acme/t1", cwd=tmp_path, code=1).stderr
    (vendor / "t2.py").write_text("import nothing_of_the_kind\n", encoding="utf-8")
    assert "t2.py" in run("decoders", "test", cwd=tmp_path, code=1).stderr


def test_an_import_stores_what_anyone_can_select(site):
    files = [str(RECORDINGS / name) for name in ("grpc_live.jsonl", "http_posts.jsonl", "mqtt.jsonl")]
    imported = json.loads(run("journal", "import", *files, "--json", cwd=site).stdout)
    assert (135, 45) == (imported["events"], imported["new"])
    store = sqlite3.connect(f"file:{site}/data/points.sqlite?mode=ro", uri=True)
    air = store.execute("select temperature, humidity from air where dev_eui = '24e124136b500042' order by time")
    assert (27.2, 56.5) == air.fetchone()
    level = store.execute("select level, place from water order by time").fetchone()
    assert (1.588, "cosson-bracieux") == level
    store.close()


def test_importing_again_changes_nothing(own_messages):
    file = str(RECORDINGS / "mqtt.jsonl")
    before = json.loads(run("journal", "status", "--json", cwd=own_messages).stdout)
    again = json.loads(run("journal", "import", file, "--json", cwd=own_messages).stdout)
    after = json.loads(run("journal", "status", "--json", cwd=own_messages).stdout)
    assert (45, 0) == (again["events"], again["new"])
    assert (before["events"], before["quarantined"]) == (after["events"], after["quarantined"])
    assert after["copies"] == before["copies"] + 45


def test_the_status_has_the_words_of_the_contract(messages):
    status = json.loads(run("journal", "status", "--json", cwd=messages).stdout)
    assert status["events"] == 45
    assert status["oldest_at"].startswith("2026-11-23T22:18:17")
    assert {"sink", "tenant", "waiting", "state"} <= status["delivery"][0].keys()
    assert [0, 0] == [each["waiting"] for each in status["delivery"]]
    assert {"flowing"} == {each["state"] for each in status["delivery"]}
    assert "in quarantine" in run("journal", "status", cwd=messages).stdout


def test_the_quarantine_says_why_and_what_to_do(messages):
    lines = [json.loads(line) for line in run("journal", "quarantine", "--json", cwd=messages).stdout.splitlines()]
    assert {"no_decoder", "payload"} == {line["mark"]["code"] for line in lines}
    assert all("set the device tag" in line["mark"]["words"] for line in lines if line["mark"]["code"] == "no_decoder")


def test_events_are_listed_by_device_and_kind(messages):
    found = run("journal", "events", "--dev-eui", "24-E1-24-13-6B-50-00-42", "--kind", "join", "--json", cwd=messages)
    (event,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert ("join", {"mqtt": 1}) == (event["kind"], event["ways"])


@pytest.mark.long
def test_events_of_a_span_of_time_are_listed_the_newest_first(site):
    run("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=site)

    def listed(*options, command="events"):
        lines = run("journal", command, "--json", "--limit", "1000", *options, cwd=site).stdout.splitlines()
        return [json.loads(line) for line in lines]

    everything = listed()
    assert everything[::-1] == listed("--newest")
    times = sorted({event["event_at"] for event in everything})
    middle, last = times[len(times) // 2], times[-1]
    expected = [event for event in everything if middle <= event["event_at"] < last]
    assert 0 < len(expected) < len(everything)
    assert expected == listed("--from", middle, "--until", last.removesuffix("Z"))
    assert everything == listed("--from", middle[:10])
    assert [] == listed("--until", middle[:10])
    quarantined = listed(command="quarantine")
    assert quarantined[::-1] == listed("--newest", "--from", middle[:10], command="quarantine")
    assert 1 == len(run("journal", "events", "--json", "--newest", "--limit", "1", cwd=site).stdout.splitlines())


def test_a_damaged_body_is_listed_and_named_and_the_rest_exported(site):
    run("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=site)
    path = site / "data" / "journal.sqlite"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "update event set body = cast(substr(body, 1, length(body) - 1) || x'00' as blob) where position = 7"
        )
    done = run("journal", "events", "--body", "--json", cwd=site)
    listed = {each["position"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert (45, None) == (len(listed), listed[7]["body"])
    assert "checksum" in listed[7]["damage"]
    assert all(event["body"] for position, event in listed.items() if position != 7)
    exported = run("journal", "export", cwd=site, code=1)
    assert 44 == len(exported.stdout.splitlines())
    for said in (done.stderr, exported.stderr):
        assert "position 7: the body is damaged" in said


@pytest.mark.long
def test_what_is_exported_is_imported_as_the_same_events(site, tmp_path):
    run("journal", "import", str(RECORDINGS / "http_posts.jsonl"), cwd=site)
    kept = site / "kept.jsonl"
    kept.write_text(run("journal", "export", cwd=site).stdout, encoding="utf-8")
    again = json.loads(run("journal", "import", str(kept), "--json", cwd=site).stdout)
    assert (45, 0) == (again["events"], again["new"])
    other = tmp_path / "other"
    other.mkdir()
    (other / "vdl-lora.toml").write_text("", encoding="utf-8")
    fresh = json.loads(run("journal", "import", str(kept), "--json", cwd=other).stdout)
    assert (45, 45) == (fresh["events"], fresh["new"])


def test_a_file_that_is_not_what_it_says_has_its_lines_named_and_the_rest_goes_on(site):
    lines = (RECORDINGS / "mqtt.jsonl").read_text(encoding="utf-8").splitlines()
    lines.insert(2, '{"topic": "a/b", "payload": "{}"}')
    lines.insert(5, "not JSON at all")
    file = site / "odd.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run("journal", "import", str(file), cwd=site, code=1)
    assert f"{file}, line 3: 'a/b' is no topic of events" in done.stderr
    assert f"{file}, line 6: " in done.stderr
    assert "45 events read, 45 new" in done.stdout


def test_prune_removes_bodies_and_keeps_identities(own_messages):
    file = str(RECORDINGS / "mqtt.jsonl")
    pruned = json.loads(run("journal", "prune", "--older-than", "0s", "--json", cwd=own_messages).stdout)
    assert (45, 0) == (pruned["bodies"], pruned["events"])
    assert json.loads(run("journal", "import", file, "--json", cwd=own_messages).stdout)["new"] == 0


def test_a_store_that_cannot_be_made_stops_the_import_before_anything_is_taken_in(site):
    (site / "taken").write_text("not a folder", encoding="utf-8")
    (site / "vdl-lora.toml").write_text(CONFIG + '[store]\npath = "taken/points.sqlite"\n', encoding="utf-8")
    done = run("journal", "import", str(RECORDINGS / "mqtt.jsonl"), cwd=site, code=1)
    assert "[store]" in done.stderr
    assert json.loads(run("journal", "status", "--json", cwd=site).stdout)["events"] == 0


def test_a_journal_that_is_not_there_is_said(site):
    assert "there is no journal" in run("journal", "status", cwd=site, code=1).stderr


def test_the_version_is_told():
    assert run("--version").stdout.startswith("vdl-lora ")


def test_a_body_is_listed_as_text_where_it_is_text(site):
    posts, messages = str(RECORDINGS / "http_posts.jsonl"), str(RECORDINGS / "mqtt.jsonl")
    run("journal", "import", "-c", "vdl-lora.toml", posts, messages, cwd=site)
    listed = run("journal", "events", "-c", "vdl-lora.toml", "--json", "--body", "--limit", "1000", cwd=site)
    events = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {"json", "protobuf"} <= {event["encoding"] for event in events}
    for event in events:
        if event["encoding"] == "json":
            assert "deviceInfo" in json.loads(event["body"])
        else:
            assert base64.b64decode(event["body_base64"])


@pytest.mark.parametrize(("url", "code"), [("http://127.0.0.1:8086", 0), ("127.0.0.1", 78)])
def test_where_points_go_is_checked_too(tmp_path, url, code):
    (tmp_path / "vdl-lora.toml").write_text(f'[influxdb]\nurl = "{url}"\n', encoding="utf-8")
    done = run("config", "check", "-c", "vdl-lora.toml", cwd=tmp_path, code=code)
    assert (f"InfluxDB {url}" in done.stdout) if code == 0 else ("influxdb.url" in done.stderr)


# ---------------------------------------------------------------- what it takes

HEAPS = """\
import ctypes, sys, threading
import vdl_lora.cli.main
sys.argv[1:] = ["--version"]
try:
    vdl_lora.cli.main.main()
except SystemExit:
    pass
libc = ctypes.CDLL(None)
meet = threading.Barrier(6)
def take():
    meet.wait()
    for _ in range(200):
        libc.malloc(1000)
    meet.wait()
threads = [threading.Thread(target=take) for _ in range(6)]
for each in threads:
    each.start()
for each in threads:
    each.join()
libc.malloc_stats()
"""


def printed(code, **given):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment() | given, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no heaps for threads")
def test_threads_share_two_heaps_or_as_many_as_the_environment_says():
    assert [2, 1] == [printed(HEAPS).count("Arena "), printed(HEAPS, MALLOC_ARENA_MAX="1").count("Arena ")]


LARGE = """\
import ctypes
from vdl_lora.app.heaps import keep_heaps_small
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks mapped more less few used free keep".split()]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype = ctypes.c_void_p
keep_heaps_small()
libc.free(ctypes.c_void_p(libc.malloc(20 << 20)))
before = libc.mallinfo2().mapped
libc.malloc(10 << 20)
print(libc.mallinfo2().mapped - before)
"""

HOLES = """\
import asyncio, ctypes
from pathlib import Path
from vdl_lora.app import heaps
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
heaps.GIVE_BACK_S = 0.05
async def main():
    def size():
        return int(Path("/proc/self/statm").read_text().split()[1]) >> 8
    blocks = [libc.malloc(1000) for _ in range(64_000)]
    for number, block in enumerate(blocks):
        ctypes.memset(block, 1, 1000)
    for number, block in enumerate(blocks):
        if number % 64:
            libc.free(ctypes.c_void_p(block))
    before = size()
    task = asyncio.create_task(heaps.give_back())
    await asyncio.sleep(1)
    print("given back" if before - size() > 40 else f"{before} and {size()} MiB")
    task.cancel()
asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library does not tell")
def test_a_large_block_is_a_mapping_of_its_own_even_after_one_was_freed():
    assert ["1", "0"] == [printed(LARGE).strip(), printed(LARGE, MALLOC_MMAP_THRESHOLD_=str(30 << 20)).strip()]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no heaps to trim")
def test_what_is_free_between_what_stays_is_given_back():
    assert "given back" in printed(HOLES)


def test_running_the_service_imports_no_other_command():
    """A service that runs for years holds in memory all that it has imported."""
    others = ("cli.journal", "cli.doctor", "virtual", "web.demo", "journal.salvage", "operations.drafts")
    loaded = f"[each for each in {others} if 'vdl_lora.' + each in sys.modules]"
    code = (
        f"import sys; from vdl_lora.cli.main import app; app(['run', '--help'], standalone_mode=False); print({loaded})"
    )
    assert "[]" == printed(code).splitlines()[-1]


def test_a_command_that_does_not_write_to_influxdb_imports_no_client_for_it():
    assert "False" in printed("import sys, vdl_lora.cli.main; print('influxdb_client' in sys.modules)")


def test_status_follow_prints_json_lines_until_interrupted(tmp_path):
    ran("journal", "import", str(RECORDINGS / "http_posts.jsonl"), cwd=tmp_path, code=None)
    command = [*COMMAND, "journal", "status", "--follow", "--interval", "100ms", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert 0 == process.returncode
    assert all(look["events"] > 0 and look["waiting"] == 0 for look in looks)
    assert looks[0]["rate"] is None
    assert 0.0 == looks[2]["rate"]
