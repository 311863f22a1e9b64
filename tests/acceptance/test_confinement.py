"""Makers' scripts where the system cannot confine their process: a warning, or a refusal where that is asked for.

The commands run with the personality of a 32-bit system: `uname` then names a processor for which there is no filter
of system calls.
"""

import ctypes
import json
import subprocess

import pytest

from tests.ports import free_port

from .processes import COMMAND, environment

pytestmark = pytest.mark.enable_socket

PER_LINUX32 = 0x0008
SCRIPT = "function Decoder(bytes) { return { t: bytes[0] }; }"
MAPPING = 'vendor = "Acme"\nmodels = ["X1"]\ncodec = "x1.js"\n[reads]\nt = "air.temperature"\n'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "decoders" / "acme").mkdir(parents=True)
    (tmp_path / "key").write_text("no key", encoding="utf-8")
    return tmp_path


def configure(site, *, required, scripts=True):
    folder = site / "decoders" / "acme"
    if scripts:
        (folder / "x1.js").write_text(SCRIPT, encoding="utf-8")
        (folder / "x1.mapping.toml").write_text(MAPPING, encoding="utf-8")
    (site / "vdl-lora.toml").write_text(
        f'[chirpstack]\nserver = "127.0.0.1:{free_port()}"\napi_key_file = "key"\n[monitoring]\nbind = ""\n'
        f'[decoders]\nroots = ["decoders"]\n[javascript]\nrequire_confinement = {str(required).lower()}\n',
        encoding="utf-8",
    )


def unconfined(site, *words):
    """Run a command where the kernel has no seccomp that we know."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=site,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: ctypes.CDLL(None).personality(PER_LINUX32),
    )


def of_javascript(done):
    return [each for each in json.loads(done.stdout) if each["subject"] == "javascript"]


@pytest.mark.long
def test_missing_confinement_is_a_warning_where_it_is_not_required(site):
    configure(site, required=False)
    checked = unconfined(site, "config", "check")
    assert 0 == checked.returncode, checked.stderr
    assert "less confined" in checked.stderr
    [finding] = of_javascript(unconfined(site, "doctor", "--json"))
    assert "warning" == finding["state"]
    assert finding["words"].startswith("seccomp is missing")
    decoded = unconfined(site, "decode", "acme/x1", "--f-port", "1", "15", "--json")
    assert [21] == [each["value"] for each in json.loads(decoded.stdout)["readings"]]


@pytest.mark.parametrize(
    "words", ["run", "config check", "doctor", "decode acme/x1 --f-port 1 15", "journal import key"]
)
def test_missing_confinement_refuses_every_command_where_it_is_required(site, words):
    configure(site, required=True)
    done = unconfined(site, *words.split())
    assert 78 == done.returncode
    assert "javascript.require_confinement: " in done.stderr
    assert "for want of seccomp" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (site / "data").exists()


def test_missing_confinement_refuses_a_draft_where_it_is_required(site):
    configure(site, required=True, scripts=False)
    (site / "codec.js").write_text(SCRIPT, encoding="utf-8")
    (site / "examples.jsonl").write_text('{"fPort": 5, "bytes": "15", "object": {"t": 21}}\n', encoding="utf-8")
    done = unconfined(site, "decoders", "new", "--js", "codec.js", "--vectors", "examples.jsonl", "acme/x1")
    assert 78 == done.returncode, done.stderr
    assert "for want of seccomp" in done.stderr


@pytest.mark.long
def test_requirement_changes_nothing_without_scripts_or_where_it_is_met(site):
    configure(site, required=True, scripts=False)
    assert 0 == unconfined(site, "config", "check").returncode
    configure(site, required=True)
    checked = subprocess.run([*COMMAND, "config", "check"], cwd=site, env=environment(), timeout=60, check=False)
    assert 0 == checked.returncode
    doctor = subprocess.run(
        [*COMMAND, "doctor", "--json"], cwd=site, env=environment(), capture_output=True, timeout=60, check=False
    )
    assert [] == of_javascript(doctor)
