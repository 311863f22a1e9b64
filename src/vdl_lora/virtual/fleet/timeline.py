"""When a sensor's day is: the fleet's own time beside the clock's, and the hour in France. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from vdl_lora.times import NS

HOUR_S = 3600
DAY_S = 86_400

_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the fleet's time: `age_h` since the fleet began, the rest as a clock in France shows it.

    `day` counts from 1970-01-01 and `weekday` from Monday, 0; `hour` is 8.5 at half past eight. `hours` are those since
    1970 by winter time: they never go back, as a clock does in October.
    """

    age_h: float
    day: int
    weekday: int
    hour: float
    hours: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The fleet's time: the clock's until `began_at_ns`, and `speed` times as fast from then on.

    A moment is told by its age in s: how long after the beginning it is in the fleet's own time, negative before.
    """

    began_at_ns: int
    speed: float = 1.0

    def at_ns(self, age_s: float) -> int:
        """Give when that is by the clock."""
        return self.began_at_ns + round(age_s / self._speed_at(age_s) * NS)

    def age_s(self, at_ns: int) -> float:
        """Give the age at a time of the clock."""
        since_s = (at_ns - self.began_at_ns) / NS
        return since_s * self._speed_at(since_s)

    def moment(self, age_s: float) -> Moment:
        """Give the day and the hour that the sensors live in."""
        at_s = self.began_at_ns / NS + age_s
        day, second = divmod(at_s + _offset_s(math.floor(at_s / HOUR_S)), DAY_S)
        # 1970 began on a Thursday.
        return Moment(age_s / HOUR_S, int(day), (int(day) + 3) % 7, second / HOUR_S, at_s / HOUR_S + 1)

    def _speed_at(self, age_s: float) -> float:
        return self.speed if age_s > 0 else 1.0


@lru_cache(maxsize=1024)
def _offset_s(hours: int) -> int:
    """Give how far the clock in France is before UTC in an hour since 1970.

    Source: directive 2000/84/EC, summer time is from 01:00 UTC on the last Sundays of March and October. Written out,
    because a bare machine may have no table of time zones.
    """
    at = datetime.fromtimestamp(hours * HOUR_S, UTC)
    begins, ends = (_last_sunday(at.year, month) for month in (3, 10))
    return 2 * HOUR_S if begins <= at < ends else HOUR_S


def _last_sunday(year: int, month: int) -> datetime:
    last = date(year, month, 31)
    last -= timedelta(days=(last.weekday() - _SUNDAY) % 7)
    return datetime(last.year, last.month, last.day, 1, tzinfo=UTC)
