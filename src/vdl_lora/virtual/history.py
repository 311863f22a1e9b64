"""The event histories that ChirpStack keeps in Redis: one stream a key, trimmed by Redis's approximate rule. No I/O.

Redis packs a stream's entries into nodes of at most 4096 bytes or 100 entries. XADD with MAXLEN ~ N drops whole
nodes at the front, and only where N entries remain: so at least N are kept, and more, the smaller the entries are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

NODE_BYTES = 4096
NODE_ENTRIES = 100
TTL_MS = 31 * 86_400_000
_MS = 1_000_000
_EMPTY_LISTPACK = 7
_SMALL_INT = 2
_INT_LIMITS = ((7, 2), (12, 3), (15, 4), (23, 5), (31, 6))  # bits of a value, bytes of a listpack element
_STRING_LIMITS = ((64, 1), (4096, 2))  # bytes of a string, bytes of its header
_BACK_LIMITS = ((128, 1), (16_384, 2), (2_097_152, 3))


class EntryId(NamedTuple):
    """The id of an entry, `<ms>-<seq>`."""

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


FIRST = EntryId(0, 0)


class Entry(NamedTuple):
    """An event: its kind is the field's name, its protobuf the field's value."""

    id: EntryId
    kind: str
    body: bytes


@dataclass(slots=True)
class _Node:
    """A listpack: its first entry's id and field name are the ones that the others are told against."""

    first: EntryId
    kind: str
    entries: list[Entry]
    size: int

    @classmethod
    def of(cls, entry: Entry) -> "_Node":
        master = _EMPTY_LISTPACK + 4 * _SMALL_INT + _string(len(entry.kind))
        node = cls(entry.id, entry.kind, [], master)
        node.append(entry)
        return node

    def append(self, entry: Entry) -> None:
        names = 0 if entry.kind == self.kind else _SMALL_INT + _string(len(entry.kind))
        delta = _integer(entry.id.ms - self.first.ms) + _integer(entry.id.seq - self.first.seq)
        self.size += 2 * _SMALL_INT + delta + names + _string(len(entry.body))
        self.entries.append(entry)

    def full(self, entry: Entry) -> bool:
        coming = len(entry.kind) + len(entry.body)
        return self.size + coming >= NODE_BYTES or len(self.entries) >= NODE_ENTRIES


@dataclass(slots=True)
class _Stream:
    last: EntryId = FIRST
    length: int = 0
    expires_ms: int = 0
    nodes: deque[_Node] = field(default_factory=deque[_Node])

    def append(self, entry: Entry, at_least: int) -> None:
        if not self.nodes or self.nodes[-1].full(entry):
            self.nodes.append(_Node.of(entry))
        else:
            self.nodes[-1].append(entry)
        self.last = entry.id
        self.length += 1
        while self.length - len(self.nodes[0].entries) >= at_least:
            self.length -= len(self.nodes.popleft().entries)

    def after(self, last: EntryId) -> Iterator[Entry]:
        for node in self.nodes:
            if node.entries[-1].id > last:
                for entry in node.entries:
                    if entry.id > last:
                        yield entry


class RedisGone(Exception):  # noqa: N818 - a state, not a mistake of ours
    """Redis does not answer."""


class Histories:
    """The streams of a Redis; `at_least` is ChirpStack's per_device_event_log_max_history, 0 keeps none.

    `clock` gives ns since 1970: ids and expiry follow it, and it may go back.
    """

    def __init__(self, at_least: int, clock: Callable[[], int]) -> None:
        self.at_least = at_least
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        self._watchers: dict[str, set[Callable[[], None]]] = {}
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether Redis does not answer."""
        return self._gone

    @gone.setter
    def gone(self, gone: bool) -> None:
        self._gone = gone
        for watchers in self._watchers.values():
            for tell in watchers:
                tell()

    def add(self, key: str, kind: str, body: bytes) -> Entry | None:
        """Append an event (XADD MAXLEN ~, PEXPIRE); None where no history is kept.

        Raises RedisGone.
        """
        if self._gone:
            raise RedisGone
        if self.at_least <= 0:
            return None
        now_ms = self._clock() // _MS
        last = self._stream(key, now_ms).last
        entry = Entry(EntryId(now_ms, 0) if now_ms > last.ms else EntryId(last.ms, last.seq + 1), kind, body)
        self._append(key, entry, now_ms)
        return entry

    def restore(self, key: str, entry: Entry) -> None:
        """Take an entry back that was kept elsewhere."""
        self._append(key, entry, entry.id.ms)

    def after(self, key: str, last: EntryId, count: int) -> list[Entry]:
        """Read the next entries (XREAD COUNT); costs next to nothing where there are none.

        Raises RedisGone.
        """
        if self._gone:
            raise RedisGone
        stream = self._streams.get(key)
        if stream is None or stream.last <= last or stream.expires_ms <= self._clock() // _MS:
            return []
        return [entry for entry, _ in zip(stream.after(last), range(count), strict=False)]

    def new(self, key: str, last: EntryId) -> bool:
        """Tell whether a read would give anything, an error included."""
        stream = self._streams.get(key)
        return self._gone or (stream is not None and stream.last > last)

    def watch(self, key: str, tell: Callable[[], None]) -> None:
        """Call `tell` whenever `new` may have changed for a key."""
        self._watchers.setdefault(key, set()).add(tell)

    def unwatch(self, key: str, tell: Callable[[], None]) -> None:
        """Call it no more."""
        watchers = self._watchers.get(key)
        if watchers is not None:
            watchers.discard(tell)
            if not watchers:
                del self._watchers[key]

    def length(self, key: str) -> int:
        """Count the entries of a stream (XLEN)."""
        stream = self._streams.get(key)
        return 0 if stream is None or stream.expires_ms <= self._clock() // _MS else stream.length

    def flush(self) -> None:
        """Forget everything (FLUSHALL)."""
        self._streams.clear()

    def entries(self) -> Iterable[tuple[str, Entry]]:
        """Give everything, in the order of each stream."""
        for key, stream in self._streams.items():
            for entry in stream.after(FIRST):
                yield key, entry

    def _stream(self, key: str, now_ms: int) -> _Stream:
        stream = self._streams.get(key)
        if stream is None or stream.expires_ms <= now_ms:
            stream = self._streams[key] = _Stream(expires_ms=now_ms + TTL_MS)
        return stream

    def _append(self, key: str, entry: Entry, now_ms: int) -> None:
        stream = self._stream(key, now_ms)
        stream.append(entry, max(self.at_least, 1))
        stream.expires_ms = now_ms + TTL_MS
        for tell in tuple(self._watchers.get(key, ())):
            tell()


def event_key(dev_eui: str) -> str:
    """Give a device's key; whoever asks with capitals asks for a key that nothing is written to."""
    return f"device:{{{dev_eui}}}:stream:event"


def _integer(value: int) -> int:
    """Count the bytes of a whole number in a listpack."""
    magnitude = value if value >= 0 else ~value
    if 0 <= value < 1 << 7:
        return _SMALL_INT
    for bits, size in _INT_LIMITS[1:]:
        if magnitude < 1 << bits:
            return size
    return 10


def _string(length: int) -> int:
    """Count the bytes of a string in a listpack: a header, the string, its length once more for reading backwards."""
    head = next((size for limit, size in _STRING_LIMITS if length < limit), 5)
    back = next((size for limit, size in _BACK_LIMITS if head + length < limit), 4)
    return head + length + back
