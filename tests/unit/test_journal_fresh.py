"""What was appended last is handed on from memory only where nothing is missing."""

import pytest

from vdl_lora.events import Envelope, RawEvent
from vdl_lora.interfaces import Accepted, Cursor
from vdl_lora.journal.fresh import MOST_BYTES, MOST_EVENTS, Fresh
from vdl_lora.mark import Mark


def event(tenant="a", body=b"{}", mark=None):
    return Accepted(RawEvent("up", "json", body, "grpc", 5), Envelope("up", b"", 3, 4, "ns_time", "", tenant), mark)


def cursor(following, kind="live", tenant="a"):
    return Cursor(1, "sink", tenant, kind, following)


def put(fresh, first, last, tenant="a", **of_event):
    positions = range(first, last + 1)
    fresh.put(first, positions, [event(tenant, **of_event) for _ in positions])


def positions(batch):
    return None if batch is None else ([each.position for each in batch.events], batch.through, batch.more)


def test_events_are_given_in_batches_until_none_is_ahead():
    fresh = Fresh(10)
    put(fresh, 11, 15)
    assert positions(fresh.read(cursor(11), 2)) == ([11, 12], 12, True)
    assert positions(fresh.read(cursor(13), 2)) == ([13, 14], 14, True)
    assert positions(fresh.read(cursor(15), 2)) == ([15], 15, False)
    assert positions(fresh.read(cursor(16), 2)) == ([], 15, False)


def test_each_tenant_has_its_own():
    fresh = Fresh(0)
    fresh.put(1, range(1, 4), [event("a"), event("b"), event("a")])
    assert positions(fresh.read(cursor(1), 9)) == ([1, 3], 3, False)
    assert positions(fresh.read(cursor(1, tenant="b"), 9)) == ([2], 2, False)
    assert positions(fresh.read(cursor(1, tenant="c"), 9)) == ([], 0, False)


def test_copies_and_what_has_no_envelope_are_passed_over_and_a_mark_is_told():
    fresh = Fresh(0)
    events = [
        event(),
        event(mark=Mark("decode", "payload", "why")),
        event(),
        event(mark=Mark("envelope", "bad", "why")),
    ]
    fresh.put(1, {1, 2, 4}, events)
    batch = fresh.read(cursor(1), 9)
    assert positions(batch) == ([1, 2], 4, False)
    assert [each.marked for each in batch.events] == [False, True]


@pytest.mark.parametrize("following", [1, 10])
def test_a_cursor_behind_it_is_sent_to_the_file(following):
    fresh = Fresh(10)
    put(fresh, 11, 12)
    assert fresh.read(cursor(following), 9) is None


@pytest.mark.parametrize("kind", ["backlog", "replay"])
def test_cursors_that_are_not_live_are_sent_to_the_file(kind):
    fresh = Fresh(0)
    put(fresh, 1, 2)
    assert fresh.read(cursor(1, kind), 9) is None


def test_what_was_delivered_is_forgotten_and_never_given_as_if_it_were_all():
    fresh = Fresh(0)
    put(fresh, 1, 4)
    fresh.drop("a", 2)
    assert positions(fresh.read(cursor(3), 9)) == ([3, 4], 4, False)
    assert fresh.read(cursor(2), 9) is None  # of a second sink, or of one that starts anew
    put(fresh, 5, 5)
    assert positions(fresh.read(cursor(3), 9)) == ([3, 4, 5], 5, False)


def test_where_positions_are_missing_the_file_is_read_up_to_the_newest():
    fresh = Fresh(0)
    put(fresh, 1, 2)
    put(fresh, 5, 6)
    assert fresh.read(cursor(1), 9) is None
    assert positions(fresh.read(cursor(7), 9)) == ([], 6, False)
    put(fresh, 3, 4)  # late: what came between must be read from the file too
    assert fresh.read(cursor(3), 9) is None
    assert fresh.read(cursor(6), 9) is None
    put(fresh, 7, 7)
    assert positions(fresh.read(cursor(7), 9)) == ([7], 7, False)


@pytest.mark.parametrize(("count", "size"), [(MOST_EVENTS + 1, 2), (3, MOST_BYTES // 2)])
def test_it_holds_so_many_and_no_more(count, size):
    fresh = Fresh(0)
    body = bytes(size)
    put(fresh, 1, count - 1, body=body)
    assert fresh.read(cursor(1), 1) is not None
    put(fresh, count, count, body=body)
    assert fresh.read(cursor(1), 1) is None
    put(fresh, count + 1, count + 1)
    assert positions(fresh.read(cursor(count + 1), 9)) == ([count + 1], count + 1, False)


def test_what_was_delivered_makes_room():
    fresh = Fresh(0)
    body = bytes(MOST_BYTES // 4)
    for position in range(1, 100):
        put(fresh, position, position, body=body)
        assert positions(fresh.read(cursor(position), 9)) == ([position], position, False)
        fresh.drop("a", position)
