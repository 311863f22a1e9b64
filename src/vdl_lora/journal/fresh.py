"""What was appended last, in memory until it is delivered, so that live delivery need not read it back from the file.

All of it is in the file too: whoever does not find here what is due reads it there.
"""

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from vdl_lora.events import JournalEvent
from vdl_lora.interfaces import Batch, Cursor

MOST_EVENTS = 2_000
MOST_BYTES = 8 << 20

_position = attrgetter("position")


class Fresh:
    """The newest events of each tenant; `last` is the last position that was given before."""

    def __init__(self, last: int) -> None:
        self.clear(last)

    def clear(self, last: int) -> None:
        """Forget everything up to a position: it is read from the file."""
        self._begin = self._next = last + 1
        self._begins: dict[str, int] = {}
        self._events: dict[str, list[JournalEvent]] = {}
        self._count = 0
        self._bytes = 0

    def put(self, first: int, last: int, events: Iterable[tuple[str, JournalEvent]]) -> None:
        """Take what was new among the positions `first` to `last`, each event with its tenant.

        Where positions before are missing nothing is kept: what is here must be all that a cursor has ahead.
        """
        if first != self._next:
            self.clear(max(last, self._next - 1))
            return
        self._next = last + 1
        for tenant, event in events:
            self._events.setdefault(tenant, []).append(event)
            self._count += 1
            self._bytes += len(event.body)
        if self._count > MOST_EVENTS or self._bytes > MOST_BYTES:
            self.clear(last)

    def read(self, cursor: Cursor, limit: int) -> Batch | None:
        """Give what a live cursor has ahead, or None where that begins before what is kept here."""
        if cursor.kind != "live" or cursor.next < self._begins.get(cursor.tenant, self._begin):
            return None
        events = self._events.get(cursor.tenant, [])
        start = bisect_right(events, cursor.next - 1, key=_position)
        ahead = events[start : start + limit]
        return Batch(ahead, ahead[-1].position if ahead else cursor.next - 1, more=len(ahead) == limit)

    def drop(self, tenant: str, through: int) -> None:
        """Forget what a tenant's live cursor has behind it."""
        events = self._events.get(tenant, [])
        end = bisect_right(events, through, key=_position)
        self._count -= end
        self._bytes -= sum([len(event.body) for event in events[:end]])
        del events[:end]
        self._begins[tenant] = max(self._begins.get(tenant, self._begin), through + 1)
