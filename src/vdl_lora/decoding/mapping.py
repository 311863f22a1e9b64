"""A mapping: which key of what a codec gives is which quantity, in which unit, of which channel and time. Pure.

```toml
vendor = "Acme"
models = ["X1"]
datasheet = "https://acme.example/x1"
codec = "x1.js"                         # beside this file; or "object": what ChirpStack decoded; or "cayenne-lpp"
ignore = ["port", "debug.*"]            # keys that are known and are no quantity

[reads]
temperature = "air.temperature"                                    # in the quantity's own unit
"batt.mv" = { is = "device.battery_voltage", unit = "mV" }
water_level = { is = "probe.distance", unit = "cm", invalid = { "No Sensor" = "no_sensor", 65535 = "no_sensor" } }
door = { is = "contact.open", states = { open = true, closed = false } }
"probes.*" = { is = "probe.temperature", channel = "probe_{1}" }   # {1} is what the first star stood for
"log[*].t" = { is = "air.temperature", time = "at", form = "s", stored = true }   # `at` stands beside `t`
```

A key whose value is now a number and now a word gives readings and faults, never two types.
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from vdl_lora.errors import PayloadError
from vdl_lora.times import NS, nanoseconds

from .decoder import slug
from .fields import Value
from .fields import value as declared
from .paths import Found, Key, Path, Place, Tree, Where, leaves, parse_path, text_of
from .reading import MAIN, Fault, Item, Parameter, Reading, Scalar

TimeForm = Literal["s", "ms", "iso"]

NO_VALUE = "no_value"
NOT_A_NUMBER = "not_a_number"
NOT_AN_INTEGER = "not_an_integer"
UNKNOWN_STATE = "unknown_state"
BAD_TIME = "bad_time"

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_CHANNEL = re.compile(r"(?:[a-z0-9_]|\{\d+\})+")
_PLACE = re.compile(r"\{(\d+)\}")
_KEY_OF_ERROR = re.compile(r"`\$\.(\w+)")
_LONGEST_WORD = 40
_SHOWN = 100
_SAME_MOMENT_NS = NS // 1000
"""A JavaScript Date has milliseconds: one that is nearer than that to the uplink's time is the uplink's time."""

_T = TypeVar("_T")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped(Value):
    """A value of a codec: its channel may depend on what stars stood for, and it has faults of its own."""

    codes: frozenset[str] = frozenset()

    def matches(self, item: Item) -> bool:
        """Tell whether a reading or fault is of this quantity and of such a channel."""
        pattern = "[a-z0-9_]+".join(re.escape(part) for part in _PLACE.split(self.channel)[::2])
        return item.quantity is self.quantity and re.fullmatch(pattern, item.channel) is not None

    def fault_codes(self) -> frozenset[str]:
        """Give the faults that it may give."""
        return self.codes


@dataclass(frozen=True, slots=True)
class Read:
    """One line of a mapping: where its values stand, and what they mean."""

    path: Path
    value: Mapped
    numbers: Mapping[float, str] = field(default_factory=dict[float, str])
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    states: Mapping[str, Scalar] | None = None
    suffix: str = ""
    time: Path | None = None
    form: TimeForm = "iso"
    stored: bool = False

    def item(self, found: Found, received_at_ns: int) -> Item:
        """Give the reading or the fault that a value is."""
        channel = self._channel(found.captured)
        quantity = self.value.quantity
        try:
            at_ns = self._at_ns(found, received_at_ns)
        except ValueError as error:
            return Fault(quantity, BAD_TIME, str(error)[:_SHOWN], channel)
        said = self._said(found.value)
        if isinstance(said, tuple):
            code, detail = said
            return Fault(quantity, code, detail, channel, at_ns, self.stored)
        return Reading(quantity, said, channel, at_ns, self.stored)

    @property
    def _is_state(self) -> bool:
        return self.states is not None or self.value.quantity.type == "bool"

    def _said(self, leaf: Tree) -> Scalar | tuple[str, str]:
        """Give a value in the quantity's unit, or the code and the words of a fault."""
        words = _text(leaf)
        number = _number(leaf, self.suffix)
        code = self.words.get(words) or (self.numbers.get(number) if number is not None else None)
        if code is not None:
            return code, f"raw value {words}"
        if leaf is None:
            return NO_VALUE, "null"
        if self._is_state:
            return self._state(words, leaf)
        if number is None:
            return NOT_A_NUMBER, words
        return self._converted(number)

    def _state(self, words: str, leaf: Tree) -> Scalar | tuple[str, str]:
        if self.states is not None:
            return self.states.get(words, (UNKNOWN_STATE, words))
        if leaf in (0, 1):  # true and false are 1 and 0
            return bool(leaf)
        return UNKNOWN_STATE, words

    def _converted(self, number: float) -> Scalar | tuple[str, str]:
        item = self.value.of_float(number)
        if isinstance(item, Fault):
            return NOT_A_NUMBER, repr(number)
        if self.value.quantity.type != "int":
            return float(item.value)
        if item.value != math.floor(item.value):
            return NOT_AN_INTEGER, repr(number)
        return int(item.value)

    def _channel(self, captured: Sequence[str]) -> str:
        return _PLACE.sub(lambda found: _word(captured[int(found[1]) - 1]), self.value.channel)

    def _at_ns(self, found: Found, received_at_ns: int) -> int | None:
        """Give the time that stands beside the value, or around it; None where it is the uplink's own."""
        if self.time is None:
            return None
        for outer in reversed(found.around):
            for stamp in self.time.find(outer):
                at_ns = _time(stamp.value, self.form)
                return None if abs(at_ns - received_at_ns) < _SAME_MOMENT_NS else at_ns
        raise ValueError(f"there is no {self.time.text}")


