"""Laws that hold for all decoders in `decoders/`: few laws, every sensor."""

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vdl_lora.authoring.vectors import Vector, differences, parse
from vdl_lora.decoding import NS, Decoder, Fault, Frame, Item, Layout, PayloadError, Reading, Value
from vdl_lora.decoding import fields as f
from vdl_lora.decoding import layouts as lay
from vdl_lora.decoding.reading import PAYLOAD
from vdl_lora.discovery import MAPPING, DecoderFile, builtin_root, discover

FILES = discover().files
MAX_LINES = 40
LONGEST = 260  # a little more than LoRaWAN carries
AT_NS = 1_795_472_297 * NS

fewer = settings(max_examples=settings.default.max_examples // 8)
"""There are many decoders, and few shapes of them."""


def vectors_of(file: DecoderFile) -> list[Vector]:
    return parsed(file.vectors)


@cache
def parsed(path: Path) -> list[Vector]:
    return parse(path.read_text(encoding="utf-8"))


WRITTEN = [file for file in FILES if file.mapping is None]
"""The declared ones: a codec with a mapping only decodes."""

every_decoder = pytest.mark.parametrize("file", FILES, ids=lambda file: file.decoder.ids[0])
every_declared = pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.decoder.ids[0])
every_vector = pytest.mark.parametrize(
    ("decoder", "vector"),
    [
        pytest.param(file.decoder, vector, id=f"{file.decoder.ids[0]}: {vector.what}")
        for file in FILES
        if file.vectors.exists()
        for vector in vectors_of(file)
    ],
)


# ---------------------------------------------------------------- files and names


def test_there_are_decoders():
    assert {"milesight/em300-th", "elsys/ers-co2", "axioma/qalcosonic-w1", "dragino/ldds75"} <= {
        name for file in FILES for name in file.decoder.ids
    }


def test_each_id_belongs_to_one_decoder():
    ids = [name for file in FILES for name in file.decoder.ids]
    assert sorted(set(ids)) == sorted(ids)


def test_each_decoder_has_vectors_and_each_file_of_vectors_a_decoder():
    root = builtin_root()
    assert {file.vectors for file in FILES} == set(root.rglob("*.toml")) - set(root.rglob(f"*{MAPPING}"))


@every_decoder
def test_a_decoder_is_where_its_vendor_is(file: DecoderFile):
    vendor, _, _ = file.decoder.ids[0].partition("/")
    assert vendor.replace("-", "_") == file.path.parent.name


@every_decoder
def test_a_datasheet_can_be_opened_safely(file: DecoderFile):
    assert file.decoder.datasheet.startswith("https://")
    assert " " not in file.decoder.datasheet


@every_declared
def test_a_decoder_is_a_table_and_little_else(file: DecoderFile):
    assert lines_outside_tables(file.path.read_text(encoding="utf-8")) <= MAX_LINES


def lines_outside_tables(source: str) -> int:
    """Count the lines of code that are neither imports nor declarations."""
    tree = ast.parse(source)
    counted: set[int] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        assert node.end_lineno is not None
        counted.update(range(node.lineno, node.end_lineno + 1))
    return sum(1 for number in counted if source.splitlines()[number - 1].strip())


def test_lines_of_functions_count_and_lines_of_tables_do_not():
    assert lines_outside_tables('"""Words."""\nimport struct\nTABLE = {\n    1: 2,\n}\n') == 0
    assert lines_outside_tables("def f():\n    return 1\n\n\nTABLE = {}\n") == 2


# ---------------------------------------------------------------- vectors


@every_vector
def test_a_vector_holds(decoder: Decoder, vector: Vector):
    assert differences(decoder, vector) == []


@every_vector
def test_a_vector_says_where_it_came_from(decoder: Decoder, vector: Vector):
    assert vector.what.strip()
    assert vector.source.strip()
    assert vector.model in ("", *decoder.models)


@every_decoder
def test_each_f_port_has_a_vector(file: DecoderFile):
    shown = {vector.f_port for vector in vectors_of(file) if not vector.error}
    assert {*file.decoder.f_ports, *file.decoder.ignored_f_ports} <= shown


@every_decoder
def test_an_f_port_that_can_be_set_has_a_vector(file: DecoderFile):
    others = {vector.f_port for vector in vectors_of(file) if vector.values} - set(file.decoder.f_ports)
    assert bool(others) == file.decoder.f_port_can_be_set


@every_decoder
def test_each_decoder_has_a_vector_that_is_cut_short(file: DecoderFile):
    assert [vector for vector in vectors_of(file) if vector.error and "cut short" in vector.what]


@every_decoder
def test_each_declared_value_has_a_vector(file: DecoderFile):
    shown = items_of(file)
    assert [] == [value for value in values_of(file.decoder) if not any(value.matches(item) for item in shown)]


