"""Makers' scripts in a site's root: found, held against their vectors, and named with what is wrong where they are."""

from contextlib import closing
from pathlib import Path

import pytest

from vdl_lora.authoring.review import keeps_nothing
from vdl_lora.catalog import Catalog
from vdl_lora.decoding import Frame
from vdl_lora.decoding.javascript import MAX_SCRIPT, Script, Uplinked
from vdl_lora.discovery import discover
from vdl_lora.errors import NoDecoder
from vdl_lora.javascript import QuickJs
from vdl_lora.lorawan import DevEUI, Device

CODECS = Path(__file__).parents[1] / "data" / "codecs"
CODEC = "function decodeUplink(input) { return { data: { t: input.bytes[0], b: input.bytes[1] * 10 } }; }\n"
MAPPING = """\
vendor = "Acme"
models = ["X1"]
codec = "x1.js"

[reads]
t = "air.temperature"
b = { is = "device.battery_voltage", unit = "mV" }
"""
VECTORS = """\
[[vector]]
f_port = 1
hex = "15 C8"
what = "21 °C, 2 V"
source = "ours"
values = { "air.temperature" = 21.0, "device.battery_voltage" = 2.0 }

[[vector]]
f_port = 1
hex = "16 C9"
what = "22 °C, 2.01 V"
source = "ours"
values = { "air.temperature" = 22.0, "device.battery_voltage" = 2.01 }
"""


@pytest.fixture
def engine():
    with closing(QuickJs()) as engine:
        yield engine


@pytest.fixture
def site(tmp_path):
    return written(tmp_path, **{"x1.js": CODEC, "x1.mapping.toml": MAPPING, "x1.toml": VECTORS})


def written(root, **files):
    for name, content in files.items():
        path = root / "acme" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def script_of(found):
    [file] = [each for each in found.files if each.mapping is not None and each.mapping.vendor == "Acme"]
    [layout] = file.decoder.f_ports.values()
    return layout.codec.script


def test_a_script_beside_a_mapping_is_a_decoder(site, engine):
    found = discover([site], engine)
    assert ({}, (), []) == (found.broken, tuple(found.problems), found.replaced)
    entry = Catalog(found.entries()).entry("Acme/X1")
    assert [21.0, 2.0] == [item.value for item in entry.decoder.decode(Frame(1, b"\x15\xc8"))]


def test_a_script_finds_what_the_mapping_and_an_installation_say(site, engine):
    text = "function decodeUplink(i) { return { data: { t: i.variables.height, b: i.variables.gain * 1000 } }; }"
    more = '[variables]\ngain = 3\n[parameters.height]\nunit = "m"\nabout = "how high it hangs"\ndefault = 2.5\n'
    found = discover([written(site, **{"x1.js": text, "x1.mapping.toml": MAPPING + more})], engine)
    entry = Catalog(found.entries()).entry("acme/x1")
    assert [2.5, 3.0] == [item.value for item in entry.decoder.decode(Frame(1, b"\x15"))]
    assert [4.0, 3.0] == [item.value for item in entry.decoder.decode(Frame(1, b"\x15", parameters={"height": 4.0}))]


def test_nothing_runs_where_there_is_no_script(tmp_path, engine):
    discover([tmp_path], engine)
    assert [] == engine.processes


def test_a_declaration_changes_with_the_script(site, engine):
    before = {entry.id: entry.declaration for entry in discover([site], engine).entries()}
    written(site, **{"x1.js": CODEC + "// another\n"})
    after = {entry.id: entry.declaration for entry in discover([site], engine).entries()}
    assert {"acme/x1"} == {name for name in after if before[name] != after[name]}


def test_declaration_changes_with_the_mapping(site, engine):
    before = {entry.id: entry.declaration for entry in discover([site], engine).entries()}
    written(site, **{"x1.mapping.toml": MAPPING + "# another\n"})
    after = {entry.id: entry.declaration for entry in discover([site], engine).entries()}
    assert {"acme/x1"} == {name for name in after if before[name] != after[name]}


