"""Shortest decimals of IEEE 754 singles. Pure."""

import math
import struct


def shortest_float32(number: float) -> float:
    """Give the shortest decimal that is the same float32: 3.2, not 3.200000047683716."""
    if not math.isfinite(number) or (number.is_integer() and abs(number) < 1e6):  # noqa: PLR2004 - six digits
        return number
    # Any decimal of six digits survives a float32 of the normal range; the tiny ones hold fewer.
    digits = 6 if abs(number) >= 2.0**-126 else 1
    while struct.unpack("f", struct.pack("f", short := float(f"{number:.{digits}g}")))[0] != number:
        digits += 1
    return short
