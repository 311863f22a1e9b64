"""A disk without room: the reserve is given up, events stop, deliveries go on, and all recovers without a restart.

A process of its own each: one whose files may not grow, and one on a small disk where this machine lets us mount it.
"""

import json
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from vdl_lora.errors import JournalFull
from vdl_lora.journal import SqliteJournal
from vdl_lora.journal.reserve import Reserve, reserve_path

MEGABYTE = 1_000_000

COMMON = """
import asyncio, json, os, resource, sys, time
from pathlib import Path
import structlog
from vdl_lora.errors import JournalFull
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Accepted, Claims, Receipt
from vdl_lora.journal import SqliteJournal

path, reserve = Path(sys.argv[1]) / "journal.sqlite", int(sys.argv[2])
claims = Claims(frozenset({"sink"}))
structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory())
number = 0

def tell(**said):
    print(json.dumps({"event": "told", **said}), flush=True)

def events(size):
    global number
    number += 10
    body = b'{"deduplicationId":"%d","deviceInfo":{"tenantId":"t","devEui":"24e124136b500042"},"data":"%s"}'
    raws = [RawEvent("up", "json", body % (n, os.urandom(size // 2).hex().encode()), "http", time.time_ns())
            for n in range(number, number + 10)]
    return [Accepted(raw, envelope(raw)) for raw in raws]

async def fill(journal, size):
    try:
        while True:
            await journal.append(events(size))
    except JournalFull as error:
        return str(error)

def reserved():
    file = path.with_name(path.name + ".reserve")
    return file.stat().st_size if file.exists() else None

def wrong(journal):
    return [check.subject for check in journal.state()]
"""

NARROW = (
    COMMON
    + """
async def main():
    async with await SqliteJournal.open(path, reserve_bytes=reserve) as journal:
        await journal.tidy()
        tell(reserve=reserved(), wrong=wrong(journal))
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
        why = await fill(journal, 500)
        await fill(journal, 500)
        await journal.tidy()
        tell(why=why, reserve=reserved(), wrong=wrong(journal))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        new = await journal.append(events(500))
        await journal.tidy()
        tell(new=new, reserve=reserved(), wrong=wrong(journal))

asyncio.run(main())
"""
)

SMALL = (
    COMMON
    + """
def free():
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize

async def main():
    async with await SqliteJournal.open(path, reserve_bytes=reserve) as journal:
        await journal.tidy()
        tell(reserve=reserved())
        why = await fill(journal, 20_000)
        kept = (await journal.counts()).events
        tell(why=why, reserve=reserved(), wrong=wrong(journal), free=free())
        cursor = await journal.cursor("sink", "t")
        delivered = 0
        while (batch := await journal.read(cursor, 100)).through >= cursor.next:
            receipts = [Receipt(event.position, "d", "0", "air x=1 1\\n") for event in batch.events]
            delivered += len(batch.events)
            cursor = await journal.commit(cursor, batch.through, receipts)
        tell(kept=kept, delivered=delivered, wrong=wrong(journal))
    async with await SqliteJournal.open(path, reserve_bytes=reserve) as journal:
        tell(after_a_start=wrong(journal))
        pruned = await journal.prune_old(time.time_ns(), claims)
        await journal.tidy()
        await journal.tidy()
        tell(pruned=pruned.bodies, reserve=reserved(), wrong=wrong(journal), file=path.stat().st_size)
        tell(new=await journal.append(events(20_000)), events=(await journal.counts()).events)

asyncio.run(main())
"""
)


