"""The weather over the territory, one for all places: what is outside, and what it does to the rest. Pure.

The year's course is about that of the middle Loire: 4 °C on average in January, 20 °C in July.
"""

import math
from dataclasses import dataclass

from .behaviour import Facts, Scene
from .timeline import Moment

_YEAR_D = 365.25
_COLDEST_D = 15
_NOON_H = 13.0


def season_temperature(moment: Moment) -> float:
    """Give the usual mean of a day, in °C."""
    return 12 - 8 * math.cos(2 * math.pi * (moment.day - _COLDEST_D) / _YEAR_D)


def temperature(scene: Scene) -> float:
    """Give the temperature in °C: coldest at 3, warmest at 15, some days warmer than others."""
    of_the_day = 4 * math.cos(2 * math.pi * (scene.moment.hour - 15) / 24)
    return season_temperature(scene.moment) + of_the_day + 3 * scene.shared_drift("warmth", 60)


def daylight(moment: Moment) -> float:
    """Give the daylight from 0 to 1; its hours follow the season."""
    half_day_h = 6 + (season_temperature(moment) - 12) / 4
    from_noon_h = abs(moment.hour - _NOON_H)
    return math.cos(math.pi / 2 * from_noon_h / half_day_h) if from_noon_h < half_day_h else 0.0


def pressure(scene: Scene) -> float:
    """Give the pressure some 80 m above the sea, in hPa."""
    return 1006 + 14 * scene.shared_drift("pressure", 70)


@dataclass(frozen=True, slots=True)
class Outdoors:
    """A place in the open, in the shade."""

    def facts(self, scene: Scene) -> Facts:
        """Give the weather."""
        warmth = temperature(scene)
        cloud = 0.5 + 0.5 * scene.shared_drift("cloud", 5)
        return {
            "air.temperature": warmth + 0.3 * scene.drift("shade", 4),
            "air.humidity": min(98.0, 90 - 3 * (warmth - season_temperature(scene.moment))),
            "air.pressure": pressure(scene),
            "air.illuminance": 12_000 * daylight(scene.moment) * (1 - 0.8 * cloud),
        }