@every_decoder
def test_each_declared_fault_has_a_vector(file: DecoderFile):
    shown = {(item.quantity.name, item.code) for item in items_of(file) if isinstance(item, Fault)}
    # A bit has no third state.
    declared = {
        (numeric.value.quantity.name, code)
        for numeric in numbers_of(file.decoder)
        if numeric.bits > 1
        for code in numeric.value.fault_codes()
    }
    assert declared <= shown


@every_decoder
def test_each_number_has_a_vector_with_its_top_bit_set(file: DecoderFile):
    for numeric, raws in shown_raws(file):
        top = 1 << numeric.bits - 1
        assert [raw for raw in raws if raw < 0 or raw >= top], numeric.value


@every_decoder
def test_each_signed_number_has_vectors_of_both_signs(file: DecoderFile):
    for numeric, raws in shown_raws(file):
        if numeric.signed:
            assert min(raws) < 0 < max(raws), numeric.value


def shown_raws(file: DecoderFile) -> Iterator[tuple["Numeric", set[int]]]:
    """Give each number that is no state, and what it is on the wire in the vectors."""
    shown = items_of(file)
    for numeric in numbers_of(file.decoder):
        value = numeric.value
        if value.states is None:
            yield numeric, {value.raw_of(item) for item in shown if value.matches(item)}


@every_decoder
def test_each_state_has_a_vector(file: DecoderFile):
    shown = {(item.quantity.name, item.value) for item in items_of(file) if isinstance(item, Reading)}
    for value in values_of(file.decoder):
        if value.quantity.type == "bool":
            states = set((value.states or {0: False, 1: True}).values())
            assert {(value.quantity.name, state) for state in states} <= shown


def items_of(file: DecoderFile) -> list[Item]:
    """Give all that the vectors of a decoder give."""
    frames = [vector.frame for vector in vectors_of(file) if not vector.error]
    return [item for frame in frames for item in file.decoder.decode(frame)]


def values_of(decoder: Decoder) -> list[Value]:
    return [value for layout in decoder.f_ports.values() for value in layout.values()]


# ---------------------------------------------------------------- any bytes


def f_ports_of(decoder: Decoder) -> st.SearchStrategy[int]:
    named = st.sampled_from([*decoder.f_ports, *decoder.ignored_f_ports])
    return st.one_of(named, st.integers(0, 255))


@every_decoder
@fewer
@given(data=st.data())
def test_any_bytes_give_what_is_declared_or_a_payload_error(file: DecoderFile, data: st.DataObject):
    frame = Frame(
        data.draw(f_ports_of(file.decoder)),
        data.draw(st.binary(max_size=LONGEST)),
        data.draw(st.sampled_from([0, AT_NS])),
    )
    check(file.decoder, frame)


@every_decoder
@fewer
@given(data=st.data())
def test_a_frame_with_other_bytes_in_it_gives_what_is_declared_or_a_payload_error(
    file: DecoderFile, data: st.DataObject
):
    check(file.decoder, data.draw(nearly_a_vector(file)))


def check(decoder: Decoder, frame: Frame) -> None:
    try:
        items = decoder.decode(frame)
    except PayloadError:
        return
    for item in items:
        assert decoder.declares(item), item
        if isinstance(item, Reading):
            assert is_of_type(item.value, item.quantity.type), item
        assert item.measured_at_ns is None or type(item.measured_at_ns) is int
        assert item.measured_at_ns is not None or not item.stored


