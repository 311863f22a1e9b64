"""A sink in memory: the public fake of Sink, which can be told to fail."""

from collections.abc import Callable, Mapping, Sequence

from vdl_lora.errors import PointsRefused, SinkError
from vdl_lora.interfaces import Check, Sink
from vdl_lora.points import FieldValue, Point, Tags

Series = tuple[str, str, Tags, int]
"""Tenant, measurement, tags and time: what makes a point the same."""


class MemorySink(Sink):
    """Keeps points as a database does: the last write of a field wins.

    `refuses` tells which points it does not take; `fails` gives the error of a write, or None, before anything is kept.
    """

    def __init__(
        self,
        name: str = "memory",
        refuses: Callable[[Point], bool] = lambda _point: False,
        fails: Callable[[str], SinkError | None] = lambda _tenant: None,
    ) -> None:
        self.name = name
        self.refuses = refuses
        self.fails = fails
        self.writes = 0
        self.rows: dict[Series, dict[str, FieldValue]] = {}

    async def write(self, tenant: str, points: Sequence[Point], lines: str | None = None) -> None:  # noqa: ARG002 - not text
        """Write all points, or raise one SinkError."""
        self.writes += 1
        error = self.fails(tenant)
        if error is not None:
            raise error
        refused = [point for point in points if self.refuses(point)]
        if refused:
            raise PointsRefused(f"{refused[0].measurement} at {refused[0].at_ns} is refused, dropped={len(refused)}")
        for point in points:
            self.rows.setdefault(_series(tenant, point), {}).update(point.fields)

    async def erase(self, tenant: str, points: Sequence[Point], stays: Sequence[Point] | None = None) -> None:  # noqa: ARG002 - it stays by itself
        """Take the named fields of these points away."""
        for point in points:
            row = self.rows.get(_series(tenant, point), {})
            for name in point.fields:
                row.pop(name, None)
            if not row:
                self.rows.pop(_series(tenant, point), None)

    async def check(self, tenants: Mapping[str, str] | None = None) -> Sequence[Check]:  # noqa: ARG002 - one memory for all
        """Say that memory is there."""
        return [Check(f"sink {self.name}", ok=True, words="in memory")]


def _series(tenant: str, point: Point) -> Series:
    return (tenant, point.measurement, point.tags, point.at_ns)
