"""The pages of a SQLite file and of the log ahead of it, read without SQLite: what a damaged file still holds.

Where a page that leads to others is gone, SQLite finds none of them, though each is whole; and of a file without its
first page it reads nothing. Here every page is looked at for itself, after the format that SQLite publishes:
https://www.sqlite.org/fileformat2.html. What is found may be older than the newest: whoever asks must judge it.
"""

import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

Value = int | float | str | bytes | None

_MAGIC = b"SQLite format 3\0"
_USUAL_SIZE = 4_096
_HEADER = 100  # bytes at the begin of page 1
_LOG_MAGICS = frozenset({0x377F0682, 0x377F0683})
_LOG_HEADER, _FRAME_HEADER = 32, 24
_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_MOST_PAYLOAD = 1 << 24  # bytes; nothing of ours is larger
_DEEPEST = 12
_SUMMED_S = 600.0
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FLOAT, _ZERO, _ONE, _FIRST_BLOB = 7, 8, 9, 12


class Damaged(Exception):  # noqa: N818 - what is found, and gone around
    """These bytes are not what the format says."""


class Cell(NamedTuple):
    """A row of a table under its key, or an entry of an index, which has none."""

    key: int | None
    values: Sequence[Value]


class Frame(NamedTuple):
    """A page in the log: which, where, and how many pages the file has after the commit that it ends, if any."""

    number: int
    at: int
    commits: int


