"""A mapping: what its lines make of a codec's answer, and what is refused in it."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages import blocks
from vdl_lora.authoring import vectors
from vdl_lora.decoding import Fault, Frame, PayloadError, Reading, mapping
from vdl_lora.decoding.codecs import ChirpStackObject, mapped_decoder
from vdl_lora.decoding.mapping import parse
from vdl_lora.times import nanoseconds

AT = datetime(2026, 11, 23, 22, 18, 17, tzinfo=UTC)
AT_NS = nanoseconds(AT)
HEAD = 'vendor = "Acme"\nmodels = ["X1"]\ncodec = "object"\n'

WHOLE = (
    HEAD
    + """
datasheet = "https://acme.example/x1"
f_ports = [2, 3]
ignore = ["port", "debug.*"]
variables = { region = "EU868" }

[parameters.height]
unit = "m"
about = "where it hangs"
default = 1.5

[reads]
temperature = "air.temperature"
"batt.mv" = { is = "device.battery_voltage", unit = "mV" }
water_level = { is = "probe.distance", unit = "cm", invalid = { "No Sensor" = "no_sensor", 65535 = "too_far" } }
door = { is = "contact.open", states = { open = true, closed = false } }
occupied = "parking.occupied"
motions = "air.motion_count_delta"
level = { is = "device.battery_level", suffix = "%" }
"probes.*" = { is = "probe.temperature", channel = "probe_{1}" }
"log[*].t" = { is = "air.humidity", time = "at", form = "s", stored = true }
"samples[variable=co2].value" = { is = "air.co2", time = "date" }
"""
)


def read(tree, text=WHOLE):
    return parse(text).items(tree, AT_NS)


def only(tree, text=WHOLE):
    [item] = read(tree, text)
    if isinstance(item, Fault):
        return (item.quantity.name, item.code, item.detail)
    return (item.quantity.name, item.value)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"temperature": 27.2}, ("air.temperature", 27.2)),
        ({"temperature": 27}, ("air.temperature", 27.0)),
        ({"temperature": "27.20"}, ("air.temperature", 27.2)),
        ({"temperature": " -3e1 "}, ("air.temperature", -30.0)),
        ({"temperature": None}, ("air.temperature", "no_value", "null")),
        ({"temperature": "No Sensor"}, ("air.temperature", "not_a_number", "No Sensor")),
        ({"temperature": True}, ("air.temperature", "not_a_number", "true")),
        ({"temperature": []}, ("air.temperature", "not_a_number", "[]")),
        ({"temperature": 10**400}, ("air.temperature", "not_a_number", str(10**400)[:100])),
        ({"batt": {"mv": 3601}}, ("device.battery_voltage", 3.601)),
        ({"water_level": 215}, ("probe.distance", 2.15)),
        ({"water_level": "215"}, ("probe.distance", 2.15)),
        ({"water_level": "No Sensor"}, ("probe.distance", "no_sensor", "raw value No Sensor")),
        ({"water_level": 65535}, ("probe.distance", "too_far", "raw value 65535")),
        ({"water_level": "65535.0"}, ("probe.distance", "too_far", "raw value 65535.0")),
        ({"door": "open"}, ("contact.open", True)),
        ({"door": "closed"}, ("contact.open", False)),
        ({"door": "ajar"}, ("contact.open", "unknown_state", "ajar")),
        ({"occupied": 1}, ("parking.occupied", True)),
        ({"occupied": False}, ("parking.occupied", False)),
        ({"occupied": 2}, ("parking.occupied", "unknown_state", "2")),
        ({"occupied": "yes"}, ("parking.occupied", "unknown_state", "yes")),
        ({"motions": 12.0}, ("air.motion_count_delta", 12)),
        ({"motions": 12.5}, ("air.motion_count_delta", "not_an_integer", "12.5")),
        ({"level": "76 %"}, ("device.battery_level", 76.0)),
        ({"level": 76}, ("device.battery_level", 76.0)),
    ],
)
def test_a_value_is_a_reading_in_the_quantitys_unit_or_a_fault(tree, expected):
    assert expected == only(tree)
    assert type(expected[1]) is type(only(tree)[1])


def test_stars_name_channels():
    assert [("probe_1", 4.5), ("probe_n_2", 5.5)] == [
        (item.channel, item.value) for item in read({"probes": {"1": 4.5, "N° 2": 5.5}})
    ]


def test_a_stored_sample_has_the_time_that_stands_beside_it():
    first, second, third = read({"log": [{"t": 40, "at": 1_795_472_000}, {"t": 41, "at": 1_795_472_000.5}, {"t": 42}]})
    assert Reading(first.quantity, 40.0, "main", 1_795_472_000_000_000_000, stored=True) == first
    assert 1_795_472_000_500_000_000 == second.measured_at_ns
    assert ("bad_time", "there is no at") == (third.code, third.detail)


def test_a_date_of_the_uplinks_own_moment_is_no_time_of_its_own():
    now, before, never = read(
        {
            "samples": [
                {"variable": "co2", "value": 600, "date": "2026-11-23T22:18:17.000Z"},
                {"variable": "co2", "value": 610, "date": "2026-11-23T22:08:17.000Z"},
                {"variable": "co2", "value": 620, "date": "yesterday"},
            ]
        }
    )
    assert (600.0, None) == (now.value, now.measured_at_ns)
    assert AT_NS - 600_000_000_000 == before.measured_at_ns
    assert "bad_time" == never.code


def test_what_is_neither_read_nor_ignored_is_named():
    tree = {
        "temperature": 1,
        "port": 2,
        "debug": {"a": [1, 2]},
        "probes": {"1": 1},
        "log": [{"t": 1, "at": 2, "x": 3}],
        "samples": [{"variable": "co2", "value": 1, "date": "d"}, {"variable": "tvoc", "value": 4}],
        "news": {"b c": [1]},
    }
    assert ["log[0].x", "samples[1].variable", "samples[1].value", "news.b c[0]"] == parse(WHOLE).unmapped(tree)


@pytest.mark.parametrize("tree", [1, "text", None, True])
def test_a_codec_that_gives_no_object_is_a_payload_error(tree):
    with pytest.raises(PayloadError, match="no object"):
        read(tree)


def test_a_mapping_is_a_decoder_like_any_other():
    decoder = mapped_decoder(parse(WHOLE), ChirpStackObject())
    assert (("acme/x1",), "https://acme.example/x1") == (decoder.ids, decoder.datasheet)
    assert {2, 3} == set(decoder.f_ports)
    assert not decoder.encodes
    assert ["height"] == [each.name for each in decoder.parameters]
    assert "air.temperature" in [each.name for each in decoder.quantities()]
    [item] = decoder.decode(Frame(2, b"\x00", AT_NS, decoded=b'{"temperature": 20.5}'))
    assert decoder.declares(item)
    with pytest.raises(PayloadError, match="ChirpStack decoded nothing"):
        decoder.decode(Frame(2, b"\x00", AT_NS))
    with pytest.raises(PayloadError, match="knows no fPort 9"):
        decoder.decode(Frame(9, b"\x00", AT_NS, decoded=b"{}"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["temperature", "batt", "mv", "probes", "log", "t", "at", "samples", "value", "variable", "é'"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_a_codec_gives_ends_as_declared_readings_and_faults(tree):
    decoder = mapped_decoder(parse(WHOLE), ChirpStackObject())
    try:
        items = decoder.decode(Frame(2, b"\x00", AT_NS, decoded=msgspec.json.encode(tree)))
    except PayloadError:
        return
    assert all(decoder.declares(item) for item in items)
    parse(WHOLE).unmapped(tree)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vendor = ", "not TOML"),
        ('vendor = "A"\nmodels = ["X"]\ncodec = "object"', "missing required field `reads`"),
        (HEAD + "[reads]", "length >= 1"),
        (HEAD + 'color = "red"\n[reads]\nt = "air.temperature"', "unknown field `color`"),
        (HEAD + '[reads]\nt = "air.warmth"', "line 5: t: "),
        (HEAD + '[reads]\nh = "air.humidity"\nt = { is = "air.temperature", unit = "bar" }', "line 6: t: "),
        (HEAD + '[reads]\n"a..b" = "air.temperature"', "line 5: a..b: 'a..b' is no path"),
        (HEAD + '[reads]\n"p.*" = "air.temperature"', 'add channel = "probe_{1}"'),
        (HEAD + '[reads]\np = { is = "air.temperature", channel = "p{1}" }', "the path has 0 stars"),
        (HEAD + '[reads]\np = { is = "air.temperature", channel = "Sonde 1" }', "channel 'Sonde 1' is none"),
        (HEAD + '[reads]\nd = { is = "contact.open", states = { a = 1 } }', "its state 1 is not"),
        (HEAD + '[reads]\nm = { is = "air.motion_count_delta", div = 2 }', "is an integer"),
        (HEAD + '[reads]\nt = { is = "air.temperature", form = "hours" }', "hours"),
        (HEAD + 'ignore = ["a["]\n[reads]\nt = "air.temperature"', "line 4: a[: "),
        (HEAD + 'f_ports = [300]\n[reads]\nt = "air.temperature"', "<= 255"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_said_with_its_line(text, words):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the words are looked at below
        parse(text)
    assert words in str(raised.value)


def test_all_mistakes_are_said_at_once():
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the words are looked at below
        parse(HEAD + '[reads]\na = "nothing.here"\nb = "air.temperature"\nc = { is = "air.co2", unit = "m" }')
    assert ["line 5", "line 7"] == [line[:6] for line in str(raised.value).splitlines()]


# ---------------------------------------------------------------- what the manual says

PAGE = "docs/howto/add-a-codec.md"
SHOWN = [block.text for block in blocks(PAGE) if block.language == "toml"]


@pytest.mark.parametrize("text", [text for text in SHOWN if text.startswith("vendor")])
def test_a_mapping_that_the_manual_shows_is_right(text):
    assert "Acme" == parse(text).vendor


def test_a_downlink_that_the_manual_shows_is_right():
    [text] = [text for text in SHOWN if text.startswith("[[downlink]]")]
    assert 1 == len(vectors.parse_downlinks(text))


@pytest.mark.parametrize("table", [mapping._Document, mapping._Needed, mapping._Meaning])  # noqa: SLF001
def test_the_manual_names_every_key(table):
    text = "".join(SHOWN)
    names = [field.encode_name for field in msgspec.structs.fields(table)]
    assert [] == [name for name in names if f"{name} =" not in text and f"[{name}" not in text]
