"""A disk that fails is told from a full one: nothing is acknowledged, nothing is lost, and all continues after it."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from vdl_lora.errors import JournalFull, JournalUnavailable
from vdl_lora.interfaces import Claims
from vdl_lora.interpret import Interpretation
from vdl_lora.journal import SqliteJournal
from vdl_lora.journal.reserve import reserve_path
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.pipeline.keep import JournalUpkeep, KeepSettings
from vdl_lora.points import Point, Tags
from vdl_lora.sinks import MemorySink
from vdl_lora.sources.grpc.collect import Collector
from vdl_lora.sources.grpc.settings import GrpcSettings

from .failing_disk import failing_disk

SOON = DeliverySettings(retry_s=0.01, longest_retry_s=0.02, held_s=0.02, idle_s=0.02)


@pytest.fixture
def disk(path):
    with failing_disk(path) as disk:
        yield disk


def one_point(event):
    return Interpretation((Point("air", Tags([("dev_eui", str(event.position))]), {"temperature": 1.0}, 1),))


async def until(condition, timeout_s=20.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what a sink holds, or a log says, tells nobody
            await asyncio.sleep(0.005)


def subjects(journal):
    return [check.subject for check in journal.state() if not check.ok]


async def test_failing_writes_refuse_events_as_unavailable_and_keep_the_reserve(path, disk, events):
    async with await SqliteJournal.open(path, reserve_bytes=1_000_000) as journal:
        await journal.tidy()
        await events.append(journal, *events.ups(1, 5))
        disk.fail()
        for _ in range(3):
            with pytest.raises(JournalUnavailable, match=r"disk of .* fails .*SQLITE_IOERR_WRITE") as failed:
                await events.append(journal, *events.ups(6, 9))
        assert ("journal_unavailable", "retry") == (failed.value.code, failed.value.action)
        assert "free disk space" not in str(failed.value)
        assert ["disk"] == subjects(journal)
        assert "kernel's log" in journal.state()[0].advice
        assert 1_000_000 == reserve_path(path).stat().st_size, "it is for a full disk"
        disk.work()
        assert 4 == await events.append(journal, *events.ups(6, 9))
        assert [] == subjects(journal)
        assert 9 == (await journal.counts()).events
    assert disk.failed


@pytest.mark.parametrize("error", [errno.EDQUOT, errno.ENOSPC])
async def test_lack_of_room_is_still_a_full_journal(path, disk, events, error, monkeypatch):
    """A quota cannot be set up here, so the trial is told that there is one; SQLite gets the error itself."""
    monkeypatch.setattr("vdl_lora.journal.schema.cannot_grow", lambda *_files: True)
    async with await SqliteJournal.open(path) as journal:
        disk.fail(writes=error)
        with pytest.raises(JournalFull):
            await events.append(journal, *events.ups(1, 3))
        disk.work()
        assert 3 == await events.append(journal, *events.ups(1, 3))


@pytest.mark.parametrize("error", [errno.EIO, errno.ETIMEDOUT])
async def test_failing_reads_are_retried_by_delivery_and_reported(path, disk, events, error):
    """SQLite reports EIO as damage, and other errors as failing reads."""
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, 2_000, 200):
            await events.append(journal, *events.ups(first, first + 199))
    async with await SqliteJournal.open(path) as journal:
        sink = MemorySink()
        deliverer = Deliverer(journal, sink, one_point, settings=SOON)
        disk.fail(reads=error, writes=0)
        with capture_logs() as logs:
            task = asyncio.create_task(deliverer.run())
            await until(lambda: disk.failed > 3)
            assert ["disk"] == subjects(journal)
            disk.work()
            await until(lambda: len(sink.rows) == 2_000)
        assert [] == subjects(journal)
        said = [(line["event"], line.get("code")) for line in logs]
        assert ("delivery waits for the journal", "journal_unavailable") in said
        assert len(said) == len(set(said))
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await deliverer.close()


async def test_a_service_goes_on_when_the_disk_does_and_loses_nothing(path, disk, events):
    """The collector of a source, acceptance, delivery and maintenance, all at once, through several failures."""
    async with await SqliteJournal.open(path) as journal:
        sink, accepted = MemorySink(), []
        deliverer = Deliverer(journal, sink, one_point, settings=SOON)
        collector = Collector(Acceptor(journal), GrpcSettings(full_s=0.01))
        settings = KeepSettings(400 * 86_400, 0.01)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(deliverer.run()),
                tasks.create_task(JournalUpkeep(journal, Claims(frozenset({"memory"})), settings).run()),
            ]
            collecting = tasks.create_task(collector.run())
            for number in range(1_200):
                await collector.add(
                    events.up(number, arrived_at_ns=time.time_ns()), lambda n=number: accepted.append(n)
                )
                if number % 400 == 200:
                    before = disk.failed
                    disk.fail(reads=errno.EIO if number > 400 else 0)
                    await until(lambda before=before: disk.failed > before + 5 and collector.full is not None)
                    known = len(accepted)
                    await asyncio.sleep(0.1)
                    assert known == len(accepted), "nothing is acknowledged that is not durable"
                    assert "disk" in subjects(journal)
                    disk.work()
                await asyncio.sleep(0)
            collector.end()
            await collecting
            await until(lambda: len(sink.rows) == 1_200)
            assert not any(task.done() for task in running)
            for task in running:
                task.cancel()
        await deliverer.close()
        assert list(range(1_200)) == accepted
        assert [] == subjects(journal)
    async with await SqliteJournal.open(path) as journal:
        assert 1_200 == (await journal.counts()).events


EXT4 = """
import asyncio, fcntl, os, struct, sys
from pathlib import Path
from vdl_lora.errors import JournalError
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Accepted
from vdl_lora.journal import SqliteJournal

SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN: every later read and write fails

def events(first, last):
    raws = [RawEvent("up", "json", b"%d" % number, "http", 1) for number in range(first, last)]
    return [Accepted(raw, envelope(raw)) for raw in raws]

async def main():
    folder = Path(sys.argv[1])
    async with await SqliteJournal.open(folder / "journal.sqlite") as journal:
        await journal.append(events(0, 3_000))
        fcntl.ioctl(os.open(folder, os.O_RDONLY), SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        for work in (lambda: journal.append(events(3_000, 3_500)), lambda: journal.cursor("sink", "t")):
            try:
                await work()
            except JournalError as error:
                print(error.code)
        print([check.subject for check in journal.state()])

asyncio.run(main())
"""


def test_a_file_system_that_shut_down_is_a_failing_disk(tmp_path):
    image, folder = tmp_path / "ext4.img", tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or not all(map(shutil.which, ("mkfs.ext4", "unshare", "mount"))):
        pytest.skip("only root can mount an ext4 file system of its own, where mkfs.ext4 and unshare are installed")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run([shutil.which("mkfs.ext4"), "-q", image], check=True)
    mount = f"mount -o loop {image} {folder}"
    own = [shutil.which("unshare"), "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a loop device")
    command = [*own, f'{mount} && exec "$@"', "sh", sys.executable, "-c", EXT4, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ["journal_unavailable", "journal_unavailable", "['disk']"] == done.stdout.splitlines()
