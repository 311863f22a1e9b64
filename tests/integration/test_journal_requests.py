"""What a command asks of the process that writes to the journal, through the file."""

import asyncio
import sqlite3
import time
from contextlib import closing, suppress

import pytest

from vdl_lora.errors import JournalBusy
from vdl_lora.events import NS
from vdl_lora.interfaces import Claims
from vdl_lora.journal import SqliteJournal, requests
from vdl_lora.journal.requests import ask
from vdl_lora.journal.schema import MIGRATIONS
from vdl_lora.pipeline.keep import JournalUpkeep, KeepSettings

CLAIMS = Claims(frozenset({"sink"}))


@pytest.fixture
async def kept(path, events):
    """A journal with two thousand events of two tenants, one delivered, that a service keeps."""
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, 2_000, 500):
            tenant = events.tenant if first < 1_500 else "waiting"
            await events.append(journal, *events.ups(first, first + 499, tenant=tenant, arrived_at_ns=time.time_ns()))
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        task = asyncio.create_task(JournalUpkeep(journal, CLAIMS, KeepSettings(400 * 86_400, 0.01)).run())
        yield journal
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rows(path):
    """How many requests stand in the file."""
    with closing(sqlite3.connect(path)) as file:
        return file.execute("select count(*) from prune_request").fetchone()[0]


async def bodies(journal, events):
    """How many events have a body."""
    return sum(event.body is not None for event in await events.kept(journal, bodies=True))


async def test_the_service_prunes_as_it_is_asked_and_tells_how_far_it_is(kept, path, events, monkeypatch):
    monkeypatch.setattr("vdl_lora.journal.sqlite._TOLD_S", 0.0)
    monkeypatch.setattr(requests, "_LOOK_S", 0.001)
    heard = []
    async with asyncio.timeout(30):
        pruned = await ask(path, time.time_ns(), undelivered=False, told=heard.append)
    assert 1_500 == pruned.bodies == 2_000 - await bodies(kept, events)
    assert 0 < len({each.bodies for each in heard if each.bodies < 1_500})
    assert 0 == rows(path)


async def test_what_was_not_delivered_goes_only_where_that_is_asked_for(kept, path, events):
    async with asyncio.timeout(30):
        assert 2_000 == (await ask(path, time.time_ns(), undelivered=True, told=lambda _: None)).bodies
    assert 0 == await bodies(kept, events)
    assert not (await kept.read(await kept.cursor("sink", "waiting"), 500)).events


async def test_two_who_ask_are_both_answered(kept, path, events):
    old = events.at_ns - NS
    async with asyncio.timeout(30):
        each = [ask(path, before, undelivered=False, told=lambda _: None) for before in (old, time.time_ns())]
        assert [0, 1_500] == [pruned.bodies for pruned in await asyncio.gather(*each)]
    assert 2_000 == (await kept.counts()).events
    assert 0 == rows(path)


async def test_a_writer_that_takes_no_requests_is_named_and_the_request_withdrawn(path, events, monkeypatch):
    monkeypatch.setattr(requests, "_ANSWER_S", 0.2)
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, events.up(1))
        with pytest.raises(JournalBusy, match="it is no service; wait for its end"):
            await ask(path, time.time_ns(), undelivered=True, told=lambda _: None)
        assert 0 == rows(path)
        assert 1 == await bodies(journal, events)


async def test_whoever_does_not_wait_for_the_answer_withdraws_his_request(path):
    async with await SqliteJournal.open(path):
        asking = asyncio.create_task(ask(path, time.time_ns(), undelivered=True, told=lambda _: None))
        while not rows(path):  # noqa: ASYNC110 - the file tells nobody
            await asyncio.sleep(0.01)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        assert 0 == rows(path)


async def test_a_journal_that_an_older_service_writes_to_is_named(path, events):
    async with await SqliteJournal.open(path, migrations=MIGRATIONS[:1]) as journal:
        await events.append(journal, events.up(1))
        with pytest.raises(JournalBusy, match=r"older vdl_lora.*start the service again"):
            await ask(path, time.time_ns(), undelivered=False, told=lambda _: None)