class Log:
    """The frames of the log ahead that are of its last round, in their order, whether SQLite would read them or not."""

    def __init__(self, path: Path) -> None:
        self.frames: list[Frame] = []
        self.page_size = 0
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._handle = -1
            return
        self._head = os.pread(self._handle, _LOG_HEADER + _FRAME_HEADER, 0)
        if len(self._head) < _LOG_HEADER + _FRAME_HEADER:
            return
        size = int.from_bytes(self._head[8:12], "big")
        self.page_size = size if _is_size(size) else _USUAL_SIZE
        salts = self._head[16:24] if self._begins_well() else self._head[_LOG_HEADER + 8 : _LOG_HEADER + 16]
        length, step = os.fstat(self._handle).st_size, _FRAME_HEADER + self.page_size
        for at in range(_LOG_HEADER, length - step + 1, step):
            frame = os.pread(self._handle, _FRAME_HEADER, at)
            if frame[8:16] == salts:
                number, commits = struct.unpack(">II", frame[:8])
                self.frames.append(Frame(number, at + _FRAME_HEADER, commits))

    def content(self, frame: Frame) -> bytes:
        """Read a frame's page."""
        try:
            return os.pread(self._handle, self.page_size, frame.at)
        except OSError:  # the disk cannot read it
            return b""

    def dropped(self, within_s: float) -> int:
        """Count the commits that stand behind what SQLite reads, which is all up to a sum that is wrong.

        What would take longer than `within_s` to tell counts as none.
        """
        end_s = time.monotonic() + within_s
        sums = self._sum(self._head[:24], (0, 0)) if self.frames and self._begins_well() else (-1, -1)
        due = _LOG_HEADER + _FRAME_HEADER
        for number, frame in enumerate(self.frames):
            if time.monotonic() > end_s:
                return 0
            head = os.pread(self._handle, _FRAME_HEADER, frame.at - _FRAME_HEADER)
            if sums[0] >= 0:
                sums = self._sum(self.content(frame), self._sum(head[:8], sums))
            if frame.at != due or sums != struct.unpack(">II", head[16:24]):
                return sum(each.commits > 0 for each in self.frames[number:])
            due += _FRAME_HEADER + self.page_size
        return 0

    def _begins_well(self) -> bool:
        head = self._head[:_LOG_HEADER]
        known = int.from_bytes(head[:4], "big") in _LOG_MAGICS
        return known and self._sum(head[:24], (0, 0)) == struct.unpack(">II", head[24:32])

    def _sum(self, content: bytes, sums: tuple[int, int]) -> tuple[int, int]:
        """Go on with the sum that runs over the whole log."""
        first, second = sums
        order = ">" if self._head[3] & 1 else "<"
        for left, right in struct.iter_unpack(f"{order}II", content):
            first = first + left + second & 0xFFFFFFFF
            second = second + right + first & 0xFFFFFFFF
        return first, second

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Pages:
    """All pages that there are, one for one; a file that is not there has none.

    `owner` is the application id of the file, None where its first page is none of SQLite's. `dropped` is how many
    commits SQLite does not read from the log, because they stand behind something damaged.
    """

    def __init__(self, path: Path, log: Path) -> None:
        self._log = Log(log)
        self._newest = {frame.number: frame for frame in self._log.frames}
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            head = os.pread(self._handle, _HEADER, 0)
            length = os.fstat(self._handle).st_size
        except FileNotFoundError:
            self._handle, head, length = -1, b"", 0
        size = int.from_bytes(head[16:18], "big") if head.startswith(_MAGIC) else 0
        size = 1 << 16 if size == 1 else size
        self.size = self._log.page_size or (size if _is_size(size) else _USUAL_SIZE)
        self.count = length // self.size
        self.total = self.count + len(self._log.frames)
        self.dropped = self._log.dropped(_SUMMED_S)
        first = self._page(1)
        self.owner = int.from_bytes(first[68:72], "big") if first.startswith(_MAGIC) else None

    def close(self) -> None:
        """Close the files."""
        self._log.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def leaves(self) -> Iterator[list[Cell]]:
        """Give what can be read of each page, the newest first: all of the log from its end, then the file."""
        for frame in reversed(self._log.frames):
            yield self._leaf(frame.number, self._log.content(frame))
        for number in range(1, self.count + 1):
            yield self._leaf(number, self._in_file(number))

    def is_index(self, number: int) -> bool:
        """Tell whether a page is one of an index: in a file of an older schema, a table's root may stand there."""
        content = self._page(number)
        return len(content) == self.size and content[0] in (_INDEX_LEAF, _INDEX_INNER)

    def tree(self, root: int, take: Callable[[Cell], None]) -> bool:
        """Hand over the rows of a table, or the entries of an index; tell whether none of its pages is missing."""
        return self._descend(root, take, 0)

    def _descend(self, number: int, take: Callable[[Cell], None], depth: int) -> bool:
        content = self._page(number)
        at = _HEADER if number == 1 else 0
        kind = content[at] if len(content) == self.size else 0
        if kind in (_TABLE_LEAF, _INDEX_LEAF):
            found = self._leaf(number, content)
            for cell in found:
                take(cell)
            return len(found) == int.from_bytes(content[at + 3 : at + 5], "big")
        if kind not in (_TABLE_INNER, _INDEX_INNER) or depth > _DEEPEST:
            return False
        whole = True
        for begin in _pointers(content, at, 12):
            whole = self._descend(int.from_bytes(content[begin : begin + 4], "big"), take, depth + 1) and whole
            if kind == _INDEX_INNER:
                entry = self._try(content, begin + 4, is_table=False)
                if entry is not None:
                    take(entry)
                whole = whole and entry is not None
        return self._descend(int.from_bytes(content[at + 8 : at + 12], "big"), take, depth + 1) and whole

    def _page(self, number: int) -> bytes:
        frame = self._newest.get(number)
        return self._log.content(frame) if frame is not None else self._in_file(number)

    def _in_file(self, number: int) -> bytes:
        if not 1 <= number <= self.count:
            return b""
        try:
            return os.pread(self._handle, self.size, (number - 1) * self.size)
        except OSError:  # the disk cannot read it
            return b""

    def _leaf(self, number: int, content: bytes) -> list[Cell]:
        at = _HEADER if number == 1 else 0
        if len(content) < self.size or content[at] not in (_INDEX_LEAF, _TABLE_LEAF):
            return []
        found = (self._try(content, at_, is_table=content[at] == _TABLE_LEAF) for at_ in _pointers(content, at, 8))
        return [cell for cell in found if cell is not None]

    def _try(self, content: bytes, at: int, *, is_table: bool) -> Cell | None:
        try:
            return self._cell(content, at, is_table=is_table)
        except (Damaged, IndexError, struct.error, UnicodeDecodeError):
            return None

    def _cell(self, content: bytes, at: int, *, is_table: bool) -> Cell:
        size, at = _varint(content, at)
        key = None
        if is_table:
            key, at = _varint(content, at)
        if size > _MOST_PAYLOAD:
            raise Damaged
        local = self._local(size, is_table=is_table)
        payload = content[at : at + local]
        if local < size:
            payload += self._overflow(int.from_bytes(content[at + local : at + local + 4], "big"), size - local)
        if len(payload) != size:
            raise Damaged
        return Cell(key, _record(payload))

    def _local(self, size: int, *, is_table: bool) -> int:
        """Say how many bytes of a payload are in its cell; the rest is on pages of its own."""
        most = self.size - 35 if is_table else (self.size - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (self.size - 12) * 32 // 255 - 23
        fitting = least + (size - least) % (self.size - 4)
        return fitting if fitting <= most else least

    def _overflow(self, number: int, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            content = self._page(number)
            if len(content) < self.size:
                raise Damaged
            parts.append(content[4 : 4 + min(size, self.size - 4)])
            size -= len(parts[-1])
            number = int.from_bytes(content[:4], "big")
        return b"".join(parts)


def _is_size(size: int) -> bool:
    return 512 <= size <= 1 << 16 and size.bit_count() == 1  # noqa: PLR2004 - the format's bounds


def _pointers(content: bytes, at: int, header: int) -> Iterator[int]:
    """Give where the cells of a page begin."""
    count = int.from_bytes(content[at + 3 : at + 5], "big")
    if count > (len(content) - at - header) // 2:
        return
    for number in range(count):
        where = at + header + 2 * number
        yield int.from_bytes(content[where : where + 2], "big")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Read an integer of one to nine bytes; return it, and where it ends."""
    value = 0
    for end in range(at, at + 8):
        byte = content[end]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no top bit
            return value, end + 1
    value = value << 8 | content[at + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


def _record(payload: bytes) -> list[Value]:
    head, at = _varint(payload, 0)
    if not at <= head <= len(payload):
        raise Damaged
    kinds: list[int] = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    at = head
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise Damaged
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (_ZERO, _ONE):
        return kind - _ZERO, at
    if kind in _INTEGERS:
        end = at + _INTEGERS[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind == _FLOAT:
        return struct.unpack(">d", payload[at : at + 8])[0], at + 8
    if kind < _FIRST_BLOB:
        raise Damaged
    end = at + (kind - _FIRST_BLOB) // 2
    if end > len(payload):
        raise Damaged
    content = payload[at:end]
    return (content.decode() if kind % 2 else content), end
