"""What believable days are made of: chance that is always the same, slow drift, values drawn to a target. Pure."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple


@lru_cache(maxsize=65536)
def chance(key: str) -> float:
    """Give a number from 0 to 1 that looks random and is always the same for a key."""
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 0xFFFF_FFFF


def drift(key: str, hours: float, period_h: float) -> float:
    """Give a number from -1 to 1 that wanders slowly: a random one each period, smoothly joined."""
    number, share = divmod(hours / period_h, 1)
    before, after = (chance(f"{key} {int(number) + step}") for step in (0, 1))
    return 2 * (before + (after - before) * smooth(share)) - 1


def smooth(share: float) -> float:
    """Rise from 0 to 1 without a corner, and stay there."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


class Stretch(NamedTuple):
    """A part of a day in which a value is drawn to a target: after `tau_h`, 63 % of the way."""

    until_h: float
    target: float
    tau_h: float


def follow(days: Iterable[Sequence[Stretch]], hour: float) -> float:
    """Give where a value is at an hour of the last of some days, which it lives through one after another.

    It begins where the first stretch draws it.
    """
    plans = list(days)
    value = plans[0][0].target
    for number, plan in enumerate(plans, 1):
        begun_h = 0.0
        ends_h = hour if number == len(plans) else 24.0
        for until_h, target, tau_h in plan:
            lasts_h = min(until_h, ends_h) - begun_h
            if lasts_h <= 0:
                break
            value = target + (value - target) * math.exp(-lasts_h / tau_h)
            begun_h = until_h
    return value
