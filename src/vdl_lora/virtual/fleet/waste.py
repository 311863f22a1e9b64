"""Waste containers: they fill until they are emptied. Pure."""

from dataclasses import dataclass

from .behaviour import Facts, Scene
from .signals import smooth
from .weather import temperature

_DAY_H = 24.0


@dataclass(frozen=True, slots=True)
class Container:
    """A container under a sensor that looks down: its depth in m, and when it is emptied.

    It is emptied every `every_d` days at 7; people fill it by day, more at the week-end, to `fills_to` of its depth.
    """

    empty_distance: float
    full_distance: float = 0.35
    every_d: int = 7
    emptied_on: int = 1
    """The day of the week, or in a longer round the day counted from a Monday."""
    fills_to: float = 0.9

    def fill(self, scene: Scene) -> float:
        """Give the fill level, 1 is full."""
        hours = scene.moment.hours - 7 - 24 * (self.emptied_on - 3)  # 1970 began on a Thursday
        day, hour = divmod(hours % (24 * self.every_d), _DAY_H)
        by_day = smooth((hour - 1) / 14)
        return 0.03 + (self.fills_to - 0.03) * (day + by_day) / self.every_d

    def facts(self, scene: Scene) -> Facts:
        """Give the distance down to the waste."""
        depth = self.empty_distance - self.full_distance
        distance = self.empty_distance - depth * self.fill(scene) + 0.01 * scene.drift("settling", 2)
        return {"probe.distance": distance, "probe.temperature": temperature(scene)}
