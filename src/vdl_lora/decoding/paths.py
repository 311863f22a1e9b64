"""Paths into what a codec gives: `battery`, `probes[0].value`, `samples[name=temperature].value`, `gps.*`. Pure.

`*` and `[*]` take every value of an object or a list, and remember its key or index. A key that holds anything but
letters, digits, `_`, `-`, `$` and spaces stands in single quotes: `'CO2 (ppm)'`, `'a.b'.c`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

Tree = Any
"""What JSON holds: objects, lists, strings, numbers, true, false, null."""

Place = tuple[str | int, ...]
"""Where a value stands: the keys and indices that lead to it."""

_PLAIN_KEY = r"[\w$ -]+"
_STEP = re.compile(
    rf"(?P<dot>\.?)(?:(?P<key>{_PLAIN_KEY})|'(?P<quoted>(?:[^']|'')*)'|(?P<star>\*))"
    rf"|\[(?:(?P<index>\d{{1,5}})|(?P<all>\*)|(?P<name>{_PLAIN_KEY})=(?P<equals>[^\]]*))\]"
)
_PLAIN = re.compile(_PLAIN_KEY)


@dataclass(frozen=True, slots=True)
class Key:
    """The value of a key of an object, or at an index of a list."""

    at: str | int


@dataclass(frozen=True, slots=True)
class Every:
    """Each value of an object or a list."""


@dataclass(frozen=True, slots=True)
class Where:
    """Each object of a list of which a key has a value."""

    key: str
    value: str


Step = Key | Every | Where


@dataclass(frozen=True, slots=True)
class Found:
    """A value, where it stands, what stands around it (the nearest last), and what stars stood for."""

    value: Tree
    place: Place = ()
    around: tuple[Tree, ...] = ()
    captured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """A path as it is written, and its steps."""

    text: str
    steps: tuple[Step, ...]

    @property
    def stars(self) -> int:
        """How many keys or indices it remembers."""
        return sum(isinstance(step, Every) for step in self.steps)

    def find(self, tree: Tree) -> list[Found]:
        """Give every value that it leads to, in the order of the tree."""
        found = [Found(tree)]
        for step in self.steps:
            found = [inner for outer in found for inner in _step(outer, step)]
        return found


def parse_path(text: str) -> Path:
    """Read a path.

    Raises ValueError, with what is wrong where.
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        begins_well = found is not None and (found["dot"] is None or (found["dot"] == ".") == bool(steps))
        if found is None or not begins_well:
            raise ValueError(f"{text!r} is no path: see {text[at:]!r}; keys are joined by dots, indices stand in []")
        steps.append(_parsed(found))
        at = found.end()
    if not steps:
        raise ValueError("a path has at least one key")
    return Path(text, tuple(steps))


def leaves(tree: Tree, place: Place = ()) -> Iterator[tuple[Place, Tree]]:
    """Give all values that hold no others, each with its place."""
    inner = _children(tree)
    if not inner:
        yield place, tree
    for key, value in inner:
        yield from leaves(value, (*place, key))


def text_of(place: Place) -> str:
    """Write a place as a path."""
    words = ""
    for key in place:
        if isinstance(key, int):
            words += f"[{key}]"
        else:
            quoted = key if _PLAIN.fullmatch(key) else "'" + key.replace("'", "''") + "'"
            words += f".{quoted}" if words else quoted
    return words


def _parsed(found: re.Match[str]) -> Step:
    if found["star"] or found["all"]:
        return Every()
    if found["index"]:
        return Key(int(found["index"]))
    if found["name"]:
        return Where(found["name"].strip(), found["equals"])
    return Key(found["key"] if found["quoted"] is None else found["quoted"].replace("''", "'"))


def _step(outer: Found, step: Step) -> Iterator[Found]:
    around = (*outer.around, outer.value)
    if isinstance(step, Key):
        for key, value in _children(outer.value):
            if key == step.at:
                yield Found(value, (*outer.place, key), around, outer.captured)
        return
    for key, value in _children(outer.value):
        place = (*outer.place, key)
        if isinstance(step, Every):
            yield Found(value, place, around, (*outer.captured, str(key)))
        elif isinstance(value, dict) and _says(cast("dict[str, Tree]", value), step):
            yield Found(value, place, around, outer.captured)


def _says(value: dict[str, Tree], step: Where) -> bool:
    said = value.get(step.key)
    return said is not None and not isinstance(said, dict | list) and str(said) == step.value


def _children(value: Tree) -> Sequence[tuple[str | int, Tree]]:
    if isinstance(value, dict):
        return list(cast("dict[str, Tree]", value).items())
    if isinstance(value, list):
        return list(enumerate(cast("Sequence[Tree]", value)))
    return ()
