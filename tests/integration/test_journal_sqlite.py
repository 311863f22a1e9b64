"""The journal in a file: what makes it durable, small, and honest about damage."""

import asyncio
import base64
import itertools
import os
import random
import sqlite3
import threading
import time
from contextlib import closing

import msgspec
import pytest

from vdl_lora.errors import JournalBusy, JournalCorrupt, JournalError, JournalFull, JournalTooNew
from vdl_lora.events import NS
from vdl_lora.interfaces import EventFilter, Receipt
from vdl_lora.journal import JournalReader, SqliteJournal
from vdl_lora.journal.schema import APPLICATION_ID, MIGRATIONS
from vdl_lora.journal.search import Search
from vdl_lora.mark import Mark

DAY_NS = 86_400 * NS
FAILED = Mark("decode", "payload", "byte 0: no record begins with ff")
FULL, INCREMENTAL = 2, 2


def ask(path, query, *values):
    """Ask the file itself, on a connection of one's own."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query, values).fetchall()


def trained(path):
    return ask(path, "select count(*) from dictionary where form = 'trained'")[0][0]


async def until(condition, timeout_s=30.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.02)


# ---------------------------------------------------------------- durability


async def test_the_writer_waits_for_the_disk_and_keeps_a_log_ahead(sqlite_journal, path):
    connection = sqlite_journal._connection  # noqa: SLF001 - these settings are the connection's own
    assert connection.execute("pragma synchronous").fetchone() == (FULL,)
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    assert connection.execute("pragma auto_vacuum").fetchone() == (INCREMENTAL,)
    assert ask(path, "pragma auto_vacuum") == [(INCREMENTAL,)]
    assert ask(path, "pragma application_id") == [(APPLICATION_ID,)]
    assert ask(path, "pragma user_version") == [(len(MIGRATIONS),)]


async def test_these_settings_hold_when_the_file_is_opened_again(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, events.up(1))
    async with await SqliteJournal.open(path) as journal:
        connection = journal._connection  # noqa: SLF001 - these settings are the connection's own
        assert connection.execute("pragma synchronous").fetchone() == (FULL,)
        assert connection.execute("pragma auto_vacuum").fetchone() == (INCREMENTAL,)


async def test_whoever_awaited_an_append_sees_it_committed(sqlite_journal, path, events):
    async def append(number):
        await events.append(sqlite_journal, events.up(number))
        assert ask(path, "select count(*) from event where event_at_ns = ?", events.at_ns + number * NS) == [(1,)]

    await asyncio.gather(*(append(number) for number in range(100)))


async def test_appends_of_many_tasks_share_commits(sqlite_journal, path, events):
    commits = []
    sqlite_journal._connection.set_trace_callback(  # noqa: SLF001 - what SQLite was really told
        lambda statement: commits.append(statement) if statement.lower() == "commit" else None
    )
    results = await asyncio.gather(*(events.append(sqlite_journal, events.up(number)) for number in range(400)))
    assert results == [1] * 400
    assert 1 <= len(commits) <= 40
    assert ask(path, "select count(*) from event") == [(400,)]


async def test_an_append_that_cannot_be_kept_does_not_take_the_others_with_it(sqlite_journal, path, events):
    [poison] = events.accepted([events.up(50)])
    poison = msgspec.structs.replace(poison, envelope=msgspec.structs.replace(poison.envelope, event_at_ns=1 << 70))
    jobs = [events.append(sqlite_journal, events.up(number)) for number in range(20)]
    jobs.insert(7, sqlite_journal.append([*events.accepted([events.up(60)]), poison]))
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(results.pop(7), OverflowError)
    assert results == [1] * 20
    assert ask(path, "select count(*) from event") == [(20,)]
    assert await events.append(sqlite_journal, events.up(60)) == 1


async def test_append_publishes_only_what_its_own_commit_holds(sqlite_journal, events):
    """The next group is held between its jobs and its commit while the first one is published."""
    reached, released = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]
    number = iter(range(2))

    def hold(statement):
        if statement.lower() == "commit" and (current := next(number, None)) is not None:
            reached[current].set()
            assert released[current].wait(30)

    sqlite_journal._connection.set_trace_callback(hold)  # noqa: SLF001 - where the writer's thread can be held
    first = asyncio.create_task(events.append(sqlite_journal, *events.ups(1, 3)))
    assert await asyncio.to_thread(reached[0].wait, 30)
    second = asyncio.create_task(events.append(sqlite_journal, *events.ups(4, 9, tenant="later")))
    await asyncio.sleep(0)
    released[0].set()
    assert reached[1].wait(30)  # the loop stands still: nothing of the first is published before
    assert await first == 3
    try:
        assert (await sqlite_journal.wait(0, 0)).last == 3
        assert tuple(sqlite_journal.tenants()) == (events.tenant,)
    finally:
        released[1].set()
    assert await second == 6
    assert (await sqlite_journal.wait(3, 0)).last == 9
    assert tuple(sqlite_journal.tenants()) == (events.tenant, "later")


async def test_an_append_whose_caller_goes_away_is_kept_once(sqlite_journal, path, events):
    for first in range(0, 400, 40):
        numbers = range(first, first + 40)
        tasks = [asyncio.create_task(events.append(sqlite_journal, events.up(number))) for number in numbers]
        await asyncio.sleep((first % 120) / 20_000)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [result for result in results if not isinstance(result, asyncio.CancelledError | int)] == []
        assert all(result == 1 for result in results[1::2])
    again = [events.up(number) for number in range(400)]
    assert await events.append(sqlite_journal, *again) == 0
    assert ask(path, "select count(*), count(distinct event_at_ns) from event") == [(400, 400)]


async def test_all_that_was_said_is_there_after_a_start(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 6), events.up(7, tenant="t"), events.up(1, way="mqtt"))
        live = await journal.commit(await journal.cursor("sink", events.tenant), 2)
        await journal.leave_backlog(live)
        before = await journal.cursors("sink", events.tenant), await events.kept(journal, bodies=True)
        counts = await journal.counts()
    async with await SqliteJournal.open(path) as journal:
        assert (await journal.cursors("sink", events.tenant), await events.kept(journal, bodies=True)) == before
        assert set(journal.tenants()) == {events.tenant, "t"}
        assert (await journal.wait(0, 0)).last == 8 - 1
        after = await journal.counts()
        assert (after.events, after.copies, after.delivery) == (counts.events, counts.copies, counts.delivery)


async def test_copies_before_a_start_hide_nothing_that_comes_after_it(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5))
        live = await events.walk(journal, await journal.cursor("sink", events.tenant))
        await events.append(journal, *events.ups(1, 5))
        backlog = await journal.leave_backlog(live)
        assert backlog is None
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(6, 8))
        assert events.numbers(await journal.read(await journal.cursor("sink", events.tenant), 10)) == [6, 7, 8]


# ---------------------------------------------------------------- small


async def test_a_dictionary_is_trained_after_2000_events_and_all_rows_still_read(path, events):
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, 2_000, 250):
            await events.append(journal, *events.ups(first, first + 249))
        await until(lambda: trained(path) == 1)
        await events.append(journal, *events.ups(2_000, 2_099))
        expected = [event.body for event in events.ups(0, 2_099)]
        assert [event.body for event in await events.kept(journal, bodies=True)] == expected
    sizes = dict(ask(path, "select dictionary, avg(length(body)) from event group by dictionary"))
    assert sizes[2] < sizes[1]
    async with JournalReader(path) as reader:
        assert [event.body for event in await events.kept(reader, bodies=True)] == expected
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(2_100, 2_199))
        cursor = await journal.cursor("sink", events.tenant)
        found = []
        while batch := (await journal.read(cursor, 500)).events:
            found += [event.body for event in batch]
            cursor = await journal.commit(cursor, batch[-1].position)
        assert found == [event.body for event in events.ups(0, 2_199)]
    assert ask(path, "select distinct dictionary from event where position > 2000 order by 1") == [(2,)]


async def test_a_reader_that_is_open_reads_rows_of_a_dictionary_that_was_trained_later(path, events):
    async with await SqliteJournal.open(path) as journal, JournalReader(path) as reader:
        await events.append(journal, events.up(0))
        assert len(await events.kept(reader, bodies=True)) == 1
        await events.append(journal, *events.ups(1, 2_000))
        await until(lambda: trained(path) == 1)
        await events.append(journal, events.up(2_001))
        assert (await events.kept(reader, bodies=True))[-1].body == events.up(2_001).body


async def test_closing_in_the_middle_of_training_waits_for_it(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(0, 2_000))
    async with await SqliteJournal.open(path) as journal:
        assert len(await events.kept(journal, bodies=True)) == 2_001


# ---------------------------------------------------------------- damage


async def test_a_flipped_byte_is_found_in_every_row(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 12))
        await journal.cursor("sink", events.tenant)
    for number, (position, body) in enumerate(ask(path, "select position, body from event")):
        damaged = bytearray(body)
        damaged[len(damaged) * number // 12] ^= 0xFF
        ask(path, "update event set body = ? where position = ?", bytes(damaged), position)
        async with await SqliteJournal.open(path) as journal, JournalReader(path) as reader:
            batch = await journal.read(await journal.cursor("sink", events.tenant), 500)
            assert [event.position for event in batch.events] == [n for n in range(1, 13) if n != position]
            assert [(at, mark.stage, mark.code) for at, mark in batch.damaged.items()] == [
                (position, "journal", "damaged")
            ]
            kept = await events.kept(reader, bodies=True)
            assert [event.position for event in kept if event.body is None] == [position]
            assert [event.position for event in kept if event.damage] == [position]
            assert len(await events.kept(reader)) == 12
        ask(path, "update event set body = ? where position = ?", body, position)


@pytest.mark.parametrize("column", ["kind", "way", "encoding", "anchor", "dictionary"])
async def test_a_row_with_an_unknown_number_is_one_damaged_event(path, events, column):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 3))
    ask(path, f"update event set {column} = 77 where position = 2")  # noqa: S608 - a name of ours
    async with await SqliteJournal.open(path) as journal:
        batch = await journal.read(await journal.cursor("sink", events.tenant), 500)
        assert ([event.position for event in batch.events], list(batch.damaged), batch.through) == ([1, 3], [2], 3)


@pytest.mark.parametrize("column", ["body", "log_item", "stage", "code", "words"])
async def test_a_text_that_is_no_utf_8_ends_neither_a_read_nor_a_list(path, events, column):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 3), mark=FAILED)
    ask(path, f"update event set {column} = cast(x'ff41' as text) where position = 2")  # noqa: S608 - a name of ours
    async with await SqliteJournal.open(path) as journal:
        batch = await journal.read(await journal.cursor("sink", events.tenant), 500)
        assert {1, 3} <= {event.position for event in batch.events}
        assert {1, 2, 3} == {event.position for event in batch.events} | batch.damaged.keys()
        assert 3 == len(await events.kept(journal, bodies=True))


async def test_a_damaged_receipt_is_passed_over(path, events):
    receipts = [Receipt(position, "d", "0", f"air x={position} 1\n") for position in (1, 2)]
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 2))
        cursor = await journal.cursor("sink", events.tenant)
        for receipt in receipts:
            cursor = await journal.commit(cursor, receipt.position, [receipt])
        await journal.commit(await journal.cursor("other", events.tenant), 2, receipts)
    [(frame,)] = ask(path, "select content from receipt where id = 1")
    for damaged in (frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:], b"", "text"):
        ask(path, "update receipt set content = ? where id = 1", damaged)
        async with await SqliteJournal.open(path) as journal:
            assert await journal.receipts(1) == [("other", receipts[0])]
            assert await journal.receipts(2) == [("other", receipts[1]), ("sink", receipts[1])]


async def test_a_damaged_dictionary_stops_the_journal(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 3))
    ask(path, "update dictionary set form = 'trained', content = x'00'")
    with pytest.raises(JournalCorrupt, match="dictionary 1 of the journal is damaged"):
        await SqliteJournal.open(path)


async def test_a_file_with_damaged_pages_is_called_damaged(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 500))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="restore a backup"):
        await SqliteJournal.open(path)
    with pytest.raises(JournalCorrupt, match="restore a backup"):
        async with JournalReader(path) as reader:
            await reader.counts()


async def test_a_file_that_is_refused_is_free_again(path):
    path.write_bytes(b"no database at all, but longer than a header of SQLite " * 40)
    for _ in range(3):
        with pytest.raises(JournalCorrupt):
            await SqliteJournal.open(path)
    path.unlink()
    await (await SqliteJournal.open(path)).close()


# ---------------------------------------------------------------- what is no journal of ours


async def test_a_foreign_sqlite_file_is_refused_and_left_as_it_is(path):
    ask(path, "create table people (name text)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="no journal of vdl_lora; name another path"):
        await SqliteJournal.open(path)
    async with JournalReader(path) as reader:
        with pytest.raises(JournalError, match="no journal of vdl_lora; name another path"):
            await reader.counts()
    assert path.read_bytes() == before


async def test_a_file_that_is_no_sqlite_file_is_refused_and_left_as_it_is(path):
    before = b'{"kind":"up"}\n' * 500
    path.write_bytes(before)
    with pytest.raises(JournalCorrupt, match="not a database"):
        await SqliteJournal.open(path)
    async with JournalReader(path) as reader:
        with pytest.raises(JournalCorrupt, match="not a database"):
            await reader.counts()
    assert path.read_bytes() == before


async def test_an_empty_file_becomes_a_journal(path, events):
    path.touch()
    async with await SqliteJournal.open(path) as journal:
        assert await events.append(journal, events.up(1)) == 1
    assert ask(path, "pragma auto_vacuum") == [(INCREMENTAL,)]


async def test_a_reader_of_no_journal_says_what_makes_one(path):
    async with JournalReader(path) as reader:
        with pytest.raises(JournalError, match=r"there is no journal at .*vdl-lora journal import"):
            await reader.counts()
    assert not path.exists()


async def test_a_path_below_a_file_is_refused_with_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="name a path that this user may write"):
        await SqliteJournal.open(tmp_path / "file" / "journal.sqlite")


async def test_a_path_that_is_a_folder_is_refused_with_words(tmp_path):
    (tmp_path / "journal.sqlite").mkdir()
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        await SqliteJournal.open(tmp_path / "journal.sqlite")


async def test_folders_that_are_missing_are_made(tmp_path, events):
    path = tmp_path / "a" / "b" / "journal.sqlite"
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, events.up(1))
    assert path.is_file()


# ---------------------------------------------------------------- schemas

TOY = """
create table toy (name text not null);
alter table event add column toy text not null default 'second';
insert into toy select name from tenant;
"""
BROKEN = "insert into nowhere values (1);"


async def test_a_journal_of_schema_1_opens_after_a_migration_with_its_data(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5), events.up(6, tenant="t"))
        await journal.commit(await journal.cursor("sink", events.tenant), 2)
        before = await events.kept(journal, bodies=True)
    async with await SqliteJournal.open(path, migrations=(*MIGRATIONS, TOY)) as journal:
        assert await events.kept(journal, bodies=True) == before
        cursor = await journal.cursor("sink", events.tenant)
        assert events.numbers(await journal.read(cursor, 10)) == [3, 4, 5]
        assert await events.append(journal, *events.ups(1, 8)) == 2
        assert (await journal.counts()).events == 8
    assert ask(path, "pragma user_version") == [(len(MIGRATIONS) + 1,)]
    assert ask(path, "select name from toy order by name") == [(events.tenant,), ("t",)]
    assert ask(path, "select distinct toy from event") == [("second",)]


async def test_a_migration_that_fails_leaves_the_schema_before_it_whole(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5))
    with pytest.raises(JournalError, match="nowhere"):
        await SqliteJournal.open(path, migrations=(*MIGRATIONS, f"{TOY}\n{BROKEN}"))
    assert ask(path, "pragma user_version") == [(len(MIGRATIONS),)]
    assert ask(path, "select count(*) from sqlite_schema where name = 'toy'") == [(0,)]
    async with await SqliteJournal.open(path) as journal:
        assert await events.append(journal, events.up(6)) == 1
    async with await SqliteJournal.open(path, migrations=(*MIGRATIONS, TOY)) as journal:
        assert (await journal.counts()).events == 6


async def test_a_new_file_goes_through_all_migrations_and_stops_between_two_that_fail(path, events):
    third = "create table third (n integer);"
    with pytest.raises(JournalError, match="nowhere"):
        await SqliteJournal.open(path, migrations=(*MIGRATIONS, TOY, third + BROKEN))
    assert ask(path, "pragma user_version") == [(len(MIGRATIONS) + 1,)]
    async with await SqliteJournal.open(path, migrations=(*MIGRATIONS, TOY, third)) as journal:
        assert await events.append(journal, events.up(1)) == 1
    assert ask(path, "pragma user_version") == [(len(MIGRATIONS) + 2,)]


async def test_a_newer_journal_is_refused_with_words_and_left_as_it_is(path, events):
    async with await SqliteJournal.open(path, migrations=(*MIGRATIONS, TOY)) as journal:
        await events.append(journal, events.up(1))
    before = path.read_bytes()
    words = f"has schema {len(MIGRATIONS) + 1}, this vdl_lora knows schemas up to {len(MIGRATIONS)}; install the newer"
    with pytest.raises(JournalTooNew, match=words):
        await SqliteJournal.open(path)
    async with JournalReader(path) as reader:
        with pytest.raises(JournalTooNew, match=words):
            await reader.counts()
    assert path.read_bytes() == before


# ---------------------------------------------------------------- full


async def fill(journal, events):
    """Append until the journal is full; give the number of the first event that it did not take."""
    number = 0
    try:
        while number < 100_000:
            await events.append(journal, *events.ups(number, number + 19))
            number += 20
    except JournalFull as error:
        assert "free disk space or prune" in str(error)  # noqa: PT017 - where it gets full is not known before
    return number


async def test_a_full_journal_keeps_nothing_of_what_it_refuses_and_takes_events_again_after_a_prune(path, events):
    async with await SqliteJournal.open(path, max_bytes=600_000) as journal:
        number = await fill(journal, events)
        assert 1_000 < number < 100_000
        for _ in range(3):
            with pytest.raises(JournalFull):
                await events.append(journal, *events.ups(number, number + 19))
        counts = await journal.counts()
        assert (counts.events, counts.copies) == (number, 0)
        assert path.stat().st_size <= 600_000
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        assert (await journal.prune(time.time_ns() + 4_000 * DAY_NS)).bodies == number
        assert await events.append(journal, *events.ups(number, number + 99)) == 100
        assert await events.append(journal, *events.ups(0, 99)) == 0
        cursor = await journal.cursor("sink", events.tenant)
        assert events.numbers(await journal.read(cursor, 500)) == list(range(number, number + 100))


async def test_a_full_journal_refuses_only_those_appends_that_do_not_fit(path, events):
    large = events.unreadable(base64.b64encode(os.urandom(700_000)).decode())
    async with await SqliteJournal.open(path, max_bytes=400_000) as journal:
        results = await asyncio.gather(
            events.append(journal, events.up(1)),
            events.append(journal, large),
            events.append(journal, events.up(2)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [int, JournalFull, int]
        assert len(await events.kept(journal)) == 2


# ---------------------------------------------------------------- prune


async def test_an_identity_is_forgotten_only_40_days_after_its_event(path, events):
    now = time.time_ns()
    async with await SqliteJournal.open(path) as journal:
        await events.append(
            journal,
            *(events.up(days, arrived_at_ns=now - days * DAY_NS) for days in (100, 41, 39, 1)),
        )
        await events.append(journal, events.up(100, way="mqtt"))
        cursor = await events.walk(journal, await journal.cursor("sink", events.tenant))
        pruned = await journal.prune(now - 2 * DAY_NS)
        assert (pruned.bodies, pruned.events) == (3, 2)
        assert [(now - event.arrived_at_ns) // DAY_NS for event in await events.kept(journal)] == [39, 1]
        assert ask(path, "select count(*) from copy") == [(0,)]
        assert await events.append(journal, events.up(39), events.up(1)) == 0
        assert await events.append(journal, events.up(100), events.up(41)) == 2
        assert events.numbers(await journal.read(cursor, 10)) == [100, 41]


async def test_a_position_is_not_given_again_when_all_events_are_gone_and_the_file_is_opened_again(path, events):
    long_ago = time.time_ns() - 1_000 * DAY_NS
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5, arrived_at_ns=long_ago))
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        pruned = await journal.prune(long_ago + DAY_NS)
        assert (pruned.bodies, pruned.events) == (5, 5)
        assert (await journal.counts()).events == 0
    async with await SqliteJournal.open(path) as journal:
        assert (await journal.wait(0, 0)).last == 5
        await events.append(journal, *events.ups(6, 7))
        assert [event.position for event in await events.kept(journal)] == [6, 7]
        assert events.numbers(await journal.read(await journal.cursor("sink", events.tenant), 10)) == [6, 7]


async def test_prune_gives_space_back_although_identities_stay(path, events):
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, 10_000, 500):
            await events.append(journal, *events.ups(first, first + 499, arrived_at_ns=time.time_ns()))
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        ask(path, "pragma wal_checkpoint(truncate)")
        before = path.stat().st_size
        pruned = await journal.prune(time.time_ns())
        assert (pruned.bodies, pruned.events) == (10_000, 0)
    assert path.stat().st_size < before * 0.7
    async with await SqliteJournal.open(path) as journal:
        assert await events.append(journal, *events.ups(0, 9_999)) == 0


async def test_prune_leaves_marks_and_places_of_events_as_they_are(path, events):
    async with await SqliteJournal.open(path) as journal:
        mark = Mark("decode", "payload", "byte 0: no record begins with ff")
        await events.append(journal, *events.ups(1, 3), mark=mark)
        await events.append(journal, events.up(2, way="mqtt"), events.up(4))
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        before = await events.kept(journal)
        assert (await journal.prune(events.at_ns + 4 * NS)).bodies == 3
        assert await events.kept(journal) == before


async def test_prune_goes_beside_appends(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(0, 6_000))
        await events.walk(journal, await journal.cursor("sink", events.tenant), 5_000)
        pruned, *new = await asyncio.gather(
            journal.prune(events.at_ns + 6_001 * NS),
            *(events.append(journal, events.up(number)) for number in range(7_000, 7_050)),
        )
        assert (pruned.bodies, sum(new)) == (6_001, 50)
        cursor = await journal.cursor("sink", events.tenant)
        assert events.numbers(await journal.read(cursor, 500)) == list(range(7_000, 7_050))


# ---------------------------------------------------------------- for people


async def test_a_person_with_the_sqlite3_shell_sees_events(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, events.up(1), events.unreadable())
    assert ask(path, "select position, kind, dev_eui, tenant, event_at, way, stage from events") == [
        (1, "up", events.dev_eui, events.tenant, "2026-11-23T22:18:18.000Z", "http", None),
        (2, "up", "", "", "1970-01-01T00:00:00.000Z", "http", "envelope"),
    ]


async def test_events_of_a_device_are_found_over_many_pages(sqlite_journal, events):
    await events.append(
        sqlite_journal,
        *(events.up(n, dev_eui=f"00000000000000{n % 3:02x}") for n in range(3_000)),
    )
    found = await events.kept(sqlite_journal, EventFilter(dev_eui="0000000000000002"), bodies=True)
    assert [event.event_at_ns for event in found] == [events.at_ns + n * NS for n in range(2, 3_000, 3)]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_each_filter_uses_an_index(path, newest_first):
    """No statement scans the table, and the index that leads is the one for the most selective filter."""
    async with await SqliteJournal.open(path):
        pass
    for dev_eui, tenant, kind, from_ns, quarantined in itertools.product(
        ["", "0000000000000002"], ["", "t"], ["", "up", "log"], [None, 1], [False, True]
    ):
        which = EventFilter(dev_eui, tenant, kind, from_ns, None, quarantined)
        search = Search(which, newest_first=newest_first)
        window = search.window(1, 100_000)
        with closing(sqlite3.connect(path)) as file:
            statement = f"explain query plan {search.positions(len(MIGRATIONS))}"
            plan = [row[3] for row in file.execute(statement, search.values(window, 10))]
        lookups = [line for line in plan if " event " in f"{line} "]
        assert lookups
        assert not [line for line in plan if "SCAN" in line and line != "SCAN CONSTANT ROW"], plan
        expected = (
            "event_origin (<expr>=? AND origin=?"
            if dev_eui
            else "event_quarantined (position>? AND position<?)"
            if quarantined
            else "event_tenant (tenant=? AND position>? AND position<?)"
            if tenant
            else "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
        )
        assert "SEARCH block USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
        assert expected in " ".join(lookups), plan


async def test_summary_of_blocks_is_true_after_appends_and_migration(path, events):
    """The same summary comes of a journal that grew with it and of one that was migrated."""
    made = [events.up(n, dev_eui=f"00000000000000{n % 3:02x}") for n in random.Random(3).sample(range(9_000), 5_000)]  # noqa: S311 - data
    made[::7] = [msgspec.structs.replace(each, kind="join") for each in made[::7]]
    older = path.with_name("older.sqlite")
    for file, migrations in ((path, MIGRATIONS), (older, MIGRATIONS[:3])):
        async with await SqliteJournal.open(file, migrations=migrations) as journal:
            for first in range(0, len(made), 300):
                await events.append(journal, *made[first : first + 300], *made[first : first + 10])
    async with await SqliteJournal.open(older):
        pass
    grown, migrated = (ask(file, "select * from block order by number") for file in (path, older))
    assert [0, 1, 2] == [row[0] for row in grown]
    assert grown == migrated
    for number, earliest_ns, latest_ns, kinds in grown:
        rows = ask(path, f"select event_at_ns, kind from event where position >> 11 = {number}")  # noqa: S608 - a number
        assert (min(rows)[0], max(rows)[0]) == (earliest_ns, latest_ns)
        assert {kind for _, kind in rows} == {kind for kind in range(9) if kinds >> kind & 1}


@pytest.mark.parametrize("schema", [1, 2, 3])
async def test_a_journal_of_an_older_schema_finds_a_device_as_before(path, events, schema):
    async with await SqliteJournal.open(path, migrations=MIGRATIONS[:schema]) as journal:
        await events.append(journal, *(events.up(n, dev_eui=f"00000000000000{n % 3:02x}") for n in range(3_000)))
    which = EventFilter(dev_eui="0000000000000002", kind="up", from_ns=events.at_ns)
    async with JournalReader(path) as reader:
        before = await events.kept(reader, which)
    async with await SqliteJournal.open(path) as journal:
        assert await events.kept(journal, which) == before
    assert len(before) == 1_000


async def test_what_is_in_memory_and_what_is_read_back_is_the_same(sqlite_journal, events):
    chance = random.Random(1)  # noqa: S311 - data to test with
    cursors = {tenant: await sqlite_journal.cursor("sink", tenant) for tenant in (events.tenant, events.other_tenant)}
    from_memory = 0
    for step in range(200):
        numbers = [chance.randrange(step * 5, step * 5 + 8) for _ in range(chance.randrange(6))]
        made = [events.up(n, tenant=chance.choice(list(cursors))) for n in numbers]
        made += [events.unreadable(f"{{ {step}"), events.up(-step, way="grpc", kind="newer")][: chance.randrange(3)]
        await events.append(sqlite_journal, *made, mark=chance.choice([None, None, FAILED]))
        for tenant, cursor in cursors.items():
            limit = chance.choice([1, 3, 500])
            batch = await sqlite_journal.read(cursor, limit)
            number = sqlite_journal._rows.tenants[tenant]  # noqa: SLF001 - as `read` does where nothing is in memory
            assert batch == await sqlite_journal._reads.batch(cursor, number, limit)  # noqa: SLF001
            from_memory += sqlite_journal._fresh.read(cursor, limit) is not None  # noqa: SLF001
            if batch.through >= cursor.next and chance.random() < 0.6:
                cursors[tenant] = await sqlite_journal.commit(cursor, chance.randint(cursor.next, batch.through))
    assert from_memory > 300


async def test_another_program_that_holds_the_file_is_named(path, events):
    async with await SqliteJournal.open(path) as journal:
        journal._connection.execute("pragma busy_timeout = 50")  # noqa: SLF001 - not to wait for 5 s
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(JournalBusy, match="locked by another program"):
            await events.append(journal, events.up(1))
        other.execute("rollback")
        other.close()
        assert await events.append(journal, events.up(1)) == 1
