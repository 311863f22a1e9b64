"""The delay between attempts doubles up to its bound, and is spread at random."""

import pytest

from vdl_lora.retry import retry_delay_s


@pytest.mark.parametrize(
    ("failures", "most_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (50, 30.0), (10_000, 30.0)]
)
def test_delay_doubles_up_to_the_bound_with_jitter(failures, most_s):
    delays_s = [retry_delay_s(failures, 0.5, 30.0) for _ in range(200)]
    assert most_s / 2 <= min(delays_s)
    assert max(delays_s) <= most_s
    assert max(delays_s) - min(delays_s) > most_s / 4


def test_delay_never_exceeds_a_bound_below_the_first_delay():
    assert max(retry_delay_s(1, 10.0, 2.0) for _ in range(50)) <= 2.0
