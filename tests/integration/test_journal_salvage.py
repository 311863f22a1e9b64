"""What salvage saves of files that are damaged in different ways, and how exactly it counts what is lost."""

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vdl_lora.errors import JournalError
from vdl_lora.interfaces import Receipt
from vdl_lora.journal import SqliteJournal
from vdl_lora.journal.backup import back_up
from vdl_lora.journal.salvage import salvage_journal
from vdl_lora.journal.schema import MIGRATIONS

EVENTS = 3_000
PAGE = 4_096
INNER, LEAF = 5, 13  # kinds of a table's pages, by https://www.sqlite.org/fileformat2.html


async def fill(path, events, schema=None):
    """Make a journal of some devices, all delivered."""
    async with await SqliteJournal.open(path, migrations=MIGRATIONS[:schema]) as journal:
        for first in range(0, EVENTS, 500):
            raws = (events.up(number, dev_eui=f"{number % 50:016x}") for number in range(first, first + 500))
            await events.append(journal, *raws)
        cursor = await journal.cursor("sink", events.tenant)
        while (batch := await journal.read(cursor, 500)).through >= cursor.next:
            receipts = [Receipt(event.position, "d", "0", "air x=1 1\n") for event in batch.events]
            cursor = await journal.commit(cursor, batch.through, receipts)


def root_of(path, name):
    with closing(sqlite3.connect(path)) as file:
        return file.execute("select rootpage from sqlite_schema where name = ?", (name,)).fetchone()[0]


def children(path, root):
    """The pages that an inner page of a table leads to."""
    content = path.read_bytes()[(root - 1) * PAGE : root * PAGE]
    assert content[0] == INNER
    count = int.from_bytes(content[3:5], "big")
    cells = [int.from_bytes(content[12 + 2 * n : 14 + 2 * n], "big") for n in range(count)]
    return [int.from_bytes(content[each : each + 4], "big") for each in cells]


def overwrite(path, *pages):
    with path.open("r+b") as file:
        for number in pages:
            file.seek((number - 1) * PAGE)
            file.write(random.Random(number).randbytes(PAGE))  # noqa: S311 - data to test with


async def opened(path, events):
    """What the journal has after it: positions, receipts of some, and where its cursor stands."""
    async with await SqliteJournal.open(path) as journal:
        kept = await events.kept(journal, bodies=True)
        assert all(event.body and not event.damage for event in kept)
        cursor = await journal.cursor("sink", events.tenant)
        receipts = [bool(await journal.receipts(position)) for position in (1, EVENTS // 2, EVENTS)]
        return [event.position for event in kept], receipts, cursor.next


@pytest.mark.parametrize("damage", ["the root", "the first page"])
async def test_leaves_of_the_events_are_found_without_the_pages_that_lead_to_them(path, events, damage):
    await fill(path, events)
    overwrite(path, root_of(path, "event") if damage == "the root" else 1)
    saved = salvage_journal(path)
    assert (EVENTS, 0, True) == (saved.events.saved, saved.events.lost, saved.events.exact)
    assert saved.events.from_pages
    assert [path.name] == [each.name.partition(".damaged")[0] for each in saved.aside]
    assert (list(range(1, EVENTS + 1)), [True] * 3, EVENTS + 1) == await opened(path, events)


@pytest.mark.parametrize("schema", range(1, len(MIGRATIONS)))
async def test_a_file_of_an_older_schema_is_saved_into_one_of_the_newest(path, events, schema):
    await fill(path, events, schema)
    overwrite(path, 1)
    saved = salvage_journal(path)
    assert (EVENTS, 0) == (saved.events.saved, saved.events.lost)
    assert (list(range(1, EVENTS + 1)), [True] * 3, EVENTS + 1) == await opened(path, events)


async def test_without_any_index_the_count_of_the_lost_is_called_inexact(path, events):
    """In a file of schema 3 the root of a table stands where schema 4 has that of an index."""
    await fill(path, events, 3)
    overwrite(path, 1, *(root_of(path, name) for name in ("event_tenant", "event_identity", "event_origin")))
    saved = salvage_journal(path)
    assert (EVENTS, False) == (saved.events.saved, saved.events.exact)


@pytest.mark.parametrize("with_backup", [False, True])
async def test_lost_events_are_counted_exactly_and_taken_from_a_backup(path, events, with_backup):
    await fill(path, events)
    backup = path.with_name("backup.sqlite")
    back_up(path, backup)
    root = root_of(path, "event")
    content = path.read_bytes()
    leaves = [page for page in children(path, root) if content[(page - 1) * PAGE] == LEAF][3:6]
    overwrite(path, *leaves)
    saved = salvage_journal(path, backup if with_backup else None)
    assert saved.events.exact
    assert EVENTS == saved.events.saved + saved.events.lost
    assert saved.events.lost == sum(last - first + 1 for first, last in saved.lost)
    if with_backup:
        assert (0, True) == (saved.events.lost, saved.events.from_backup > 0)
    else:
        assert 10 < saved.events.lost < 300
    positions, _, following = await opened(path, events)
    assert (saved.events.saved, EVENTS + 1) == (len(positions), following)


async def test_a_damaged_body_is_lost_alone_or_taken_from_a_backup(path, events):
    await fill(path, events)
    backup = path.with_name("backup.sqlite")
    back_up(path, backup)
    with closing(sqlite3.connect(path)) as file:
        [(body,)] = file.execute("select body from event where position = 70")
    content = bytearray(path.read_bytes())
    content[content.index(body) + len(body) // 2] ^= 1
    path.write_bytes(content)
    other = path.with_name("other.sqlite")
    shutil.copy(path, other)
    saved = salvage_journal(path)
    assert (EVENTS - 1, [(70, 70)]) == (saved.events.saved, list(saved.lost))
    saved = salvage_journal(other, backup)
    assert (EVENTS, 1, []) == (saved.events.saved, saved.events.from_backup, list(saved.lost))
    assert list(range(1, EVENTS + 1)) == (await opened(other, events))[0]


async def test_commits_behind_a_damaged_part_of_the_log_are_saved(path, events):
    """SQLite itself ends reading the log at the damage, and would drop what stands behind it."""
    await fill(path, events)
    log, kept = path.with_name(path.name + "-wal"), path.with_name("kept")
    async with await SqliteJournal.open(path) as journal:
        for first in range(EVENTS, EVENTS + 500, 20):
            await events.append(journal, *events.ups(first, first + 19))
        shutil.copy(path, kept)
        shutil.copy(log, path.with_name("kept-wal"))
    shutil.move(kept, path)
    shutil.move(path.with_name("kept-wal"), log)
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    with pytest.raises(JournalError, match="commits stand behind"):
        await SqliteJournal.open(path)
    saved = salvage_journal(path)
    assert EVENTS + 500 - saved.events.saved <= 20, "a page of the log may be the damaged one"
    positions, _, _ = await opened(path, events)
    assert saved.events.saved == len(positions)


async def test_what_is_no_journal_is_refused_and_left_as_it_is(path):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("create table people (name text)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="no journal of vdl_lora"):
        salvage_journal(Path(path))
    assert before == path.read_bytes()
