"""The layouts of a payload: fields in a row, fields behind tags, samples with their own time, or a function.

A layout is declared once and decodes, encodes and documents.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vdl_lora.errors import PayloadError
from vdl_lora.times import NS

from .fields import ByteOrder, Element, Items, Number, Value, cut_short, to_bytes
from .reading import Frame, Item, Parameter, Readout, unknown_record

_UNIX_TIME = 4
"""The bytes of a Unix time on the wire."""


class Layout(Protocol):
    """The layout of whole frames of one fPort."""

    def values(self) -> Iterator[Value]:
        """Give everything that its frames may give."""
        ...

    @property
    def encodes(self) -> bool:
        """Whether it can write frames too."""
        ...

    def decode(self, frame: Frame) -> list[Item]:
        """Read a frame, readings and faults in the order of its bytes.

        Raises PayloadError where the bytes are not what was declared.
        """
        ...

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write the frame that is read as these items, if it is received at this time.

        Raises ValueError where there is none, NotImplementedError where the layout only decodes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sequence:
    """Elements one after another."""

    elements: tuple[Element, ...]

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return (value for element in self.elements for value in element.values())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read each element."""
        for element in self.elements:
            at = element.read(data, at, order, out)
        return at

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write each element."""
        return b"".join(element.write(items, order) for element in self.elements)


@dataclass(frozen=True, slots=True)
class InOrder:
    """Elements with a byte order of their own."""

    order: ByteOrder
    inner: Sequence

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:  # noqa: ARG002 - the protocol's
        """Read each element in this byte order."""
        return self.inner.read(data, at, self.order, out)

    def write(self, items: Items, order: ByteOrder) -> bytes:  # noqa: ARG002 - the protocol's
        """Write each element in this byte order."""
        return self.inner.write(items, self.order)


@dataclass(frozen=True, slots=True)
class Optional:
    """Elements that a frame may end before."""

    inner: Sequence

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the elements, unless the frame is at its end."""
        return at if at >= len(data) else self.inner.read(data, at, order, out)

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the elements, unless nothing is left to write."""
        return self.inner.write(items, order) if items else b""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Elements that come again and again to the end of the frame."""

    inner: Sequence

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the elements until the frame ends."""
        while at < len(data):
            at = self.inner.read(data, at, order, out)
        return at

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the elements until nothing is left to write."""
        written = bytearray()
        while items:
            written += self.inner.write(items, order)
        return bytes(written)


@dataclass(frozen=True, slots=True)
class InTurn:
    """Elements of one kind, of which the next comes each time: a second probe behind the tag of the first."""

    elements: tuple[Element, ...]

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return (value for element in self.elements for value in element.values())

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the first element that the frame has not given yet for this time."""
        given = {(item.quantity.name, item.channel) for item in out.items if item.measured_at_ns == out.measured_at_ns}
        for element in self.elements:
            first = next(element.values())
            if (first.quantity.name, first.channel) not in given:
                return element.read(data, at, order, out)
        raise PayloadError(f"byte {at}: more than {len(self.elements)} of one kind")

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the element that the next item belongs to."""
        for element in self.elements:
            if next(element.values()).matches(items.first):
                return element.write(items, order)
        raise ValueError(f"{items.first.quantity.name} ({items.first.channel}) is none of these")


