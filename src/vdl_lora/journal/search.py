"""Finds events by what they are, in the order of the journal, in either direction: statements and windows. No I/O.

Each statement looks at a window of positions, block by block of 2,048, and in each block only at what an index names.
Blocks without an event of the wanted time are passed over by one look at an index. The window grows while little is
found, so that the newest event of a device costs as much as the few blocks behind it, and no search reads the whole
table.
"""

from dataclasses import dataclass
from typing import Any, Final

from vdl_lora.interfaces import EventFilter

BLOCK_BITS: Final = 11
"""A block has two to the power of this many positions: the indexes event_origin and event_time begin with it."""

UNIT_BITS: Final = 30
"""The index event_time has times in units of two to the power of this many ns."""

_INDEXED_SINCE: Final = 4
"""The schema that brought event_time; a file that an older service writes to is read without it, slowly."""

_FIRST_BLOCKS, _MOST_BLOCKS = 1, 128
_GROWTH = 4
_AT = "case event.event_at_ns when 0 then event.arrived_at_ns else event.event_at_ns end"
_IN_UNITS = f"{_AT} >> {UNIT_BITS} between :from_ns >> {UNIT_BITS} and :until_ns - 1 >> {UNIT_BITS}"
_OF_BLOCK = f"event.position >> {BLOCK_BITS} = block.n"
_IN_BLOCK = f"event.position between block.n << {BLOCK_BITS} and (block.n + 1 << {BLOCK_BITS}) - 1"
_OF_DEVICE = "event.origin in (select id from origin where dev_eui = :dev_eui)"
_OF_TENANT = "event.tenant = (select id from tenant where name = :tenant)"
_OF_KIND = "event.kind = (select id from kind where name = :kind)"
_OF_ANY_KIND = "event.kind in (select id from kind)"
_QUARANTINED = "event.stage is not null"
_EARLIEST, _LATEST = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Window:
    """A span of positions, both ends included, of which one statement gives the first or the last matches."""

    low: int
    high: int


class Search:
    """A walk over the journal: the statement that each window is looked at with, and where the next window is."""

    def __init__(self, which: EventFilter, *, newest_first: bool = False) -> None:
        self._which = which
        self.newest_first = newest_first
        self._next: int | None = None
        self._blocks = _FIRST_BLOCKS

    def window(self, first: int, last: int) -> Window | None:
        """Return the next window of a journal that has these positions; None behind its end."""
        if self.newest_first:
            high = last if self._next is None else min(self._next, last)
            low = max(first, (high >> BLOCK_BITS) - self._blocks + 1 << BLOCK_BITS)
        else:
            low = first if self._next is None else max(self._next, first)
            high = min(last, ((low >> BLOCK_BITS) + self._blocks << BLOCK_BITS) - 1)
        return Window(low, high) if low <= high else None

    def positions(self, schema: int) -> str:
        """Return the statement that gives the positions of a window's matches, in a file of this schema."""
        return _statement(self._which, indexed=schema >= _INDEXED_SINCE, newest_first=self.newest_first)

    def values(self, window: Window, limit: int) -> dict[str, Any]:
        """Return what the statement's names stand for."""
        which = self._which
        first, last = window.low >> BLOCK_BITS, window.high >> BLOCK_BITS
        return {
            "low": window.low,
            "high": window.high,
            "first": last if self.newest_first else first,
            "last": first if self.newest_first else last,
            "limit": limit,
            "dev_eui": which.dev_eui,
            "tenant": which.tenant,
            "kind": which.kind,
            "from_ns": _EARLIEST if which.from_ns is None else which.from_ns,
            "until_ns": _LATEST if which.until_ns is None else which.until_ns,
        }

    def found(self, window: Window, count: int, limit: int, last: int) -> None:
        """Take how many events a window gave, and the position of the last of them: the next window begins there."""
        if count == limit:
            self._next = last - 1 if self.newest_first else last + 1
            self._blocks = max(self._blocks // _GROWTH, _FIRST_BLOCKS)
        else:
            self._next = window.low - 1 if self.newest_first else window.high + 1
            self._blocks = min(self._blocks * _GROWTH, _MOST_BLOCKS)


def _statement(which: EventFilter, *, indexed: bool, newest_first: bool) -> str:
    direction, step, end = ("desc", "- 1", ">") if newest_first else ("", "+ 1", "<")
    timed = which.from_ns is not None or which.until_ns is not None
    rows = _row_conditions(which, timed=timed)
    if which.dev_eui and not indexed:
        rows.append(_OF_DEVICE)
    ending = f"order by event.position {direction} limit :limit"
    if not indexed or not (which.dev_eui or which.tenant or which.kind or timed):
        return f"select event.position from event where {' and '.join(rows)} {ending}"  # noqa: S608 - texts of ours
    index, driver = _driver(which, timed=timed)
    if timed and index != "event_time":
        rows.append(
            f"exists (select 1 from event indexed by event_time where {_OF_BLOCK} and {_OF_ANY_KIND} and {_IN_UNITS})"  # noqa: S608
        )
    if which.tenant and index != "event_tenant":
        rows.append(f"exists (select 1 from event indexed by event_tenant where {_OF_TENANT} and {_IN_BLOCK})")  # noqa: S608
    return (
        f"with recursive block (n) as (select :first union all select n {step} from block where n {end} :last) "  # noqa: S608
        f"select event.position from block cross join event indexed by {index} on {driver} "
        f"where {' and '.join(rows)} {ending}"
    )


def _driver(which: EventFilter, *, timed: bool) -> tuple[str, str]:
    """Choose the index that leads to the fewest rows of a block, and the condition that uses it."""
    in_units = f" and {_IN_UNITS}" if timed else ""
    if which.dev_eui:
        return "event_origin", f"{_OF_BLOCK} and {_OF_DEVICE}"
    if which.quarantined:
        return "event_quarantined", f"{_QUARANTINED} and {_IN_BLOCK}"
    if which.tenant and which.kind in ("", "up"):  # most events are uplinks
        return "event_tenant", f"{_OF_TENANT} and {_IN_BLOCK}"
    return "event_time", f"{_OF_BLOCK} and {_OF_KIND if which.kind else _OF_ANY_KIND}{in_units}"


def _row_conditions(which: EventFilter, *, timed: bool) -> list[str]:
    """Return what must hold of each row itself."""
    wanted = (
        (which.tenant, _OF_TENANT),
        (which.kind, _OF_KIND),
        (timed, f"{_AT} >= :from_ns and {_AT} < :until_ns"),
        (which.quarantined, _QUARANTINED),
    )
    return ["event.position between :low and :high", *(condition for each, condition in wanted if each)]
