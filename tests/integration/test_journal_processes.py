"""One journal and several processes: one writes, others read beside it, and a kill leaves it whole."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from vdl_lora.errors import JournalBusy
from vdl_lora.interfaces import Claims, EventFilter
from vdl_lora.journal import JournalReader, SqliteJournal
from vdl_lora.journal.schema import MIGRATIONS

OWNER = """
import asyncio, sys
from pathlib import Path
from vdl_lora.journal import SqliteJournal

async def main():
    async with await SqliteJournal.open(Path(sys.argv[1])):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""

SECOND = """
import asyncio, sys
from pathlib import Path
from vdl_lora.errors import JournalBusy
from vdl_lora.journal import JournalReader, SqliteJournal

async def main():
    try:
        await SqliteJournal.open(Path(sys.argv[1]))
    except JournalBusy as error:
        print(error)
    async with JournalReader(Path(sys.argv[1])) as reader:
        print((await reader.counts()).events)

asyncio.run(main())
"""

# The migration writes until it is killed: 10 million rows take much longer than the test waits.
MIGRATES = """
import asyncio, sys
from pathlib import Path
from vdl_lora.journal import SqliteJournal
from vdl_lora.journal.schema import MIGRATIONS

LONG = '''
create table toy (n integer not null);
alter table event add column toy integer not null default 7;
insert into toy with recursive up (n) as (select 1 union all select n + 1 from up where n < 10000000) select n from up;
'''
print("open", flush=True)
asyncio.run(SqliteJournal.open(Path(sys.argv[1]), migrations=(*MIGRATIONS, LONG)))
print("migrated", flush=True)
"""

FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from vdl_lora.errors import JournalFull
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Accepted
from vdl_lora.journal import SqliteJournal

def batch(number):
    raws = [RawEvent("up", "json", b"%d of %d" % (n, number), "http", n) for n in range(500)]
    return [Accepted(raw, envelope(raw)) for raw in raws]

async def main():
    async with await SqliteJournal.open(Path(sys.argv[1])) as journal:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
        number = 0
        try:
            while number < 1_000:
                await journal.append(batch(number))
                number += 1
        except JournalFull:
            print("full", flush=True)
        kept = (await journal.counts()).events
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        print(kept == 500 * number, await journal.append(batch(number)), await journal.append(batch(number)))

asyncio.run(main())
"""

NO_RIGHT = """
import asyncio, os, sys
from pathlib import Path
from vdl_lora.errors import JournalError
from vdl_lora.journal import SqliteJournal

if os.geteuid() == 0:
    os.seteuid(65534)
try:
    asyncio.run(SqliteJournal.open(Path(sys.argv[1])))
except JournalError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def start():
    """Starts a script in a process of its own, and kills what is left of it."""
    started = []

    def start(script, path):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def grown(file, size):
    """Wait until a file is so large; tell whether it is."""
    deadline = time.monotonic() + 30
    while not (file.exists() and file.stat().st_size > size):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def test_a_second_process_is_refused_with_the_pid_of_the_first_and_reads_beside_it(path, events, start):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 3))
        words, _ = start(SECOND, path).communicate(timeout=30)
        assert f"(pid {os.getpid()}) writes to {path}" in words
        assert words.splitlines()[-1] == "3"
        assert await events.append(journal, events.up(4)) == 1


async def test_this_process_is_refused_while_another_writes(path, start):
    owner = start(OWNER, path)
    assert owner.stdout.readline() == "open\n"
    with pytest.raises(JournalBusy, match=rf"another process \(pid {owner.pid}\) writes to .*; stop it"):
        await SqliteJournal.open(path)
    owner.communicate("\n", timeout=30)
    await (await SqliteJournal.open(path)).close()


async def test_one_process_does_not_open_a_journal_twice(path, events):
    async with await SqliteJournal.open(path) as journal:
        with pytest.raises(JournalBusy, match=f"pid {os.getpid()}"):
            await SqliteJournal.open(path)
        assert await events.append(journal, events.up(1)) == 1


