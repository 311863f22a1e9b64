"""A backup is a whole journal of one moment, made while the journal is written to."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing

import pytest

from vdl_lora.errors import JournalCorrupt, JournalError
from vdl_lora.interfaces import Receipt
from vdl_lora.journal import JournalReader, SqliteJournal
from vdl_lora.journal import backup as module
from vdl_lora.journal.backup import back_up


def ask(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


async def until(condition, timeout_s=30.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.01)


def files(folder):
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def target(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "copy.sqlite"


async def test_a_backup_of_a_busy_journal_is_whole_and_of_one_moment(path, target, events, monkeypatch):
    monkeypatch.setattr(module, "_STEP_PAGES", 8)
    made = []

    def slowly(*_):
        time.sleep(0.005)

    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 1_000))
        going, delivered = True, 0

        async def arrive():
            number = 1_001
            while going:
                await events.append(journal, *events.ups(number, number + 19))
                number += 20

        async def deliver():
            nonlocal delivered
            cursor = await journal.cursor("sink", events.tenant)
            while going:
                batch = await journal.read(cursor, 50)
                receipts = [Receipt(each.position, "d", "h", "a v=1") for each in batch.events]
                cursor = await journal.commit(cursor, batch.through, receipts)
                delivered = cursor.next

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(arrive())
            tasks.create_task(deliver())
            for number in range(3):
                await until(lambda: delivered > (number + 1) * 100)  # noqa: B023 - it is asked before the next
                before = (await journal.wait(0, 0)).last
                file = target.with_name(f"{number}.sqlite")
                made.append(await asyncio.to_thread(back_up, path, file, told=slowly))
                assert before <= made[-1].last < (await journal.wait(0, 0)).last
            going = False
    for each in made:
        assert [("ok",)] == ask(each.path, "pragma integrity_check")
        assert [(each.last, each.last, 1)] == ask(each.path, "select count(*), max(position), min(position) from event")
        assert each.last == each.events
        # what a cursor has behind it is what has a receipt: both are of one commit
        assert [(0,)] == ask(each.path, "select (select next from cursor) - 1 - (select max(last) from receipt)")
        async with JournalReader(each.path) as reader:
            bodies = [event.body for event in await events.kept(reader, bodies=True)]
        assert [raw.body for raw in events.ups(1, each.last)] == bodies
    assert ["0.sqlite", "1.sqlite", "2.sqlite"] == [name for name in files(target.parent) if "-" not in name]


async def test_a_backup_is_a_journal_that_goes_on(path, target, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 50))
        await journal.commit(await journal.cursor("sink", events.tenant), 20)
        await asyncio.to_thread(back_up, path, target)
        await events.append(journal, *events.ups(51, 60))
    assert ["copy.sqlite"] == files(target.parent)
    async with await SqliteJournal.open(target) as journal:
        assert 10 == await events.append(journal, *events.ups(1, 60))
        assert 21 == (await journal.cursor("sink", events.tenant)).next


def test_it_ends_although_another_process_never_stops_writing(path, target, events, monkeypatch):
    """Beside a writer that commits between any two steps: an online backup without a snapshot begins anew each time."""
    monkeypatch.setattr(module, "_STEP_PAGES", 4)
    asyncio.run(_filled(path, events, 2_000))
    wrote = []
    ended = threading.Event()

    def write():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            while not ended.is_set():
                connection.execute("insert into way (name) values (?)", (f"way {len(wrote)}",))
                wrote.append(1)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    copying = threading.Thread(target=lambda: wrote.append(back_up(path, target)), daemon=True)
    copying.start()
    copying.join(60)
    ended.set()
    thread.join(30)
    assert not copying.is_alive()
    assert [(2_000,)] == ask(target, "select count(*) from event")
    assert len(wrote) > 3


async def _filled(path, events, count):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, count))


async def test_only_its_owner_may_read_it(path, target, events):
    await _filled(path, events, 5)
    before = os.umask(0)
    try:
        back_up(path, target)
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)


async def test_an_existing_file_is_replaced_only_when_that_is_asked_for(path, target, events):
    await _filled(path, events, 5)
    target.write_bytes(b"what was there")
    with pytest.raises(JournalError, match="replace it with --force"):
        back_up(path, target)
    assert b"what was there" == target.read_bytes()
    assert 5 == back_up(path, target, force=True).events
    assert [(5,)] == ask(target, "select count(*) from event")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock", ".reserve"])
async def test_the_journal_itself_is_never_replaced(path, events, suffix):
    await _filled(path, events, 5)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="is the journal itself"):
        back_up(path, path.with_name(path.name + suffix), force=True)
    assert before == path.read_bytes()


async def test_a_file_that_is_in_use_as_a_journal_is_never_replaced(path, target, events):
    await _filled(path, events, 5)
    async with await SqliteJournal.open(target) as other:
        await events.append(other, *events.ups(1, 3))
        with pytest.raises(JournalError, match="in use as a journal"):
            back_up(path, target, force=True)
        assert 3 == (await other.counts()).events


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "is a folder; name a file in it"), ("none/copy.sqlite", "name a folder that this user may write")],
)
async def test_a_place_that_cannot_be_written_is_refused_with_words(path, target, events, name, said):
    await _filled(path, events, 5)
    with pytest.raises(JournalError, match=said):
        back_up(path, target.parent / name)


async def test_without_a_journal_there_is_no_backup(path, target):
    with pytest.raises(JournalError, match="there is no journal"):
        back_up(path, target)
    assert [] == files(target.parent)


async def test_a_disk_without_room_is_said_before_anything_is_written(path, target, events, monkeypatch):
    await _filled(path, events, 5)
    monkeypatch.setattr(module, "free_bytes", lambda _path: 1_000_000)
    with pytest.raises(JournalError, match="name another disk"):
        back_up(path, target)
    assert [] == files(target.parent)


async def test_of_a_damaged_journal_no_backup_is_made_and_the_last_one_stays(path, target, events):
    await _filled(path, events, 500)
    back_up(path, target)
    before = target.read_bytes()
    [(root,)] = ask(path, "select rootpage from sqlite_schema where name = 'event_origin'")
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="vdl-lora journal salvage"):
        back_up(path, target, force=True)
    assert before == target.read_bytes()
    assert ["copy.sqlite"] == files(target.parent)


async def test_a_backup_that_is_interrupted_leaves_nothing(path, target, events):
    await _filled(path, events, 500)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(path, target, told=interrupt)
    assert [] == files(target.parent)


async def test_what_is_left_of_a_killed_backup_is_used_again(path, target, events):
    await _filled(path, events, 5)
    target.with_name("copy.sqlite.part").write_bytes(b"half of a backup" * 1_000)
    assert 5 == back_up(path, target).events
    assert ["copy.sqlite"] == files(target.parent)


async def test_it_tells_how_far_it_is(path, target, events):
    await _filled(path, events, 2_000)
    told = []
    back_up(path, target, told=lambda *each: told.append(each))
    stages = [stage for stage, _, _ in told]
    assert ["copying", "checking"] == sorted(set(stages), key=stages.index)
    done = [(done, pages) for stage, done, pages in told if stage == "copying"]
    assert done == sorted(done)
    assert done[-1][0] == done[-1][1]


async def test_what_was_asked_of_the_journal_of_today_is_not_in_a_backup(path, target, events):
    await _filled(path, events, 5)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("insert into request (kind, parameters) values ('prune', '{}')")
    back_up(path, target)
    assert [] == ask(target, "select * from request")
