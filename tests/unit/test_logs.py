"""The log tells no secret, whoever logs it and however; and it has one form for all."""

import asyncio
import io
import json
import logging
import os
import pty
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass

import pytest
import structlog

from vdl_lora import logs

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJjaGlycHN0YWNrIiwic3ViIjoiYSJ9.s1gn-4ture_of-it"
TOKEN = "vAbc3fGh1jKlMn0pQrStUvWxYz-_0123456789vAbc3fGh1jKlMn0pQrStUvWxYz-_0123456789ABCDEFGH=="  # noqa: S105 - made up
WORD = "correct horse battery"
SECRETS = (JWT, JWT.split(".")[1], "s1gn-4ture", TOKEN, TOKEN[:20], WORD, "horse", "hunter2")


class Log:
    """What was written; configured with one of both renderers."""

    def __init__(self, level=logging.INFO, *, terminal=False):
        self.stream = io.StringIO()
        self.own = structlog.get_logger("own")
        logs.configure(level, self.stream, terminal=terminal)

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Leave logging as it was found."""
    monkeypatch.setattr(logs, "_hidden", set())
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(params=["terminal", "json"])
def log(request):
    """A log with each renderer."""
    return Log(terminal=request.param == "terminal")


@dataclass(frozen=True)
class Settings:
    """As a section of the configuration might be."""

    server: str = "127.0.0.1:8080"
    api_key: str = WORD


class Unshowable:
    """Cannot be shown."""

    def __repr__(self):
        raise RuntimeError(WORD)


def refuse(words):
    """Raise an error with these words."""
    raise PermissionError(words)


def fails(words):
    """Log an error as a library does, with its traceback."""
    password = WORD
    try:
        refuse(words)
    except PermissionError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    return password


def fails_within(words):
    """Log one of ours, with a cause and a group."""
    try:
        try:
            refuse(words)
        except PermissionError as error:
            raise ExceptionGroup(f"many: {words}", [ValueError(words)]) from error
    except ExceptionGroup:
        structlog.get_logger().exception("it failed", why=words)


def in_a_task(words):
    """Let the event loop say that a task's error was seen by nobody."""

    async def run():
        asyncio.get_running_loop().call_exception_handler({"message": words, "exception": ValueError(words)})

    asyncio.run(run())


BY_NAME = [
    {"api_key": WORD},
    {"API-KEY": WORD},
    {"influxdb_token": TOKEN},
    {"tokens": [WORD]},
    {"password": WORD},
    {"password": 77_110_099},
    {"Authorization": f"Bearer {JWT}"},
    {"grpc-metadata-authorization": WORD},
    {"client_secret": WORD},
    {"app_s_key": WORD},
    {"AppSKey": WORD},
    {"nwkKey": WORD},
    {"tenant_key": WORD},
    {"cookie": {"session": WORD}},
    {"headers": {"Authorization": WORD, "Accept": "*/*"}},
    {"metadata": (("authorization", WORD), ("x", "y"))},
    {"deep": [{"list": [{"secret": WORD}]}]},
    {"settings": Settings()},
    {"settings": {"chirpstack": Settings()}},
    {"body": b'{"token": "hunter2"}'},
]
BY_LOOK = [
    f"refused: Bearer {JWT}",
    f"bearer {TOKEN}",
    JWT,
    f"the key <{JWT}> is revoked",
    f"cut: {JWT[:80]}",
    f"Authorization: Token {TOKEN}",
    f"Token {TOKEN} may not write",
    f"https://admin:hunter2@influx.example:8086/api?x=1 and redis://:{TOKEN}@127.0.0.1/0",
    f"GET /api/v2/write?token={TOKEN}&org=vdl",
    f'{{"api_key": "{WORD}", "server": "x"}}',
    f"Settings(server='x', api_key='{WORD}')",
    f"metadata (('authorization', '{WORD}'),)",
    f"_Metadatum(key='authorization', value='{WORD}')",
    f"password = 'it is {WORD}",
    "PASSWORD:hunter2, and so on",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2\nhunter2\n-----END RSA PRIVATE KEY-----\n",
]
WAYS = {
    "our event": lambda words: structlog.get_logger().warning(words),
    "our value": lambda words: structlog.get_logger().info("x", why=words),
    "our arguments": lambda words: structlog.get_logger().info("x %s", words),
    "an error as value": lambda words: structlog.get_logger().info("x", why=ValueError(words)),
    "within": lambda words: structlog.get_logger().info("x", all={"of": [({"it": words},)]}),
    "our traceback": fails_within,
    "a library": lambda words: logging.getLogger("grpc").warning(words),
    "a library's arguments": lambda words: logging.getLogger("grpc._channel").error("failed: %r", {"x": words}),
    "a library's traceback": fails,
    "the event loop": in_a_task,
    "a warning": lambda words: warnings.warn_explicit(words, RuntimeWarning, "x.py", 1),
    "the last traceback": lambda words: sys.excepthook(ValueError, ValueError(words), None),
}


