"""The metrics of the journal and of delivery, kept by the observer over both journals."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from vdl_lora import metrics
from vdl_lora.errors import JournalError
from vdl_lora.events import NS
from vdl_lora.journal import JournalReader, MemoryJournal, SqliteJournal
from vdl_lora.pipeline.observe import JournalObserver


def shown(name, **labels):
    """What a metric of ours says now; None where it has no such line."""
    return metrics.REGISTRY.get_sample_value(f"vdl_lora_{name}", labels)


async def until(true):
    """Wait until something holds."""
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("the metrics do not say it")


@asynccontextmanager
async def observing(history, now_ns):
    """Observe a journal, at a time that stands still."""
    task = asyncio.create_task(JournalObserver(history, 0.01, clock=lambda: now_ns).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_gauges_say_what_waits_and_for_how_long(journal, events):
    await events.append(journal, *events.ups(1, 4), events.unreadable(), events.up(5, tenant="t"))
    cursor = await journal.commit(await journal.cursor("sink", events.tenant), 1)
    await journal.say(cursor, "held", "401: who are you")
    await events.walk(journal, await journal.cursor("sink", "t"))
    now_ns = events.at_ns + 100 * NS
    metrics.JOURNAL_READ.set(0)
    async with observing(journal, now_ns):
        await until(lambda: shown("journal_read_timestamp_seconds") == now_ns / NS)
        assert shown("journal_events") == 6
        assert shown("journal_quarantined_events") == 1
        assert shown("journal_bytes") == (await journal.depth()).bytes
        held, flowing = {"sink": "sink", "tenant": events.tenant}, {"sink": "sink", "tenant": "t"}
        assert [3, 0] == [shown("delivery_waiting_events", **each) for each in (held, flowing)]
        assert [98, 0] == [shown("delivery_lag_seconds", **each) for each in (held, flowing)]
        assert shown("journal_oldest_waiting_seconds") == 98
        states = ("flowing", "retrying", "held")
        assert [0, 0, 1] == [shown("delivery_state", **held, state=state) for state in states]
        assert [1, 0, 0] == [shown("delivery_state", **flowing, state=state) for state in states]


async def test_the_gauges_follow_delivery(journal, events):
    await events.append(journal, *events.ups(1, 3))
    cursor = await journal.cursor("follow", events.tenant)
    labels = {"sink": "follow", "tenant": events.tenant}
    async with observing(journal, events.at_ns + 10 * NS):
        await until(lambda: shown("delivery_waiting_events", **labels) == 3)
        await events.walk(journal, cursor)
        await until(lambda: shown("delivery_waiting_events", **labels) == 0)
        assert 0 == shown("delivery_lag_seconds", **labels) == shown("journal_oldest_waiting_seconds")


async def test_a_tenant_that_is_gone_leaves_no_line(events):
    for tenant, other in (("first", "second"), ("second", "first")):
        journal = MemoryJournal()
        await events.append(journal, events.up(1, tenant=tenant))
        await journal.cursor("sink", tenant)
        async with observing(journal, events.at_ns):
            await until(lambda tenant=tenant: shown("delivery_waiting_events", sink="sink", tenant=tenant) == 1)
            assert shown("delivery_waiting_events", sink="sink", tenant=other) is None
            assert shown("delivery_lag_seconds", sink="sink", tenant=other) is None
            assert shown("delivery_state", sink="sink", tenant=other, state="flowing") is None


async def test_an_event_from_a_clock_ahead_of_ours_has_waited_for_no_time(journal, events):
    await events.append(journal, events.up(50))
    await journal.cursor("sink", events.tenant)
    metrics.DELIVERY_LAG.clear()
    async with observing(journal, events.at_ns):
        await until(lambda: shown("delivery_lag_seconds", sink="sink", tenant=events.tenant) is not None)
        assert shown("delivery_lag_seconds", sink="sink", tenant=events.tenant) == 0


async def test_a_journal_that_cannot_be_read_is_said_once_and_its_return_too(path, events):
    reader = JournalReader(path)  # there is no file yet
    metrics.JOURNAL_EVENTS.set(77)
    with capture_logs() as said:
        async with observing(reader, events.at_ns) as task:
            await asyncio.sleep(0.1)
            assert not task.done()
            assert ["stop"] == [each["action"] for each in said]
            assert "there is no journal" in said[0]["why"]
            assert shown("journal_events") == 77  # it stands still
            journal = await SqliteJournal.open(path)
            await events.append(journal, events.up(1))
            await until(lambda: shown("journal_events") == 1)
            await journal.close()
    assert ["warning", "info"] == [each["log_level"] for each in said]
    await reader.close()


async def test_what_takes_long_to_read_is_read_less_often(events):
    class Long(MemoryJournal):
        asked = 0

        async def depth(self):
            self.asked += 1
            await asyncio.sleep(0.05)
            return await super().depth()

    journal = Long()
    async with observing(journal, events.at_ns):
        await asyncio.sleep(0.3)  # at every_s it would be asked five times
    assert journal.asked == 1


async def test_any_other_mistake_ends_it():
    class Broken(MemoryJournal):
        async def depth(self):
            raise ZeroDivisionError

    assert not issubclass(ZeroDivisionError, JournalError)
    with pytest.raises(ZeroDivisionError):
        await JournalObserver(Broken(), 0.01).run()
