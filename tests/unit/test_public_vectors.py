"""What makers publish with their payloads, against our readings: every key of theirs is accounted for.

`tests/data/public_vectors.jsonl` holds the payloads and the expectations with source and licence, and
`public_vectors.toml` beside it says what each key is with us. It takes declared decoders and mappings alike. Samples
that a frame stored for later are not compared here: the vectors beside the decoders are about them.
"""

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vdl_lora.authoring.vectors import parse
from vdl_lora.decoding import MAIN, Decoder, Fault, Frame, Item, PayloadError, Scalar
from vdl_lora.discovery import discover
from vdl_lora.quantities import QUANTITIES

DATA = Path(__file__).parents[1] / "data"
FOUND = discover()
DECODERS = {entry.id: entry.decoder for entry in FOUND.entries()}
AT_LEAST = 120  # models; only more are added


@dataclass(frozen=True)
class Key:
    """What one of the maker's keys is with us: `quantity` or `quantity@channel`."""

    name: str
    div: int = 1
    mul: int = 1
    states: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    digits: int | None = None

    def ours(self, value: Any) -> Scalar | str:
        """Give the maker's value as we say it: a number, a state or the code of a fault."""
        text = str(value)
        if text in self.faults:
            return self.faults[text]
        if text in self.states:
            return self.states[text]
        if QUANTITIES[self.name.partition("@")[0]].type == "bool":
            return {"0": False, "1": True, "False": False, "True": True}[text]
        return float(value) * self.mul / self.div

    def is_same(self, theirs: Scalar | str, ours: Scalar | str) -> bool:
        """Whether theirs is ours, to the decimals that the maker rounds to."""
        tolerance = 1e-9 if self.digits is None else 0.5 * 10**-self.digits * self.mul / self.div + 1e-9
        if isinstance(theirs, bool | str) or isinstance(ours, bool | str):
            return theirs is ours or (isinstance(theirs, str) and theirs == ours)
        return math.isclose(theirs, ours, rel_tol=1e-9, abs_tol=tolerance)


@dataclass(frozen=True)
class Maker:
    """How some models of one vendor name their values."""

    vendor: str
    models: Mapping[str, str]
    keys: Mapping[str, Key]
    ignored: frozenset[str]
    labels: frozenset[str]
    beside: frozenset[str]
    refused: Mapping[str, str]
    f_port: int


@dataclass(frozen=True)
class Row:
    """One published payload and what its maker says of it."""

    maker: Maker
    id: str
    frame: Frame
    expected: Mapping[str, Any]

    @property
    def decoder(self) -> Decoder:
        """The decoder of its model."""
        return DECODERS[self.id]

    @property
    def error(self) -> str | None:
        """A part of what we say where the frame cannot be read; None where it can."""
        if "errors" in self.expected and "data" not in self.expected:
            return "the datasheet knows no fPort"
        return self.maker.refused.get(self.frame.payload.hex())

    @property
    def carries_values(self) -> bool:
        """Whether the decoder reads frames of this fPort, and can read this one."""
        return self.error is None and self.frame.f_port not in self.decoder.ignored_f_ports

    def values(self) -> dict[str, Any]:
        """Give the maker's values by their keys, those inside another joined by a dot, without names and units."""
        said = flat(self.expected.get("data", {}))
        return {name: value for name, value in said if name.rpartition(".")[2] not in self.maker.labels}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inside is None:
        yield name, value
    else:
        for key, each in inside:
            yield from flat(each, f"{name}.{key}" if name else str(key))


@cache
def makers() -> list[Maker]:
    document = tomllib.loads((DATA / "public_vectors.toml").read_text(encoding="utf-8"))
    return [maker(table) for table in document["maker"]]


