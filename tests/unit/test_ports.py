"""A port that a test was given is given to no other test, in this process or in a parallel one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import ports

FEW = range(20_000, 20_004)
ROOT = Path(__file__).parents[2]
IN_ANOTHER_PROCESS = f"""
from tests import ports
ports._BELOW_EPHEMERAL = range({FEW.start}, {FEW.stop})
ports._is_unused = lambda _port: True
given = []
while len(given) < len(ports._BELOW_EPHEMERAL):
    try:
        given.append(ports.free_port())
    except AssertionError:
        break
print(*given)
"""

pytestmark = pytest.mark.usefixtures("few")


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Let there be few ports, reserved in a file of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = ports._reservations.__wrapped__()  # noqa: SLF001 - not the one that this process holds already
    monkeypatch.setattr(ports, "_reservations", lambda: file)
    monkeypatch.setattr(ports, "_BELOW_EPHEMERAL", FEW)
    monkeypatch.setattr(ports, "_reserved", set())
    monkeypatch.setattr(ports, "_is_unused", lambda _port: True)
    yield
    os.close(file)


def given_elsewhere(tmp_path):
    """Which of the few ports another process is given while this one runs."""
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    return {int(port) for port in done.stdout.split()}


def test_a_process_that_ends_leaves_its_ports_to_others(tmp_path):
    assert set(FEW) == given_elsewhere(tmp_path)
    assert set(FEW) == {ports.free_port() for _ in FEW}


def test_a_process_never_gets_the_same_port_twice():
    assert sorted(FEW) == sorted(ports.free_port() for _ in FEW)
    with pytest.raises(AssertionError, match="no port"):
        ports.free_port()


def test_a_parallel_process_gets_no_port_that_is_reserved_here(tmp_path):
    mine = {ports.free_port(), ports.free_port()}
    assert set(FEW) - mine == given_elsewhere(tmp_path)


def test_a_port_that_is_in_use_is_not_given(monkeypatch):
    monkeypatch.setattr(ports, "_is_unused", lambda port: port == FEW.stop - 1)
    assert FEW.stop - 1 == ports.free_port()
