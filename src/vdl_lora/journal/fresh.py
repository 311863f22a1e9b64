"""What was appended last, in memory until it is delivered, so that live delivery need not read it back from the file.

All of it is in the file too: whoever does not find here what is due reads it there.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from operator import itemgetter

from vdl_lora.interfaces import Accepted, Batch, Cursor

from .rows import goes_on, journal_event

MOST_EVENTS = 2_000
MOST_BYTES = 8 << 20

_position = itemgetter(0)


class Fresh:
    """The newest events of each tenant; `last` is the last position that was given before."""

    def __init__(self, last: int) -> None:
        self.clear(last)

    def clear(self, last: int) -> None:
        """Forget everything up to a position: it is read from the file."""
        self._begin = self._next = last + 1
        self._begins: dict[str, int] = {}
        self._events: dict[str, list[tuple[int, Accepted]]] = {}
        self._count = 0
        self._bytes = 0

    def put(self, first: int, new: Collection[int], events: Sequence[Accepted]) -> None:
        """Take the events that were given positions from `first` on, as far as these are new.

        Where positions before are missing nothing is kept: what is here must be all that a cursor has ahead.
        """
        last = first + len(events) - 1
        if first != self._next:
            self.clear(max(last, self._next - 1))
            return
        self._next = last + 1
        placed = [each for each in enumerate(events, first) if each[0] in new]
        self._count += len(placed)
        self._bytes += sum([len(event.raw.body) for _, event in placed])
        if self._count > MOST_EVENTS or self._bytes > MOST_BYTES:
            self.clear(last)
            return
        for each in placed:
            self._events.setdefault(each[1].envelope.tenant_id, []).append(each)

    def read(self, cursor: Cursor, limit: int) -> Batch | None:
        """Give what a live cursor has ahead, or None where that begins before what is kept here."""
        if cursor.kind != "live" or cursor.next < self._begins.get(cursor.tenant, self._begin):
            return None
        placed = self._events.get(cursor.tenant, [])
        start = bisect_right(placed, cursor.next - 1, key=_position)
        ahead = placed[start : start + limit]
        events = [
            journal_event(position, event, marked=event.mark is not None)
            for position, event in ahead
            if goes_on(event.mark)
        ]
        return Batch(events, ahead[-1][0] if ahead else cursor.next - 1, more=len(ahead) == limit)

    def drop(self, tenant: str, through: int) -> None:
        """Forget what a tenant's live cursor has behind it."""
        placed = self._events.get(tenant, [])
        end = bisect_right(placed, through, key=_position)
        self._count -= end
        self._bytes -= sum([len(event.raw.body) for _, event in placed[:end]])
        del placed[:end]
        self._begins[tenant] = max(self._begins.get(tenant, self._begin), through + 1)
