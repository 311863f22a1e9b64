"""Codecs of each convention are read, each attack ends as a word about its codec, and nothing is left of any."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vdl_lora.decoding.javascript import MAX_OUTPUT, MAX_SCRIPT, Answer, Downlink, Script, Uplinked, Wanted
from vdl_lora.errors import CodecStopped, PayloadError
from vdl_lora.javascript import LIMITS, QuickJs, child
from vdl_lora.javascript.pauses import PATIENCE
from vdl_lora.javascript.worker import MAX_FRAME, Worker

CODECS = Path(__file__).parents[1] / "data" / "codecs"
CONVENTIONS = sorted((CODECS / "conventions").glob("*.js"))
ATTACKS = sorted((CODECS / "attacks").glob("*.js"))
OF_ITS_FIRST_FRAME = {"clock", "chance"}
"""These look at clock and chance while they are loaded."""

STARTS = "// expected: "

UPLINKED = Uplinked(b"\x01\x10", 85, 1_795_503_129_123_456_789, {"offset": -0.5})
GOOD = Script("good", "function Decoder(bytes) { return { a: bytes[0] } }")
ENDLESS = Script("endless", "function Decoder() { for (;;); }")
SOAK = os.environ.get("VDL_LORA_SOAK") == "1"


@pytest.fixture(scope="module")
def shared():
    engine = QuickJs()
    yield engine
    engine.close()


@pytest.fixture
def engine():
    engine = QuickJs()
    yield engine
    engine.close()


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.end()


def script(path, *, reusable=False):
    return Script(path.stem, path.read_text(), reusable)


def expected(path):
    """What its first line says: data, errors, stopped or any, and more words or JSON."""
    line = path.read_text().partition("\n")[0]
    assert line.startswith(STARTS), path
    kind, _, rest = line.removeprefix(STARTS).partition(" ")
    return kind, rest


def outcome(engine, called):
    """What a call ends as, in the words of a first line, and its answer."""
    try:
        answer = engine.decode(called, UPLINKED)
    except CodecStopped as error:
        return "stopped", str(error), Answer()
    return ("errors", answer.errors[0], answer) if answer.errors else ("data", "", answer)


def pid(engine):
    """The one child that calls of one thread need."""
    (process,) = engine.processes
    return process


def memory(process, what):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def children():
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "reusable"),
    [(path, kept) for path in CONVENTIONS for kept in (False, True) if not (kept and path.stem in OF_ITS_FIRST_FRAME)],
    ids=lambda what: what.stem if isinstance(what, Path) else "kept" if what else "fresh",
)
def test_a_codec_of_each_convention_gives_what_it_says(shared, path, reusable):
    kind, rest = expected(path)
    answer = shared.decode(script(path, reusable=reusable), UPLINKED)
    if kind == "data":
        assert ((rest and json.loads(rest)) or None, ()) == (
            (answer.data and json.loads(answer.data)) or None,
            answer.errors,
        )
    else:
        assert ("errors", json.loads(rest)) == (kind, list(answer.errors))
    assert answer == shared.decode(script(path, reusable=reusable), UPLINKED)


def test_warnings_are_handed_on(shared):
    assert Answer(b'{"low":true}', (), ("battery is low",)) == shared.decode(
        script(CODECS / "conventions" / "warnings.js"), UPLINKED
    )


DOWNLINKS = {
    "encodeDownlink": "function encodeDownlink(input) { return { bytes: [1, input.data.period], fPort: 3 }; }",
    "exports": "exports.encodeDownlink = function (i) { return { bytes: [1, i.data.period], fPort: 3 }; };",
    "driver": "var driver = { encodeDownlink: function (i) { return { bytes: [1, i.data.period], fPort: 3 }; } };",
    "Encoder": "function Encoder(object, port) { return [1, object.period]; }",
    "Encode": "function Encode(fPort, object, variables) { return [1, object.period]; }",
    "its own fPort": "function encodeDownlink(i) { return { bytes: new Uint8Array([1, i.data.period]) }; }",
}


@pytest.mark.parametrize("text", DOWNLINKS.values(), ids=DOWNLINKS)
def test_a_codec_of_each_convention_writes_a_downlink(shared, text):
    script = Script("x", f"{text} function Decoder() {{ return {{}}; }}")
    assert Downlink(3, b"\x01\x0a") == shared.encode_downlink(script, Wanted({"period": 10}, 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("function decodeUplink() {}", "it must define encodeDownlink"),
        ("function encodeDownlink() { return { errors: ['out of range'] }; }", "out of range"),
        ("function encodeDownlink() { throw new Error('no'); }", "Error: no"),
        ("function encodeDownlink() { return { bytes: [1.5] }; }", "byte 0 is 1.5, not a whole number"),
        ("function encodeDownlink() { return { bytes: [256] }; }", "byte 0 is 256"),
        ("function encodeDownlink() { return { bytes: ['1'] }; }", "byte 0 is 1, not a whole number"),
        ("function encodeDownlink() { return { bytes: new Array(256) }; }", "of more than 255"),
        ("function encodeDownlink() { return { bytes: { length: NaN } }; }", "bytes is no list"),
        ("function encodeDownlink() { return { bytes: 7 }; }", "bytes is a number, not a list"),
        ("function encodeDownlink() { return { bytes: [], fPort: 256 }; }", "no fPort from 1 to 255"),
        ("function encodeDownlink() { return { bytes: [], fPort: '1' }; }", "no fPort from 1 to 255"),
        ("function encodeDownlink() { return 7; }", "the codec gives 7, not an object"),
    ],
)
def test_a_codec_that_writes_no_downlink_says_why(shared, text, words):
    with pytest.raises(PayloadError) as caught:
        shared.encode_downlink(Script("x", text), Wanted({"period": 10}))
    assert words in str(caught.value)


def test_a_codec_reads_a_downlink(shared):
    text = "function decodeDownlink(i) { return { data: { period: i.bytes[1], port: i.fPort } }; }"
    assert b'{"period":10,"port":3}' == shared.decode_downlink(Script("x", text), Downlink(3, b"\x01\x0a")).data
    assert "it has no entry point" in shared.decode_downlink(GOOD, Downlink(3, b"")).errors[0]


def test_an_attack_in_a_downlink_is_stopped_and_counted(engine):
    script = Script("x", "function encodeDownlink() { for (;;); }")
    with pytest.raises(CodecStopped, match="more time"):
        engine.encode_downlink(script, Wanted({}))
    with pytest.raises(PayloadError, match="at most 65536"):
        engine.encode_downlink(script, Wanted({"much": "x" * 70_000}))


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_an_attack_ends_as_a_word_about_its_codec_and_the_next_one_works_within_a_second(shared, path):
    kind, rest = expected(path)
    found, words, answer = outcome(shared, script(path))
    assert kind in {found, "any"}
    if kind == "data":
        assert json.loads(rest) == json.loads(answer.data)
    elif kind != "any":
        assert rest in words
    assert len(answer.data) <= MAX_OUTPUT
    assert len(answer.errors) <= 11
    assert all(len(words) < 400 for words in answer.errors)
    began = time.monotonic()
    assert Answer(b'{"a":1}') == shared.decode(GOOD, UPLINKED)
    assert time.monotonic() - began < 1


def test_attacks_leave_the_memory_of_both_processes_under_its_bound():
    memory_bombs = [path for path in ATTACKS if "bomb" in path.stem or "output" in path.stem or "deep" in path.stem]
    before = memory("self", "VmRSS")
    engine = QuickJs(limits=LIMITS._replace(time_ms=50), clock=lambda: 0.0)
    highest = 0
    for path in memory_bombs:
        for reusable in (False, True):
            try:
                engine.decode(script(path, reusable=reusable), UPLINKED)
            except CodecStopped:
                engine.decode(GOOD, UPLINKED)
            highest = max(highest, memory(pid(engine), "VmHWM"))
    engine.close()
    assert memory("self", "VmRSS") - before < 8 << 20
    assert highest < 64 << 20


def test_a_reused_context_keeps_what_a_codec_keeps_and_a_fresh_one_does_not(shared):
    path = CODECS / "attacks" / "keeps_state.js"
    fresh = [shared.decode(script(path), UPLINKED).data for _ in range(2)]
    kept = [shared.decode(script(path, reusable=True), UPLINKED).data for _ in range(3)]
    assert ([b'{"calls":1}'] * 2, [b'{"calls":%d}' % n for n in (1, 2, 3)]) == (fresh, kept)
    assert (
        b'{"spill":0}'
        == shared.decode(
            Script(
                "other",
                "function Decoder() { return { spill: ([].spill || 0) + (globalThis.spill || 0) } }",
                reusable=True,
            ),
            UPLINKED,
        ).data
    )


def test_a_reused_context_has_the_clock_and_the_chance_of_each_call(engine):
    text = "function Decoder() { return { at: Date.now(), chance: Math.random() } }"
    calls = [Uplinked(b"\x01", 1, at * 1_000_000) for at in (1_000, 2_000, 1_000)]
    fresh = [engine.decode(Script("x", text), call).data for call in calls]
    assert fresh == [engine.decode(Script("x", text, reusable=True), call).data for call in calls]
    assert fresh[0] == fresh[2] != fresh[1]


def test_the_longest_unused_contexts_and_sources_go_and_come_back(engine):
    scripts = [
        Script("x", f"var n = 0; function Decoder() {{ return {{ id: {i}, n: ++n }} }}", reusable=True)
        for i in range(70)
    ]
    for _ in range(2):
        assert [{"id": i, "n": 1} for i in range(70)] == [json.loads(engine.decode(s, UPLINKED).data) for s in scripts]
    assert b'{"id":69,"n":2}' == engine.decode(scripts[-1], UPLINKED).data[:]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("\0", "it is no text"),
        ("'\ud800'", "it is no text"),
        ("//" + "x" * MAX_SCRIPT, "at most 262144 are taken"),
        ("//" + "é" * (MAX_SCRIPT - 10), "at most 262144 are taken"),
        ("\nlet x = ;", "SyntaxError: unexpected token in expression: ';' (line 2)"),
        ("null.x", "TypeError: cannot read property 'x' of null (line 1)"),
        ("var x;", "it has no entry point"),
        ("for (;;);", "needs more time"),
        ("var a = []; for (;;) a.push({});", "needs more memory"),
    ],
)
def test_a_script_that_cannot_be_run_is_said_to_be_so(shared, text, words):
    assert words in shared.problem(Script("x", text))


def test_a_script_that_can_be_run_has_no_problem(shared):
    assert ["", ""] == [shared.problem(GOOD), shared.problem(ENDLESS)]
    longest = "function Decoder() { return {} } //"
    longest += "x" * (MAX_SCRIPT - len(longest))
    assert ("", b"{}") == (shared.problem(Script("x", longest)), shared.decode(Script("x", longest), UPLINKED).data)


def test_what_is_too_large_or_no_text_is_not_run(shared):
    with pytest.raises(PayloadError, match="it is empty"):
        shared.decode(Script("x", ""), UPLINKED)
    with pytest.raises(PayloadError, match="at most 65536"):
        shared.decode(GOOD, Uplinked(bytes(40_000), 1))


def test_a_child_that_is_killed_while_it_rests_is_replaced_and_nobody_notices(engine):
    engine.decode(GOOD, UPLINKED)
    for _ in range(3):
        os.kill(pid(engine), signal.SIGKILL)
        assert Answer(b'{"a":1}') == engine.decode(GOOD, UPLINKED)


def test_a_child_that_is_killed_while_it_works_is_replaced_and_the_call_is_made_again():
    engine = QuickJs(limits=LIMITS._replace(time_ms=60_000, builtin_ms=60_000))
    engine.decode(GOOD, UPLINKED)
    first = pid(engine)
    slow = Script("slow", "function Decoder() { for (let i = 0; i < 3e7; i++); return { done: true } }")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(engine.decode, slow, UPLINKED)
        wait_until(lambda: "R" in Path(f"/proc/{first}/stat").read_text().split()[2])
        os.kill(first, signal.SIGKILL)
        assert Answer(b'{"done":true}') == answer.result()
    assert first != pid(engine)
    engine.close()


def test_one_bad_codec_is_refused_for_a_growing_pause_and_another_is_not():
    now = [0.0]
    engine = QuickJs(clock=lambda: now[0])

    def refused():
        with pytest.raises(CodecStopped) as caught:
            engine.decode(ENDLESS, UPLINKED)
        return "is not called for" in str(caught.value)

    assert [False] * PATIENCE + [True] == [refused() for _ in range(PATIENCE + 1)]
    began = time.monotonic()
    assert all(refused() for _ in range(100))
    assert time.monotonic() - began < 0.2
    assert Answer(b'{"a":1}') == engine.decode(GOOD, UPLINKED)
    now[0] = 1.01
    assert [False, True] == [refused(), refused()]
    now[0] = 2.5
    assert refused()
    engine.close()


def test_several_threads_are_served_by_few_children(engine):
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: engine.decode(GOOD, Uplinked(bytes([n % 200]), 1)).data, range(300)))
    assert [b'{"a":%d}' % (n % 200) for n in range(300)] == answers
    assert 1 <= len(engine.processes) <= 2


def test_a_codec_that_does_not_end_holds_up_no_other(engine):
    engine.decode(GOOD, UPLINKED)
    with ThreadPoolExecutor(1) as threads:
        bad = threads.submit(outcome, engine, ENDLESS)
        taken = []
        while not bad.done():
            began = time.monotonic()
            engine.decode(GOOD, UPLINKED)
            taken.append(time.monotonic() - began)
    assert "stopped" == bad.result()[0]
    assert max(taken) < 1


def test_a_child_is_replaced_before_its_time_is_used_up():
    engine = QuickJs(limits=LIMITS._replace(process_cpu_s=1))
    text = "function Decoder() { for (let i = 0; i < 3e5; i++); return {} }"
    pids = set()
    for _ in range(100):
        engine.decode(Script("x", text), UPLINKED)
        pids.add(pid(engine))
    engine.close()
    assert len(pids) > 1


def test_close_stops_running_and_waiting_calls_at_once_and_leaves_nothing():
    gc.collect()
    files = open_files()
    engine = QuickJs(limits=LIMITS._replace(time_ms=60_000, builtin_ms=60_000))
    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(engine.decode, ENDLESS, UPLINKED) for _ in range(6)]
        wait_until(lambda: len(engine.processes) == 2)
        started = engine.processes
        began = time.monotonic()
        engine.close()
        assert time.monotonic() - began < 0.5
        errors = [answer.exception(2) for answer in answers]
    assert {CodecStopped} == {type(error) for error in errors}
    assert time.monotonic() - began < 2
    assert [] == engine.processes
    assert not set(map(str, started)) & set(children())
    gc.collect()
    assert open_files() <= files  # what earlier tests left may have been closed meanwhile


@pytest.mark.long
def test_restarts_leave_no_process_and_no_file_descriptor(engine):
    with pytest.raises(CodecStopped):
        engine.decode(ENDLESS, UPLINKED)
    engine.decode(GOOD, UPLINKED)
    gc.collect()
    files = open_files()
    for _ in range(200):
        os.kill(pid(engine), signal.SIGKILL)
        engine.decode(GOOD, UPLINKED)
    assert open_files() <= files  # what earlier tests left may have been closed meanwhile
    last = pid(engine)
    assert str(last) in children()
    engine.close()
    assert str(last) not in children()
    with pytest.raises(CodecStopped, match="closed"):
        engine.decode(GOOD, UPLINKED)


def test_many_decodes_leave_the_memory_flat(engine):
    kept = Script("kept", GOOD.source, reusable=True)
    rounds = 200_000 if SOAK else 3_000

    def decode(times):
        for number in range(times):
            engine.decode(GOOD if number % 2 else kept, UPLINKED)

    decode(500)
    before = [memory(pid(engine), "VmRSS"), memory("self", "VmRSS")]
    decode(rounds)
    after = [memory(pid(engine), "VmRSS"), memory("self", "VmRSS")]
    assert all(new - old < 2 << 20 for old, new in zip(before, after, strict=True))


def test_a_child_has_neither_secrets_nor_files_nor_rights(worker):
    process = Path(f"/proc/{worker.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    limits = {line[:26].strip(): line[26:47].strip() for line in (process / "limits").read_text().splitlines()[1:]}
    assert ["2", "1", "1"] == [status[name].strip() for name in ("Seccomp", "NoNewPrivs", "Threads")]
    assert b"TZ=UTC0\0" == (process / "environ").read_bytes()
    assert {"0", "1", "2"} == {file.name for file in (process / "fd").iterdir()}
    assert ("/", "/dev/null") == (str((process / "cwd").readlink()), str((process / "fd" / "2").readlink()))
    assert {"0"} == {limits[f"Max {name}"] for name in ("open files", "file size", "core file size", "processes")}
    assert [str(LIMITS.process_memory), str(LIMITS.process_cpu_s)] == [
        limits["Max address space"],
        limits["Max cpu time"],
    ]
    assert "" == worker.missing
    assert memory(worker.pid, "VmRSS") < 24 << 20


CONFINED = """
import ctypes, os, resource, socket, subprocess, sys
sys.path.append({folder!r})
import child
missing = child.confine(child.Limits(*{limits!r}))
def tried(what):
    try:
        what()
    except (OSError, ValueError, MemoryError) as error:
        return type(error).__name__
    return "done"
