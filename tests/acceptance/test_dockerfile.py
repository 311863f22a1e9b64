"""The image works: the steps of the Dockerfile are run as a script in a clean folder, and so is what it starts.

There is no container engine here: see dockerfile.py for what this cannot show.
"""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest

from tests.ports import free_port
from vdl_lora.settings import MonitoringSettings

from .dockerfile import ROOT, Builder, Ignored, context, stages, steps
from .processes import ChirpStack, until

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

DOCKERFILE = ROOT / "Dockerfile"
STAGES = stages(steps(DOCKERFILE))
USER = 10001
PAYLOAD = "01755C03671001046871"
TOOLS = ("pip", "hatchling", "setuptools", "wheel")


@pytest.fixture(scope="module")
def image():
    """Build it once, let nobody write into it but below its volume, and see in the end that nobody did."""
    with tempfile.TemporaryDirectory(prefix="vdl-lora-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the image's user must come through, which pytest's folders do not allow
        built = Builder(folder, USER).build(DOCKERFILE)
        data = Path(built.inside(built.said["VOLUME"].text))
        mounted = {data, built.path(".")}
        outside = [path for path in built.root.rglob("*") if mounted.isdisjoint((path, *path.parents))]
        folders = [path for path in outside if path.is_dir() and not path.is_symlink()]
        for path in (built.root, *folders):
            path.chmod(0o555)
        before = {path: path.lstat().st_mtime_ns for path in outside}
        try:
            yield built
            assert [] == [path for path in outside if path.lstat().st_mtime_ns != before[path]]
        finally:
            for path in (built.root, *folders):
                path.chmod(0o755)


@pytest.fixture
def data(image):
    """The volume, empty."""
    folder = Path(image.inside(image.said["VOLUME"].text))
    yield folder
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def mounted(image):
    """The folder where a configuration is mounted, empty."""
    folder = image.path(".")
    yield folder
    for path in folder.iterdir():
        path.unlink()


def test_the_context_holds_the_sources_and_no_secret_data_or_cache():
    files = list(context(ROOT))
    tops = {path.parts[0] for path in files}
    assert {"pyproject.toml", "requirements.lock", "LICENSE", "src", "decoders"} == tops
    assert [] == [path for path in files if "__pycache__" in path.parts]
    ignored = Ignored(ROOT / ".dockerignore")
    for name in (
        "vdl-lora.toml",
        "deploy/secrets/key",
        "data/journal.sqlite",
        ".git/config",
        "src/a/__pycache__/a.pyc",
    ):
        assert ignored(PurePosixPath(name)), name


def test_both_stages_begin_with_the_same_base_of_one_version():
    bases = {stage[0].text.split()[0] for stage in STAGES}
    assert 1 == len(bases)
    assert re.fullmatch(r"python:3\.\d+-slim", *bases)


def test_what_comes_from_a_registry_is_compared_with_its_hash():
    fetching = [step.text for stage in STAGES for step in stage if step.keyword == "RUN" and " pip " in step.text]
    offline = ("--no-index", "--no-deps --no-build-isolation", "uninstall")
    assert 1 == sum("--require-hashes" in text for text in fetching)
    assert [] == [text for text in fetching if "--require-hashes" not in text and not any(map(text.count, offline))]


def test_it_runs_as_a_user_that_is_a_number_and_not_root(image):
    assert f"{USER}:{USER}" == image.said["USER"].text


def test_labels_say_what_it_is(image):
    prefix = "org.opencontainers.image."
    assert "vdl_lora" == image.labels[prefix + "title"]
    assert "Apache-2.0" == image.labels[prefix + "licenses"]
    assert f"docker.io/library/{STAGES[-1][0].text}" == image.labels[prefix + "base.name"]


def test_no_tool_that_builds_is_in_the_last_stage(image):
    inside = [path.name for path in image.root.rglob("site-packages/*")]
    assert "vdl_lora" in inside
    assert [] == [name for name in inside if re.split(r"[-.]", name)[0] in TOOLS]
    assert not image.path("/build").exists()


def test_the_wheel_carries_the_decoders_and_nothing_that_only_we_need(image):
    [package] = image.root.glob("opt/vdl_lora/lib/python3*/site-packages/vdl_lora")
    there = {path.relative_to(package / "decoders") for path in package.glob("decoders/*/*.*")}
    assert {path.relative_to(ROOT / "decoders") for path in (ROOT / "decoders").glob("*/*.*")} == there
    assert (package / "py.typed").exists()
    assert [] == [*package.parent.glob("tests*"), *package.parent.glob("bench*")]


def test_it_says_its_version(image):
    assert re.fullmatch(r"vdl-lora \d+\.\d+\.\d+\n", image.run(*image.command("--version")).stdout)


def test_it_decodes_without_a_configuration(image):
    ran = image.run(*image.command("decode", "milesight/em300-th", "--f-port", "85", PAYLOAD, "--json"))
    assert [92.0, 27.2, 56.5] == [reading["value"] for reading in json.loads(ran.stdout)["readings"]]


def test_the_demonstration_runs_in_the_volume_and_leaves_nothing(image, data):
    ran = image.run(*image.command("demo", "--for", "3s", "--port", "0", "--json"))
    events = json.loads(ran.stdout)["events"]
    assert events["emitted"] == events["journalled"] == events["interpreted"] + events["quarantined"]
    assert 0 < events["interpreted"]
    assert f"values  {data}/" in ran.stderr
    assert [] == list(data.iterdir())


def test_the_service_runs_is_found_healthy_and_ends_in_order(image, data, mounted, tmp_path):
    bind = MonitoringSettings().bind
    port = str(free_port())
    health = [word.replace(bind.rpartition(":")[2], port) for word in image.health()]
    assert health != image.health(), "the health check asks where the service listens by default"
    assert 0 != ended(image.start(health, stderr=subprocess.DEVNULL)), "healthy before it runs"
    chirpstack = ChirpStack(tmp_path, history=10)
    chirpstack.start()
    sent = chirpstack.ups(chirpstack.register(2), 3)
    (mounted / "key").write_text(chirpstack.key, encoding="utf-8")
    (mounted / "vdl-lora.toml").write_text(
        f'[chirpstack]\nserver = "{chirpstack.address}"\napi_key_file = "key"\n'
        f'[monitoring]\nbind = "127.0.0.1:{port}"\n',
        encoding="utf-8",
    )
    process = image.start(image.command(), stderr=subprocess.DEVNULL)
    try:
        until("it is healthy", lambda: not ended(image.start(health, stderr=subprocess.DEVNULL)))
        until("all is stored", lambda: len(sent) == stored(data / "points.sqlite"))
        process.send_signal(signal.Signals[image.said["STOPSIGNAL"].text])
        assert 0 == process.wait(15)
        assert {"journal.sqlite", "points.sqlite"} <= {path.name for path in data.iterdir()}
    finally:
        process.kill()
        process.wait(20)
        chirpstack.kill()


def ended(process):
    """Give the exit code."""
    return process.wait(20)


def stored(path):
    """Count the uplinks in the store."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        try:
            return store.execute("select count(*) from lorawan_uplink").fetchone()[0]
        except sqlite3.OperationalError:  # not made yet
            return 0