@dataclass(frozen=True, slots=True)
class CodecMapping:
    """A mapping file: whose sensors it is for, which codec they have, and what its keys mean."""

    vendor: str
    models: tuple[str, ...]
    datasheet: str
    codec: str
    reads: tuple[Read, ...]
    ignore: tuple[Path, ...] = ()
    f_ports: tuple[int, ...] = ()
    variables: Mapping[str, str | float] = field(default_factory=dict[str, str | float])
    parameters: tuple[Parameter, ...] = ()

    @property
    def given(self) -> dict[str, str | float]:
        """What a script finds in its variables, as far as no installation says something else."""
        defaults = {each.name: each.default for each in self.parameters if each.default is not None}
        return {**defaults, **self.variables}

    def items(self, tree: Tree, received_at_ns: int) -> list[Item]:
        """Give the readings and faults of what a codec gave, in the order of the mapping.

        Raises PayloadError where it is neither an object nor a list.
        """
        if not isinstance(tree, dict | list):
            raise PayloadError(f"the codec gives {_text(tree)[:_SHOWN]} and no object")
        return [read.item(found, received_at_ns) for read in self.reads for found in read.path.find(tree)]

    def unmapped(self, tree: Tree) -> list[str]:
        """Give the paths of the values that it neither reads nor ignores."""
        known: list[Place] = [found.place for path in self._paths() for found in path.find(tree)]
        return [text_of(leaf) for leaf, _ in leaves(tree) if not any(leaf[: len(place)] == place for place in known)]

    def _paths(self) -> Iterator[Path]:
        for read in self.reads:
            yield read.path
            yield from _selectors(read)
        yield from self.ignore


def _selectors(read: Read) -> Iterator[Path]:
    """Give what stands beside a value and says what or of when it is."""
    steps = read.path.steps
    for number, step in enumerate(steps):
        if isinstance(step, Where):
            yield Path(read.path.text, (*steps[: number + 1], Key(step.key)))
    if read.time is not None:
        for end in range(len(steps)):
            yield Path(read.path.text, (*steps[:end], *read.time.steps))


class _Meaning(msgspec.Struct, forbid_unknown_fields=True):
    """What stands behind a path of [reads]."""

    quantity: str = msgspec.field(name="is")
    unit: str = ""
    mul: int = 1
    div: int = 1
    add: float = 0
    channel: str = MAIN
    invalid: dict[str, str] = {}
    states: dict[str, Scalar] | None = None
    suffix: str = ""
    time: str = ""
    form: TimeForm = "iso"
    stored: bool = False


class _Needed(msgspec.Struct, forbid_unknown_fields=True):
    """A parameter that the codec must be told, as installations name it."""

    unit: str
    about: str
    default: float | None = None
    minimum: float | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    vendor: str
    models: Annotated[list[str], msgspec.Meta(min_length=1)]
    codec: str
    reads: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]
    datasheet: str = ""
    f_ports: list[Annotated[int, msgspec.Meta(ge=1, le=255)]] = []
    variables: dict[str, str | float] = {}
    parameters: dict[str, _Needed] = {}
    ignore: list[str] = []


def parse(text: str) -> CodecMapping:
    """Read a mapping file.

    Raises ValueError with every mistake, a line each: the line of the file, what is wrong, what would be right.
    """
    try:
        document = msgspec.convert(tomllib.loads(text), _Document)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from error
    except msgspec.ValidationError as error:
        key = _KEY_OF_ERROR.search(str(error))
        raise ValueError(f"line {line_of(text, key[1]) if key else 1}: {error}") from error
    problems: list[str] = []
    reads = list(_collected(document.reads, _read, text, problems))
    ignore = list(_collected(dict.fromkeys(document.ignore), lambda path, _: parse_path(path), text, problems))
    if problems:
        raise ValueError("\n".join(problems))
    return CodecMapping(
        vendor=document.vendor,
        models=tuple(document.models),
        datasheet=document.datasheet,
        codec=document.codec,
        reads=tuple(reads),
        ignore=tuple(ignore),
        f_ports=tuple(document.f_ports),
        variables=document.variables,
        parameters=tuple(
            Parameter(name, each.unit, each.about, each.default, each.minimum)
            for name, each in document.parameters.items()
        ),
    )


