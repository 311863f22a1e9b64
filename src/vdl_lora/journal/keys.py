"""A set of many keys that lie close together, in little memory: a bit each."""

from collections.abc import Iterator

_BITS = 1_024


class Keys:
    """Keys from 0 on; what is far from all others costs no more than they do."""

    def __init__(self) -> None:
        self._chunks: dict[int, int] = {}

    def add(self, key: int) -> None:
        """Add a key."""
        chunk, bit = divmod(key, _BITS)
        self._chunks[chunk] = self._chunks.get(chunk, 0) | 1 << bit

    def __contains__(self, key: int) -> bool:
        chunk, bit = divmod(key, _BITS)
        return bool(self._chunks.get(chunk, 0) >> bit & 1)

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._chunks.values())

    def __sub__(self, other: "Keys") -> "Keys":
        left = Keys()
        for chunk, bits in self._chunks.items():
            if rest := bits & ~other._chunks.get(chunk, 0):
                left._chunks[chunk] = rest
        return left

    @property
    def last(self) -> int:
        """The largest key, 0 where there is none."""
        if not self._chunks:
            return 0
        chunk = max(self._chunks)
        return chunk * _BITS + self._chunks[chunk].bit_length() - 1

    @property
    def first(self) -> int:
        """The smallest key, 0 where there is none."""
        if not self._chunks:
            return 0
        chunk = min(self._chunks)
        bits = self._chunks[chunk]
        return chunk * _BITS + (bits & -bits).bit_length() - 1

    def spans(self) -> Iterator[tuple[int, int]]:
        """Give the keys as spans, both ends included, in their order."""
        first = end = -1
        for chunk in sorted(self._chunks):
            bits = self._chunks[chunk]
            for bit in range(bits.bit_length()):
                if not bits >> bit & 1:
                    continue
                key = chunk * _BITS + bit
                if key != end:
                    if end >= 0:
                        yield first, end - 1
                    first = key
                end = key + 1
        if end >= 0:
            yield first, end - 1
