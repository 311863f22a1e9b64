"""The service as an operator meets it: what it refuses to start with, what it answers, and what it never says."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.enable_socket

EMPTY = "ChirpStack lists no device; register some there, or see [chirpstack] tenants and whose key this is"
KEY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJjaGlycHN0YWNrIn0.c2VjcmV0LXNpZ25hdHVyZQ"


@contextmanager
def service(folder, text, **environment):
    """Run the service with a configuration; end it in the end."""
    (folder / "vdl-lora.toml").write_text(text, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "vdl_lora.cli", "run", "-c", "vdl-lora.toml"],
        cwd=folder,
        env={**inherited, "PYTHONWARNINGS": "error", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def configured(server, bind="127.0.0.1:0"):
    return f'[chirpstack]\nserver = "{server}"\napi_key_file = "key"\n[monitoring]\nbind = "{bind}"\n'


def logged(process, *events):
    """Read the log until each event was told; give their lines."""
    found = {}
    late = Timer(30, process.kill)
    late.start()
    for line in map(json.loads, process.stderr):
        found[line["event"]] = line
        if found.keys() >= set(events):
            late.cancel()
            return [found[event] for event in events]
    raise AssertionError(f"it logged only {sorted(found)}")


def asked(url):
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own service
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def chirpstack():
    """A virtual ChirpStack in a process of its own: its address and the token of an admin key."""
    with subprocess.Popen(
        [sys.executable, "-m", "vdl_lora.cli", "virtual", "--bind", "127.0.0.1:0"], stdout=subprocess.PIPE
    ) as process:
        yield json.loads(process.stdout.readline())
        process.terminate()


def test_without_a_key_it_says_how_to_make_one(tmp_path):
    with service(tmp_path, "") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 78
    assert "api_key_file" in err
    assert "API key in ChirpStack" in err


def test_a_monitoring_port_that_is_taken_stops_the_start(tmp_path):
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with service(tmp_path, configured("127.0.0.1:9", bind)) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 78
    assert bind in err


def test_while_chirpstack_is_away_it_lives_but_is_not_ready_and_says_what_to_do(tmp_path):
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        server = f"127.0.0.1:{closed.getsockname()[1]}"
    with service(tmp_path, configured(server)) as process:
        runs, lost = logged(process, "the web server listens", "ChirpStack is lost")
        url = runs["url"]
        assert "nothing listens" in lost["why"]
        assert asked(url + "healthz")[0] == 200
        status, body = asked(url + "readyz")
        assert status == 503
        assert "see whether ChirpStack runs" in body
        assert 'vdl_lora_way_up{way="grpc"} 0.0' in asked(url + "metrics")[1]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
    assert process.returncode == 0, err
    assert "Traceback" not in err


@pytest.mark.parametrize("key", [KEY, "word-of-another-kind-6f1c", "clé à accents 6f1c"])
def test_the_key_is_never_said(tmp_path, chirpstack, key):
    """Neither where it is refused, nor in health or metrics, nor where it cannot even be sent."""
    (tmp_path / "key").write_text(key, encoding="utf-8")
    with service(tmp_path, configured(chirpstack["address"])) as process:
        runs, lost = logged(process, "the web server listens", "ChirpStack is lost")
        url = runs["url"]
        said = [json.dumps(lost), *(asked(url + path)[1] for path in ("readyz", "metrics"))]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
    everything = "\n".join([*said, err])
    assert "key" in lost["why"]
    assert not re.search(r"6f1c|c2VjcmV0", everything)


def test_an_empty_chirpstack_is_told_with_what_to_do(tmp_path, chirpstack):
    (tmp_path / "key").write_text(chirpstack["admin_key"], encoding="utf-8")
    with service(tmp_path, configured(chirpstack["address"])) as process:
        (line,) = logged(process, EMPTY)
    assert line["level"] == "warning"
