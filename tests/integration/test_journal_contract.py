"""What every journal promises, held by the one in memory and the one in a file."""

import asyncio
import itertools
import random
import time
from collections import Counter

import msgspec
import pytest

from vdl_lora.errors import JournalError
from vdl_lora.events import KEPT_OF_LARGE, MAX_BODY, NS, RawEvent
from vdl_lora.interfaces import Arrived, EventFilter, Lag, Receipt
from vdl_lora.mark import Mark

DAY_NS = 86_400 * NS
NOT_SERVED = Mark("accept", "not_served", "the tenant is not served here")
FAILED = Mark("decode", "payload", "byte 0: no record begins with ff")


# ---------------------------------------------------------------- append


async def test_an_event_is_kept_as_it_came(journal, events):
    raw = events.up(1, way="grpc", mark="1795472297700-0")
    assert await events.append(journal, raw) == 1
    [kept] = await events.kept(journal, bodies=True)
    assert (kept.kind, kept.encoding, kept.body, kept.log_item) == ("up", "json", raw.body, "1795472297700-0")
    assert (kept.dev_eui, kept.tenant) == (events.dev_eui, events.tenant)
    assert (kept.event_at_ns, kept.arrived_at_ns) == (events.at_ns + NS, raw.arrived_at_ns)
    assert kept.anchor_at_ns == 1_795_472_297_700 * 1_000_000
    assert dict(kept.ways) == {"grpc": 1}
    assert kept.mark is None


async def test_an_identity_is_kept_once_and_its_copies_are_counted_by_way(journal, events):
    assert await events.append(journal, events.up(1), events.up(2)) == 2
    assert await events.append(journal, events.up(1, way="mqtt"), events.up(3), events.up(1, way="mqtt")) == 1
    assert await events.append(journal, events.up(1)) == 0
    kept = await events.kept(journal)
    assert [event.event_at_ns - events.at_ns for event in kept] == [NS, 2 * NS, 3 * NS]
    assert [dict(event.ways) for event in kept] == [{"http": 2, "mqtt": 2}, {"http": 1}, {"http": 1}]
    assert next(iter(kept[0].ways)) == "http"
    counts = await journal.counts()
    assert (counts.events, counts.copies) == (3, 3)


async def test_an_event_that_stands_twice_in_one_batch_is_kept_once(journal, events):
    assert await events.append(journal, events.up(1), events.up(1, way="mqtt"), events.up(1)) == 1
    [kept] = await events.kept(journal)
    assert dict(kept.ways) == {"http": 2, "mqtt": 1}


async def test_the_body_that_came_first_stays(journal, events):
    first = events.up(1)
    await events.append(journal, first)
    await events.append(journal, events.up(1, data=b"\x01\x75\x00"))
    [kept] = await events.kept(journal, bodies=True)
    assert kept.body == first.body


async def test_the_order_is_the_order_of_arrival_not_of_time(journal, events):
    numbers = [5, 1, 9, 3, 7]
    for number in numbers:
        await events.append(journal, events.up(number))
    cursor = await journal.cursor("sink", events.tenant)
    assert events.numbers(await journal.read(cursor, 10)) == numbers
    positions = [event.position for event in await events.kept(journal)]
    assert positions == sorted(set(positions))


async def test_nothing_to_append_is_no_mistake(journal):
    assert await journal.append([]) == 0
    assert (await journal.counts()).events == 0


async def test_a_body_of_a_mebibyte_is_whole_and_of_a_larger_one_the_beginning_is_kept(journal, events):
    whole = events.unreadable("x" * MAX_BODY)
    large = events.unreadable("y" * (MAX_BODY + 1))
    assert await events.append(journal, whole, large) == 2
    kept = await events.kept(journal, bodies=True)
    assert [event.body for event in kept] == [whole.body, large.body[:KEPT_OF_LARGE]]


async def test_large_bodies_with_the_same_beginning_are_different_events(journal, events):
    first, second = events.unreadable("y" * MAX_BODY + "1"), events.unreadable("y" * MAX_BODY + "2")
    assert await events.append(journal, first, second, first) == 2
    assert [dict(event.ways) for event in await events.kept(journal)] == [{"http": 2}, {"http": 1}]