@pytest.mark.parametrize("values", BY_NAME, ids=str)
def test_a_value_is_masked_by_its_name(log, values):
    log.own.warning("x", **values)
    assert logs.MASK in log.text
    assert not [secret for secret in (*SECRETS, "77110099") if secret in log.text]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_masked_by_its_look_whoever_logs_it(log, way):
    for words in BY_LOOK:
        before = len(log.text)
        WAYS[way](words)
        written = log.text[before:]
        assert logs.MASK in written, words
        assert not [secret for secret in SECRETS if secret in written], words


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("default")
def test_a_secret_without_a_look_is_masked_where_it_was_hidden(log, way):
    logs.hide(WORD)
    WAYS[way](f"it said {WORD}!")
    assert f"it said {logs.MASK}!" in log.text
    assert WORD not in log.text


def test_a_hidden_secret_is_masked_even_where_the_text_is_cut(log):
    logs.hide(WORD)
    log.own.info("x" * (logs.MAX_TEXT - 5) + WORD)
    assert "corre" not in log.text


def test_what_is_too_short_to_be_a_secret_is_not_hidden(log):
    logs.hide("", "a", "up")
    log.own.info("an uplink arrived")
    assert "an uplink arrived" in log.text


@pytest.mark.parametrize(
    "words",
    [
        "24e124136b500042",
        "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "01755C03671001046871" * 20,
        "the token expired; check the token, the bucket and its rights",
        "401 unauthorized: unauthorized access",
        "api_key_file=/run/secrets/chirpstack",
        "http://127.0.0.1:8086/api/v2/write?org=vdl&bucket=a",
        "École élémentaire – CM2",  # noqa: RUF001 - a name
        "a key of the wrong kind; name a tenant key",
        "milesight/em300-th at 2026-11-24T02:46:27.130379Z",
    ],
)
def test_what_is_no_secret_is_shown_whole(words):
    log = Log()
    log.own.info(words, why=words, inner=[words], n=5, f=0.25, yes=True, nothing=None)
    [line] = log.lines
    assert [words] * 2 + [[words]] == [line[name] for name in ("event", "why", "inner")]
    assert [5, 0.25, True, None] == [line[name] for name in ("n", "f", "yes", "nothing")]


def test_a_traceback_shows_no_variables(log):
    fails("plain")
    assert log.text.count("Traceback (most recent call last)") == 1
    assert "raise PermissionError(words)" in log.text
    assert WORD not in log.text


def test_libraries_and_we_write_in_one_form():
    log = Log()
    log.own.info("ours", way="grpc")
    logging.getLogger("aiohttp.server").warning("theirs: %d", 5)
    ours, theirs = log.lines
    assert {"event": "ours", "level": "info", "way": "grpc", "timestamp": ours["timestamp"]} == ours
    assert theirs == {
        "event": "theirs: 5",
        "level": "warning",
        "logger": "aiohttp.server",
        "timestamp": theirs["timestamp"],
    }


def test_a_traceback_is_one_line_of_json():
    log = Log()
    fails("plain")
    [line] = log.lines
    assert line["exception"].endswith("PermissionError: plain")


def test_below_the_level_nothing_is_written():
    for level, expected in ((logging.WARNING, ["b", "d"]), (logging.INFO, ["a", "b", "c", "d"])):
        log = Log(level)
        log.own.info("a")
        log.own.warning("b")
        logging.getLogger("grpc").info("c")
        logging.getLogger("grpc").warning("d")
        logging.getLogger("grpc").debug("e")
        assert expected == [line["event"] for line in log.lines]


def test_configured_again_it_writes_once_and_leaves_the_handlers_of_others():
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    before, log = Log(), Log()
    logging.getLogger("grpc").warning("once")
    log.own.warning("once")
    assert ([], 2) == (before.lines, len(log.lines))
    assert other in logging.getLogger().handlers


def test_on_a_terminal_it_is_in_colour_unless_that_is_not_wanted(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    log = Log(terminal=True)
    log.own.warning("x")
    assert "\x1b[" in log.text
    monkeypatch.setenv("NO_COLOR", "1")
    log = Log(terminal=True)
    log.own.warning("x")
    assert "\x1b[" not in log.text


def test_on_a_terminal_a_name_from_outside_moves_no_cursor_and_begins_no_line(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    log = Log(terminal=True)
    log.own.info("new\n2026 device", name="a\r\nb\x1b[2J\x9b1m\u202e", inner=["\x1b[0m"])
    assert log.text.count("\n") == 1
    assert not {"\r", "\x1b", "\x9b", "\u202e"} & set(log.text)
    assert r"new\n2026 device" in log.text


def test_what_is_long_is_cut(log):
    began = time.monotonic()
    log.own.info("x" * 5_000_000, name="a-" * 2_000_000, inner=["password " * 500_000])
    fails("y" * 5_000_000)
    assert time.monotonic() - began < 2
    assert len(log.text) < 3 * logs.MAX_TEXT + logs.MAX_TRACEBACK + 2_000
    assert log.text.count("…") >= 4 if "…" in log.text else log.text.count("\\u2026") == 4


def test_what_cannot_be_shown_is_logged_all_the_same(log, monkeypatch):
    root = logging.getLogger()
    ours = [each for each in root.handlers if type(each).__module__ == logs.__name__]
    monkeypatch.setattr(root, "handlers", ours)  # pytest's own would raise
    around = {}
    around["it"] = around
    log.own.info("first", thing=Unshowable(), pair=(Unshowable(), 1), by={Unshowable(): 1}, around=around)
    logging.getLogger("grpc").warning("count %d", WORD)
    log.own.info("last")
    assert "<Unshowable>" in log.text
    assert "cannot be shown" in log.text
    assert WORD not in log.text
    assert log.text.rstrip().splitlines()[-1].find("last") > 0


def test_a_stream_that_nobody_reads_stops_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        logs.configure(logging.INFO, stream, terminal=False)
        structlog.get_logger().warning("x")
        logging.getLogger("grpc").warning("x")
        with pytest.raises(BrokenPipeError):
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
    structlog.get_logger().warning("closed by now")


def test_lines_of_many_threads_stay_whole():
    log = Log()
    threads = [
        threading.Thread(target=lambda: [logging.getLogger("grpc").info("x" * 500) for _ in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(100):
        log.own.info("y" * 500)
    for thread in threads:
        thread.join()
    assert len(log.lines) == 500


def test_the_command_line_logs_to_stderr_as_what_it_is(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, structlog\n"
        "from vdl_lora.terminal import log_to_stderr\n"
        "log_to_stderr(logging.INFO)\n"
        "structlog.get_logger().info('hello', api_key='hunter2')\n"
        f"raise ValueError('Bearer {JWT}')\n",
        encoding="utf-8",
    )
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    piped = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (1, "") == (piped.returncode, piped.stdout)
    hello, end = map(json.loads, piped.stderr.splitlines())
    assert ["info", "critical"] == [hello["level"], end["level"]]
    assert "ValueError: Bearer ***" in end["exception"]

    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, program], stderr=theirs, timeout=60, check=False, env=environment)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 1
    assert "\x1b[" in shown
    assert "hello" in shown
    assert "Traceback" in shown
    assert not [secret for secret in SECRETS if secret in piped.stderr + shown]
