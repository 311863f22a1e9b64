"""Drafts of mappings: what is guessed of keys and values, and what is left to a person."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.authoring import vectors
from vdl_lora.authoring.draft import Example, draft, guesses, kept, parse_examples, vectors_of
from vdl_lora.decoding.codecs import BUILT_IN, mapped_decoder
from vdl_lora.decoding.mapping import parse


def line(key, *values):
    """What a draft says of one key: its line, and what is to be decided."""
    [guess] = guesses([{key: value} for value in values])
    return guess.line, guess.decide


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("co2", [612, 845], ('"air.co2"', "")),
        ("TempC_SHT", [28.29], ('"air.temperature"', "is it air.temperature")),
        ("externalTemperature", [15.0], ('"probe.temperature"', "")),
        ("soil_moisture", [22.5], ('"soil.moisture"', "")),
        ("battery", [50, 100], ('"device.battery_level"', "")),
        ("battery", [3.6, 3.3], ('"device.battery_voltage"', "")),
        ("battery", ["100%", "25%"], ('{ is = "device.battery_level", suffix = "%" }', "")),
        ("Supply_Voltage", [3018], ('{ is = "device.battery_voltage", unit = "mV" }', "is it in mV")),
        ("vdd", [3.6], ('"device.battery_voltage"', "")),
        ("distance_cm", [79.0], ('{ is = "probe.distance", unit = "cm" }', "is it probe.distance")),
        ("distance", [8977], ('{ is = "probe.distance", unit = "mm" }', "is it in mm")),
        ("level", ["1700 mm"], ('{ is = "probe.distance", unit = "mm", suffix = "mm" }', "is it probe.distance")),
        ("pressure", [100729.1], ('{ is = "air.pressure", unit = "Pa" }', "is it in Pa")),
        ("pressure", [1017.1], ('"air.pressure"', "is it air.pressure")),
        (
            "water_leak",
            ["leak", "normal"],
            ('{ is = "water.leak", states = { leak = true, normal = false } }', "is it water.leak"),
        ),
        ("occupied", [0, 1], ('"parking.occupied"', "is it parking.occupied")),
        ("occupancy", [2], ("", "")),
        (
            "noise",
            [93.5, "NoSensor"],
            (
                '{ is = "air.sound_level", invalid = { NoSensor = "no_sensor" } }',
                "is it air.sound_level; which fault is each word",
            ),
        ),
        ("temperature_threshold", [30], ("", "")),
        ("firmwareVersion", ["1.2"], ("", "")),
        ("temperature", ["warm"], ("", "")),
        ("dewPoint", [4.5], ("", "")),
        ("t", [21.5], ('"air.temperature"', "is it air.temperature")),
        ("timestamp", [1000], ("", "")),
        ("total", [7], ("", "")),
        ("voltageL1N", [230], ('"electricity.voltage"', "")),
        ("energy_exported_kwh", [12.5], ('"electricity.energy_export"', "")),
    ],
)
def test_a_key_and_its_values_say_what_it_may_be(key, values, expected):
    assert expected == line(key, *values)


def test_the_values_of_a_list_are_one_line_with_a_channel():
    [guess] = guesses([{"temperatures": [{"temperature": 20.5}, {"temperature": 21.5}]}])
    assert ("temperatures[*].temperature", (20.5, 21.5)) == (guess.path, guess.seen)
    assert '{ is = "air.temperature", channel = "input_{1}" }' == guess.line


def test_a_draft_is_a_mapping_that_reads_what_it_was_drafted_from():
    tree = {"temp": 21.5, "battery": "76%", "odd key (x)": 3, "gps": {"latitude": 47.5, "longitude": 1.5}}
    text = draft("Acme", "X1", "x1.js", guesses([tree]))
    mapping = parse(text)
    assert {
        "air.temperature": 21.5,
        "device.battery_level": 76.0,
        "position.latitude": 47.5,
        "position.longitude": 1.5,
    } == {item.quantity.name: item.value for item in mapping.items(tree, 0)}
    assert ["'odd key (x)'"] == mapping.unmapped(tree)
    assert '# "\'odd key (x)\'" = ""  # decide: no quantity is known for it; seen: 3' in text


KEYS = st.sampled_from(["temperature", "battery", "co2", "door", "leak", "é'\"", "a.b", "1", "", "x", "count", "level"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.lists(st.dictionaries(KEYS, TREES, max_size=4), max_size=4))
def test_whatever_a_codec_gives_a_draft_of_it_can_be_read(trees):
    found = guesses(trees)
    text = draft("Acme", "X1", "object", found)
    if any(guess.line for guess in found):
        parse(text)
    else:
        with pytest.raises(ValueError, match="reads"):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '[{"fPort": 2, "bytes": "0102", "object": {"t": 1}}]',
        '{"fPort": 2, "bytes": [1, 2], "expected": {"data": {"t": 1}}}',
        '{"input": {"fPort": 2, "bytes": [1, 2]}, "output": {"data": {"t": 1}, "warnings": []}}',
        '{"examples": [{"f_port": 2, "hex": "01 02", "result": {"t": 1}}]}',
        '\n{"port": 2, "bytes_hex": "0x0102", "data": {"t": 1}}\n',
    ],
)
def test_a_makers_examples_are_read_in_several_forms(text):
    assert [Example(2, b"\x01\x02", {"t": 1})] == parse_examples(text)


def test_what_makers_write_into_json_is_read():
    text = """[ // of the manual, page 7
      {"fPort": 0x02, "bytes": [0x01, 0xfA,], "object": {"unit": "0x10 // , ]", /* no */ "t": 1,},},
    ]"""
    assert [Example(2, b"\x01\xfa", {"unit": "0x10 // , ]", "t": 1})] == parse_examples(text)


def test_an_example_that_names_no_f_port_has_1():
    assert [Example(1, b"\x00")] == parse_examples('[{"bytes": "00"}]')


def test_lines_of_examples_without_results_are_read():
    found = parse_examples('{"fPort": 1, "bytes": "00"}\n{"fPort": 2, "bytes": "01"}\n')
    assert [Example(1, b"\x00"), Example(2, b"\x01")] == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "neither JSON"),
        ("[1]", "example 1 is no object"),
        ('[{"fPort": 1, "bytes": "00"}, {"fPort": 1}]', "example 2 has no bytes"),
        ('[{"fPort": 1, "bytes": [0x0G]}]', "line 1 column 26"),
        ('[{"fPort": 1}]', "example 1 has no bytes"),
        ('[{"fPort": 1, "bytes": "xyz"}]', "example 1: 'xyz' is not hexadecimal"),
        ('[{"fPort": 1, "bytes": [256]}]', "example 1: "),
    ],
)
def test_what_is_no_example_is_said(text, words):
    with pytest.raises(ValueError, match=words):
        parse_examples(text)


def test_two_keys_that_may_be_one_quantity_have_channels_of_their_own():
    first, second, third = guesses([{"temperature": 20.5, "TempC": 21, "log": [{"t": 1}]}])
    assert '"air.temperature"' == first.line
    assert '{ is = "air.temperature", channel = "temp_c" }' == second.line
    assert "is it air.temperature; another key is air.temperature already" == second.decide
    assert '{ is = "air.temperature", channel = "input_{1}" }' == third.line
    parse(draft("Acme", "X1", "x1.js", [first, second, third]))


def test_the_time_of_an_example_is_read():
    [with_time, without] = parse_examples(
        '[{"fPort": 1, "bytes": "01", "recvTime": "2023-11-14T22:13:20Z"}, {"fPort": 1, "bytes": "01", "time": "no"}]'
    )
    assert (1_700_000_000_000_000_000, 0) == (with_time.received_at_ns, without.received_at_ns)


def test_examples_that_show_nothing_new_are_left_out_but_for_the_first_of_them():
    examples = [Example(1, bytes([number // 2])) for number in range(100)]
    trees = [{"a": 1} if number != 90 else {"b": 1} for number in range(100)]
    assert [*range(16), 45] == [each.payload[0] for each in kept(examples, trees)]


def test_drafted_vectors_hold():
    trees = [
        {"temperature": 20.5, "level": "No Sensor", "gone": None, "list": [1, None, "a\\"]},
        {"temperature": 21, "level": 7, "log": [{"t": 1.5, "at": 1_700_000_000}, {"t": 2.5, "at": 1_700_000_060}]},
        7,
    ]
    mapping = (
        'vendor = "A"\nmodels = ["B"]\ncodec = "object"\n[reads]\ntemperature = "air.temperature"\n'
        'level = { is = "probe.distance", invalid = { "No Sensor" = "no_sensor" } }\n'
        '"log[*].t" = { is = "air.temperature", time = "at", form = "s", stored = true }\n'
    )
    examples = [Example(1, b"\x01", received_at_ns=7_000_000, decoded=json.dumps(tree).encode()) for tree in trees]
    text = vectors_of(mapping, BUILT_IN["object"], examples, "ours")
    found = vectors.parse(text)
    decoder = mapped_decoder(parse(mapping), BUILT_IN["object"])
    assert [[], [], []] == [vectors.differences(decoder, each) for each in found]
    assert [2, 4] == [len(each.values) + len(each.faults) for each in found[:2]]
    assert "no object" in found[2].error


def test_without_a_mapping_vectors_name_the_frames_alone():
    [found] = vectors.parse(vectors_of("[reads]", BUILT_IN["object"], [Example(3, b"\xff")], "ours"))
    assert (3, b"\xff", {}) == (found.f_port, found.payload, found.values)


def test_a_unit_that_stands_beside_a_value_is_taken_and_known():
    tree = {"activeEnergyImport": {"data": 12_345_678, "unit": "Wh"}, "model": "EM2101"}
    mapping = parse(draft("Acme", "X1", "object", guesses([tree])))
    assert ["activeEnergyImport.unit", "model"] == [path.text for path in mapping.ignore]
    [reading] = mapping.items(tree, 0)
    assert ("electricity.energy_import", 12_345.678) == (reading.quantity.name, reading.value)
    assert not mapping.unmapped(tree)
