"""Finds events by what they are, in the order of the journal, in either direction: statements and windows. No I/O.

Each statement looks at a window of positions, block by block of 2,048. The table `block` says what kinds and times
stand in each, so that others are passed over, and an index names the rows of a device, of a tenant, or in quarantine.
The window grows while little is found, so that the newest event of a device costs as much as the few blocks behind it,
and no search reads the whole table.
"""

from dataclasses import dataclass
from typing import Any, Final

from vdl_lora.interfaces import EventFilter

BLOCK_BITS: Final = 11
"""A block has two to the power of this many positions: the index event_origin begins with it."""

_SUMMARISED_SINCE: Final = 4
"""The schema that brought the table `block`; a file that an older service writes to is read without it, slowly."""

_FIRST_BLOCKS, _MOST_BLOCKS = 1, 128
_GROWTH = 4
_AT = "case event.event_at_ns when 0 then event.arrived_at_ns else event.event_at_ns end"
_IN_BLOCK = f"event.position between block.number << {BLOCK_BITS} and (block.number + 1 << {BLOCK_BITS}) - 1"
_OF_DEVICE = "event.origin in (select id from origin where dev_eui = :dev_eui)"
_OF_TENANT = "event.tenant = (select id from tenant where name = :tenant)"
_OF_KIND = "event.kind = (select id from kind where name = :kind)"
_BLOCK_OF_KIND = "block.kinds & (1 << (select id from kind where name = :kind))"
_BLOCK_OF_TIME = "block.latest_ns >= :from_ns and block.earliest_ns < :until_ns"
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
        return _statement(self._which, summarised=schema >= _SUMMARISED_SINCE, newest_first=self.newest_first)

    def values(self, window: Window, limit: int) -> dict[str, Any]:
        """Return what the statement's names stand for."""
        which = self._which
        return {
            "low": window.low,
            "high": window.high,
            "first": window.low >> BLOCK_BITS,
            "last": window.high >> BLOCK_BITS,
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


def _statement(which: EventFilter, *, summarised: bool, newest_first: bool) -> str:
    timed = which.from_ns is not None or which.until_ns is not None
    rows = _row_conditions(which, timed=timed)
    ending = f"order by event.position {'desc' if newest_first else ''} limit :limit"
    if not summarised:
        device = [_OF_DEVICE] if which.dev_eui else []
        return f"select event.position from event where {' and '.join(rows + device)} {ending}"  # noqa: S608 - texts of ours
    blocks = ["block.number between :first and :last"]
    blocks += [condition for each, condition in ((which.kind, _BLOCK_OF_KIND), (timed, _BLOCK_OF_TIME)) if each]
    if which.tenant and (which.dev_eui or which.quarantined):
        rows.append(f"exists (select 1 from event indexed by event_tenant where {_OF_TENANT} and {_IN_BLOCK})")  # noqa: S608
    return (
        f"select event.position from block cross join event {_index(which)} "  # noqa: S608
        f"where {' and '.join(blocks + rows)} {ending}"
    )


def _index(which: EventFilter) -> str:
    """Choose the index that leads to the fewest rows of a block, with the condition that uses it."""
    if which.dev_eui:
        # the plus takes the column's affinity away, with which the index on an expression would not be used
        return f"indexed by event_origin on event.position >> {BLOCK_BITS} = +block.number and {_OF_DEVICE}"
    if which.quarantined:
        return f"indexed by event_quarantined on {_QUARANTINED} and {_IN_BLOCK}"
    if which.tenant:
        return f"indexed by event_tenant on {_OF_TENANT} and {_IN_BLOCK}"
    return f"not indexed on {_IN_BLOCK}"


def _row_conditions(which: EventFilter, *, timed: bool) -> list[str]:
    """Return what must hold of each row itself."""
    wanted = (
        (which.tenant, _OF_TENANT),
        (which.kind, _OF_KIND),
        (timed, f"{_AT} >= :from_ns and {_AT} < :until_ns"),
        (which.quarantined, _QUARANTINED),
    )
    return ["event.position between :low and :high", *(condition for each, condition in wanted if each)]
