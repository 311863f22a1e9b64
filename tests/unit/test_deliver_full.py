"""Delivery while the journal has no room for a cursor's commit."""

from pathlib import Path

from vdl_lora.errors import JournalFull, SinkUnavailable
from vdl_lora.interpret import Interpretation
from vdl_lora.journal import MemoryJournal
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.points import Point, Tags
from vdl_lora.sinks import MemorySink
from vdl_lora.sources import parse_line

RECORDED = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
SOON = DeliverySettings(retry_s=0.001, longest_retry_s=0.002, held_s=0.002, idle_s=0.01)


class CrampedJournal(MemoryJournal):
    """A journal that takes events, but has no room for anything else the first `refusals` times."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def _room(self) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise JournalFull

    async def cursor(self, sink, tenant):
        self._room()
        return await super().cursor(sink, tenant)

    async def commit(self, *args, **named):
        self._room()
        return await super().commit(*args, **named)

    async def say(self, *args, **named):
        self._room()
        await super().say(*args, **named)


def one_point(event):
    return Interpretation((Point("air", Tags([("dev_eui", str(event.position))]), {"temperature": 1.0}, 1),))


async def delivered(refusals, fails):
    journal, sink = CrampedJournal(0), MemorySink(fails=fails)
    await Acceptor(journal)([parse_line(line) for line in RECORDED.read_bytes().splitlines()])
    journal.refusals = refusals
    deliverer = Deliverer(journal, sink, one_point, settings=SOON)
    await deliverer.drain()
    await deliverer.close()
    return journal, sink


async def test_delivery_waits_for_room_and_goes_on_by_itself():
    journal, sink = await delivered(7, lambda _tenant: None)
    assert 45 == len(sink.rows)
    assert [0, 0] == [each.waiting for each in (await journal.counts()).delivery]


async def test_a_sink_s_trouble_that_cannot_be_noted_is_tried_again_all_the_same():
    answers = [SinkUnavailable(), SinkUnavailable()]
    journal, sink = await delivered(3, lambda _tenant: answers.pop() if answers else None)
    assert 45 == len(sink.rows)
    assert [0, 0] == [each.waiting for each in (await journal.counts()).delivery]
