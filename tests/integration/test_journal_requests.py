"""What a command asks of the process that writes to the journal, through the file."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing, contextmanager, suppress

import pytest

from vdl_lora.errors import JournalBusy
from vdl_lora.events import NS
from vdl_lora.interfaces import Claims
from vdl_lora.journal import SqliteJournal, requests
from vdl_lora.journal.requests import Confirmations, Request, ask_prune
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
        return file.execute("select count(*) from request").fetchone()[0]


async def bodies(journal, events):
    """How many events have a body."""
    return sum(event.body is not None for event in await events.kept(journal, bodies=True))


async def test_the_service_prunes_as_it_is_asked_and_tells_how_far_it_is(kept, path, events, monkeypatch):
    monkeypatch.setattr("vdl_lora.journal.sqlite._TOLD_S", 0.0)
    monkeypatch.setattr(requests, "_LOOK_S", 0.001)
    heard = []
    async with asyncio.timeout(30):
        pruned = await ask_prune(path, time.time_ns(), undelivered=False, told=heard.append)
    assert 1_500 == pruned.bodies == 2_000 - await bodies(kept, events)
    assert 0 < len({each.bodies for each in heard if each.bodies < 1_500})
    assert 0 == rows(path)


async def test_what_was_not_delivered_goes_only_where_that_is_asked_for(kept, path, events):
    async with asyncio.timeout(30):
        assert 2_000 == (await ask_prune(path, time.time_ns(), undelivered=True, told=lambda _: None)).bodies
    assert 0 == await bodies(kept, events)
    assert not (await kept.read(await kept.cursor("sink", "waiting"), 500)).events


async def test_two_who_ask_are_both_answered(kept, path, events):
    old = events.at_ns - NS
    async with asyncio.timeout(30):
        each = [ask_prune(path, before, undelivered=False, told=lambda _: None) for before in (old, time.time_ns())]
        assert [0, 1_500] == [pruned.bodies for pruned in await asyncio.gather(*each)]
    assert 2_000 == (await kept.counts()).events
    assert 0 == rows(path)


async def test_a_writer_that_takes_no_requests_is_named_and_the_request_withdrawn(path, events, monkeypatch):
    monkeypatch.setattr(requests, "_ANSWER_S", 0.2)
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, events.up(1))
        with pytest.raises(JournalBusy, match="it is no service; wait for its end"):
            await ask_prune(path, time.time_ns(), undelivered=True, told=lambda _: None)
        assert 0 == rows(path)
        assert 1 == await bodies(journal, events)


async def test_whoever_does_not_wait_for_the_answer_withdraws_his_request(path):
    async with await SqliteJournal.open(path):
        asking = asyncio.create_task(ask_prune(path, time.time_ns(), undelivered=True, told=lambda _: None))
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
            await ask_prune(path, time.time_ns(), undelivered=False, told=lambda _: None)


# ---------------------------------------------------------------- whoever asked is gone

ASKS = """
import asyncio, sys, time
from pathlib import Path
from vdl_lora.journal.requests import ask_prune

pruned = asyncio.run(ask_prune(Path(sys.argv[1]), time.time_ns(), undelivered=True, told=lambda _: None))
print(pruned.bodies)
"""


@contextmanager
def asking(path):
    """A process that asks for everything to be pruned, once its request stands in the file."""
    process = subprocess.Popen([sys.executable, "-c", ASKS, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 30
        while not rows(path) and time.monotonic() < end:
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def serving(path):
    """A journal that a service keeps."""
    async with await SqliteJournal.open(path) as journal:
        task = asyncio.create_task(JournalUpkeep(journal, CLAIMS, KeepSettings(400 * 86_400, 0.01)).run())
        yield journal
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.long
async def test_a_request_whose_process_was_killed_is_never_carried_out_and_deleted(path, events, monkeypatch):
    monkeypatch.setattr(requests, "EXPIRES_S", 1.5)
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 50))
        with asking(path) as process:
            await asyncio.sleep(1.2)  # it has confirmed, and nobody has looked yet
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert 1 == rows(path)
    async with serving(path) as journal, asyncio.timeout(30):
        while rows(path):  # noqa: ASYNC110 - the file tells nobody
            await asyncio.sleep(0.02)
        assert 50 == await bodies(journal, events)


async def test_a_request_is_carried_out_by_the_service_that_starts_while_its_process_waits(path, events):
    first = await SqliteJournal.open(path)
    await events.append(first, *events.ups(1, 50))
    with asking(path) as process:
        await first.close()
        async with serving(path) as journal:
            words, _ = await asyncio.to_thread(process.communicate, timeout=30)
            assert "50\n" == words
            assert 0 == await bodies(journal, events)
    assert 0 == rows(path)


async def test_a_request_of_a_kind_that_the_service_does_not_know_is_left_alone_until_it_expires(path, monkeypatch):
    monkeypatch.setattr(requests, "EXPIRES_S", 0.3)
    async with serving(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("insert into request (kind, parameters) values ('dance', 'no JSON')")
            for _ in range(8):
                file.execute("update request set confirmed = confirmed + 1")
                await asyncio.sleep(0.1)
            assert [("waiting",)] == file.execute("select state from request").fetchall()
        async with asyncio.timeout(10):
            while rows(path):  # noqa: ASYNC110 - the file tells nobody
                await asyncio.sleep(0.02)


def test_a_counter_must_change_before_a_request_is_due_and_keep_changing():
    seen = Confirmations()

    def see(now_s, *counters, state="waiting"):
        due, expired = seen.see([Request(n, "prune", "", state, each) for n, each in enumerate(counters)], now_s)
        return [each.id for each in due], expired

    assert ([], []) == see(0.0, 7, 3)
    assert ([0], []) == see(1.0, 8, 3)
    assert ([0], []) == see(5.0, 8, 3)
    assert ([0], [1]) == see(5.1, 8, 3)
    assert ([], []) == see(5.2, 8, state="done")
    assert ([], [0]) == see(6.1, 8, state="done")
    assert ([], []) == see(7.0)
    assert ([], []) == see(8.0, 8), "it begins anew"