for what in (
    lambda: open("/etc/passwd"),
    lambda: socket.socket(),
    lambda: os.fork(),
    lambda: os.kill(os.getppid(), 0),
    lambda: os.execv("/bin/true", ["true"]),
    lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10)),
    lambda: bytearray(1 << 30),
    lambda: os.unlink({file!r}),
    lambda: os.dup(1),
):
    os.write(1, tried(what).encode() + b" ")
os.write(1, repr(missing).encode())
os._exit(0)
"""


def test_what_is_confined_can_do_nothing_even_as_native_code(tmp_path):
    file = tmp_path / "file"
    file.touch()
    code = CONFINED.format(folder=str(Path(child.__file__).parent), limits=tuple(LIMITS), file=str(file))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, timeout=30)
    assert file.exists()
    refused = ["PermissionError"] * 5 + ["ValueError", "MemoryError"] + ["PermissionError"] * 2
    assert [*refused, "[]"] == done.stdout.decode().split()


def test_a_child_goes_when_its_parent_is_killed():
    code = (
        "import time; from vdl_lora.javascript import QuickJs; from vdl_lora.decoding.javascript import Script\n"
        "engine = QuickJs(); engine.problem(Script('x', 'var x')); print(*engine.processes, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        orphan = Path("/proc") / parent.stdout.readline().decode().strip()
        assert orphan.exists()
        parent.kill()
    wait_until(lambda: not orphan.exists() or "zombie" in (orphan / "status").read_text())


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff" + b"A" * 100,
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\0\0\0\x03A{}" + b"more",
        b"\0\0\0\x01",
        b"\0\0\0\0",
        b"\0\0\0\x02Z.",
        b'\0\0\0\x09A{"data":',
        b'\0\0\0\x0dA{"errors":1}',
        b"\0\0\0\x05A\xff\xfe\xfd\xfc",
        b"\0\x01\0\x01A" + b"[" * 65536,
    ],
    ids=range(10),
)
def test_nonsense_from_a_child_ends_it_and_is_a_stop(tmp_path, monkeypatch, answer):
    liar = tmp_path / "liar.py"
    liar.write_text(
        "import os\n"
        "os.write(1, b'\\0\\0\\0\\x01R')\n"
        f"answer = {answer!r}\n"
        "while os.read(0, 1 << 20):\n"
        "    try:\n"
        "        os.write(1, answer)\n"
        "    except OSError:\n"
        "        break\n"
    )
    monkeypatch.setattr(child, "__file__", str(liar))
    monkeypatch.setattr("vdl_lora.javascript.worker.ANSWER_S", 0.5)
    engine = QuickJs(1)
    with pytest.raises(CodecStopped):
        engine.decode(GOOD, UPLINKED)
    assert [] == engine.processes
    engine.close()


@pytest.mark.long
@pytest.mark.parametrize("text", ["raise SystemExit(3)", "import time; time.sleep(60)", "print('hello')"])
def test_a_child_that_does_not_start_is_said_so_and_is_no_fault_of_a_codec(tmp_path, monkeypatch, text):
    broken = tmp_path / "broken.py"
    broken.write_text(text)
    monkeypatch.setattr(child, "__file__", str(broken))
    monkeypatch.setattr("vdl_lora.javascript.worker.START_S", 0.5)
    engine = QuickJs()
    for _ in range(PATIENCE + 1):
        with pytest.raises(CodecStopped, match="the process for codecs does not start"):
            engine.decode(GOOD, UPLINKED)
    monkeypatch.undo()
    assert Answer(b'{"a":1}') == engine.decode(GOOD, UPLINKED)
    engine.close()


def test_a_child_that_reads_nothing_is_ended(tmp_path, monkeypatch):
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import os, time\nos.write(1, b'\\0\\0\\0\\x01R')\ntime.sleep(60)\n")
    monkeypatch.setattr(child, "__file__", str(deaf))
    monkeypatch.setattr("vdl_lora.javascript.worker.ANSWER_S", 0.3)
    engine = QuickJs()
    with pytest.raises(CodecStopped, match="does not answer"):
        engine.decode(GOOD, Uplinked(bytes(15_000), 1))
    engine.close()
