"""Histories are trimmed, kept and forgotten as Redis does it. The figures were measured with Redis 7.0.15."""

from collections.abc import Callable

import pytest

from vdl_lora.virtual.history import FIRST, TTL_MS, EntryId, Histories, RedisGone, event_key

KEY = event_key("24e124136b500042")
MS = 1_000_000


class Clock:
    """A clock that tests turn."""

    def __init__(self, ms: int = 1_795_472_297_000) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms * MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lengths(size: int, *, at_least: int = 10, every_ms: int = 1000, events: int = 400) -> set[int]:
    """How many entries are kept, over time, of events of a size."""
    clock = Clock()
    histories = Histories(at_least, clock)
    found: set[int] = set()
    for number in range(events):
        clock.ms += every_ms
        histories.add(KEY, "up", bytes(size))
        if number > events // 2:
            found.add(histories.length(KEY))
    return found


@pytest.mark.parametrize(("size", "least", "most"), [(476, 10, 17), (863, 10, 13), (1648, 10, 11), (14, 10, 109)])
def test_trimming_keeps_what_was_measured(size: int, least: int, most: int) -> None:
    assert lengths(size) == set(range(least, most + 1))


def test_an_event_as_large_as_a_node_is_trimmed_exactly() -> None:
    assert lengths(5000) == {10}


def test_other_kinds_in_between_take_room_in_a_node() -> None:
    clock = Clock()
    histories = Histories(10, clock)
    found: set[int] = set()
    for number in range(400):
        histories.add(KEY, "up" if number % 2 else "txack", bytes(476))
        if number > 100:
            found.add(histories.length(KEY))
    assert found == set(range(10, 18))


def test_ids_rise_strictly_within_a_millisecond_and_when_the_clock_goes_back(clock: Clock) -> None:
    histories = Histories(10, clock)
    made = [histories.add(KEY, "up", b"") for _ in range(2)]
    clock.ms -= 3_600_000
    made.append(histories.add(KEY, "up", b""))
    clock.ms += 3_600_001
    made.append(histories.add(KEY, "up", b""))
    assert [str(entry.id) for entry in made if entry] == [
        "1795472297000-0",
        "1795472297000-1",
        "1795472297000-2",
        "1795472297001-0",
    ]


def test_entries_are_read_oldest_first_in_tens_after_the_last(clock: Clock) -> None:
    histories = Histories(30, clock)
    for number in range(25):
        histories.add(KEY, "up", bytes([number]))
    first = histories.after(KEY, FIRST, 10)
    second = histories.after(KEY, first[-1].id, 10)
    third = histories.after(KEY, second[-1].id, 10)
    assert [entry.body[0] for entry in first + second + third] == list(range(25))
    assert len(third) == 5
    assert histories.after(KEY, third[-1].id, 10) == []


def test_a_key_made_from_capitals_is_another_key() -> None:
    assert event_key("24E124136B500042") != KEY


def test_a_history_is_forgotten_31_days_after_its_last_event(clock: Clock) -> None:
    histories = Histories(10, clock)
    histories.add(KEY, "up", b"first")
    clock.ms += TTL_MS - 1
    histories.add(KEY, "up", b"second")
    clock.ms += TTL_MS - 1
    assert histories.length(KEY) == 2
    clock.ms += 1
    assert histories.length(KEY) == 0
    assert histories.after(KEY, FIRST, 10) == []
    histories.add(KEY, "up", b"third")
    assert [entry.body for entry in histories.after(KEY, FIRST, 10)] == [b"third"]


def test_a_fresh_key_whose_clock_went_back_has_ids_below_those_that_were_read(clock: Clock) -> None:
    histories = Histories(10, clock)
    histories.add(KEY, "up", b"")
    histories.flush()
    clock.ms -= 1000
    histories.add(KEY, "up", b"")
    assert histories.after(KEY, EntryId(1_795_472_297_000, 0), 10) == []
    assert not histories.new(KEY, EntryId(1_795_472_297_000, 0))


def test_without_history_nothing_is_kept(clock: Clock) -> None:
    histories = Histories(0, clock)
    assert histories.add(KEY, "up", b"") is None
    assert histories.length(KEY) == 0


def test_a_redis_that_is_gone_takes_and_gives_nothing_and_comes_back_with_what_it_had(clock: Clock) -> None:
    histories = Histories(10, clock)
    histories.add(KEY, "up", b"before")
    told: list[str] = []
    tell: Callable[[], None] = lambda: told.append("told")  # noqa: E731
    histories.watch(KEY, tell)
    histories.gone = True
    with pytest.raises(RedisGone):
        histories.add(KEY, "up", b"lost")
    with pytest.raises(RedisGone):
        histories.after(KEY, FIRST, 10)
    assert histories.new(KEY, EntryId(1_795_472_297_000, 0))
    histories.gone = False
    histories.unwatch(KEY, tell)
    histories.add(KEY, "up", b"after")
    assert [entry.body for entry in histories.after(KEY, FIRST, 10)] == [b"before", b"after"]
    assert told == ["told", "told"]
