"""Water: meters with and without a leak, rivers with and without a flood. Pure.

A meter only ever rises, whatever moment it is asked about; what it was is a function of time alone.
"""

import math
from dataclasses import dataclass

from .behaviour import Facts, Scene
from .signals import smooth
from .weather import season_temperature

DRY_NIGHTS = (0, 0, 0, 0, 0, 0, 2, 8, 9, 8, 7, 8, 10, 8, 6, 6, 7, 6, 5, 4, 3, 2, 1, 0)
"""The shares of each hour of a day in a building that nobody sleeps in."""
HOMES = (2, 1, 1, 1, 1, 2, 5, 9, 8, 6, 5, 5, 6, 5, 4, 3, 3, 4, 7, 9, 7, 5, 4, 3)
"""The same of a village, which never rests."""

_WEEK_D = 7
_DAY_H = 24.0


@dataclass(frozen=True, slots=True)
class Meter:
    """A water meter: its index in m³ as the fleet begins, what passes in L on each day of the week, its leak in L/h."""

    index: float
    week: tuple[float, ...]
    shares: tuple[int, ...] = DRY_NIGHTS
    leak: float = 0.0
    leaks_since_h: float = -30.0
    """When the leak began, in hours of age."""
    pulse_weight: float = 0.01
    """What a pulse of its output stands for, in m³."""
    fitted_at: float = 0.0
    """Its index when the pulse counter was fitted to it."""

    def facts(self, scene: Scene) -> Facts:
        """Give the index and what the meter thinks of it."""
        moment = scene.moment
        leaking_h = max(0.0, moment.age_h - self.leaks_since_h) if self.leak else 0.0
        # Nobody drinks by the clock: use is up to 15 minutes early or late, but never goes back.
        used = self._used(moment.hours + 0.25 * scene.drift("use", 3)) - self._used(moment.hours - moment.age_h)
        volume = self.index + (used + leaking_h * self.leak) / 1000
        return {
            "water_meter.volume": volume,
            "probe.pulses_total input_1": int((volume - self.fitted_at) / self.pulse_weight),
            "water_meter.water_temperature": 12 + 0.45 * (season_temperature(moment) - 12) + 0.5 * scene.drift("t", 9),
            "water_meter.leak_alarm": leaking_h > _DAY_H,
            "water_meter.dry_alarm": False,
            "water_meter.backflow_alarm": False,
            "water_meter.freeze_alarm": False,
            "water_meter.burst_alarm": False,
        }

    def _used(self, hours: float) -> float:
        """Give what was used since 1970, in L."""
        day, hour = divmod(hours, _DAY_H)
        weeks, weekday = divmod(int(day) + 3, _WEEK_D)  # 1970 began on a Thursday
        before = sum(self.week) * weeks + sum(self.week[:weekday])
        return before + self.week[weekday] * _until(self.shares, hour)


def _until(shares: tuple[int, ...], hour: float) -> float:
    """Give which part of a day's use has passed at an hour."""
    whole = int(hour)
    return (sum(shares[:whole]) + shares[whole] * (hour - whole)) / sum(shares)


@dataclass(frozen=True, slots=True)
class River:
    """A river under a sensor that looks down: levels and the sensor's height in m above the place's zero.

    A flood begins at an age of `begins_h`, rises for `rises_h` to `crest` and falls for days; after `again_h` another
    one comes.
    """

    usual: float
    crest: float
    mounting_height: float
    begins_h: float = -6.0
    rises_h: float = 14.0
    falls_h: float = 36.0
    again_h: float = 240.0

    def level(self, scene: Scene) -> float:
        """Give the level in m."""
        since_h = (scene.moment.age_h - self.begins_h) % self.again_h
        rising = smooth(since_h / self.rises_h)
        falling = math.exp2(-max(0.0, since_h - self.rises_h) / (self.falls_h / 2))
        ripple = 0.012 * scene.drift("ripple", 0.4) + 0.05 * scene.drift("rain", 40)
        return self.usual + (self.crest - self.usual) * rising * falling + ripple

    def facts(self, scene: Scene) -> Facts:
        """Give the distance down to the water, and how warm it is."""
        return {
            "probe.distance": self.mounting_height - self.level(scene),
            "probe.temperature": max(2.5, season_temperature(scene.moment) - 1 + scene.drift("water", 30)),
        }
