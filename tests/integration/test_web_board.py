"""What the page shows is folded from events: counters, values, what is stored."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdl_lora.catalog import Catalog
from vdl_lora.discovery import discover
from vdl_lora.errors import (
    BadMessage,
    CodecStopped,
    DecodeError,
    NoDecoder,
    PayloadError,
    PointsRefused,
    SinkUnavailable,
)
from vdl_lora.events import NS, JournalEvent, own_event
from vdl_lora.installations import Installations
from vdl_lora.interfaces import Counts, Delivery
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.journal import SqliteJournal
from vdl_lora.lorawan import ServiceStarted
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.quantities import QUANTITIES
from vdl_lora.sinks import MemorySink
from vdl_lora.sources import FileSource
from vdl_lora.web.board import Board, look
from vdl_lora.web.follow import Follower, FollowSettings, flow_of
from vdl_lora.web.labels_fr import CODES, QUANTITY_LABELS, words
from vdl_lora.web.radio import MAX_SESSIONS, Frames
from vdl_lora.web.series import DAY_MS, MAX_POINTS, Series

from .live import until

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
same = settings(deadline=None, derandomize=True, max_examples=150)


@pytest.fixture(scope="session")
def of_event():
    """What gives points, with our decoders."""
    return partial(
        interpret,
        catalog=Catalog(discover().entries(), ()),
        installations=Installations(),
        settings=PointSettings(),
    )


@pytest.fixture
def take(of_event, events):
    """Fold an uplink into a board."""

    def take(board, raw, *, position=1, ahead=False, marked=False):
        (accepted,) = events.accepted([raw])
        read = accepted.envelope
        event = JournalEvent(
            position,
            raw.kind,
            raw.encoding,
            raw.body,
            raw.way,
            raw.arrived_at_ns,
            read.anchor_at_ns,
            read.anchor,
            marked=marked,
        )
        board.take(look(event, read.tenant_id, of_event(event), ahead=ahead))

    return take


def only_place(board):
    (place,) = board.view(-1, 0).places
    return place


def values(board):
    return {each.quantity: each for each in only_place(board).values}


def temperature(degrees):
    return b"\x03\x67" + round(degrees * 10).to_bytes(2, "little", signed=True)


# ---------------------------------------------------------------- frame counters


def frames_of(*uplinks):
    frames = Frames()
    for uplink in uplinks:
        frames.take(*uplink)
    return frames.seen, frames.lost


def test_a_gap_is_a_loss_and_the_first_number_is_none():
    assert (3, 4) == frames_of(("a", 7, 1), ("a", 8, 2), ("a", 13, 3))


def test_a_join_and_a_counter_that_goes_back_lose_nothing():
    assert (4, 0) == frames_of(("a", 100, 1), ("a", 101, 2), ("b", 0, 3), ("b", 1, 4))
    assert (4, 0) == frames_of(("a", 100, 1), ("a", 101, 2), ("a", 0, 3), ("a", 1, 4))


def test_a_retransmission_counts_once():
    assert (2, 0) == frames_of(("a", 1, 1), ("a", 2, 2), ("a", 2, 9))


@same
@given(st.sets(st.integers(0, 400), min_size=1), st.randoms(use_true_random=False), st.data())
def test_the_order_of_arrival_does_not_matter(numbers, chance: random.Random, data):
    """What is lost is what lies between the first and the last number and never came, as long as gaps are few."""
    arriving = sorted(numbers) + data.draw(st.lists(st.sampled_from(sorted(numbers)), max_size=5))
    span = data.draw(st.integers(1, 60))
    arriving = [number for _, number in sorted((number + chance.randint(0, span), number) for number in arriving)]
    frames = Frames()
    for number in arriving:
        frames.take("a", number, number * NS)
    assert (len(numbers), max(numbers) - min(numbers) + 1 - len(numbers)) == (frames.seen, frames.lost)


@same
@given(st.lists(st.sets(st.integers(0, 60), min_size=1), min_size=1, max_size=3 * MAX_SESSIONS))
def test_losses_of_sessions_add_up(sessions):
    """After each join, or each start from a lower number, counting begins anew."""
    frames, at_ns, lost, seen = Frames(), 0, 0, 0
    for index, numbers in enumerate(sessions):
        for number in sorted(numbers):
            at_ns += NS
            frames.take(f"addr {index}", number, at_ns)
        lost += max(numbers) - min(numbers) + 1 - len(numbers)
        seen += len(numbers)
    assert (seen, lost) == (frames.seen, frames.lost)


# ---------------------------------------------------------------- the last day


@same
@given(st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.floats(-1e6, 1e6)), max_size=900))
def test_a_day_is_thinned_without_losing_what_stands_out(given_points):
    series = Series()
    for at_ms, value in given_points:
        series.add(at_ms, value)
    kept = series.since(0)
    assert len(kept) <= MAX_POINTS
    assert kept == sorted(kept)
    assert set(kept) <= set(given_points)
    if given_points:
        newest = max(at_ms for at_ms, _ in given_points)
        assert newest == kept[-1][0]
        assert all(newest - at_ms <= DAY_MS for at_ms, _ in kept)


def test_a_thinned_day_keeps_its_lowest_and_highest_value():
    series = Series()
    for second in range(86_400):
        series.add(second * 1000, {5_000: -40.0, 70_001: 99.0}.get(second, float(second % 7)))
    kept = series.since(0)
    assert len(kept) <= MAX_POINTS
    assert {(5_000_000, -40.0), (70_001_000, 99.0)} <= set(kept)


# ---------------------------------------------------------------- values


def test_the_last_value_is_the_last_measured_not_the_last_arrived(take, events):
    board = Board()
    take(board, events.up(2, data=temperature(20)), position=1)
    take(board, events.up(1, data=temperature(5)), position=2)
    assert 20.0 == values(board)["air.temperature"].value
    assert [20.0, 5.0] == [v for _, v in reversed(board.days([1], events.at_ns // 10**6)[1]["air.temperature main"])]
    assert "device of event 2" == only_place(board).name


def test_a_value_out_of_bounds_is_shown_and_flagged_until_a_good_one_comes(take, events):
    board = Board()
    take(board, events.up(1, data=temperature(80)))
    assert (80.0, "out_of_bounds") == (values(board)["air.temperature"].value, values(board)["air.temperature"].flag)
    take(board, events.up(2, data=temperature(20)), position=2)
    assert "" == values(board)["air.temperature"].flag


def test_a_fault_takes_the_place_of_an_older_value(take, events):
    def river(number, distance):
        payload = b"\x0d\x34" + distance.to_bytes(2, "big") + b"\x00"
        raw = events.up(number, data=payload)
        body = raw.body.replace(b"milesight/em300-th", b"dragino/ldds75").replace(b'"fPort":85', b'"fPort":2')
        return msgspec.structs.replace(raw, body=body)

    board = Board()
    take(board, river(1, 2500))
    take(board, river(2, 0), position=2)
    shown = values(board)["probe.distance"]
    assert (None, "no_sensor", (events.at_ns + 2 * NS) // 10**6) == (shown.value, shown.flag, shown.at)
    take(board, river(1, 2500), position=3)
    assert values(board)["probe.distance"].value is None, "an older value does not come back"
    take(board, river(3, 2600), position=4)
    assert (2.6, "") == (values(board)["probe.distance"].value, values(board)["probe.distance"].flag)


def test_a_time_that_was_replaced_is_told_until_the_next_uplink(take, events):
    board = Board()
    take(board, events.up(3_000, arrived_at_ns=events.at_ns))
    assert only_place(board).clock
    take(board, events.up(1), position=2)
    assert not only_place(board).clock


def test_a_payload_that_cannot_be_decoded_leaves_the_last_values_and_is_told(take, events):
    board = Board()
    take(board, events.up(1, data=temperature(20)))
    take(board, events.up(2, data=b"\x03\x67\x01"), position=2)
    place = only_place(board)
    assert (20.0, "payload", 1, 2) == (place.values[0].value, place.trouble, place.quarantined, place.seen)
    take(board, events.up(3, data=temperature(21)), position=3)
    assert "" == only_place(board).trouble


def test_values_of_an_event_in_quarantine_are_not_shown(take, events):
    board = Board()
    take(board, events.up(1, data=temperature(20)), marked=True)
    assert () == tuple(only_place(board).values)
    assert 1 == only_place(board).quarantined


def test_only_what_changed_is_told(take, events):
    board = Board()
    take(board, events.up(1))
    before = board.version
    take(board, events.up(1, dev_eui="24e124136b500099"), position=2)
    assert ["24e124136b500099"] == [place.dev_eui for place in board.view(before, 0).places]
    assert not board.view(board.version, 0).places


def test_memory_is_bounded(take, events):
    board = Board(max_places=3)
    epoch = board.epoch
    for number in range(5):
        take(board, events.up(number, dev_eui=f"24e124136b50000{number}"), position=number)
    assert ["24e124136b50000" + digit for digit in "234"] == [each.dev_eui for each in board.view(-1, 0).places]
    assert epoch != board.epoch, "pages must learn that cards are gone"


# ---------------------------------------------------------------- stored


def test_the_flow_counts_as_stored_only_what_nothing_has_ahead():
    counts = Counts(
        events=100,
        quarantined=3,
        copies=0,
        oldest_at_ns=1,
        bytes=1,
        by_kind={"up": 90, "own": 10},
        by_code={"payload": 3},
        delivery=[Delivery("a", "x", 5, "flowing"), Delivery("b", "x", 7, "held")],
    )
    flow = flow_of(counts, {"x": 60, "new": 20})
    assert (90, 3, 27, 60, "held") == (flow.received, flow.quarantined, flow.waiting, flow.stored, flow.delivery)


async def test_a_tenant_without_a_cursor_has_nothing_stored(of_event, events, sqlite_journal):
    await events.append(sqlite_journal, events.up(1), own_event(ServiceStarted(), events.at_ns))
    async with following(sqlite_journal, of_event) as follower:
        flow = follower.board.flow
        assert (1, 0, 1) == (flow.received, flow.stored, flow.waiting)
        assert {"waiting"} == {each.standing for each in only_place(follower.board).values}


async def test_a_value_is_stored_when_no_live_or_backlog_cursor_has_it_ahead(of_event, events, sqlite_journal):
    await events.append(sqlite_journal, events.up(1))
    live = await sqlite_journal.cursor("store", events.tenant)
    async with following(sqlite_journal, of_event) as follower:
        assert {"waiting"} == standings(follower)
        left = await sqlite_journal.leave_backlog(live)
        await asyncio.sleep(1)  # for several rounds
        assert {"waiting"} == standings(follower), "the live cursor is past it, the backlog is not"
        await sqlite_journal.commit(left, left.end - 1)
        await until(lambda: {"stored"} == standings(follower))


async def test_a_value_that_the_sink_refuses_is_never_called_stored(of_event, events, sqlite_journal):
    await events.append(sqlite_journal, events.up(1))
    sink = MemorySink()

    async def write(_tenant, _points, _lines=None):
        raise PointsRefused("no")

    sink.write = write
    deliverer = Deliverer(sqlite_journal, sink, of_event)
    async with following(sqlite_journal, of_event) as follower:
        await deliverer.drain()
        await deliverer.close()
        await until(lambda: {"waiting"} != standings(follower))
        assert {"quarantined"} == standings(follower)
        place = only_place(follower.board)
        assert ("points_refused", 1) == (place.trouble, place.quarantined)
        assert {0} == {len(day) for day in follower.board.days([1], events.at_ns // 10**6)[1].values()}


async def test_the_recordings_give_what_happened(of_event, tmp_path):
    journal = await SqliteJournal.open(tmp_path / "journal.sqlite")
    await FileSource([RECORDING]).run(Acceptor(journal))
    deliverer = Deliverer(journal, MemorySink(), of_event)
    await deliverer.drain()
    await deliverer.close()
    async with following(journal, of_event) as follower:
        counts = await journal.counts()
        flow = follower.board.flow
        assert (counts.events, 0) == (flow.received, flow.waiting)
        assert flow.received == flow.stored + flow.quarantined
        places = {place.name: place for place in follower.board.view(-1, 0).places}
        school = places["École de Bauzy – classe CM2"]  # noqa: RUF001 - its name
        assert (5, "ERS CO2") == (school.lost, school.model), "2 to 6 were never sent"
        river = places["Cosson à Bracieux"]
        assert (15, 0, "no_decoder") == (river.seen, river.lost, river.trouble)
        assert {"commune": "Bauzy", "site": "école", "usage": "confort"} == school.tags
        assert {"stored"} == {each.standing for each in school.values}
    await journal.close()


@asynccontextmanager
async def following(journal, of_event):
    """A follower that has read what there is."""
    follower = Follower(
        journal, of_event, settings=FollowSettings(round_s=0.01, count_s=0.05), clock=lambda: 1_795_480_000 * NS
    )
    task = asyncio.create_task(follower.run())
    try:
        await until(lambda: not follower.board.reading)
        yield follower
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def standings(follower):
    return {each.standing for each in only_place(follower.board).values}


# ---------------------------------------------------------------- French


def test_every_quantity_has_a_french_label():
    assert set(QUANTITIES) == set(QUANTITY_LABELS)
    assert all(words()["quantities"][name]["label"] == label for name, label in QUANTITY_LABELS.items())


def test_a_quantity_without_one_keeps_its_english_label(monkeypatch):
    monkeypatch.setattr("vdl_lora.web.labels_fr.QUANTITY_LABELS", {})
    assert "Air temperature" == words()["quantities"]["air.temperature"]["label"]


def test_what_puts_an_event_into_quarantine_has_french_words():
    for error in (BadMessage, DecodeError, NoDecoder, PayloadError, CodecStopped, PointsRefused):
        assert error.code in CODES
    assert SinkUnavailable.code not in CODES, "that quarantines nothing"