def told(command):
    """Run a script; give what it told, and what it logged."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [each for each in lines if each.pop("event") == "told"], [each for each in lines if "action" in each]


def test_a_reserve_is_given_up_when_the_files_cannot_grow_and_made_again_afterwards(tmp_path):
    (before, full, after), said = told([sys.executable, "-c", NARROW, str(tmp_path), str(MEGABYTE)])
    assert {"reserve": MEGABYTE, "wrong": []} == before
    assert "free disk space or prune" in full.pop("why")
    assert {"reserve": 0, "wrong": ["disk"]} == full
    assert {"new": 10, "reserve": MEGABYTE, "wrong": []} == after
    assert ["resume", "wait", "resume"] == [each["action"] for each in said], "each is said once"


@pytest.fixture
def small_disk(tmp_path):
    """What mounts a disk of 100 MB for one command, and is gone with it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here: no disk of our own can be mounted")
    mount = f"mount -t tmpfs -o size=100m tmpfs {folder} && exec"

    def on_disk(*command):
        return ["unshare", "--mount", "sh", "-c", f'{mount} "$@"', "sh", *command]

    if subprocess.run(on_disk("true"), check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    return folder, on_disk


@pytest.mark.long
def test_a_full_disk_stops_events_first_then_deliveries_and_a_prune_make_room(small_disk):
    folder, on_disk = small_disk
    reserve = 40 * MEGABYTE
    lines, said = told(on_disk(sys.executable, "-c", SMALL, str(folder), str(reserve)))
    before, full, delivered, started, pruned, after = lines
    assert {"reserve": reserve} == before
    assert (0, ["disk"]) == (full["reserve"], full["wrong"])
    assert "what is left is for deliveries" in full["why"]
    assert reserve / 4 < full["free"] < reserve / 2
    assert delivered["kept"] == delivered["delivered"] > 2_000
    assert ["disk"] == delivered["wrong"]
    assert {"after_a_start": ["disk"]} == started, "an empty reserve says that it was given up"
    assert (delivered["kept"], reserve, []) == (pruned["pruned"], pruned["reserve"], pruned["wrong"])
    assert pruned["file"] < 10 * MEGABYTE
    assert {"new": 10, "events": delivered["kept"] + 10} == after
    assert ["resume", "wait", "resume"] == [each["action"] for each in said]


# ---------------------------------------------------------------- the reserve alone


def test_a_reserve_takes_real_room_and_gives_it_up_once(path):
    reserve = Reserve(path, MEGABYTE)
    assert reserve.renew()
    assert not reserve.renew()
    file = reserve_path(path)
    assert MEGABYTE == file.stat().st_size <= file.stat().st_blocks * 512
    assert 0o600 == file.stat().st_mode & 0o777
    assert (False, False) == (reserve.given_up, reserve.is_short())
    assert reserve.give_up()
    assert (True, 0) == (reserve.given_up, file.stat().st_blocks)
    assert not reserve.give_up()
    assert Reserve(path, MEGABYTE).given_up, "the next start knows of it"


def test_a_reserve_of_another_size_is_made_anew_and_one_that_is_not_wanted_goes(path):
    Reserve(path, MEGABYTE).renew()
    assert Reserve(path, 2 * MEGABYTE).renew()
    assert 2 * MEGABYTE == reserve_path(path).stat().st_size
    assert not Reserve(path, 0).renew()
    assert not reserve_path(path).exists()


def test_no_reserve_is_made_where_it_would_be_what_fills_the_disk(path):
    reserve = Reserve(path, 1 << 60)
    assert not reserve.renew()
    assert (False, False, False) == (reserve.given_up, reserve.is_short(), reserve_path(path).exists())


def test_a_reserve_that_cannot_be_made_is_tried_again(path):
    reserve_path(path).mkdir()
    reserve = Reserve(path, MEGABYTE)
    assert not reserve.renew()
    reserve_path(path).rmdir()
    assert reserve.renew()


async def test_our_own_limit_leaves_the_reserve_alone(path, events):
    async with await SqliteJournal.open(path, max_bytes=400_000, reserve_bytes=MEGABYTE) as journal:
        await journal.tidy()
        with capture_logs() as said:
            with suppress(JournalFull):
                for first in range(0, 10_000, 100):
                    await events.append(journal, *events.ups(first, first + 99))
            with pytest.raises(JournalFull):
                await events.append(journal, *events.ups(20_000, 20_099))
        assert [] == said
        assert MEGABYTE == reserve_path(path).stat().st_size
        assert [] == journal.state()
