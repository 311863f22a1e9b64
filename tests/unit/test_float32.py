"""A float32 is read as the shortest decimal that is the same float32."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.float32 import shortest_float32


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3.200000047683716, 3.2),
        (0.10000000149011612, 0.1),
        (27.200000762939453, 27.2),
        (101325.0, 101325.0),
        (16777216.0, 16777216.0),
        (100000002004087734272.0, 1e20),
        (3.4028234663852886e38, 3.4028235e38),
        (1.401298464324817e-45, 1e-45),
        (1.1754943508222875e-38, 1.1754944e-38),
        (-0.0, -0.0),
        (math.inf, math.inf),
    ],
)
def test_a_float32_is_its_shortest_decimal(number: float, expected: float):
    assert expected == shortest_float32(number)
    assert math.copysign(1, expected) == math.copysign(1, number)


def test_a_float32_that_is_no_number_stays_none():
    assert math.isnan(shortest_float32(math.nan))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_no_decimal_of_fewer_digits_is_the_same_float32(number: float):
    decimals = (float(f"{number:.{digits}g}") for digits in range(1, 10))
    assert next(each for each in decimals if number == as_float32(each)) == shortest_float32(number)


def as_float32(number: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.inf
