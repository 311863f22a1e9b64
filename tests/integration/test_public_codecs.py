"""What makers publish, read by short scripts of ours and mapping files in a root of a site."""

import json
import math
from pathlib import Path

import pytest

from vdl_lora.authoring.vectors import differences, parse
from vdl_lora.decoding import Frame, slug
from vdl_lora.discovery import discover
from vdl_lora.javascript import QuickJs
from vdl_lora.quantities import conversion

ROOT = Path(__file__).parents[1] / "data" / "public_codecs"
PUBLISHED = [json.loads(line) for line in (ROOT / "published.jsonl").read_text(encoding="utf-8").splitlines()]
LEFT_OUT = {
    "charging",  # what the device says of itself
    "sensorType",
    "settingsAllowed",
    "valid",
}
NAMED_OTHERWISE = {"Humidity": "RelativeHumidity"}  # by the maker's codec of the OY1210

every_payload = pytest.mark.parametrize(
    "published", PUBLISHED, ids=[f"{each['model']}: {each['bytes_hex']}" for each in PUBLISHED]
)


@pytest.fixture(scope="module")
def files():
    engine = QuickJs()
    yield [file for file in discover([ROOT], engine).files if ROOT in file.path.parents]
    engine.close()


def file_of(files, published):
    name = f"{slug(published['vendor'])}/{slug(published['model'])}"
    (file,) = [each for each in files if name in each.decoder.ids]
    return file


def test_the_vectors_beside_the_mappings_hold(files):
    assert 2 == len(files)
    for file in files:
        vectors = parse(file.vectors.read_text(encoding="utf-8"))
        assert [] == [line for vector in vectors for line in differences(file.decoder, vector)]


@every_payload
def test_what_the_maker_says_is_what_is_read(files, published):
    file = file_of(files, published)
    payload = bytes.fromhex(published["bytes_hex"])
    items = {item.quantity.name: item for item in file.decoder.decode(Frame(published["fPort"], payload))}
    data = published["expected"]["data"]
    said = {NAMED_OTHERWISE.get(key, key): value for key, value in data.items() if key not in LEFT_OUT}
    reads = {read.path.text: read for read in file.mapping.reads}
    assert {reads[key].value.quantity.name for key in said} == set(items)
    for key, value in said.items():
        factor, shift = conversion("cm" if key == "distance" else "", reads[key].value.quantity.unit)
        assert math.isclose(float(value * factor + shift), items[reads[key].value.quantity.name].value, rel_tol=1e-9)


@every_payload
def test_a_published_payload_stands_with_the_vectors_of_its_mapping(files, published):
    vectors = parse(file_of(files, published).vectors.read_text(encoding="utf-8"))
    assert (published["fPort"], published["bytes_hex"]) in {(each.f_port, each.payload.hex()) for each in vectors}
