"""Delivery from both journals: each value once, the good in spite of the bad, one tenant in spite of another."""

import asyncio
import sqlite3
import time
from collections import Counter
from contextlib import closing
from functools import partial
from itertools import pairwise

import msgspec
import pytest
from structlog.testing import capture_logs

from vdl_lora import metrics
from vdl_lora.catalog import Catalog
from vdl_lora.discovery import discover
from vdl_lora.errors import JournalFull, PointsRefused, SinkRefused, SinkUnavailable
from vdl_lora.events import NS, JournalEvent
from vdl_lora.installations import Installations
from vdl_lora.interpret import Interpretation, PointSettings, interpret
from vdl_lora.journal import JournalSettings, SqliteJournal
from vdl_lora.journal.check import check_journal
from vdl_lora.mark import Mark
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.points import line_protocol
from vdl_lora.sinks import MemorySink

SHORT = DeliverySettings(retry_s=0.01, longest_retry_s=0.05, held_s=0.02, idle_s=0.2)
NEWER = b"\xf7\xf7\x01"  # a record that the decoder does not know
FRAMES = b"\x01\x75\x5c\x03\x67\x10\x01"  # battery 92 %, 27.2 °C: a point in device and one in air
READ = partial(
    interpret, catalog=Catalog(discover().entries()), installations=Installations(), settings=PointSettings()
)


def number_of(at_ns):
    """Which event something of these tests is of: they are a second apart."""
    return (at_ns - 1_795_472_297 * NS) // NS


def f_cnt(point):
    return number_of(point.at_ns)


def kept(sink):
    """What a sink holds, without the tenant, as the points that made it would say."""
    return {(measurement, tags, at_ns): fields for (_, measurement, tags, at_ns), fields in sink.rows.items()}


def expected(raws, events):
    """What these events give."""
    found = {}
    for position, raw in enumerate(raws, 1):
        for point in read(raw, position, events).points:
            found[point.measurement, point.tags, point.at_ns] = dict(point.fields)
    return found


def read(raw, position, events):
    [accepted] = events.accepted([raw])
    seen = accepted.envelope
    anchor = seen.anchor_at_ns, seen.anchor
    return READ(JournalEvent(position, seen.kind, raw.encoding, raw.body, raw.way, raw.arrived_at_ns, *anchor))