def _collected(
    table: Mapping[str, _T], make: Callable[[str, _T], _Made], text: str, problems: list[str]
) -> Iterator[_Made]:
    """Make each of a table, or say in which line what is wrong with it."""
    for key, meaning in table.items():
        try:
            yield make(key, meaning)
        except ValueError as error:
            problems.append(f"line {line_of(text, key)}: {key}: {error}")


def line_of(text: str, key: str) -> int:
    """Give the line that a key stands in: the first that holds it as it is or in quotes."""
    lines = text.splitlines()
    named = re.compile(rf"""(?:^|[\s"'\[,{{]){re.escape(key)}(?:$|[\s"'\],=}}])""")
    return next((number for number, line in enumerate(lines, 1) if named.search(line)), 1)


def _meaning(said: Any) -> _Meaning:
    try:
        return _Meaning(said) if isinstance(said, str) else msgspec.convert(said, _Meaning)
    except msgspec.ValidationError as error:
        known = ", ".join(each.encode_name for each in msgspec.structs.fields(_Meaning))
        raise ValueError(f"{error}; write the name of a quantity, or a table with some of {known}") from error


def _read(text: str, said: Any) -> Read:
    meaning = _meaning(said)
    path = parse_path(text)
    if _CHANNEL.fullmatch(meaning.channel) is None:
        raise ValueError(f"channel {meaning.channel!r} is none: lower-case letters, digits, _, and {{1}} for a star")
    unknown = [number for number in map(int, _PLACE.findall(meaning.channel)) if not 1 <= number <= path.stars]
    if unknown:
        raise ValueError(f"channel names {{{unknown[0]}}}, and the path has {path.stars} stars")
    if path.stars and "{" not in meaning.channel and not meaning.time:
        raise ValueError('several values of one channel and time are one: add channel = "probe_{1}", or time = "..."')
    converted = declared(meaning.quantity, unit=meaning.unit, mul=meaning.mul, div=meaning.div, add=meaning.add)
    quantity = converted.quantity
    for state in (meaning.states or {}).values():
        if type(state).__name__ != quantity.type:
            raise ValueError(f"{quantity.name} is {quantity.type}, its state {state!r} is not")
    numbers = {float(key): code for key, code in meaning.invalid.items() if _NUMBER.fullmatch(key)}
    general = {NO_VALUE, UNKNOWN_STATE if meaning.states is not None or quantity.type == "bool" else NOT_A_NUMBER}
    if quantity.type == "int":
        general.add(NOT_AN_INTEGER)
    if meaning.time:
        general.add(BAD_TIME)
    return Read(
        path=path,
        value=Mapped(
            quantity=quantity,
            channel=meaning.channel,
            numerator=converted.numerator,
            denominator=converted.denominator,
            offset=converted.offset,
            codes=frozenset({*meaning.invalid.values(), *general}),
        ),
        numbers=numbers,
        words=meaning.invalid,
        states=meaning.states,
        suffix=meaning.suffix,
        time=parse_path(meaning.time) if meaning.time else None,
        form=meaning.form,
        stored=meaning.stored,
    )


def _word(key: str) -> str:
    """Give a key or an index as a part of a channel's name."""
    return slug(key).replace("-", "_")[:_LONGEST_WORD] or "none"


def _text(leaf: Tree) -> str:
    """Write a value as a mapping file names it: `true`, `1`, `1.5`, `No Sensor`."""
    if isinstance(leaf, str):
        return leaf
    if isinstance(leaf, float) and leaf.is_integer():
        leaf = int(leaf)
    return msgspec.json.encode(leaf).decode()[:_SHOWN]


def _number(leaf: Tree, suffix: str) -> float | None:
    """Give the number that a value is, or that a text holds; None where it is none."""
    if isinstance(leaf, str):
        text = leaf.strip().removesuffix(suffix).strip() if suffix else leaf.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return None
    try:
        return float(leaf)
    except OverflowError:
        return None


def _time(stamp: Tree, form: TimeForm) -> int:
    """Give a time in ns since 1970.

    Raises ValueError where it is none.
    """
    if form == "iso":
        if not isinstance(stamp, str):
            raise ValueError(f"{_text(stamp)} is no time in ISO 8601")
        try:
            return nanoseconds(datetime.fromisoformat(stamp))
        except ValueError:
            raise ValueError(f"{stamp[:_SHOWN]} is no time in ISO 8601") from None
    number = _number(stamp, "")
    if number is None or not math.isfinite(number):
        raise ValueError(f"{_text(stamp)[:_SHOWN]} is no number of {form} since 1970")
    return round(Fraction(repr(number)) * (NS if form == "s" else NS // 1000))