BROKEN = {
    "does not compile": ({"x1.js": "\nfunction decodeUplink( {"}, "x1.js: SyntaxError", "(line 2)"),
    "throws at once": ({"x1.js": "\n\nnull.x"}, "x1.js: TypeError", "(line 3)"),
    "has no entry point": ({"x1.js": "var decode = 1;"}, "it must define decodeUplink(input)"),
    "is empty": ({"x1.js": ""}, "x1.js: it is empty"),
    "is too large": ({"x1.js": CODEC + "//" + "x" * MAX_SCRIPT}, f"more than the {MAX_SCRIPT}"),
    "is no text": ({"x1.js": CODEC.encode() + b"\n\xff"}, "x1.js is no text in UTF-8, see its line 3; save it as"),
    "holds a zero": ({"x1.js": CODEC + "\0"}, "x1.js: it is no text"),
    "does not end": ({"x1.js": "for (;;);"}, "it needs more time than it may have"),
    "is not there": (
        {"x1.mapping.toml": MAPPING.replace("x1.js", "x9.js")},
        "line 3: codec: there is no",
        "x9.js; put",
    ),
    "is elsewhere": ({"x1.mapping.toml": MAPPING.replace("x1.js", "../x1.js")}, "name a .js file beside the mapping"),
    "unknown quantity": ({"x1.mapping.toml": MAPPING.replace("air.t", "air.tt")}, "line 6: t: ", "air.temperature"),
    "wrong unit": ({"x1.mapping.toml": MAPPING.replace('"mV"', '"cm"')}, "line 7: b: ", "cm"),
    "unknown key": ({"x1.mapping.toml": MAPPING.replace("unit", "units")}, "line 7: b: ", "units", "some of is, unit"),
    "no number": ({"x1.mapping.toml": MAPPING.replace('["X1"]', '"X1"')}, "line 2: ", "models"),
    "not TOML": ({"x1.mapping.toml": MAPPING + "]"}, "not TOML", "line 8"),
    "mapping is no text": ({"x1.mapping.toml": MAPPING.encode() + b"\xff"}, "see its line 8; save it as UTF-8"),
    "a path that never matches": (
        {"x1.mapping.toml": MAPPING + 'temp = "air.humidity"\n'},
        "line 8: the path temp leads to nothing in any vector; correct it, or add a vector that shows it",
    ),
}


@pytest.mark.parametrize(("files", "words"), [(files, words) for files, *words in BROKEN.values()], ids=BROKEN)
def test_what_is_wrong_is_said_and_only_its_devices_wait(site, engine, files, words):
    other = {"x2.js": CODEC, "x2.mapping.toml": MAPPING.replace("1", "2")}
    found = discover([written(site, **other, **files)], engine)
    assert ["acme/x1"] == list(found.broken)
    assert list(found.broken.values()) == found.problems
    problem = found.broken["acme/x1"]
    assert problem.startswith(f"{site / 'acme' / 'x1.mapping.toml'}: ")
    assert [] == [each for each in words if each not in problem]
    assert "\n" not in problem
    catalog = Catalog(found.entries(), broken=found.broken)
    assert catalog.entry("acme/x2") is not None
    with pytest.raises(NoDecoder) as caught:
        catalog.choose(Device(dev_eui=DevEUI("24e124136b500042"), tags={"decoder": "acme/x1"}))
    assert problem in str(caught.value)


def test_devices_of_two_files_with_one_id_wait_until_a_person_has_chosen(site, engine):
    again = MAPPING.replace('["X1"]', '["X1", "X3"]')
    found = discover([written(site, **{"x2.mapping.toml": again})], engine)
    assert {"acme/x1", "acme/x2", "acme/x3"} == found.broken.keys()
    for name, other in (("x1", "x2"), ("x2", "x1")):
        path, words = (site / "acme" / f"{each}.mapping.toml" for each in (name, other))
        assert f"{path}: acme/x1 is declared by {words} too; rename or remove one of them" in found.problems


def test_that_no_vector_is_read_says_nothing_of_the_mapping(site, engine):
    found = discover([written(site, **{"x1.js": "function decodeUplink() { return { errors: ['no'] }; }"})], engine)
    assert {} == found.broken


# ---------------------------------------------------------------- one context for all frames


CALLS = [Uplinked(bytes([number, 1]), 1) for number in range(1, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CODEC, True),
        ((CODECS / "attacks" / "keeps_state.js").read_text(), False),
        ((CODECS / "conventions" / "clock.js").read_text(), False),
        ((CODECS / "conventions" / "chance.js").read_text(), False),
        ((CODECS / "attacks" / "endless_loop.js").read_text(), False),
        ("var last = 0; function Decoder(b) { var d = b[0] - last; last = b[0]; return { d: d }; }", False),
        ("var first; function Decoder(b) { first = first || b[0]; return { first: first }; }", False),
        ("var n = 0; function Decoder(b) { n += 1; return { b: b[0] }; }", True),
    ],
)
def test_one_context_serves_a_script_that_keeps_nothing(engine, text, expected):
    assert expected is keeps_nothing(engine, Script("x", text), CALLS)


def test_without_two_different_frames_nobody_can_tell(engine):
    assert not keeps_nothing(engine, Script("x", CODEC), [CALLS[0]] * 5)
    assert not keeps_nothing(engine, Script("x", CODEC), [])


def test_the_vectors_decide_whether_a_context_is_kept(site, engine):
    assert script_of(discover([site], engine)).reusable
    written(site, **{"x1.toml": VECTORS[: VECTORS.index("\n[[vector]]\n")]})
    assert not script_of(discover([site], engine)).reusable


def test_what_was_found_out_once_is_remembered(site, engine):
    discover([site], engine)
    calls = []

    class Counting(QuickJs):
        def decode(self, script, uplinked):
            calls.append(script)
            return super().decode(script, uplinked)

    with closing(Counting()) as counting:
        assert script_of(discover([site], counting)).reusable
    assert 2 == len(calls)  # the paths are held against the two vectors all the same