async def test_names_may_hold_any_text(journal, events):
    names = ["", "d'Orléans", 'a"b', "x; drop table event", "\x00", "\x1e\x1f", "🌊", "é" * 300]
    for number, name in enumerate(names):
        await events.append(journal, events.up(number, tenant=name, way=name or "http"))
        await events.append(journal, events.up(number, tenant=name, way="other " + name))
    kept = await events.kept(journal)
    assert [event.tenant for event in kept] == names
    assert [dict(event.ways) for event in kept] == [{name or "http": 1, "other " + name: 1} for name in names]


async def test_a_kind_that_nobody_knows_is_kept_as_unknown(journal, events):
    await events.append(journal, events.unreadable(kind="sunset"))
    assert [event.kind for event in await events.kept(journal)] == ["unknown"]
    assert (await journal.counts()).by_kind == {"unknown": 1}


# ---------------------------------------------------------------- wait


async def test_wait_returns_at_once_where_there_is_more(journal, events):
    await events.append(journal, *events.ups(1, 3))
    async with asyncio.timeout(1):
        assert await journal.wait(0, 60) == await journal.wait(2, 60) == Arrived(3, (events.tenant,))


async def test_wait_wakes_everyone_when_an_event_comes(journal, events):
    waiting = [asyncio.create_task(journal.wait(0, 60)) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    await events.append(journal, events.up(1))
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [Arrived(1, (events.tenant,))] * 20


async def test_wait_gives_up_after_its_time(journal, events):
    await events.append(journal, events.up(1))
    began = time.monotonic()
    assert await journal.wait(1, 0.05) == Arrived(1, ())
    assert 0.04 <= time.monotonic() - began < 5


async def test_wait_names_the_tenants_with_new_events_and_no_other(journal, events):
    await events.append(journal, *[events.up(number, tenant=f"t{number}") for number in range(1, 6)])
    arrived = await journal.wait(0, 0)
    assert {f"t{number}" for number in range(1, 6)} == set(arrived.tenants)
    await events.append(journal, events.up(6, tenant="t2"), events.up(7, tenant="t6"))
    later = await journal.wait(arrived.last, 0)
    assert (7, {"t2", "t6"}) == (later.last, set(later.tenants))
    await events.append(journal, events.up(8, tenant="t1"))
    assert {"t1", "t2", "t6"} == set((await journal.wait(arrived.last, 0)).tenants)


async def test_copies_of_known_events_wake_nobody(journal, events):
    await events.append(journal, *events.ups(1, 3))
    last = (await journal.wait(0, 0)).last
    await events.append(journal, *events.ups(1, 3))
    assert () == (await journal.wait(last, 0.05)).tenants
    await events.append(journal, events.up(1), events.up(4, tenant="t"))
    assert ("t",) == (await journal.wait(last, 60)).tenants


async def test_tenants_behind_have_a_backlog_of_that_sink(journal, events):
    await events.append(journal, *events.ups(1, 3), events.up(4, tenant="t"))
    live = await journal.cursor("sink", events.tenant)
    await journal.cursor("sink", "t")
    assert [] == [*await journal.tenants_behind("sink")]
    backlog = await journal.leave_backlog(live)
    assert [events.tenant] == [*await journal.tenants_behind("sink")]
    assert [] == [*await journal.tenants_behind("another")]
    await journal.commit(backlog, 3)
    assert [] == [*await journal.tenants_behind("sink")]


# ---------------------------------------------------------------- cursors


async def test_a_live_cursor_begins_at_the_first_event_and_is_the_same_when_asked_for_again(journal, events):
    await events.append(journal, *events.ups(1, 3))
    cursor = await journal.cursor("sink", events.tenant)
    assert (cursor.kind, cursor.next, cursor.end, cursor.state) == ("live", 1, None, "flowing")
    assert await journal.cursor("sink", events.tenant) == cursor
    assert await journal.cursors("sink", events.tenant) == [cursor]


async def test_each_sink_and_tenant_has_a_cursor_of_its_own(journal, events):
    await events.append(journal, *events.ups(1, 2), events.up(3, tenant=events.other_tenant))
    first = await journal.cursor("sink", events.tenant)
    await journal.commit(first, 2)
    for sink, tenant in (("sink", events.other_tenant), ("another", events.tenant)):
        assert (await journal.cursor(sink, tenant)).next == 1
    assert (await journal.cursor("sink", events.tenant)).next == 3


async def test_a_cursor_goes_on_where_it_was_committed(journal, events):
    await events.append(journal, *events.ups(1, 10))
    cursor = await journal.cursor("sink", events.tenant)
    batch = await journal.read(cursor, 4)
    assert events.numbers(batch) == [1, 2, 3, 4]
    moved = await journal.commit(cursor, batch.through)
    assert moved == await journal.cursor("sink", events.tenant)
    assert events.numbers(await journal.read(moved, 4)) == [5, 6, 7, 8]


async def test_a_live_cursor_leaves_a_backlog_with_an_end_and_stands_at_the_head(journal, events):
    await events.append(journal, *events.ups(1, 10))
    live = await journal.commit(await journal.cursor("sink", events.tenant), 4)
    backlog = await journal.leave_backlog(live)
    assert backlog is not None
    assert (backlog.kind, backlog.next, backlog.end) == ("backlog", 5, 11)
    live = await journal.cursor("sink", events.tenant)
    assert live.next == 11
    await events.append(journal, *events.ups(11, 12))
    assert events.numbers(await journal.read(live, 10)) == [11, 12]
    batch = await journal.read(backlog, 10)
    assert (events.numbers(batch), batch.through) == ([5, 6, 7, 8, 9, 10], 10)


async def test_a_backlog_is_done_at_its_end_and_vanishes(journal, events):
    await events.append(journal, *events.ups(1, 5))
    live = await journal.cursor("sink", events.tenant)
    backlog = await journal.leave_backlog(live)
    assert backlog is not None
    part = await journal.commit(backlog, 2)
    assert [cursor.kind for cursor in await journal.cursors("sink", events.tenant)] == ["live", "backlog"]
    done = await journal.commit(part, 5)
    assert done.end is not None
    assert done.next >= done.end
    assert [cursor.kind for cursor in await journal.cursors("sink", events.tenant)] == ["live"]


async def test_a_cursor_that_is_done_does_not_come_back(journal, events):
    await events.append(journal, *events.ups(1, 5))
    backlog = await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    assert backlog is not None
    await journal.commit(backlog, 5)
    await journal.commit(backlog, 2)
    await journal.say(backlog, "held", "late words")
    assert [cursor.kind for cursor in await journal.cursors("sink", events.tenant)] == ["live"]


async def test_a_live_cursor_at_the_head_leaves_no_backlog(journal, events):
    live = await journal.cursor("sink", events.tenant)
    assert await journal.leave_backlog(live) is None
    await events.append(journal, *events.ups(1, 3))
    live = await journal.commit(live, 3)
    await events.append(journal, *events.ups(1, 3))  # copies are nothing that is left
    assert await journal.leave_backlog(live) is None
    assert await journal.cursors("sink", events.tenant) == [live]


async def test_a_live_cursor_leaves_no_backlog_for_the_events_of_others(journal, events):
    await events.append(journal, *events.ups(1, 3, tenant=events.other_tenant))
    live = await journal.cursor("sink", events.tenant)
    assert await journal.leave_backlog(live) is None
    assert await journal.cursors("sink", events.tenant) == [live]


async def test_a_live_cursor_keeps_as_many_newest_events_of_its_tenant_as_it_is_told_to(journal, events):
    for number in range(1, 21):
        await events.append(journal, events.up(number, tenant=events.tenant if number % 2 else events.other_tenant))
    live = await journal.commit(await journal.cursor("sink", events.tenant), 3)
    backlog = await journal.leave_backlog(live, 3)
    assert backlog is not None
    assert events.numbers(await journal.read(backlog, 20)) == [5, 7, 9, 11, 13]
    live = await journal.cursor("sink", events.tenant)
    assert events.numbers(await journal.read(live, 20)) == [15, 17, 19]


@pytest.mark.parametrize("newest", [3, 4, 500])
async def test_a_live_cursor_that_keeps_all_it_has_ahead_stays_where_it_is(journal, events, newest):
    await events.append(journal, *events.ups(1, 9))
    live = await journal.commit(await journal.cursor("sink", events.tenant), 6)
    assert await journal.leave_backlog(live, newest) is None
    assert await journal.cursors("sink", events.tenant) == [live]


async def test_only_a_live_cursor_leaves_a_backlog(journal, events):
    await events.append(journal, events.up(1))
    backlog = await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    assert backlog is not None
    with pytest.raises(JournalError, match="only a live cursor leaves a backlog"):
        await journal.leave_backlog(backlog)


async def test_cursors_are_the_live_one_then_the_newest_backlog(journal, events):
    live = await journal.cursor("sink", events.tenant)
    ends = []
    for number in range(1, 4):
        await events.append(journal, events.up(number))
        backlog = await journal.leave_backlog(live)
        assert backlog is not None
        ends.append(backlog.end)
        live = await journal.cursor("sink", events.tenant)
    found = await journal.cursors("sink", events.tenant)
    assert [(cursor.kind, cursor.end) for cursor in found] == [
        ("live", None),
        *(("backlog", end) for end in reversed(ends)),
    ]


async def test_a_cursor_never_goes_back(journal, events):
    await events.append(journal, *events.ups(1, 10))
    stale = await journal.cursor("sink", events.tenant)
    await journal.commit(stale, 8)
    await journal.commit(stale, 3)
    assert (await journal.cursor("sink", events.tenant)).next == 9
    await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    await journal.commit(stale, 5)
    assert (await journal.cursor("sink", events.tenant)).next == 11


async def test_a_backlog_of_a_stale_cursor_holds_only_what_is_ahead(journal, events):
    await events.append(journal, *events.ups(1, 10))
    stale = await journal.cursor("sink", events.tenant)
    await journal.commit(stale, 8)
    backlog = await journal.leave_backlog(stale)
    assert backlog is not None
    assert events.numbers(await journal.read(backlog, 10)) == [9, 10]


# ---------------------------------------------------------------- read


async def test_a_read_gives_the_whole_event(journal, events):
    raw = events.up(1, way="grpc", mark="1795472297700-0")
    await events.append(journal, raw)
    [event] = (await journal.read(await journal.cursor("sink", events.tenant), 10)).events
    assert (event.kind, event.encoding, event.body, event.way) == (raw.kind, raw.encoding, raw.body, raw.way)
    assert (event.arrived_at_ns, event.mark, event.marked) == (raw.arrived_at_ns, raw.mark, False)
    assert (event.anchor, event.anchor_at_ns) == ("log_item", 1_795_472_297_700 * 1_000_000)


async def test_a_read_gives_every_encoding_back(journal, events):
    own = RawEvent("own", "own", b'{"about":"way_lost","time":"2026-11-23T22:18:17Z","tenantId":"t"}', "own", 1)
    odd = RawEvent("up", "protobuf", b"\xff\x00", "http", 2)
    await events.append(journal, own, odd)
    kept = await events.kept(journal, bodies=True)
    assert [(event.encoding, event.body) for event in kept] == [("own", own.body), ("protobuf", odd.body)]
    [event] = (await journal.read(await journal.cursor("sink", "t"), 10)).events
    assert (event.kind, event.encoding, event.body) == ("own", "own", own.body)


async def test_a_read_stops_at_its_limit(journal, events):
    await events.append(journal, *events.ups(1, 7))
    batch = await journal.read(await journal.cursor("sink", events.tenant), 3)
    assert (events.numbers(batch), batch.through) == ([1, 2, 3], 3)


async def test_a_read_with_nothing_ahead_stays_before_its_cursor(journal, events):
    cursor = await journal.cursor("sink", events.tenant)
    for _ in range(2):
        batch = await journal.read(cursor, 10)
        assert (list(batch.events), batch.through) == ([], cursor.next - 1)
        await events.append(journal, events.up(1, tenant=events.other_tenant))


async def test_a_read_passes_over_other_tenants(journal, events):
    for number in range(1, 7):
        await events.append(journal, events.up(number, tenant=events.tenant if number % 2 else events.other_tenant))
    batch = await journal.read(await journal.cursor("sink", events.tenant), 2)
    assert (events.numbers(batch), batch.through) == ([1, 3], 3)
    batch = await journal.read(await journal.cursor("sink", events.other_tenant), 10)
    assert (events.numbers(batch), batch.through) == ([2, 4, 6], 6)


async def test_a_read_passes_over_events_without_an_envelope(journal, events):
    await events.append(journal, events.unreadable("1"), events.up(2), events.unreadable("3"))
    batch = await journal.read(await journal.cursor("sink", events.tenant), 10)
    assert events.numbers(batch) == [2]
    nameless = await journal.cursor("sink", "")
    assert list((await journal.read(nameless, 10)).events) == []


async def test_a_read_hands_on_events_with_any_other_mark(journal, events):
    await events.append(journal, events.up(1), mark=NOT_SERVED)
    await events.append(journal, events.up(2))
    batch = await journal.read(await journal.cursor("sink", events.tenant), 10)
    assert [event.marked for event in batch.events] == [True, False]


async def test_a_read_passes_over_pruned_bodies_and_goes_on_behind_them(journal, events):
    await events.append(journal, *events.ups(1, 6))
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    await journal.prune(events.at_ns + 4 * NS + 1)
    later = await journal.cursor("another", events.tenant)
    batch = await journal.read(later, 3)
    assert (events.numbers(batch), batch.through) == ([], 3)
    assert events.numbers(await journal.read(await journal.commit(later, 3), 10)) == [5, 6]


async def test_a_backlog_ends_behind_its_tenant_s_last_event_whatever_follows(journal, events):
    await events.append(journal, events.up(1), *events.ups(2, 4, tenant=events.other_tenant))
    backlog = await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    assert backlog is not None
    batch = await journal.read(backlog, 10)
    assert (events.numbers(batch), batch.through, backlog.end) == ([1], 1, 2)
    await journal.commit(backlog, batch.through)
    assert [cursor.kind for cursor in await journal.cursors("sink", events.tenant)] == ["live"]


# ---------------------------------------------------------------- commit, say


async def test_receipts_are_kept_with_the_sink_the_newest_first(journal, events):
    await events.append(journal, *events.ups(1, 3))
    cursor = await journal.cursor("sink", events.tenant)
    first = [Receipt(position, "milesight/em300-th", "0123456789ab", f"air x={position} 1\n") for position in (1, 2, 3)]
    await journal.commit(cursor, 3, first)
    again = [Receipt(2, "milesight/em300-th", "ba9876543210", "")]
    await journal.commit(await journal.cursor("another", events.tenant), 3, again)
    assert await journal.receipts(1) == [("sink", first[0])]
    assert await journal.receipts(2) == [("another", again[0]), ("sink", first[1])]
    assert await journal.receipts(99) == []


async def test_marks_are_set_and_cleared(journal, events):
    await events.append(journal, events.up(1), mark=NOT_SERVED)
    await events.append(journal, events.up(2))
    cursor = await journal.cursor("sink", events.tenant)
    await journal.commit(cursor, 2, marks={1: None, 2: FAILED})
    assert [event.mark for event in await events.kept(journal)] == [None, FAILED]
    counts = await journal.counts()
    assert (counts.quarantined, counts.by_code) == (1, {"payload": 1})


async def test_the_mark_of_a_sink_is_cleared_by_that_sink_alone(journal, events):
    refused = Mark("sink", "points_refused", "air is refused", "first")
    await events.append(journal, events.up(1))
    first, second = [await journal.cursor(name, events.tenant) for name in ("first", "second")]
    await journal.commit(first, 1, marks={1: refused})
    await journal.commit(second, 1, marks={1: None})
    assert [event.mark for event in await events.kept(journal)] == [refused]
    assert (await journal.counts()).by_code == {"points_refused": 1}
    await journal.commit(first, 1, marks={1: None})
    assert [event.mark for event in await events.kept(journal)] == [None]


async def test_a_mark_of_a_sink_that_is_not_named_is_cleared_by_any(journal, events):
    unnamed = Mark("sink", "points_refused", "air is refused")
    await events.append(journal, events.up(1), mark=unnamed)
    assert [event.mark for event in await events.kept(journal)] == [unnamed]
    await journal.commit(await journal.cursor("first", events.tenant), 1, marks={1: None})
    assert [event.mark for event in await events.kept(journal)] == [None]


@pytest.mark.parametrize("name", ["a:b", "*", "é b", "sink"])
async def test_a_mark_names_any_sink(journal, events, name):
    refused = Mark("sink", "points_refused", "sink:a: no", name)
    await events.append(journal, events.up(1))
    await journal.commit(await journal.cursor(name, events.tenant), 1, marks={1: refused})
    await journal.commit(await journal.cursor("a", events.tenant), 1, marks={1: None})
    assert [event.mark for event in await events.kept(journal)] == [refused]


async def test_what_a_cursor_says_is_kept_until_it_moves(journal, events):
    await events.append(journal, *events.ups(1, 2))
    cursor = await journal.cursor("sink", events.tenant)
    await journal.say(cursor, "held", "401: the token is not known")
    [said] = await journal.cursors("sink", events.tenant)
    assert (said.state, said.words, said.next) == ("held", "401: the token is not known", 1)
    [delivery] = (await journal.counts()).delivery
    assert (delivery.state, delivery.words, delivery.waiting) == ("held", "401: the token is not known", 2)
    await journal.commit(cursor, 1)
    [delivery] = (await journal.counts()).delivery
    assert (delivery.state, delivery.words, delivery.waiting) == ("flowing", "", 1)


# ---------------------------------------------------------------- events, counts


async def test_events_are_found_by_what_they_are(journal, events):
    status = msgspec.structs.replace(events.up(4), kind="status")
    await events.append(journal, events.up(1), events.up(2, tenant="t"), events.up(3, dev_eui="a81758fffe0a1001"))
    await events.append(journal, status, events.unreadable(), mark=None)
    every = [1, 2, 3, 4, 0]

    async def found(**which):
        kept = await events.kept(journal, EventFilter(**which))
        return [max(event.event_at_ns - events.at_ns, 0) // NS for event in kept]

    assert await found() == every
    assert await found(dev_eui="a81758fffe0a1001") == [3]
    assert await found(dev_eui="0000000000000000") == []
    assert await found(tenant="t") == [2]
    assert await found(kind="status") == [4]
    assert await found(kind="sunset") == []
    assert await found(quarantined=True) == [0]
    assert await found(from_ns=events.at_ns + 2 * NS, until_ns=events.at_ns + 4 * NS) == [2, 3]
    assert await found(until_ns=events.at_ns) == []
    assert await found(from_ns=events.at_ns, until_ns=events.at_ns + NS) == [0], "it arrived then, and has no time"
    assert await found(from_ns=events.at_ns + NS, kind="up", tenant=events.tenant) == [1, 3]


async def test_events_of_every_filter_are_the_same_in_both_directions(journal, events):
    chance = random.Random(5)  # noqa: S311 - data to test with
    devices, tenants, kinds = [f"{n:016x}" for n in range(3)], ["a", "b", "c"], ["up", "up", "log", "status"]
    made = []
    for number in chance.sample(range(6_000), 5_000):  # many blocks, and not in the order of time
        [accepted] = events.accepted([events.up(number, dev_eui=chance.choice(devices), tenant=chance.choice(tenants))])
        envelope = msgspec.structs.replace(accepted.envelope, kind=chance.choice(kinds))
        made.append(msgspec.structs.replace(accepted, envelope=envelope, mark=FAILED if number % 50 == 0 else None))
    for first in range(0, 5_000, 500):
        await journal.append(made[first : first + 500])
    spans = [(None, None), (2_000, 2_300), (5_900, None), (None, 40), (3_000, 3_001), (9_000, None)]
    filters = [["", devices[1], "f" * 16], ["", "b", "none"], ["", "up", "log", "join"], spans, [False, True]]
    for dev_eui, tenant, kind, span, quarantined in chance.sample([*itertools.product(*filters)], 60):
        from_ns, until_ns = [None if each is None else events.at_ns + each * NS for each in span]
        which = EventFilter(dev_eui, tenant, kind, from_ns, until_ns, quarantined)
        expected = [
            position
            for position, each in enumerate(made, 1)
            if dev_eui in ("", each.envelope.dev_eui)
            and tenant in ("", each.envelope.tenant_id)
            and kind in ("", each.envelope.kind)
            and (from_ns or 0) <= each.envelope.event_at_ns < (until_ns or 1 << 62)
            and (each.mark is not None or not quarantined)
        ]
        assert [event.position async for event in journal.events(which)] == expected
        assert [event.position async for event in journal.events(which, newest_first=True)] == expected[::-1]


async def test_the_newest_event_of_a_device_is_the_last_of_its_kind_to_arrive(journal, events):
    join = msgspec.structs.replace(events.up(2), kind="join")
    await events.append(journal, events.up(9), join, events.up(3), events.up(4, dev_eui="a81758fffe0a1001"))
    newest = await journal.newest(events.dev_eui)
    assert newest is not None
    assert (newest.position, newest.kind, newest.body) == (3, "up", None)
    assert 2 == getattr(await journal.newest(events.dev_eui, "join"), "position", None)
    assert await journal.newest(events.dev_eui, "status") is None
    assert await journal.newest("0000000000000000") is None
    with_body = await journal.newest(events.dev_eui, bodies=True)
    assert with_body is not None
    assert with_body.body == events.up(3).body


async def test_bodies_come_only_where_they_are_asked_for(journal, events):
    await events.append(journal, events.up(1))
    assert [event.body for event in await events.kept(journal)] == [None]
    assert [event.body for event in await events.kept(journal, bodies=True)] == [events.up(1).body]


async def test_many_events_come_in_order_and_once(journal, events):
    for first in range(1, 1_600, 400):
        await events.append(journal, *events.ups(first, first + 399))
    assert [event.event_at_ns for event in await events.kept(journal)] == [
        events.at_ns + number * NS for number in range(1, 1_601)
    ]


async def test_counts_say_what_there_is(journal, events):
    empty = await journal.counts()
    assert (empty.events, empty.quarantined, empty.copies, empty.oldest_at_ns) == (0, 0, 0, None)
    await events.append(journal, *events.ups(1, 4), events.unreadable(), events.up(1, way="mqtt"))
    await events.append(journal, events.up(5, tenant="t"), mark=NOT_SERVED)
    await journal.commit(await journal.cursor("sink", events.tenant), 1)
    await journal.cursor("sink", "t")
    counts = await journal.counts()
    assert (counts.events, counts.quarantined, counts.copies) == (6, 2, 1)
    assert counts.oldest_at_ns == events.at_ns
    assert counts.by_kind == {"up": 6}
    assert counts.by_code == {"bad_message": 1, "not_served": 1}
    assert {(each.sink, each.tenant): each.waiting for each in counts.delivery} == {
        ("sink", events.tenant): 3,
        ("sink", "t"): 1,
    }
    assert counts.bytes > 0


async def test_what_waits_counts_live_and_backlog_together(journal, events):
    await events.append(journal, *events.ups(1, 5))
    await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    await events.append(journal, *events.ups(6, 7))
    [delivery] = (await journal.counts()).delivery
    assert delivery.waiting == 7


async def test_depth_says_what_counts_says(journal, events):
    assert ((await journal.depth()).events, list((await journal.depth()).lags)) == (0, [])
    await events.append(journal, *events.ups(1, 4), events.unreadable(), events.up(1, way="mqtt"))
    await events.append(journal, events.up(5, tenant="t"), mark=NOT_SERVED)
    cursor = await journal.commit(await journal.cursor("sink", events.tenant), 1)
    await journal.say(cursor, "held", "401: who are you")
    await journal.cursor("sink", "t")
    depth, counts = await journal.depth(), await journal.counts()
    assert (6, 2) == (depth.events, depth.quarantined) == (counts.events, counts.quarantined)
    assert depth.bytes > 0
    assert [
        Lag("sink", events.tenant, 3, "held", "401: who are you", events.at_ns + 2 * NS),
        Lag("sink", "t", 1, "flowing", "", events.at_ns + 5 * NS),
    ] == list(depth.lags)
    said = [(each.sink, each.tenant, each.waiting, each.state, each.words) for each in counts.delivery]
    assert said == [(each.sink, each.tenant, each.waiting, each.state, each.words) for each in depth.lags]


async def test_depth_says_since_when_the_first_event_waits_even_in_a_backlog(journal, events):
    await events.append(journal, *events.ups(1, 5))
    live = await journal.cursor("sink", events.tenant)
    backlog = await journal.leave_backlog(await journal.commit(live, 2))
    await events.append(journal, *events.ups(6, 7))
    [lag] = (await journal.depth()).lags
    assert (5, events.at_ns + 3 * NS) == (lag.waiting, lag.oldest_at_ns)
    await events.walk(journal, backlog)
    [lag] = (await journal.depth()).lags
    assert (2, events.at_ns + 6 * NS) == (lag.waiting, lag.oldest_at_ns)
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    [lag] = (await journal.depth()).lags
    assert (0, None) == (lag.waiting, lag.oldest_at_ns)


async def test_the_first_that_waits_is_the_first_to_have_arrived_here_whatever_its_clock_said(journal, events):
    await events.append(journal, events.up(5), events.up(2), events.up(9))
    await journal.cursor("sink", events.tenant)
    assert [events.at_ns + 5 * NS] == [lag.oldest_at_ns for lag in (await journal.depth()).lags]


async def test_the_tenants_are_those_of_the_events(journal, events):
    assert list(journal.tenants()) == []
    await events.append(journal, events.up(1), events.up(2, tenant="t"), events.up(3))
    assert Counter(journal.tenants()) == {events.tenant: 1, "t": 1}


# ---------------------------------------------------------------- prune


async def test_prune_takes_the_bodies_that_arrived_before_a_time(journal, events):
    await events.append(journal, *events.ups(1, 6))
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    pruned = await journal.prune(events.at_ns + 4 * NS)
    assert pruned.bodies == 3
    kept = await events.kept(journal, bodies=True)
    assert [event.body is None for event in kept] == [True, True, True, False, False, False]
    assert (await journal.prune(events.at_ns + 4 * NS)).bodies == 0


async def test_prune_leaves_what_a_cursor_has_ahead_unless_told_to(journal, events):
    await events.append(journal, *events.ups(1, 6))
    await journal.commit(await journal.cursor("sink", events.tenant), 4)
    await events.walk(journal, await journal.cursor("faster", events.tenant))
    assert (await journal.prune(events.at_ns + DAY_NS)).bodies == 4
    cursor = await journal.cursor("sink", events.tenant)
    assert events.numbers(await journal.read(cursor, 10)) == [5, 6]
    assert (await journal.prune(events.at_ns + DAY_NS, undelivered=True)).bodies == 2
    assert events.numbers(await journal.read(cursor, 10)) == []


async def test_what_just_arrived_and_was_pruned_is_not_handed_on(journal, events):
    await events.append(journal, *events.ups(1, 3))
    assert (await journal.prune(events.at_ns + DAY_NS, undelivered=True)).bodies == 3
    assert events.numbers(await journal.read(await journal.cursor("sink", events.tenant), 10)) == []


async def test_prune_leaves_what_a_backlog_has_ahead(journal, events):
    await events.append(journal, *events.ups(1, 6))
    backlog = await journal.leave_backlog(await journal.cursor("sink", events.tenant))
    assert backlog is not None
    await events.append(journal, *events.ups(7, 8))
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    await journal.commit(backlog, 2)
    assert 4 == (await journal.prune(events.at_ns + DAY_NS)).bodies
    kept = [event.body is not None for event in await events.kept(journal, bodies=True)]
    assert [False, False, True, True, True, True, False, False] == kept


async def test_prune_leaves_the_events_of_a_tenant_that_nobody_has_delivered(journal, events):
    await events.append(journal, events.up(1), events.up(2, tenant="t"), events.unreadable())
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    assert (await journal.prune(events.at_ns + DAY_NS)).bodies == 2  # the delivered, and the one for nobody
    kept = await events.kept(journal, bodies=True)
    assert {event.tenant: event.body is None for event in kept} == {events.tenant: True, "t": False, "": True}


async def test_a_pruned_event_that_comes_again_is_a_copy(journal, events):
    now = time.time_ns()
    young = [events.up(number, arrived_at_ns=now - (41 - number) * DAY_NS) for number in range(2, 5)]
    await events.append(journal, *young)
    cursor = await events.walk(journal, await journal.cursor("sink", events.tenant))
    pruned = await journal.prune(now)
    assert (pruned.bodies, pruned.events) == (3, 0)
    assert await events.append(journal, *young) == 0
    assert events.numbers(await journal.read(cursor, 10)) == []
    assert [event.body for event in await events.kept(journal, bodies=True)] == [None] * 3
    assert (await journal.counts()).copies == 3


async def test_receipts_go_with_the_bodies_of_their_events(journal, events):
    await events.append(journal, *events.ups(1, 2))
    cursor = await journal.cursor("sink", events.tenant)
    for position in (1, 2):
        cursor = await journal.commit(cursor, position, [Receipt(position, "d", "0", f"line {position}")])
    pruned = await journal.prune(events.at_ns + 2 * NS)
    assert (pruned.bodies, pruned.receipts) == (1, 1)
    assert await journal.receipts(1) == []
    assert [receipt.lines for _, receipt in await journal.receipts(2)] == ["line 2"]


async def test_a_position_is_never_given_twice(journal, events):
    await events.append(journal, *events.ups(1, 5))
    before = {event.position for event in await events.kept(journal)}
    await events.walk(journal, await journal.cursor("sink", events.tenant))
    await journal.prune(events.at_ns + 400 * DAY_NS)
    await events.append(journal, *events.ups(6, 9), *events.ups(1, 3))
    later = {event.position for event in await events.kept(journal, EventFilter(from_ns=events.at_ns + 6 * NS))}
    assert len(later) == 4
    assert min(later) > max(before)
