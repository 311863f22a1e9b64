"""Who gives how much when the journal must shrink."""

from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.journal.shares import gifts

SIZES = st.dictionaries(st.text(max_size=3), st.integers(0, 10_000), max_size=12)


def test_the_one_that_has_most_gives_alone_while_it_has_most():
    assert {"noisy": 300} == gifts({"noisy": 1_000, "a": 100, "b": 200}, 300)


def test_whoever_is_reached_on_the_way_down_gives_with_the_others():
    assert {"first": 550, "second": 350} == gifts({"first": 1_000, "second": 800, "third": 300}, 900)


def test_nobody_gives_where_nothing_is_needed():
    assert {} == gifts({"a": 10, "b": 10}, 0)
    assert {} == gifts({}, 100)


def test_all_give_all_where_more_is_needed_than_there_is():
    assert {"a": 10, "b": 20} == gifts({"a": 10, "b": 20, "c": 0}, 100)


@given(sizes=SIZES, need=st.integers(0, 100_000))
def test_what_is_given_is_what_is_needed_and_those_who_give_are_left_with_one_level(sizes, need):
    given_ = gifts(sizes, need)
    total = sum(sizes.values())
    assert min(need, total) <= sum(given_.values()) < min(need, total) + max(len(sizes), 1)
    left = {sizes[each] - gift for each, gift in given_.items()}
    assert len(left) <= 1
    assert all(sizes[each] <= min(left, default=sizes[each]) for each in sizes.keys() - given_.keys())


@given(sizes=SIZES.filter(bool), part=st.floats(0, 1))
def test_whoever_has_less_than_an_equal_part_of_what_stays_gives_nothing(sizes, part):
    total = sum(sizes.values())
    need = int(total * part)
    share = (total - need) / len(sizes)
    assert all(sizes[each] > share for each in gifts(sizes, need))
