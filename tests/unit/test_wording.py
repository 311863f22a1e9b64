"""Amounts as people read and write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.wording import (
    counted,
    duration,
    exact_duration,
    exact_size,
    first_of,
    parse_duration,
    parse_size,
    size,
)


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 devices"), (1, "1 device"), (2, "2 devices"), (1_234, "1,234 devices")]
)
def test_a_count_has_its_noun(number, expected):
    assert expected == counted(number, "device")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2 h"), (172_800, "2 days")],
)
def test_a_duration_is_in_the_largest_unit_that_it_has_twice(seconds, expected):
    assert expected == duration(seconds)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0.0 kB"), (999_949, "999.9 kB"), (10**6, "1.0 MB"), (2.5e9, "2.5 GB"), (3e12, "3.0 TB")],
)
def test_a_size_is_as_the_configuration_writes_it(number, expected):
    assert expected == size(number)


def test_of_many_names_the_first_are_given():
    assert "a, b" == first_of(["a", "b"], 2)
    assert "a, b and 1,000 more" == first_of(["a", "b", *("c" * 1_000)], 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("90s", 90), ("10min", 600), ("36h", 129_600), ("400d", 34_560_000), (" 5 s ", 5), ("007s", 7)],
)
def test_duration_is_read_in_whole_seconds(text, expected):
    assert expected == parse_duration(text)
    assert isinstance(parse_duration(text), int)


def test_duration_in_ms_is_read_where_ms_is_a_unit():
    assert 0.25 == parse_duration("250ms", ("ms", "s"))
    with pytest.raises(ValueError, match="is not a duration; write a whole number and s, min, h or d"):
        parse_duration("250ms")


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 days", "5D", "-5s", "1.5h", "5s5", "\u0665s", "1e3s", "5" * 19 + "s"]
)
def test_text_that_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("500kB", 500_000), ("64MB", 64_000_000), ("20GB", 20 * 10**9), ("1TB", 10**12), ("0MB", 0)]
)
def test_size_is_read_in_bytes_with_decimal_units(text, expected):
    assert expected == parse_size(text)


@pytest.mark.parametrize("text", ["", "20", "20gb", "20GiB", "20 G", "1.5GB", "big"])
def test_text_that_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size; write a whole number and kB, MB, GB or TB"):
        parse_size(text)


def test_exact_amounts_are_written_in_the_largest_unit_that_fits():
    assert ["1min", "61s", "400d", "25h", "0s"] == [*map(exact_duration, (60, 61, 400 * 86_400, 90_000, 0))]
    assert ["64MB", "1TB", "1001kB", "0kB"] == [*map(exact_size, (64 * 10**6, 10**12, 1_001_000, 0))]


@given(st.integers(0, 10**12))
def test_exact_amount_is_read_back(number):
    assert number == parse_duration(exact_duration(number))
    assert number * 1000 == parse_size(exact_size(number * 1000))
