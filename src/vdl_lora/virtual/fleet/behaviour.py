"""What a behaviour is: it gives everything that a sensor could measure at its place, at any moment. Pure.

Which of it a sensor sends is its model's business (models.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vdl_lora.decoding import Scalar

from .signals import drift
from .timeline import Moment

Facts = Mapping[str, Scalar]
"""The value of each quantity, in its unit."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a behaviour is asked about: whose sensor, when, and what a delta counts from: `window_h` before."""

    seed: int
    sensor: str
    moment: Moment
    window_h: float = 0.0

    def drift(self, what: str, period_h: float) -> float:
        """Give from -1 to 1 how something wanders that is this sensor's alone."""
        return drift(f"{self.seed} {self.sensor} {what}", self.moment.hours, period_h)

    def shared_drift(self, what: str, period_h: float) -> float:
        """Give from -1 to 1 how something wanders that is the same for all."""
        return drift(f"{self.seed} {what}", self.moment.hours, period_h)


class Behaviour(Protocol):
    """A place as a sensor sees it."""

    def facts(self, scene: Scene) -> Facts:
        """Give everything that could be measured."""
        ...