def is_of_type(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    if isinstance(value, int):
        return kind == "int" and -(1 << 63) <= value < 1 << 63
    return kind == "float" and isinstance(value, float) and math.isfinite(value)


@st.composite
def nearly_a_vector(draw: st.DrawFn, file: DecoderFile) -> Frame:
    """Give the frames of the vectors, some bytes of them changed, some added or lost at the end."""
    vector = draw(st.sampled_from(vectors_of(file)))
    payload = bytearray(vector.payload)
    for _ in range(draw(st.integers(0, 3))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    end = draw(st.sampled_from([len(payload)] * 3 + [draw(st.integers(0, len(payload)))]))
    return Frame(vector.f_port, bytes(payload[:end]) + draw(st.binary(max_size=2)), AT_NS)


# ---------------------------------------------------------------- a newer firmware


@every_declared
def test_a_record_that_a_newer_firmware_adds_leaves_the_values_as_they_are(file: DecoderFile):
    for vector in vectors_of(file):
        table = table_of(file.decoder.layout_of(vector.f_port))
        items = [] if vector.error or table is None else file.decoder.decode(vector.frame)
        if table is None or not items or items[-1].quantity is PAYLOAD or b"\xf7\xf7"[: table.tag_size] in table.table:
            continue
        newer = Frame(vector.f_port, vector.payload + bytes.fromhex("f7f7f7 0102"), vector.received_at_ns)
        *kept, fault = file.decoder.decode(newer)
        assert items == kept
        assert fault.quantity is PAYLOAD


def table_of(layout: Layout | None) -> lay.Tagged | None:
    """Give the table of records by which a frame is read, to its end; None where it is read otherwise."""
    if isinstance(layout, lay.Tagged):
        ends = any(isinstance(element, f.Rest | lay.Repeat) for element in layout.table.values())
        return None if ends else layout
    return None


def test_the_law_of_newer_firmware_is_held_to_many_decoders():
    tables = [file for file in WRITTEN for each in file.decoder.f_ports.values() if table_of(each)]
    assert len(tables) > 20


# ---------------------------------------------------------------- there and back


@every_vector
def test_a_vector_is_written_as_a_frame_that_says_the_same(decoder: Decoder, vector: Vector):
    declared = any(decoder is file.decoder for file in WRITTEN)
    if not declared or vector.error or vector.f_port in decoder.ignored_f_ports or vector.parameters:
        return
    goes_there_and_back(decoder, vector.frame)


@every_declared
@fewer
@given(data=st.data())
def test_any_bytes_that_are_read_can_be_written(file: DecoderFile, data: st.DataObject):
    frame = data.draw(
        st.one_of(
            nearly_a_vector(file),
            st.builds(Frame, f_ports_of(file.decoder), st.binary(max_size=LONGEST), st.just(AT_NS)),
        )
    )
    goes_there_and_back(file.decoder, frame)


@every_declared
@fewer
@given(data=st.data())
def test_frames_made_from_the_table_are_read_and_can_be_written(file: DecoderFile, data: st.DataObject):
    described = [number for number, layout in file.decoder.f_ports.items() if not isinstance(layout, lay.ByHand)]
    if not described:
        return
    f_port = data.draw(st.sampled_from(described))
    payload = data.draw(payloads(file.decoder.f_ports[f_port]))
    assume(payload is not None and len(payload) <= 255)
    frame = Frame(f_port, payload, AT_NS)
    file.decoder.decode(frame)
    goes_there_and_back(file.decoder, frame)


def goes_there_and_back(decoder: Decoder, frame: Frame) -> None:
    layout = decoder.layout_of(frame.f_port)
    try:
        items = decoder.decode(frame)
    except PayloadError:
        return
    if layout is None or only_decodes(layout, frame):
        return
    items = [item for item in items if item.quantity is not PAYLOAD]  # what no declaration knows, none can write
    written = decoder.encode(frame.f_port, items, frame.received_at_ns)
    assert len(written) <= 255
    assert decoder.decode(Frame(frame.f_port, written, frame.received_at_ns)) == items


def only_decodes(layout: Layout, frame: Frame) -> bool:
    """Tell whether the layout that this frame takes is read by hand and has no encoder."""
    if isinstance(layout, lay.ByLength):
        return only_decodes(layout.layouts[len(frame.payload)], frame)
    if isinstance(layout, lay.ByHead):
        rest = Frame(frame.f_port, frame.payload[layout.size :], frame.received_at_ns)
        return only_decodes(layout.layouts[frame.payload[: layout.size]], rest)
    if isinstance(layout, lay.ByLook):
        return only_decodes(layout.look(frame), frame)
    if isinstance(layout, lay.ByBits):
        return only_decodes(layout.layout_of(frame), frame)
    return isinstance(layout, lay.ByHand) and layout.encoder is None


@st.composite
def payloads(draw: st.DrawFn, layout: Layout) -> bytes | None:
    """Give payloads that a layout describes; None where only a function knows them."""
    if isinstance(layout, lay.Fixed):
        return draw(some_bytes(layout.inner))
    if isinstance(layout, lay.Tagged):
        tags = draw(st.lists(st.sampled_from(list(layout.table)), max_size=8))
        elements = [(tag, layout.table[tag]) for tag in tags if not isinstance(layout.table[tag], f.Refused)]
        ends = [number for number, (_, element) in enumerate(elements) if isinstance(element, f.Rest)]
        whole = elements[: ends[0] + 1] if ends else elements
        return b"".join(tag + draw(some_bytes(element)) for tag, element in whole)
    if isinstance(layout, lay.ByLength):
        length, inner = draw(st.sampled_from(list(layout.layouts.items())))
        payload = draw(payloads(inner))
        return payload if payload is None or len(payload) == length else None
    if isinstance(layout, lay.ByHead):
        head, inner = draw(st.sampled_from(list(layout.layouts.items())))
        payload = draw(payloads(inner))
        return None if payload is None else head + payload
    if isinstance(layout, lay.ByBits):
        readable = [(bits, inner) for bits, inner in layout.layouts.items() if not refuses(inner)]
        bits, inner = draw(st.sampled_from(readable))
        payload = draw(payloads(inner))
        return None if payload is None else with_bits(payload, layout, bits)
    return None


def refuses(layout: Layout) -> bool:
    return isinstance(layout, lay.Fixed) and any(isinstance(each, f.Refused) for each in layout.inner.elements)


def with_bits(payload: bytes, layout: lay.ByBits, bits: int) -> bytes | None:
    """Give a payload in which these bits are as the layout needs them."""
    if len(payload) <= layout.at:
        return None
    changed = bytearray(payload)
    changed[layout.at] = changed[layout.at] & ~layout.mask | bits
    return bytes(changed)


Make = Callable[[Any], st.SearchStrategy[bytes]]


def some_bytes(element: f.Element) -> st.SearchStrategy[bytes]:
    """Give bytes that an element describes."""
    return MAKES[type(element)](element)


def _exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def _in_a_row(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(b"".join)


def _counted(_: f.Counted) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=20).map(lambda content: bytes([len(content)]) + content)


def _newest_first(samples: lay.NewestFirst) -> st.SearchStrategy[bytes]:
    return st.lists(some_bytes(samples.inner), min_size=1, max_size=4).map(b"".join)


def _series(series: lay.Series) -> st.SearchStrategy[bytes]:
    steps = st.integers(0, 20).flatmap(lambda count: _exactly(count * series.step))
    return _in_a_row(_exactly(4 + series.first.size), steps)


MAKES: Mapping[type, Make] = {
    f.Number: lambda number: _exactly(number.size),
    f.Float: lambda number: _exactly(number.size),
    f.Word: lambda word: _exactly(word.size),
    f.Gap: lambda gap: _exactly(gap.size),
    f.Counted: _counted,
    f.Rest: lambda _: st.binary(max_size=20),
    f.Constant: lambda constant: st.just(constant.content),
    lay.Sequence: lambda sequence: _in_a_row(*map(some_bytes, sequence.elements)),
    lay.InOrder: lambda ordered: some_bytes(ordered.inner),
    lay.Optional: lambda optional: st.one_of(some_bytes(optional.inner), st.just(b"")),
    lay.Repeat: lambda repeat: st.lists(some_bytes(repeat.inner), max_size=4).map(b"".join),
    lay.InTurn: lambda in_turn: some_bytes(in_turn.elements[0]),
    lay.Record: lambda record: _in_a_row(_exactly(4), some_bytes(record.inner)),
    lay.Earlier: lambda earlier: _in_a_row(some_bytes(earlier.inner), _exactly(earlier.size)),
    lay.Series: _series,
    lay.NewestFirst: _newest_first,
    lay.Stamped: lambda stamped: _in_a_row(some_bytes(stamped.inner), _exactly(4)),
}


# ---------------------------------------------------------------- the declared numbers


@dataclass(frozen=True)
class Numeric:
    """A number or some bits of a word, whichever the declaration says."""

    value: Value
    bits: int
    signed: bool


def numbers_of(decoder: Decoder) -> list[Numeric]:
    return [numeric for layout in decoder.f_ports.values() for numeric in _numbers(layout)]


def _numbers(part: object) -> Iterator[Numeric]:
    if isinstance(part, f.Number):
        yield Numeric(part.value, 8 * part.size, part.signed)
    elif isinstance(part, f.Word):
        for each in part.parts:
            yield Numeric(each.value, each.width, each.signed)
    for inner in INSIDE.get(type(part), _nothing)(part):
        yield from _numbers(inner)


def _nothing(_: object) -> tuple[()]:
    return ()


INSIDE: Mapping[type, Callable[[Any], Iterable[object]]] = {
    lay.Fixed: lambda fixed: [fixed.inner],
    lay.Tagged: lambda tagged: tagged.table.values(),
    lay.ByLength: lambda by_length: by_length.layouts.values(),
    lay.ByHead: lambda by_head: by_head.layouts.values(),
    lay.ByLook: lambda by_look: by_look.layouts,
    lay.ByBits: lambda by_bits: by_bits.layouts.values(),
    lay.Sequence: lambda sequence: sequence.elements,
    lay.InOrder: lambda ordered: [ordered.inner],
    lay.Optional: lambda optional: [optional.inner],
    lay.Repeat: lambda repeat: [repeat.inner],
    lay.InTurn: lambda in_turn: in_turn.elements,
    lay.Record: lambda record: [record.inner],
    lay.Earlier: lambda earlier: [earlier.inner],
    lay.Series: lambda series: [series.first],
    lay.NewestFirst: lambda samples: [samples.inner],
    lay.Stamped: lambda stamped: [stamped.inner],
}
