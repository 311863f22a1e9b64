"""What streams bring is handed over in order, in batches, once; a full journal stops the reading and loses nothing."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from vdl_lora.errors import JournalCorrupt, JournalFull
from vdl_lora.events import RawEvent
from vdl_lora.sources.grpc.collect import BATCH, Collector
from vdl_lora.sources.grpc.settings import DEFAULTS, GrpcSettings

EVENTS = [RawEvent("up", "json", b"%d" % number, "grpc", number) for number in range(3 * DEFAULTS.most_events)]


class Journal:
    """Takes events, or is full."""

    def __init__(self, *, full=False):
        self.full = full
        self.batches = []
        self.asked = 0

    async def __call__(self, events):
        self.asked += 1
        await asyncio.sleep(0)
        if self.full:
            raise JournalFull("no room on the disk")
        self.batches.append(list(events))

    @property
    def events(self):
        return [event for batch in self.batches for event in batch]


@asynccontextmanager
async def running(collector):
    """Let a collector run, and end in order."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(collector.run())
        yield
        collector.end()


async def until(what):
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - the state of others, which have no event for it
            await asyncio.sleep(0.005)


async def test_events_are_handed_over_in_their_order_in_batches_and_each_is_told_when_it_is_durable():
    journal = Journal()
    collector = Collector(journal)
    durable = []
    async with running(collector):
        for event in EVENTS:
            await collector.add(event, lambda event=event: durable.append((event, event in journal.batches[-1])))
    assert EVENTS == journal.events
    assert max(map(len, journal.batches)) == BATCH
    assert [(event, True) for event in EVENTS] == durable


async def test_the_end_hands_over_what_is_left():
    journal = Journal()
    collector = Collector(journal)
    for event in EVENTS[:700]:
        await collector.add(event)
    collector.end()
    async with asyncio.timeout(5):
        await collector.run()
    assert EVENTS[:700] == journal.events


async def test_a_full_journal_stops_the_reading_and_loses_nothing():
    journal = Journal(full=True)
    collector = Collector(journal, GrpcSettings(full_s=0.02))
    added = []
    durable = []

    async def stream(events):
        for event in events:
            await collector.add(event, lambda event=event: durable.append(event))
            added.append(event)

    with capture_logs() as logs:
        async with running(collector):
            streams = [asyncio.create_task(stream(EVENTS[number::7])) for number in range(7)]
            await until(lambda: len(added) == DEFAULTS.most_events and journal.asked > 3)
            await asyncio.sleep(0.1)
            assert (DEFAULTS.most_events, [], []) == (len(added), durable, journal.batches)
            assert "no room on the disk" == str(collector.full)
            journal.full = False
            await asyncio.gather(*streams)
            await until(lambda: len(journal.events) == len(EVENTS))
            assert collector.full is None
    assert sorted(EVENTS, key=lambda event: event.arrived_at_ns) == sorted(
        journal.events, key=lambda event: event.arrived_at_ns
    )
    assert [("wait", "warning"), ("resume", "info")] == [(each["action"], each["log_level"]) for each in logs]
    assert "no room on the disk" == logs[0]["why"]


async def test_large_events_are_held_back_by_their_bytes():
    journal = Journal(full=True)
    collector = Collector(journal, GrpcSettings(full_s=0.02, most_bytes=10_000))
    large = [RawEvent("up", "json", bytes(4_000), "grpc", number) for number in range(9)]
    added = []

    async def stream():
        for event in large:
            await collector.add(event)
            added.append(event)

    async with running(collector):
        reading = asyncio.create_task(stream())
        await until(lambda: journal.asked > 2)
        assert 3 == len(added)
        journal.full = False
        await reading
    assert large == journal.events


async def test_a_stream_that_is_cancelled_while_it_waits_has_given_nothing():
    journal = Journal(full=True)
    collector = Collector(journal, GrpcSettings(full_s=0.02))
    async with running(collector):
        for event in EVENTS[: DEFAULTS.most_events]:
            await collector.add(event)
        waiting = asyncio.create_task(collector.add(EVENTS[-1]))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        journal.full = False
    assert EVENTS[: DEFAULTS.most_events] == journal.events


async def test_a_journal_that_cannot_be_used_ends_it():
    async def accept(_events):
        raise JournalCorrupt

    collector = Collector(accept)
    await collector.add(EVENTS[0])
    with pytest.raises(JournalCorrupt):
        async with asyncio.timeout(5):
            await collector.run()