def maker(table: Mapping[str, Any]) -> Maker:
    assert not table.keys() - {"vendor", "models", "f_port", "keys", "ignored", "labels", "beside", "refused"}
    return Maker(
        vendor=table["vendor"],
        models=table["models"],
        keys={name: key(said) for name, said in table["keys"].items()},
        ignored=frozenset(table.get("ignored", ())),
        labels=frozenset(table.get("labels", ())),
        beside=frozenset(table.get("beside", ())),
        refused={each["hex"]: each["error"] for each in table.get("refused", ())},
        f_port=table.get("f_port", 0),
    )


def key(said: str | Mapping[str, Any]) -> Key:
    if isinstance(said, str):
        return Key(said)
    assert not said.keys() - {"is", "div", "mul", "states", "faults", "digits"}
    return Key(
        said["is"],
        said.get("div", 1),
        said.get("mul", 1),
        said.get("states", {}),
        said.get("faults", {}),
        said.get("digits"),
    )


@cache
def rows() -> list[Row]:
    lines = (DATA / "public_vectors.jsonl").read_text(encoding="utf-8").splitlines()
    return [row(json.loads(line)) for line in lines]


def row(line: Mapping[str, Any]) -> Row:
    (about,) = [each for each in makers() if each.vendor == line["vendor"] and line["model"] in each.models]
    decoded = json.dumps(line["expected"].get("data")).encode()
    frame = Frame(line["fPort"] or about.f_port, bytes.fromhex(line["bytes_hex"]), decoded=decoded)
    return Row(about, about.models[line["model"]], frame, line["expected"])


every_row = pytest.mark.parametrize(
    "row", [pytest.param(each, id=f"{each.id}: {each.frame.payload.hex()}") for each in rows()]
)
every_maker = pytest.mark.parametrize("maker", makers(), ids=lambda maker: next(iter(maker.models.values())))


def test_many_models_are_compared():
    assert len({each.id for each in rows()}) >= AT_LEAST


@every_row
def test_what_the_maker_says_is_what_we_read(row: Row):
    if row.error is not None:
        with pytest.raises(PayloadError, match=row.error):
            row.decoder.decode(row.frame)
        return
    read = {name_of(item): said_by(item) for item in row.decoder.decode(row.frame) if not item.stored}
    said = row.values() if row.carries_values else {}
    expected = {key.name: (key, key.ours(said[name])) for name, key in row.maker.keys.items() if name in said}
    assert set(expected) == set(read) - (row.maker.beside - set(expected))
    for name, (key, value) in expected.items():
        assert key.is_same(value, read[name]), f"{name}: {value!r} by the maker, {read[name]!r} by us"


@every_row
def test_no_key_of_the_maker_is_dropped_in_silence(row: Row):
    if row.carries_values:
        assert set() == row.values().keys() - row.maker.keys.keys() - row.maker.ignored


@every_row
def test_a_published_payload_stands_with_the_vectors_of_its_decoder(row: Row):
    (file,) = [each for each in FOUND.files if row.id in each.decoder.ids]
    vectors = parse(file.vectors.read_text(encoding="utf-8"))
    assert (row.frame.f_port, row.frame.payload) in {(each.f_port, each.payload) for each in vectors}


@every_maker
def test_a_table_says_nothing_that_no_row_shows(maker: Maker):
    about = [each for each in rows() if each.maker is maker]
    said = {name for each in about if each.carries_values for name in each.values()}
    assert set() == {*maker.keys, *maker.ignored} - said
    assert set(maker.models.values()) == {each.id for each in about}
    assert set() == maker.refused.keys() - {each.frame.payload.hex() for each in about}
    assert set() == maker.keys.keys() & maker.ignored


def test_each_row_says_where_it_came_from():
    for line in (DATA / "public_vectors.jsonl").read_text(encoding="utf-8").splitlines():
        assert {"source", "licence"} <= json.loads(line).keys()


def name_of(item: Item) -> str:
    return item.quantity.name if item.channel == MAIN else f"{item.quantity.name}@{item.channel}"


def said_by(item: Item) -> Scalar | str:
    return item.code if isinstance(item, Fault) else item.value
