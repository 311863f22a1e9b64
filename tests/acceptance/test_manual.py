"""The manual's first pages, followed word by word in a clean folder: every command runs and says what the page says.

Only what the pages tell their readers to replace is replaced: addresses, and the keys that they paste.
"""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.pages import blocks, shape
from tests.ports import free_port
from tests.real import program, running_engine
from vdl_lora.app.demo import EventSummary, PointSummary

pytestmark = pytest.mark.enable_socket

FIRST = ("README.md", "docs/tutorial/first-rows.md")
LASTING = ("vdl-lora virtual", "vdl-lora run")
IN_THE_CLONE = "make "
SHOWN = ("text", "json")
CUT = "…"
WITHIN_S = 60


class Terminal:
    """A terminal in which a command runs until Ctrl-C; `said` is what it has written."""

    def __init__(self, command, folder, environment):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            shlex.split(command),
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""
        self._reader = threading.Thread(target=self._read, name=command)
        self._reader.start()

    def control_c(self):
        """End it, and give its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def close(self):
        """End it at once."""
        self.process.kill()
        self.process.wait(20)
        self._reader.join(20)

    def _read(self):
        with suppress(OSError), os.fdopen(self._ours, "rb", buffering=0) as terminal:  # Linux: EIO where nobody is left
            while part := terminal.read(4096):
                self.said += part.decode(errors="replace")


class Reader:
    """Somebody who follows pages: a folder, terminals, what is replaced, and what is pasted into which file."""

    def __init__(self, folder):
        self.folder = folder
        self.sees, self.within_s = shape, WITHIN_S
        self.replaced = {}
        self.pasted = {}
        self.terminals = []
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "error",
            "COLUMNS": "200",
            "VDL_LORA_MONITORING__BIND": f"127.0.0.1:{free_port()}",
        }

    def follow(self, page):
        """Do what the blocks of a page say, and compare with what it shows."""
        found = blocks(page)
        for block, after in zip(found, [*found[1:], None], strict=True):
            text = block.text
            for old, new in self.replaced.items():
                text = text.replace(old, new)
            if block.named:
                (self.folder / block.named).write_text(text, encoding="utf-8")
            elif block.language == "bash" and not text.startswith(IN_THE_CLONE):
                self._do(text, after.text if after is not None and after.language in SHOWN and not after.named else "")

    def run(self, command, pasted=""):
        """Run a command to its end, and give what it prints."""
        done = subprocess.run(
            [program("bash"), "-euc", command],
            cwd=self.folder,
            env=self._environment,
            input=pasted,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, command):
        """Run a command in a terminal of its own."""
        self.terminals.append(Terminal(command, self.folder, self._environment))
        return self.terminals[-1]

    def end(self):
        """Close all terminals."""
        for terminal in self.terminals:
            terminal.close()

    def _do(self, command, shown):
        if command.startswith(LASTING):
            terminal = self.start(command)
            self._see(shown, lambda: terminal.said, whole=False)
            return
        pasted = "".join(f"{text()}\n" for name, text in self.pasted.items() if f"> {name}" in command)
        self._see(shown, lambda: self.run(command, pasted), whole=CUT not in shown)

    def _see(self, shown, look, *, whole):
        """Look until there is what the page shows, all of it or these lines: how soon differs."""
        wanted = [line for line in self.sees(shown) if line != CUT]
        deadline = time.monotonic() + self.within_s
        while True:
            seen = self.sees(look())
            found = seen if whole else [line for line in wanted if line in seen]
            if not shown or found == wanted:
                return
            assert time.monotonic() < deadline, "\n".join(["shown:", *wanted, "seen:", *seen])
            time.sleep(0.3)


def exact(output):
    """Give the lines of an output as they are; nobody sees the spaces behind them."""
    return [line.rstrip() for line in output.splitlines()]


@pytest.fixture
def reader(tmp_path):
    """Somebody with a clean folder."""
    found = Reader(tmp_path)
    yield found
    found.end()


@pytest.mark.long
def test_a_new_user_follows_the_first_page_and_sees_rows_in_influxdb(reader, tmp_path_factory):
    program("curl")
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        address = f"127.0.0.1:{free_port()}"
        reader.replaced = {
            "vdl-lora virtual --fleet": f"vdl-lora virtual --fleet --bind {address}",
            "127.0.0.1:8080": address,
            "http://127.0.0.1:8086": engine.url,
        }
        reader.pasted = {
            "chirpstack.key": lambda: re.search(r'"admin_key":"([^"]+)"', reader.terminals[0].said)[1],
            "influxdb.token": lambda: "any",
        }
        reader.follow(FIRST[1])
        virtual, service = reader.terminals
        assert 0o600 == (reader.folder / "chirpstack.key").stat().st_mode & 0o777
        assert 0 == service.control_c()
        assert 0 == virtual.control_c()
        kept = json.loads(reader.run("vdl-lora journal status --json"))["by_kind"]["up"]
        assert 37 * 3 < kept == engine.count("lorawan_uplink", "f_cnt", "lora")


@pytest.mark.long
def test_a_new_user_follows_the_page_of_the_first_value(reader):
    program("sqlite3")
    reader.sees, reader.within_s = exact, 0
    reader.follow("docs/tutorial/first-value.md")


def test_what_the_readme_shows_of_a_payload_is_what_is_printed(reader):
    [shown] = [block.text for block in blocks("README.md") if block.language == "console" and " decode " in block.text]
    command, _, output = shown.removeprefix("$ .venv-demo/bin/").partition("\n")
    assert exact(output) == exact(reader.run(command))


def test_the_configuration_of_the_readme_is_that_of_the_first_page_and_right(reader):
    configuration = [[each.text for each in blocks(page) if each.language == "toml"] for page in FIRST]
    assert configuration[0] == configuration[1]
    (reader.folder / "vdl-lora.toml").write_text(configuration[0][0], encoding="utf-8")
    checked = [each.text for each in blocks("README.md") if " config check" in each.text]
    command = checked[0].splitlines()[0].removeprefix(".venv-demo/bin/")
    assert reader.run(command).startswith("vdl-lora.toml is right")


def test_the_counts_that_the_readme_shows_have_the_words_of_the_demonstration():
    [shown] = [block.text for block in blocks("README.md") if block.language == "console" and " demo " in block.text]
    told = json.loads(shown.partition("\n")[2])
    assert EventSummary.__struct_fields__ == tuple(told["events"])
    assert PointSummary.__struct_fields__ == tuple(told["points"])
    assert EventSummary(**told["events"]).complete


@pytest.mark.long
def test_a_new_user_makes_a_sensor_of_a_makers_codec(reader):
    program("sqlite3")
    reader.sees, reader.within_s = exact, 0
    begun = time.monotonic()
    reader.follow("docs/tutorial/any-codec.md")
    assert time.monotonic() - begun < 60  # the other nine minutes are for reading