@dataclass(frozen=True, slots=True)
class Record:
    """Elements with a time of their own: an unsigned Unix time of 4 bytes, in s, stands before them."""

    inner: Sequence
    stored: bool

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the time, then the elements."""
        if at + _UNIX_TIME > len(data):
            raise cut_short(at, _UNIX_TIME, data)
        out.measured_at_ns = int.from_bytes(data[at : at + _UNIX_TIME], order) * NS
        out.stored = self.stored
        at = self.inner.read(data, at + _UNIX_TIME, order, out)
        out.measured_at_ns = None
        out.stored = False
        return at

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the time of the first item, then the elements."""
        items.measured_at_ns = at_ns = items.first.measured_at_ns or 0
        items.stored = self.stored
        written = to_bytes(at_ns // NS, _UNIX_TIME, order) + self.inner.write(items, order)
        items.measured_at_ns = None
        items.stored = False
        return written


@dataclass(frozen=True, slots=True)
class Earlier:
    """An element that was measured before the uplink: behind it stand `size` bytes with its age in s."""

    size: int
    inner: Element

    def values(self) -> Iterator[Value]:
        """Give the values of its element."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the element once to find the age behind it, then again with its time."""
        behind = self.inner.read(data, at, order, Readout())
        end = behind + self.size
        if end > len(data):
            raise cut_short(behind, self.size, data)
        age_s = int.from_bytes(data[behind:end], order)
        if age_s:
            out.measured_at_ns = out.received_at_ns - age_s * NS
            out.stored = True
        self.inner.read(data, at, order, out)
        out.measured_at_ns = None
        out.stored = False
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the element, then its age."""
        items.measured_at_ns = at_ns = items.first.measured_at_ns or 0
        items.stored = True
        age = to_bytes((items.received_at_ns - at_ns) // NS, self.size, order)
        written = self.inner.write(items, order) + age
        items.measured_at_ns = None
        items.stored = False
        return written


@dataclass(frozen=True, slots=True)
class Series:
    """Stored samples of one value at even times: a Unix time, the first sample, then what each adds to the last.

    The steps are unsigned and go on while the frame has bytes for one. The time between samples is not on the
    wire but a parameter, in s.
    """

    first: Number
    step: int
    every: Parameter

    def values(self) -> Iterator[Value]:
        """Give its one value."""
        return self.first.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the time, the first sample and the steps."""
        begin = at + _UNIX_TIME
        end = begin + self.first.size
        if end > len(data):
            raise cut_short(at, _UNIX_TIME + self.first.size, data)
        at_ns = int.from_bytes(data[at:begin], order) * NS
        raw = int.from_bytes(data[begin:end], order, signed=self.first.signed)
        every_ns = self._every_ns(out.parameters)
        value = self.first.value
        out.items.append(value.of(raw, at_ns, stored=True))
        while end + self.step <= len(data):
            raw += int.from_bytes(data[end : end + self.step], order)
            at_ns += every_ns
            out.items.append(value.of(raw, at_ns, stored=True))
            end += self.step
        return end

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the time and the first sample, then a step for each further sample at the default times."""
        every_ns = self._every_ns({})
        value = self.first.value
        items.measured_at_ns = at_ns = items.first.measured_at_ns or 0
        items.stored = True
        raw = value.raw_of(items.take(value))
        written = to_bytes(at_ns // NS, _UNIX_TIME, order)
        written += to_bytes(raw, self.first.size, order, signed=self.first.signed)
        while items:
            items.measured_at_ns += every_ns
            last, raw = raw, value.raw_of(items.take(value))
            written += to_bytes(raw - last, self.step, order)
        items.measured_at_ns = None
        items.stored = False
        return written

    def _every_ns(self, parameters: Mapping[str, float]) -> int:
        return round(parameters.get(self.every.name, self.every.default or 0) * NS)


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """Samples at even times to the end of the frame, the newest first, with no time of their own on the wire.

    The newest has the time that holds here. What lies between two samples, in s, and how many at the end were in
    the frame before are parameters. Without the first only the newest is given; without the second too, unless the
    frame has a time: there a sample that comes again comes with the same time, and is the same.
    """

    inner: Sequence
    every: Parameter
    repeats: Parameter

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the newest sample, then those before it."""
        at = self.inner.read(data, at, order, out)
        newest_at_ns = out.received_at_ns if out.measured_at_ns is None else out.measured_at_ns
        every_ns = round((_given(self.every, out.parameters) or 0) * NS)
        stored: list[list[Item]] = []
        while at < len(data):
            sample = Readout(measured_at_ns=newest_at_ns - (len(stored) + 1) * every_ns, stored=True)
            at = self.inner.read(data, at, order, sample)
            stored.append(sample.items)
        out.items.extend(itertools.chain.from_iterable(stored[: self._new(len(stored), out)]))
        return at

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the newest sample, then those before it, at the even times that the first two have."""
        newest_at_ns, stored = items.measured_at_ns, items.stored
        written = self.inner.write(items, order)
        at_ns = items.received_at_ns if newest_at_ns is None else newest_at_ns
        every_ns = at_ns - (items.first.measured_at_ns or 0) if items else 0
        items.stored = True
        while items:
            items.measured_at_ns = at_ns = at_ns - every_ns
            written += self.inner.write(items, order)
        items.measured_at_ns, items.stored = newest_at_ns, stored
        return written

    def _new(self, count: int, out: Readout) -> int:
        """Give how many of the samples before the newest have a known time and were not in the frame before."""
        if _given(self.every, out.parameters) is None:
            return 0
        repeats = 0 if out.measured_at_ns is not None else _given(self.repeats, out.parameters)
        return 0 if repeats is None else max(count - round(repeats), 0)


@dataclass(frozen=True, slots=True)
class Stamped:
    """Elements with the time of the device's clock behind them, in the last 4 bytes of the frame.

    It is unsigned, in s since `epoch_s`, which is a Unix time. How far the clock is ahead of UTC is a parameter, in s.
    """

    inner: Sequence
    epoch_s: int
    ahead: Parameter

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def read(self, data: bytes, at: int, order: ByteOrder, out: Readout) -> int:
        """Read the time, then the elements."""
        end = len(data) - _UNIX_TIME
        if end < at:
            raise cut_short(at, _UNIX_TIME, data)
        ahead_ns = round((_given(self.ahead, out.parameters) or 0) * NS)
        out.measured_at_ns = (int.from_bytes(data[end:], order) + self.epoch_s) * NS - ahead_ns
        behind = self.inner.read(data[:end], at, order, out)
        if behind != end:
            raise PayloadError(f"byte {behind}: {end - behind} bytes too many before the time")
        out.measured_at_ns = None
        return len(data)

    def write(self, items: Items, order: ByteOrder) -> bytes:
        """Write the elements, then the time of the first item on a clock that is as far ahead as by default."""
        items.measured_at_ns = at_ns = items.first.measured_at_ns or 0
        written = self.inner.write(items, order)
        items.measured_at_ns = None
        ahead_ns = round((self.ahead.default or 0) * NS)
        return written + to_bytes((at_ns + ahead_ns) // NS - self.epoch_s, _UNIX_TIME, order)


def _given(parameter: Parameter, parameters: Mapping[str, float]) -> float | None:
    return parameters.get(parameter.name, parameter.default)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A frame whose fields always stand at the same place."""

    order: ByteOrder
    inner: Sequence
    encodes = True

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return self.inner.values()

    def decode(self, frame: Frame) -> list[Item]:
        """Read the elements; bytes that are left over are an error."""
        out = Readout(received_at_ns=frame.received_at_ns, parameters=frame.parameters)
        data = frame.head + frame.payload
        end = self.inner.read(data, len(frame.head), self.order, out)
        if end != len(data):
            raise PayloadError(f"byte {end}: {len(data) - end} bytes too many")
        return out.items

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write the elements."""
        left = Items(items, received_at_ns)
        written = self.inner.write(left, self.order)
        if left:
            raise ValueError(f"{left.first.quantity.name} has no place in this frame")
        return written


class Tagged:
    """A frame of records, each a tag and its element, in any order."""

    encodes = True

    def __init__(self, order: ByteOrder, table: Mapping[bytes, Element]) -> None:
        sizes = {len(tag) for tag in table}
        if len(sizes) != 1:
            raise ValueError("the tags of one frame are all of one length")
        self.order: ByteOrder = order
        self.table = dict(table)
        self.tag_size = sizes.pop()
        self._tag_of: dict[tuple[str, str, bool], bytes] = {}
        for tag, element in table.items():
            for first, stored in _beginnings(element):
                self._tag_of.setdefault((first.quantity.name, first.channel, stored), tag)

    def values(self) -> Iterator[Value]:
        """Give the values of its elements."""
        return (value for element in self.table.values() for value in element.values())

    def decode(self, frame: Frame) -> list[Item]:
        """Read record after record; behind an unknown tag nothing tells where the next record begins.

        What was read before an unknown tag is kept, and the rest of the frame is the fault `unknown_record`: a record
        that a new firmware adds must not silence its devices. Where nothing was read before it, the frame is not of
        this sensor. A known record that is cut short is an error wherever it stands: frames arrive whole, so its
        length is not what was declared, and a value that was read from it or before it may be another one.
        """
        data, order, table, size = frame.head + frame.payload, self.order, self.table, self.tag_size
        out = Readout(received_at_ns=frame.received_at_ns, parameters=frame.parameters)
        at = len(frame.head)
        while at < len(data):
            tag = data[at : at + size]
            element = table.get(tag)
            if element is None:
                if len(tag) < size:
                    raise cut_short(at, size, data)
                if not out.items:
                    raise PayloadError(f"byte {at}: no record of this sensor begins with {tag.hex()}")
                out.items.append(unknown_record(data, at))
                break
            at = element.read(data, at + size, order, out)
        return out.items

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write record after record; of two tags with one quantity, the one declared first."""
        left = Items(items, received_at_ns)
        written = bytearray()
        while left:
            first = left.first
            tag = self._tag_of.get((first.quantity.name, first.channel, first.stored))
            if tag is None:
                raise ValueError(f"{first.quantity.name} ({first.channel}) begins no record of this frame")
            written += tag + self.table[tag].write(left, self.order)
        return bytes(written)


def _beginnings(element: Element) -> Iterator[tuple[Value, bool]]:
    """Give the values that an element's first item may be of, and whether it is a stored sample."""
    if isinstance(element, InTurn):
        for each in element.elements:
            yield from _beginnings(each)
    elif isinstance(element, Earlier):
        for value, _ in _beginnings(element.inner):
            yield value, True
    else:
        for first in itertools.islice(element.values(), 1):
            yield first, isinstance(element, Record) and element.stored


class _OneOf:
    """What those have in common that choose between layouts."""

    __slots__ = ()
    layouts: Mapping[Any, Layout]

    def values(self) -> Iterator[Value]:
        """Give the values of all layouts."""
        return (value for layout in self.layouts.values() for value in layout.values())

    @property
    def encodes(self) -> bool:
        """Whether all its layouts do."""
        return all(layout.encodes for layout in self.layouts.values())


@dataclass(frozen=True, slots=True)
class ByLength(_OneOf):
    """Frames whose length tells their layout."""

    layouts: Mapping[int, Layout]

    def decode(self, frame: Frame) -> list[Item]:
        """Read by the layout of this length."""
        layout = self.layouts.get(len(frame.payload))
        if layout is None:
            head = len(frame.head)
            known = ", ".join(str(head + length) for length in self.layouts)
            raise PayloadError(f"a frame of {head + len(frame.payload)} bytes is not described; known: {known}")
        return layout.decode(frame)

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write by the first layout that takes the items and gives its own length."""
        kept = list(items)
        for length, layout in self.layouts.items():
            written = _tried(layout, kept, received_at_ns)
            if written is not None and len(written) == length:
                return written
        raise _nothing_takes(kept)


@dataclass(frozen=True, slots=True)
class ByHead(_OneOf):
    """Frames whose first bytes tell their layout; the layout begins behind them."""

    size: int
    layouts: Mapping[bytes, Layout]

    def decode(self, frame: Frame) -> list[Item]:
        """Read the rest by the layout of this head."""
        head = frame.payload[: self.size]
        layout = self.layouts.get(head)
        if layout is None:
            raise PayloadError(f"no frame of this sensor begins with {(frame.head + head).hex() or 'nothing'}")
        rest = frame.payload[self.size :]
        return layout.decode(
            Frame(frame.f_port, rest, frame.received_at_ns, frame.parameters, frame.decoded, frame.head + head)
        )

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write by the first layout that takes the items, its head before it."""
        kept = list(items)
        for head, layout in self.layouts.items():
            written = _tried(layout, kept, received_at_ns)
            if written is not None:
                return head + written
        raise _nothing_takes(kept)


@dataclass(frozen=True, slots=True)
class ByBits(_OneOf):
    """Frames of which some bits of one byte tell the layout; in the layout these bits say nothing else."""

    at: int
    mask: int
    layouts: Mapping[int, Layout]

    def decode(self, frame: Frame) -> list[Item]:
        """Read the whole frame by the layout of these bits."""
        return self.layout_of(frame).decode(frame)

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write by the first layout that takes the items and leaves the bits free, and set them."""
        kept = list(items)
        for bits, layout in self.layouts.items():
            written = bytearray(_tried(layout, kept, received_at_ns) or b"")
            if len(written) > self.at:
                written[self.at] |= bits
                if written[self.at] & self.mask == bits:
                    return bytes(written)
        raise _nothing_takes(kept)

    def layout_of(self, frame: Frame) -> Layout:
        """Give the layout of a frame.

        Raises PayloadError where the datasheet has none, or the byte is missing.
        """
        data, at = frame.head + frame.payload, len(frame.head) + self.at
        if len(data) <= at:
            raise cut_short(at, 1, data)
        bits = data[at] & self.mask
        layout = self.layouts.get(bits)
        if layout is None:
            raise PayloadError(f"byte {at}: no frame of this sensor has {bits:02x} in its bits {self.mask:02x}")
        return layout


@dataclass(frozen=True, slots=True)
class ByLook:
    """Frames whose layout nothing names; a function finds it, such as by which bytes can be a time."""

    look: Callable[[Frame], Layout]
    layouts: tuple[Layout, ...]

    def values(self) -> Iterator[Value]:
        """Give the values of all layouts."""
        return (value for layout in self.layouts for value in layout.values())

    @property
    def encodes(self) -> bool:
        """Whether all its layouts do."""
        return all(layout.encodes for layout in self.layouts)

    def decode(self, frame: Frame) -> list[Item]:
        """Read by the layout that the function finds."""
        return self.look(frame).decode(frame)

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write by the first layout that takes the items and is found again."""
        kept = list(items)
        for layout in self.layouts:
            written = _tried(layout, kept, received_at_ns)
            if written is not None and self.look(Frame(0, written, received_at_ns)) is layout:
                return written
        raise _nothing_takes(kept)


def _tried(layout: Layout, items: list[Item], received_at_ns: int) -> bytes | None:
    try:
        return layout.encode(items, received_at_ns)
    except (ValueError, NotImplementedError):
        return None


def _nothing_takes(items: list[Item]) -> ValueError:
    names = ", ".join(item.quantity.name for item in items) or "nothing"
    return ValueError(f"no layout of this frame takes {names}")


@dataclass(frozen=True, slots=True)
class ByHand:
    """A frame that a plain function reads; its values are declared all the same."""

    function: Callable[[Frame], Iterable[Item]]
    declared: tuple[Value, ...]
    encoder: Callable[[Iterable[Item]], bytes] | None = None

    def values(self) -> Iterator[Value]:
        """Give the declared values."""
        return iter(self.declared)

    @property
    def encodes(self) -> bool:
        """Whether it was given the inverse function."""
        return self.encoder is not None

    def decode(self, frame: Frame) -> list[Item]:
        """Call the function."""
        return list(self.function(frame))

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:  # noqa: ARG002 - the protocol's
        """Call the inverse function, if the decoder has one."""
        if self.encoder is None:
            raise NotImplementedError("this layout is read by hand and has no encoder")
        return self.encoder(items)


def fixed(order: ByteOrder, *elements: Element) -> Fixed:
    """Declare a frame whose fields always stand at the same place."""
    return Fixed(order, Sequence(elements))


def tlv(order: ByteOrder, table: Mapping[bytes, Element]) -> Tagged:
    """Declare a frame of records: a tag, then what the table says of it."""
    return Tagged(order, table)


def group(*elements: Element) -> Sequence:
    """Declare several elements where one is due, such as behind a tag."""
    return Sequence(elements)


def in_order(order: ByteOrder, *elements: Element) -> InOrder:
    """Declare elements whose byte order is not that of the frame around them."""
    return InOrder(order, Sequence(elements))


def optional(*elements: Element) -> Optional:
    """Declare elements that a frame may end before, such as those of a newer firmware."""
    return Optional(Sequence(elements))


def repeat(*elements: Element) -> Repeat:
    """Declare elements that come again and again to the end of the frame.

    Raises ValueError where there are none.
    """
    if not elements:
        raise ValueError("nothing comes again")
    return Repeat(Sequence(elements))


def in_turn(*elements: Element) -> InTurn:
    """Declare elements of one kind, one a channel, of which the next comes each time.

    Raises ValueError where one of them gives nothing.
    """
    if not elements or any(next(element.values(), None) is None for element in elements):
        raise ValueError("each of the elements that come in turn gives a value")
    return InTurn(elements)


def record(*elements: Element, stored: bool = True) -> Record:
    """Declare elements with a Unix time before them; `stored` where it is a sample of earlier."""
    return Record(Sequence(elements), stored)


def earlier(size: int, element: Element) -> Earlier:
    """Declare an element behind which stands, in `size` bytes, how many seconds before the uplink it was."""
    return Earlier(size, element)


def series(first: Number, *, step: int, every: Parameter) -> Series:
    """Declare samples at even times: a Unix time, the first one, then what each adds, in `step` bytes.

    Raises ValueError where the time between two samples has no default.
    """
    if not every.default:
        raise ValueError(f"the parameter {every.name} needs a default")
    return Series(first, step, every)


def newest_first(*elements: Element, every: Parameter, repeats: Parameter) -> NewestFirst:
    """Declare samples at even times to the end of the frame, the newest first.

    Raises ValueError where there is nothing to sample.
    """
    if not elements:
        raise ValueError("a sample has at least one element")
    return NewestFirst(Sequence(elements), every, repeats)


def stamped(*elements: Element, epoch_s: int, ahead: Parameter) -> Stamped:
    """Declare elements with the time of the device's clock behind them, in the last 4 bytes of the frame.

    Raises ValueError where nothing says how far the clock is ahead by default.
    """
    if ahead.default is None:
        raise ValueError(f"the parameter {ahead.name} needs a default")
    return Stamped(Sequence(elements), epoch_s, ahead)


def by_length(layouts: Mapping[int, Layout]) -> ByLength:
    """Declare frames whose length tells their layout."""
    return ByLength(layouts)


def by_head(layouts: Mapping[bytes, Layout]) -> ByHead:
    """Declare frames whose first bytes tell their layout.

    Raises ValueError where the heads are of several lengths.
    """
    sizes = {len(head) for head in layouts}
    if len(sizes) != 1:
        raise ValueError("the heads of one frame are all of one length")
    return ByHead(sizes.pop(), layouts)


def by_bits(at: int, mask: int, layouts: Mapping[int, Layout]) -> ByBits:
    """Declare frames of which some bits of the byte `at` tell the layout, such as which fields follow.

    Raises ValueError where there are none, or a key has bits outside the mask.
    """
    if not layouts or any(bits & ~mask for bits in layouts):
        raise ValueError(f"the layouts of {mask:02x} are told by bits of it")
    return ByBits(at, mask, layouts)


def by_look(look: Callable[[Frame], Layout], *layouts: Layout) -> ByLook:
    """Declare frames of several layouts; the function gives that of a frame, or raises PayloadError."""
    return ByLook(look, layouts)


def by_hand(
    function: Callable[[Frame], Iterable[Item]],
    *declared: Value,
    encoder: Callable[[Iterable[Item]], bytes] | None = None,
) -> ByHand:
    """Declare a frame that a plain function reads, and everything that the function may give."""
    return ByHand(function, declared, encoder)
