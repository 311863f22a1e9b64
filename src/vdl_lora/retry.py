"""The delay before the next of several attempts."""

import random

_MAX_DOUBLINGS = 16


def retry_delay_s(failures: int, first_s: float, longest_s: float) -> float:
    """Return the delay after a number of failures in a row (1 or more), in seconds, between half of it and all of it.

    It is `first_s` after the first failure, twice as long after each further one, and `longest_s` at most. The random
    part keeps clients that failed at the same moment from coming back at the same moment.
    """
    delay_s = min(first_s * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), longest_s)
    return delay_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
