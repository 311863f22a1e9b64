"""The source in memory, which other tests stand on."""

import pytest

from vdl_lora.errors import JournalFull
from vdl_lora.events import RawEvent
from vdl_lora.sources import MemorySource

EVENTS = [RawEvent("up", "json", b"%d" % number, "http", number) for number in range(25)]


async def test_all_events_are_handed_over_in_batches_in_their_order():
    taken = []

    async def accept(events):
        taken.append(list(events))

    source = MemorySource(EVENTS, batch=10)
    await source.run(accept)
    assert taken == [EVENTS[:10], EVENTS[10:20], EVENTS[20:]]
    assert source.accepted == 25


async def test_what_is_not_accepted_is_not_acknowledged():
    async def accept(events):
        if events[0] is EVENTS[10]:
            raise JournalFull

    source = MemorySource(EVENTS, batch=10)
    with pytest.raises(JournalFull):
        await source.run(accept)
    assert source.accepted == 10


async def test_it_says_how_many_events_there_are():
    [check] = await MemorySource(EVENTS).check()
    assert (check.ok, check.words) == (True, "25 events")