class Delivering:
    """A deliverer that runs while the test looks on."""

    def __init__(self, deliverer):
        self.deliverer = deliverer

    async def __aenter__(self):
        self.task = asyncio.create_task(self.deliverer.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.deliverer.close()


async def until(condition, timeout_s=10.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what a sink holds, or a log says, tells nobody
            await asyncio.sleep(0.005)


async def drain(journal, sink, how=READ, **more):
    deliverer = Deliverer(journal, sink, how, settings=more.pop("settings", SHORT), **more)
    try:
        async with asyncio.timeout(60):
            await deliverer.drain()
    finally:
        await deliverer.close()


async def marks(journal, events):
    return {event.position: event.mark for event in await events.kept(journal) if event.mark}


async def delivery(journal):
    return {each.tenant: each for each in (await journal.counts()).delivery}


# ---------------------------------------------------------------- the plain road


async def test_each_point_is_written_once(journal, events):
    raws = events.ups(1, 40, data=FRAMES) + events.ups(41, 50, tenant=events.other_tenant, data=FRAMES)
    await events.append(journal, *raws)
    sink = MemorySink()
    await drain(journal, sink)
    assert kept(sink) == expected(raws, events)
    assert len(sink.rows) == 3 * 50
    writes = sink.writes
    await drain(journal, sink)
    assert sink.writes == writes
    assert {each.waiting for each in (await delivery(journal)).values()} == {0}


async def test_receipts_say_what_was_written_and_by_which_decoder(journal, events):
    raws = events.ups(1, 12, data=FRAMES)
    await events.append(journal, *raws)
    await drain(journal, MemorySink())
    entry = READ.keywords["catalog"].entry("milesight/em300-th")
    for position, raw in enumerate(raws, 1):
        [(sink, receipt)] = await journal.receipts(position)
        assert sink == "memory"
        assert receipt.lines == line_protocol(read(raw, position, events).points)
        assert (receipt.decoder, receipt.declaration) == ("milesight/em300-th", entry.declaration)


async def test_many_small_batches_deliver_as_one_large_one(journal, events):
    raws = events.ups(1, 95, data=FRAMES)
    await events.append(journal, *raws)
    sizes = []

    class Sizes(MemorySink):
        async def write(self, tenant, points, lines=None):
            sizes.append(len(points))
            await super().write(tenant, points, lines)

    sink = Sizes()
    await drain(journal, sink, settings=DeliverySettings(batch=10))
    assert kept(sink) == expected(raws, events)
    assert sizes == [30] * 9 + [15]


async def test_an_event_without_points_moves_the_cursor_too(journal, events):
    await events.append(journal, *events.ups(1, 3))
    sink = MemorySink()
    await drain(journal, sink, lambda _event: Interpretation())
    assert (sink.rows, sink.writes) == ({}, 0)
    assert (await journal.cursor("memory", events.tenant)).next == 4
    assert [receipt.lines for _, receipt in await journal.receipts(2)] == [""]


async def test_an_empty_journal_is_drained_at_once(journal):
    await drain(journal, MemorySink())


async def test_only_the_tenants_that_are_served_are_delivered_and_the_others_once_they_are(journal, events):
    await events.append(journal, events.up(1, data=FRAMES), events.up(2, tenant=events.other_tenant, data=FRAMES))
    sink = MemorySink()
    await drain(journal, sink, served=[events.tenant])
    assert {tenant for tenant, *_ in sink.rows} == {events.tenant}
    await drain(journal, sink, served=[events.tenant, events.other_tenant])
    assert {tenant for tenant, *_ in sink.rows} == {events.tenant, events.other_tenant}


async def test_two_sinks_go_at_their_own_pace(journal, events):
    raws = events.ups(1, 20, data=FRAMES)
    await events.append(journal, *raws[:10])
    first, second = MemorySink("first"), MemorySink("second")
    await drain(journal, first)
    await events.append(journal, *raws[10:])
    await drain(journal, second)
    assert (len(first.rows), len(second.rows)) == (30, 60)
    await drain(journal, first)
    assert first.rows == second.rows


async def test_what_is_done_is_counted(journal, events):
    def counted():
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for metric in metrics.REGISTRY.collect()
            for sample in metric.samples
            if sample.name.startswith("vdl_lora_")  # not those of the process, which never stand still
        }

    before = counted()
    await events.append(journal, *events.ups(1, 4, data=FRAMES), events.up(5, data=b"\xff"), *events.ups(6, 7))
    await events.append(journal, events.up(8, data=FRAMES + NEWER))
    await drain(journal, MemorySink("counted", refuses=lambda point: point.measurement == "air" and f_cnt(point) == 2))
    after = counted()
    grown = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    assert {key: value for key, value in grown.items() if not key[0].endswith("_created")} == {
        ("vdl_lora_interpreted_events_total", "ok"): 7,
        ("vdl_lora_interpreted_events_total", "quarantined"): 1,
        ("vdl_lora_decode_failures_total", "milesight/em300-th", "payload"): 1,
        ("vdl_lora_unknown_records_total", "milesight/em300-th"): 1,
        ("vdl_lora_points_total", "counted", "written"): 3 * 4 - 1 + 1 + 2 * 2 + 4,
        ("vdl_lora_points_total", "counted", "refused"): 1,
    }


# ---------------------------------------------------------------- marks


async def test_a_payload_that_cannot_be_decoded_marks_its_event_and_keeps_its_radio_facts(journal, events):
    await events.append(journal, events.up(1, data=FRAMES), events.up(2, data=b"\xff"), events.up(3, data=FRAMES))
    sink = MemorySink()
    await drain(journal, sink)
    assert {position: mark.code for position, mark in (await marks(journal, events)).items()} == {2: "payload"}
    assert [measurement for _, measurement, _, _ in sink.rows].count("lorawan_uplink") == 3


async def test_a_mended_decoder_clears_the_mark_when_a_new_cursor_comes_by(journal, events):
    await events.append(journal, *events.ups(1, 5, data=FRAMES))
    without = partial(READ, catalog=Catalog([]))
    await drain(journal, MemorySink("first"), without)
    assert {mark.code for mark in (await marks(journal, events)).values()} == {"no_decoder"}
    assert len(await marks(journal, events)) == 5
    second = MemorySink("second")
    await drain(journal, second)
    assert await marks(journal, events) == {}
    assert len(second.rows) == 15
    assert (await journal.counts()).quarantined == 0


async def test_a_mark_of_accepting_goes_when_the_event_is_delivered(journal, events):
    await events.append(journal, events.up(1, data=FRAMES), mark=Mark("accept", "not_served", "not served here"))
    await drain(journal, MemorySink())
    assert await marks(journal, events) == {}


# ---------------------------------------------------------------- what a sink refuses


async def test_of_an_event_with_a_refused_point_the_others_are_kept_and_it_alone_is_marked(journal, events):
    raws = events.ups(1, 30, data=FRAMES)
    await events.append(journal, *raws)
    sink = MemorySink(refuses=lambda point: point.measurement == "air" and f_cnt(point) == 17)
    await drain(journal, sink)
    everything = expected(raws, events)
    missing = [key for key in everything if key not in kept(sink)]
    assert [(measurement, number_of(at_ns)) for measurement, _, at_ns in missing] == [("air", 17)]
    assert await marks(journal, events) == {
        17: Mark("sink", "points_refused", f"air at {missing[0][2]} is refused, dropped=1", "memory")
    }


async def test_a_sink_that_takes_an_event_leaves_the_mark_of_another_that_does_not(journal, events):
    await events.append(journal, *events.ups(1, 3, data=FRAMES))
    await drain(journal, MemorySink("strict", refuses=lambda point: point.measurement == "air" and f_cnt(point) == 2))
    [strict] = (await marks(journal, events)).values()
    await drain(journal, MemorySink("easy"))
    assert await marks(journal, events) == {2: strict}
    assert (strict.stage, strict.sink) == ("sink", "strict")


async def test_the_receipt_of_an_event_with_a_refused_point_says_what_was_written_all_the_same(journal, events):
    await events.append(journal, *events.ups(1, 3, data=FRAMES))
    await drain(journal, MemorySink(refuses=lambda point: point.measurement == "air" and f_cnt(point) == 2))
    [(_, receipt)] = await journal.receipts(2)
    assert [line.partition(",")[0] for line in receipt.lines.splitlines()] == ["lorawan_uplink", "device"]
    assert receipt.decoder == "milesight/em300-th"
    [(_, whole)] = await journal.receipts(1)
    assert len(whole.lines.splitlines()) == 3


async def test_many_refused_among_500_are_found_and_the_others_are_all_kept(journal, events):
    raws = events.ups(1, 500, data=FRAMES)
    await events.append(journal, *raws)
    sink = MemorySink(refuses=lambda point: point.measurement != "lorawan_uplink" and f_cnt(point) % 7 == 0)
    await drain(journal, sink)
    bad = {number for number in range(1, 501) if number % 7 == 0}
    assert kept(sink) == {
        key: fields
        for key, fields in expected(raws, events).items()
        if key[0] == "lorawan_uplink" or number_of(key[2]) not in bad
    }
    found = await marks(journal, events)
    assert set(found) == bad
    assert all("device at" in mark.words and "; air at" in mark.words for mark in found.values())


async def test_where_all_is_refused_all_is_marked_and_delivery_goes_on(journal, events):
    await events.append(journal, *events.ups(1, 20, data=FRAMES))
    sink = MemorySink(refuses=lambda _point: True)
    await drain(journal, sink)
    assert sink.rows == {}
    assert set(await marks(journal, events)) == set(range(1, 21))
    assert [(await journal.receipts(position))[0][1].lines for position in range(1, 21)] == [""] * 20
    assert (await journal.cursor("memory", events.tenant)).next == 21
    sink.refuses = lambda _point: False
    await events.append(journal, events.up(21, data=FRAMES))
    await drain(journal, sink)
    assert {number_of(at_ns) for *_, at_ns in sink.rows} == {21}


async def test_a_refusal_that_no_single_point_is_to_blame_for_marks_nobody(journal, events):
    class OneAtATime(MemorySink):
        async def write(self, tenant, points, lines=None):
            if len(points) > 1:
                raise PointsRefused("too many at once")
            await super().write(tenant, points, lines)

    raws = events.ups(1, 4, data=FRAMES)
    await events.append(journal, *raws)
    sink = OneAtATime()
    await drain(journal, sink)
    assert kept(sink) == expected(raws, events)
    assert await marks(journal, events) == {}
    assert [len((await journal.receipts(position))[0][1].lines.splitlines()) for position in range(1, 5)] == [3] * 4


async def test_a_sink_that_goes_away_while_a_batch_is_halved_is_waited_for(journal, events):
    raws = events.ups(1, 50, data=FRAMES)
    await events.append(journal, *raws)
    tries = iter(range(1_000))
    sink = MemorySink(
        refuses=lambda point: point.measurement == "air" and f_cnt(point) == 33,
        fails=lambda _tenant: SinkUnavailable("gone") if next(tries) % 3 else None,
    )
    await drain(journal, sink, settings=DeliverySettings(retry_s=0.001, longest_retry_s=0.002))
    assert len(sink.rows) == 3 * 50 - 1
    assert set(await marks(journal, events)) == {33}


# ---------------------------------------------------------------- what waits


async def test_a_tenant_that_is_refused_is_held_alone_said_once_and_goes_on_by_itself(journal, events):
    refused = True
    sink = MemorySink(
        fails=lambda tenant: SinkRefused("401: the token is not known") if refused and tenant == events.tenant else None
    )
    await events.append(journal, *events.ups(1, 3, data=FRAMES), events.up(4, tenant=events.other_tenant, data=FRAMES))
    with capture_logs() as logs:
        async with Delivering(Deliverer(journal, sink, READ, settings=SHORT)):
            await until(lambda: len(sink.rows) == 3 and sink.writes > 8)
            await events.append(
                journal, events.up(5, tenant=events.other_tenant, data=FRAMES), events.up(6, data=FRAMES)
            )
            await until(lambda: len(sink.rows) == 6)
            assert {tenant for tenant, *_ in sink.rows} == {events.other_tenant}
            held = await delivery(journal)
            assert held[events.tenant].state == "held"
            assert held[events.tenant].words == "401: the token is not known"
            assert held[events.tenant].waiting == 4
            assert (held[events.other_tenant].state, held[events.other_tenant].words) == ("flowing", "")
            refused = False
            await until(lambda: len(sink.rows) == 6 + 3 * 4)
            await until(lambda: any(entry["event"] == "delivery goes on" for entry in logs))
    await drain(journal, sink)
    flowing = (await delivery(journal))[events.tenant]
    assert (flowing.state, flowing.words, flowing.waiting) == ("flowing", "", 0)
    said = [(entry["event"], entry["action"], entry["tenant"]) for entry in logs]
    assert said == [("delivery waits", "wait", events.tenant), ("delivery goes on", "resume", events.tenant)]
    assert logs[0]["why"] == "401: the token is not known"
    assert logs[0]["log_level"] == "warning"


async def test_a_sink_that_does_not_answer_is_tried_again_with_growing_pauses_and_nothing_is_lost(journal, events):
    raws = events.ups(1, 20, data=FRAMES)
    await events.append(journal, *raws)
    tried = []

    def fails(_tenant):
        tried.append(time.monotonic())
        return SinkUnavailable("no answer") if len(tried) <= 8 else None

    sink = MemorySink(fails=fails)
    with capture_logs() as logs:
        await drain(journal, sink, settings=DeliverySettings(retry_s=0.02, longest_retry_s=0.16))
    assert kept(sink) == expected(raws, events)
    assert len(tried) == 9
    pauses = [after - before for before, after in pairwise(tried)]
    for number, pause in enumerate(pauses):
        assert pause >= 0.5 * min(0.02 * 2**number, 0.16)
    assert sum(pauses) < 10
    assert [entry["event"] for entry in logs] == ["delivery waits", "delivery goes on"]
    assert (await delivery(journal))[events.tenant].state == "flowing"


async def test_while_it_is_tried_again_the_journal_says_so(journal, events):
    await events.append(journal, events.up(1, data=FRAMES))
    sink = MemorySink(fails=lambda _tenant: SinkUnavailable("no answer"))
    async with Delivering(Deliverer(journal, sink, READ, settings=SHORT)):
        await until(lambda: sink.writes > 2)
        said = (await delivery(journal))[events.tenant]
        assert (said.state, said.words, said.waiting) == ("retrying", "no answer", 1)


async def test_another_reason_to_wait_is_said_too(journal, events):
    await events.append(journal, events.up(1, data=FRAMES))
    reasons = [SinkUnavailable("no answer")] * 3 + [SinkRefused("403: no right to write")] * 3
    sink = MemorySink(fails=lambda _tenant: reasons.pop(0) if len(reasons) > 1 else reasons[0])
    with capture_logs() as logs:
        async with Delivering(Deliverer(journal, sink, READ, settings=SHORT)):
            await until(lambda: sink.writes > 7)
            said = (await delivery(journal))[events.tenant]
            assert (said.state, said.words) == ("held", "403: no right to write")
    assert [entry["why"] for entry in logs] == ["no answer", "403: no right to write"]


# ---------------------------------------------------------------- crashes


class Dies(MemorySink):
    """A sink that keeps the points and then never answers, as when the process ends between write and commit."""

    def __init__(self):
        super().__init__()
        self.wrote = asyncio.Event()

    async def write(self, tenant, points, lines=None):
        await super().write(tenant, points, lines)
        self.wrote.set()
        await asyncio.Event().wait()


async def test_a_crash_between_write_and_commit_writes_the_same_again_and_changes_nothing(journal, events):
    raws = events.ups(1, 25, data=FRAMES)
    await events.append(journal, *raws)
    dies = Dies()
    deliverer = Deliverer(journal, dies, READ, settings=SHORT)
    task = asyncio.create_task(deliverer.drain())
    await asyncio.wait_for(dies.wrote.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await deliverer.close()
    assert kept(dies) == expected(raws, events)
    assert (await journal.cursor("memory", events.tenant)).next == 1
    assert await journal.receipts(1) == []
    again = MemorySink()
    again.rows = {key: dict(fields) for key, fields in dies.rows.items()}
    await drain(journal, again)
    assert again.rows == dies.rows
    assert again.writes == 1
    assert [len(await journal.receipts(position)) for position in range(1, 26)] == [1] * 25


async def test_what_a_start_after_a_crash_writes_is_what_was_written(path, events):
    raws = events.ups(1, 25, data=FRAMES)
    dies, again = Dies(), MemorySink()
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *raws)
        deliverer = Deliverer(journal, dies, READ, settings=SHORT)
        task = asyncio.create_task(deliverer.drain())
        await asyncio.wait_for(dies.wrote.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await deliverer.close()
    async with await SqliteJournal.open(path) as journal:
        await drain(journal, again)
    assert again.rows == dies.rows


def damage(path, position):
    """Flip a byte in the middle of a body where it stands in the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        [(body,)] = connection.execute("select body from event where position = ?", (position,))
    content = bytearray(path.read_bytes())
    assert content.count(body) == 1
    content[content.index(body) + len(body) // 2] ^= 0x10
    path.write_bytes(content)


async def test_a_damaged_body_is_quarantined_and_delivery_goes_on_after_a_start(path, events):
    raws = events.ups(1, 9, data=FRAMES)
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *raws)
    damage(path, 4)
    counted = metrics.REGISTRY.get_sample_value("vdl_lora_journal_damaged_events_total")
    sink = MemorySink()
    async with await SqliteJournal.open(path) as journal:
        with capture_logs() as logs:
            await drain(journal, sink)
            await drain(journal, MemorySink("second"))
        assert [("warning", 4)] == [(line["log_level"], line["position"]) for line in logs]
        assert counted + 1 == metrics.REGISTRY.get_sample_value("vdl_lora_journal_damaged_events_total")
        assert ["damaged"] == [mark.code for mark in (await marks(journal, events)).values()]
        assert {"damaged": 1} == (await journal.counts()).by_code
        assert [("journal", "warning")] == [(check.subject, check.state) for check in journal.state()]
        assert "salvage --backup" in journal.state()[0].advice
        assert 10 == (await journal.cursor("memory", events.tenant)).next
    everything = expected(raws, events)
    assert {number_of(at_ns) for _, _, at_ns in everything.keys() - kept(sink).keys()} == {4}
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(10, 12, data=FRAMES))
        with capture_logs() as logs:
            await drain(journal, sink)
            await drain(journal, MemorySink("third"))
        assert [] == logs, "it is marked already"
        assert 11 * 3 == len(sink.rows)
    [check] = [each for each in await check_journal(JournalSettings(path)) if each.subject == "quarantine damaged"]
    assert "salvage --backup" in check.advice


async def test_a_journal_of_nothing_but_damaged_bodies_is_walked_to_its_end(forgetful_journal, events):
    await events.append(forgetful_journal, *events.ups(1, 30))
    forgetful_journal._connection.execute("update event set body = x'00'")  # noqa: SLF001 - damage
    await drain(forgetful_journal, MemorySink(), settings=DeliverySettings(batch=10))
    assert 31 == (await forgetful_journal.cursor("memory", events.tenant)).next
    assert {"damaged": 30} == (await forgetful_journal.counts()).by_code


async def test_a_body_that_reads_again_is_delivered_and_leaves_quarantine(forgetful_journal, events):
    await events.append(forgetful_journal, *events.ups(1, 3, data=FRAMES))
    connection = forgetful_journal._connection  # noqa: SLF001 - damage
    [(body,)] = connection.execute("select body from event where position = 2")
    connection.execute("update event set body = x'00' where position = 2")
    await drain(forgetful_journal, MemorySink("first"))
    connection.execute("update event set body = ? where position = 2", (body,))
    second = MemorySink("second")
    await drain(forgetful_journal, second)
    assert (9, {}) == (len(second.rows), await marks(forgetful_journal, events))


async def test_a_full_journal_is_delivered_and_can_then_be_pruned_and_filled_again(path, events):
    async with await SqliteJournal.open(path, max_bytes=600_000) as journal:
        number = 0
        for step in (50, 1):  # until not one more fits
            while await taken(journal, events.ups(number, number + step - 1, data=FRAMES), events):
                number += step
        sink = MemorySink()
        async with Delivering(Deliverer(journal, sink, READ, settings=SHORT)):
            await until(lambda: len(sink.rows) == 3 * number, 30)
            while (await delivery(journal))[events.tenant].waiting:
                await journal.wait(1 << 62, 0.05)
            assert not await taken(journal, events.ups(number, number + 99, data=FRAMES), events)
            await journal.prune(time.time_ns() * 2)
            assert await taken(journal, events.ups(number, number + 99, data=FRAMES), events)
            await until(lambda: len(sink.rows) == 3 * (number + 100))


async def taken(journal, raws, events):
    """Append; tell whether there was room."""
    try:
        return await events.append(journal, *raws) == len(raws)
    except JournalFull:
        return False


# ---------------------------------------------------------------- live and backlog, tenants that appear, the loop


async def test_a_backlog_and_what_comes_after_it_are_both_delivered(journal, events):
    raws = events.ups(1, 60, data=FRAMES)
    await events.append(journal, *raws[:40])
    await journal.leave_backlog(await journal.cursor("memory", events.tenant))
    await events.append(journal, *raws[40:])
    sink = MemorySink()
    await drain(journal, sink, settings=DeliverySettings(batch=7))
    assert kept(sink) == expected(raws, events)
    assert [cursor.kind for cursor in await journal.cursors("memory", events.tenant)] == ["live"]
    assert (await delivery(journal))[events.tenant].waiting == 0


async def test_what_comes_now_does_not_wait_for_the_backlog(journal, events):
    raws = events.ups(1, 40, data=FRAMES)
    await events.append(journal, *raws[:20])
    await journal.leave_backlog(await journal.cursor("memory", events.tenant))
    order = []

    class Grows(MemorySink):
        async def write(self, tenant, points, lines=None):
            order.append({f_cnt(point) for point in points})
            if len(order) == 2:
                await events.append(journal, *raws[20:])
            await super().write(tenant, points, lines)

    sink = Grows()
    await drain(journal, sink, settings=DeliverySettings(batch=5))
    assert kept(sink) == expected(raws, events)
    first_live = next(number for number, seen in enumerate(order) if max(seen) > 20)
    assert first_live == 2, order


# ---------------------------------------------------------------- after an outage

OUTAGE = DeliverySettings(batch=10, retry_s=0.01, longest_retry_s=0.02, held_s=0.02, idle_s=0.02, outage_s=0.2)
"""Long are 0.2 s, and more than 10 events are many."""


class Order(MemorySink):
    """A sink that tells which events each batch was of that it took, and may take its time or do something then."""

    def __init__(self, *, takes_s=0.0, then=None, **named):
        super().__init__(**named)
        self.takes_s = takes_s
        self.then = then
        self.order = []

    async def write(self, tenant, points, lines=None):
        await asyncio.sleep(self.takes_s)
        await super().write(tenant, points, lines)
        self.order.append([*dict.fromkeys(f_cnt(point) for point in points)])
        if self.then is not None:
            await self.then(len(self.order))


def arrived(hours_ago, raws):
    """Events that arrived so long ago; a LogItem id is the anchor of their own time, whatever the clock says."""
    at_ns = time.time_ns() - round(hours_ago * 3600) * NS
    return [
        msgspec.structs.replace(raw, arrived_at_ns=at_ns, mark=f"{raw.arrived_at_ns // 1_000_000}-0") for raw in raws
    ]


@pytest.mark.parametrize("error", [SinkUnavailable("no answer"), SinkRefused("401: the token is not known")])
async def test_after_an_outage_the_newest_events_come_before_those_that_waited(journal, events, error):
    raws = arrived(0, events.ups(1, 65, data=FRAMES))
    away = True

    async def comes_now(written):
        if written == 3:
            await events.append(journal, *raws[60:])

    sink = Order(fails=lambda _tenant: error if away else None, then=comes_now)
    with capture_logs() as logs:
        async with Delivering(Deliverer(journal, sink, READ, settings=OUTAGE)):
            await events.append(journal, *raws[:5])
            await until(lambda: sink.writes > 1)
            await events.append(journal, *raws[5:60])
            await asyncio.sleep(2 * OUTAGE.outage_s)
            away = False
            await until(lambda: len(sink.rows) == 3 * 65)
    under_way, newest, first, comes_now_too, *rest = sink.order
    assert under_way == [*range(1, 6)], "the batch that was under way"
    assert newest == [*range(51, 61)]
    assert first == [*range(6, 16)]
    assert comes_now_too == [*range(61, 66)], "what comes now does not wait for the backlog"
    assert [number for batch in rest for number in batch] == [*range(16, 51)]
    assert kept(sink) == expected(raws, events)
    await drain(journal, sink, settings=OUTAGE)  # the last commit may have been cut off
    assert [cursor.kind for cursor in await journal.cursors("memory", events.tenant)] == ["live"]
    [said] = [entry for entry in logs if entry["event"] == "the newest events go first"]
    assert (said["sink"], said["tenant"], said["end"]) == ("memory", events.tenant, 51)


async def test_after_a_short_outage_the_events_come_in_their_order(journal, events):
    raws = arrived(0, events.ups(1, 60, data=FRAMES))
    tries = iter(range(100))
    sink = Order(fails=lambda _tenant: SinkUnavailable("gone") if next(tries) < 3 else None)
    await events.append(journal, *raws)
    settings = DeliverySettings(batch=10, retry_s=0.01, longest_retry_s=0.02)
    await drain(journal, sink, settings=settings)
    assert sink.order == [[*range(first, first + 10)] for first in range(1, 60, 10)]


async def test_after_a_long_outage_with_few_events_they_come_in_their_order(journal, events):
    await events.append(journal, *arrived(72, events.ups(1, 10, data=FRAMES)))
    sink = Order()
    await drain(journal, sink, settings=OUTAGE)
    assert sink.order == [[*range(1, 11)]]


async def test_where_the_service_itself_was_away_the_newest_events_come_first_at_its_start(journal, events):
    raws = arrived(1, events.ups(1, 65, data=FRAMES))
    await events.append(journal, *raws[:20])
    await drain(journal, MemorySink())
    await events.append(journal, *raws[20:])
    sink = Order()
    await drain(journal, sink, settings=DeliverySettings(batch=10))
    assert [batch[0] for batch in sink.order] == [56, 21, 31, 41, 51]
    assert kept(sink) == expected(raws[20:], events)
    assert [cursor.kind for cursor in await journal.cursors("memory", events.tenant)] == ["live"]


async def test_at_a_start_events_that_have_just_arrived_come_in_their_order_whatever_the_clock_says(journal, events):
    await events.append(journal, *arrived(0, events.ups(1, 60, data=FRAMES)))
    await events.append(journal, *arrived(-24, events.ups(61, 99, data=FRAMES, tenant="t")))
    sink = Order()
    await drain(journal, sink, settings=DeliverySettings(batch=10), served=[events.tenant])
    assert [batch[0] for batch in sink.order] == [1, 11, 21, 31, 41, 51]
    await drain(journal, sink, settings=DeliverySettings(batch=10), served=["t"])
    assert [batch[0] for batch in sink.order[6:]] == [61, 71, 81, 91]


async def test_of_several_outages_the_newest_is_caught_up_first_and_a_replay_comes_last(sqlite_journal, events):
    journal = sqlite_journal
    raws = arrived(1, events.ups(1, 90, data=FRAMES))
    for first in (0, 30):
        await events.append(journal, *raws[first : first + 30])
        await journal.leave_backlog(await journal.cursor("memory", events.tenant))
    await events.append(journal, *raws[60:])
    journal._connection.execute(  # noqa: SLF001 - nothing makes a replay yet
        'insert into cursor (sink, tenant, kind, next, "end") '
        "select sink, tenant, 'replay', 1, 31 from cursor where kind = 'live'"
    )
    sink = Order()
    await drain(journal, sink, settings=OUTAGE)
    assert [batch[0] for batch in sink.order] == [81, 61, 71, 31, 41, 51, 1, 11, 21, 1, 11, 21]
    assert kept(sink) == expected(raws, events)


async def test_a_crash_while_it_catches_up_loses_nothing_and_writes_the_newest_first_again(path, events):
    raws = arrived(1, events.ups(1, 60, data=FRAMES))
    written = {}
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *raws)
    for _ in range(6):
        dies = Dies()
        async with await SqliteJournal.open(path) as journal:
            deliverer = Deliverer(journal, dies, READ, settings=OUTAGE)
            task = asyncio.create_task(deliverer.drain())
            await asyncio.wait_for(dies.wrote.wait(), 10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await deliverer.close()
        assert {number_of(at_ns) for *_, at_ns in dies.rows} == {*range(51, 61)}
        written |= kept(dies)
    sink = Order()
    async with await SqliteJournal.open(path) as journal:
        await drain(journal, sink, settings=OUTAGE)
    assert [batch[0] for batch in sink.order] == [51, 1, 11, 21, 31, 41]
    assert kept(sink) == expected(raws, events)
    assert written.items() <= kept(sink).items()


async def test_a_sink_that_goes_away_again_while_it_catches_up_leaves_a_second_backlog(journal, events):
    raws = arrived(1, events.ups(1, 90, data=FRAMES))
    await events.append(journal, *raws[:60])
    away, sink = False, None

    def fails(_tenant):
        nonlocal away
        away = away or len(sink.order) == 2
        return SinkUnavailable("gone again") if away is True else None

    sink = Order(fails=fails)
    async with Delivering(Deliverer(journal, sink, READ, settings=OUTAGE)):
        await until(lambda: away and sink.writes > 4)
        await events.append(journal, *raws[60:])
        await asyncio.sleep(2 * OUTAGE.outage_s)
        away = "no more"
        await until(lambda: len(sink.rows) == 3 * 90)
    assert [batch[0] for batch in sink.order] == [51, 1, 11, 81, 61, 71, 21, 31, 41]
    assert kept(sink) == expected(raws, events)


async def test_a_backlog_of_100000_events_delays_no_live_event_of_any_tenant(journal, events):
    [one] = events.accepted(arrived(72, [events.up(0, data=FRAMES)]))
    for first in range(0, 100_000, 5_000):
        many = [msgspec.structs.replace(one.envelope, event_at_ns=number) for number in range(first, first + 5_000)]
        await journal.append([msgspec.structs.replace(one, envelope=envelope) for envelope in many])
    sink = Order(takes_s=0.05)
    async with Delivering(Deliverer(journal, sink, READ)):
        await until(lambda: len(sink.order) >= 3)
        for number in range(1, 5):
            tenant = events.other_tenant if number % 2 else events.tenant
            began = time.monotonic()
            await events.append(journal, *arrived(0, [events.up(number, tenant=tenant, data=FRAMES)]))
            await until(lambda number=number: [number] in sink.order)
            assert time.monotonic() - began < 1.5
        assert (await delivery(journal))[events.tenant].waiting > 50_000


async def test_a_tenant_that_appears_is_taken_up_within_a_second(journal, events):
    sink = MemorySink()
    await events.append(journal, events.up(1, data=FRAMES))
    async with Delivering(Deliverer(journal, sink, READ)):
        await until(lambda: len(sink.rows) == 3)
        for number in range(2, 5):
            began = time.monotonic()
            await events.append(journal, events.up(number, tenant=f"tenant {number}", data=FRAMES))
            await until(lambda number=number: any(tenant == f"tenant {number}" for tenant, *_ in sink.rows))
            assert time.monotonic() - began < 1


def counting(journal):
    """Count which tenants' cursors are read from now on."""
    asked = Counter()
    read, cursor, cursors = journal.read, journal.cursor, journal.cursors

    async def counted_read(of, limit):
        asked[of.tenant] += 1
        return await read(of, limit)

    async def counted_cursor(sink, tenant):
        asked[tenant] += 1
        return await cursor(sink, tenant)

    async def counted_cursors(sink, tenant):
        asked[tenant] += 1
        return await cursors(sink, tenant)

    journal.read, journal.cursor, journal.cursors = counted_read, counted_cursor, counted_cursors
    return asked


async def test_events_of_one_tenant_wake_no_other(journal, events):
    tenants = [f"t{number}" for number in range(30)]
    await events.append(journal, *[events.up(number, tenant=each) for number, each in enumerate(tenants, 1)])
    sink = MemorySink()
    async with Delivering(Deliverer(journal, sink, READ, settings=DeliverySettings(idle_s=0.02, gather_s=0))):
        await until(lambda: len(sink.rows) == 2 * len(tenants))
        await asyncio.sleep(0.1)  # the last commits
        asked = counting(journal)
        for number in range(101, 111):
            await events.append(journal, events.up(number, tenant="t7"))
            await asyncio.sleep(0.02)
        await until(lambda: len(sink.rows) == 2 * (len(tenants) + 10))
    assert {"t7"} == set(asked)


async def test_a_cursor_that_a_command_adds_is_walked_within_a_second(sqlite_journal, events, path):
    await events.append(sqlite_journal, *events.ups(1, 10, data=FRAMES), events.up(11, tenant="t", data=FRAMES))
    sink = Order()
    async with Delivering(Deliverer(sqlite_journal, sink, READ)):
        await until(lambda: len(sink.rows) == 3 * 11)
        await asyncio.sleep(0.2)
        with closing(sqlite3.connect(path)) as command:
            command.execute(
                'insert into cursor (sink, tenant, kind, next, "end") '
                "select sink, tenant, 'replay', 3, 6 from cursor where kind = 'live' and next = 11"
            )
            command.commit()
        began = time.monotonic()
        await until(lambda: sink.order[-1] == [3, 4, 5], 5)
        assert time.monotonic() - began < 1.5


async def test_a_burst_after_a_quiet_time_is_no_outage(journal, events):
    sink = Order()
    async with Delivering(Deliverer(journal, sink, READ, settings=OUTAGE)):
        await events.append(journal, *arrived(0, events.ups(1, 5, data=FRAMES)))
        await until(lambda: len(sink.rows) == 3 * 5)
        await asyncio.sleep(2 * OUTAGE.outage_s)
        await events.append(journal, *arrived(0, events.ups(6, 60, data=FRAMES)))
        await until(lambda: len(sink.rows) == 3 * 60)
    assert [number for batch in sink.order for number in batch] == [*range(1, 61)]


async def test_events_of_an_append_that_was_cancelled_are_delivered_with_the_next(sqlite_journal, events):
    sink = MemorySink()
    async with Delivering(Deliverer(sqlite_journal, sink, READ)):
        await events.append(sqlite_journal, events.up(1, tenant="t", data=FRAMES))
        await until(lambda: len(sink.rows) == 3)
        cancelled = asyncio.create_task(events.append(sqlite_journal, events.up(2, tenant="t", data=FRAMES)))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await events.append(sqlite_journal, events.up(3, data=FRAMES))
        await until(lambda: len(sink.rows) == 9, 3)


async def test_an_event_is_delivered_as_soon_as_it_is_there(journal, events):
    sink = MemorySink()
    async with Delivering(Deliverer(journal, sink, READ, settings=DeliverySettings(idle_s=30))):
        for number in range(1, 20):
            await events.append(journal, events.up(number, data=FRAMES))
            await until(lambda number=number: len(sink.rows) == 3 * number, 5)


async def test_the_loop_is_never_held_up_while_a_slow_interpretation_runs(journal, events):
    await events.append(journal, *events.ups(1, 60))

    def slow(_event):
        end = time.thread_time() + 0.005
        while time.thread_time() < end:
            sum(range(100))
        return Interpretation()

    async def longest_gap(name):
        gaps, last = [], time.monotonic()
        task = asyncio.create_task(drain(journal, MemorySink(name), slow))
        while not task.done():
            await asyncio.sleep(0)
            now = time.monotonic()
            gaps.append(now - last)
            last = now
        await task
        assert len(gaps) > 10
        return max(gaps)

    # Held up it would be for 0.3 s each time; a busy machine may be slow once.
    assert min([await longest_gap(f"sink {number}") for number in range(3)]) < 0.05


async def test_a_delivery_that_is_cancelled_ends_and_leaves_no_task(journal, events):
    await events.append(journal, *events.ups(1, 3))
    before = asyncio.all_tasks()
    async with Delivering(Deliverer(journal, MemorySink(), READ)) as running:
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks() - before) > 1
    assert running.task.cancelled()
    assert asyncio.all_tasks() - before == set()
