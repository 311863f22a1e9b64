"""The demonstration, run as a newcomer or a script runs it: everything at once, and every event accounted for."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.enable_socket


def begin(*words, temporary, **environment):
    """Start the demonstration; what it keeps for itself goes below `temporary`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "vdl_lora.cli", "demo", "--port", "0", *words],
        env={**inherited, "PYTHONWARNINGS": "error", "TMPDIR": str(temporary), **environment},
        cwd=temporary,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process, pattern):
    """Read stderr until a line fits."""
    for line in process.stderr:
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"it never said {pattern}")


@pytest.mark.long
def test_every_event_that_was_emitted_is_accounted_for(tmp_path):
    with begin("--for", "6s", "--json", temporary=tmp_path) as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    summary = json.loads(out)
    events = summary["events"]
    assert events["emitted"] == events["journalled"] == events["interpreted"] + events["quarantined"]
    assert events["emitted"] > 500
    assert 0 < events["quarantined"] < events["interpreted"]
    assert summary["points"]["stored"] > events["interpreted"]
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path):
    with begin(temporary=tmp_path) as process:
        url = said(process, r"page\s+(http://127\.0\.0\.1:\d+/)")[1]
        with urlopen(url + "api/state", timeout=10) as answer:  # noqa: S310 - our own page
            assert "places" in json.load(answer)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    emitted, journalled, interpreted, quarantined, _ = map(int, re.findall(r"\d+", out))
    assert emitted == journalled == interpreted + quarantined
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_folder_that_was_named_is_kept_and_can_be_looked_at(tmp_path):
    folder = tmp_path / "kept"
    with begin("--for", "4s", "--json", "--data", str(folder), temporary=tmp_path) as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    with closing(sqlite3.connect(folder / "points.sqlite")) as store:
        communes = {row[0] for row in store.execute("select distinct commune from lorawan_uplink")}
    assert "Bracieux" in communes
    assert len(communes) > 10
    with closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
        kinds = [row[0] for row in journal.execute("select kind.name from event join kind on kind.id = event.kind")]
    assert json.loads(out)["events"]["journalled"] == sum(kind != "own" for kind in kinds)


@pytest.mark.long
def test_it_touches_nothing_that_the_environment_names(tmp_path):
    own = tmp_path / "own.sqlite"
    with begin("--for", "1s", temporary=tmp_path, VDL_LORA_JOURNAL__PATH=str(own)) as process:
        _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert not own.exists()


@pytest.mark.parametrize("used", ["file", "port"])
def test_what_cannot_be_used_is_said_before_anything_begins(tmp_path, used):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mine").touch()
        words = ("--data", str(tmp_path / "data")) if used == "file" else ("--port", port)
        with begin(*words, temporary=tmp_path) as process:
            _, err = process.communicate(timeout=60)
    assert process.returncode == 78, err
    assert ("is not empty" if used == "file" else port) in err


def test_a_duration_that_is_none_is_wrong_usage(tmp_path):
    with begin("--for", "soon", temporary=tmp_path) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "20s" in err


def test_the_readme_shows_what_it_prints():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = json.loads(re.search(r"demo --for 20s --json\n(.*?)```", readme, re.DOTALL)[1])
    assert shown["events"]["emitted"] == shown["events"]["journalled"]
    assert shown["events"]["journalled"] == shown["events"]["interpreted"] + shown["events"]["quarantined"]