async def test_the_lock_goes_with_its_owner_however_that_ends(path, events, start):
    owner = start(OWNER, path)
    assert owner.stdout.readline() == "open\n"
    owner.send_signal(signal.SIGKILL)
    owner.wait(30)
    async with await SqliteJournal.open(path) as journal:
        assert await events.append(journal, events.up(1)) == 1


async def test_a_reader_sees_what_is_written_while_it_is_open(path, events):
    async with await SqliteJournal.open(path) as journal, JournalReader(path) as reader:
        for number in range(1, 6):
            await events.append(journal, events.up(number))
            assert (await reader.counts()).events == number
            assert len(await events.kept(reader, EventFilter(kind="up"), bodies=True)) == number


async def test_a_reader_alone_reads_and_changes_nothing(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 3))
    before = path.read_bytes()
    async with JournalReader(path) as reader:
        assert (await reader.counts()).events == 3
    assert path.read_bytes() == before


async def test_a_kill_in_the_middle_of_a_migration_leaves_a_whole_schema_that_goes_on(path, events, start):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5))
    migrating = start(MIGRATES, path)
    assert migrating.stdout.readline() == "open\n"
    assert grown(path.with_name(path.name + "-wal"), 1_000_000), "the migration did not come to its middle"
    migrating.send_signal(signal.SIGKILL)
    assert migrating.communicate(timeout=30)[0] == ""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    async with await SqliteJournal.open(path) as journal:
        assert await events.append(journal, *events.ups(1, 6)) == 1
    second = "create table toy (n integer); alter table event add column toy integer not null default 7;"
    async with await SqliteJournal.open(path, migrations=(*MIGRATIONS, second)) as journal:
        assert (await journal.counts()).events == 6
        assert await events.append(journal, events.up(7)) == 1


@pytest.mark.parametrize("schema", range(1, len(MIGRATIONS)))
async def test_a_kill_during_each_of_our_migrations_leaves_a_whole_schema_that_opens(path, events, start, schema):
    """The migration does its own work first, and then writes on until it is killed."""
    async with await SqliteJournal.open(path, migrations=MIGRATIONS[:schema]) as journal:
        await events.append(journal, *events.ups(1, 5))
        before = await events.kept(journal, bodies=True)
    script = MIGRATES.replace("(*MIGRATIONS, LONG)", f"(*MIGRATIONS[:{schema}], MIGRATIONS[{schema}] + LONG)")
    migrating = start(script, path)
    assert migrating.stdout.readline() == "open\n"
    assert grown(path.with_name(path.name + "-wal"), 1_000_000), "the migration did not come to its middle"
    migrating.send_signal(signal.SIGKILL)
    assert migrating.communicate(timeout=30)[0] == ""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (schema,)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    async with await SqliteJournal.open(path) as journal:
        assert await events.kept(journal, bodies=True) == before
        assert await events.append(journal, *events.ups(1, 6)) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)


async def test_what_was_asked_of_an_older_journal_is_forgotten_by_the_migration(path, events):
    async with await SqliteJournal.open(path, migrations=MIGRATIONS[:3]) as journal:
        await events.append(journal, *events.ups(1, 5))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("insert into prune_request (before_ns, undelivered) values (1 << 62, 1)")
    async with await SqliteJournal.open(path) as journal:
        assert not await journal.carry_out(Claims(frozenset()))
        assert not await journal.carry_out(Claims(frozenset()))
        assert 5 == sum(event.body is not None for event in await events.kept(journal, bodies=True))


def test_a_disk_without_space_is_a_full_journal_which_goes_on_when_there_is_some(path, start):
    words, _ = start(FULL_DISK, path).communicate(timeout=60)
    assert words == "full\nTrue 500 0\n"


def test_a_folder_that_this_user_may_not_write_is_refused_with_words(tmp_path, start):
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o555)
    words, _ = start(NO_RIGHT, folder / "journal.sqlite").communicate(timeout=30)
    assert words.startswith("JournalError ")
    assert "Permission denied" in words
    assert "name a path that this user may write" in words


def test_a_journal_that_this_user_may_not_write_is_refused_with_words(path, start):
    path.with_name(path.name + ".lock").touch(mode=0o444)
    words, _ = start(NO_RIGHT, path).communicate(timeout=30)
    assert words.startswith("JournalError ")
    assert "name a path that this user may write" in words
