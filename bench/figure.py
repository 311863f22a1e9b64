"""A figure of the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, the median of several runs, and the goal that it is held against."""

    name: str
    value: float
    unit: str
    goal: float
    at_most: bool = True

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal
