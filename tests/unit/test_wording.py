"""Numbers as people read them."""

import pytest

from vdl_lora.wording import counted, duration, first_of, size


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
