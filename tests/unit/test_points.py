"""Line protocol: what is written is read back as it was, and nothing is written that a server refuses."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdl_lora.points import MAX_TAG, MAX_TEXT, NONE, Point, Tags, line_protocol, tag_value, text_value

from .line_protocol import EARLIEST, LATEST, Refused, Row, read
from .recordings import lines

CUT = re.compile(r"\([0-9]+ characters\)$|^…$|^$")
NO_TIME = re.compile(r"temperature=1(\.5)?$")

NASTY = st.sampled_from(
    [
        "",
        " ",
        "\\",
        "\\\\",
        "a\\",
        "a\\\\",
        "a\\ ",
        "\\,b",
        "a\\=b",
        "a\\\\,b",
        'a"b',
        '\\"',
        "École \u2013 1, a=b",
        "line\nbreak",
        "\r\n",
        "\t",
        "\x00",
        "\x7f\x85",
        "\u2028",
        "\ud800",
        "a\udfff",
        "💧",
        "#",
        "=",
        ",",
        "none",
    ]
)
PIECES = st.lists(st.sampled_from([*'\\,= "\n#=aé', "\\\\", "\ud83d", "💧", "\x00", "\x85"]), max_size=12).map("".join)
ANY_TEXT = st.one_of(NASTY, PIECES, st.text(st.characters(), max_size=40), st.text(max_size=40))
NAMES = st.from_regex(r"[a-zé%]([a-z0-9_%,= é\"]{0,8}[a-z0-9_%é])?", fullmatch=True).filter(lambda name: name != "time")
NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(1 << 63), (1 << 63) - 1))
FIELD_VALUES = st.one_of(NUMBERS, st.booleans(), ANY_TEXT.map(text_value))


@st.composite
def points(draw: st.DrawFn) -> Point:
    """Draw a point that is built as interpret builds them: tags through tag_value, texts through text_value."""
    names = draw(st.lists(NAMES, min_size=2, max_size=12, unique=True))
    split = draw(st.integers(0, len(names) - 1))
    tags = Tags((name, tag_value(draw(ANY_TEXT))) for name in names[:split])
    fields = {name: draw(FIELD_VALUES) for name in names[split:]}
    return Point(draw(NAMES), tags, fields, draw(st.integers(EARLIEST, LATEST)))


def row(point: Point) -> Row:
    return Row(point.measurement, tuple(point.tags), dict(point.fields), point.at_ns)


def typed(rows: list[Row]) -> list[tuple[Row, list[type]]]:
    """Tell true from 1 and 1 from 1.0, which are equal."""
    return [(each, [type(value) for value in each.fields.values()]) for each in rows]


@given(st.lists(points(), max_size=4))
def test_points_are_read_back_as_they_were_whatever_their_texts_hold(written: list[Point]):
    assert typed([row(point) for point in written]) == typed(read(line_protocol(written)))


@given(ANY_TEXT)
@example("a\\")
@example("\\,x")
@example("\\\\")
@example(" \\ ")
def test_a_tag_value_is_never_empty_is_one_line_and_is_settled(text: str):
    value = tag_value(text)
    assert value
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|\\[\\,= ]|\\$|^ | $", value)
    assert len(value) <= MAX_TAG
    assert value == tag_value(value)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("École \u2013 salle CM2, a=b", "École \u2013 salle CM2, a=b"),
        ("12 rue de l'Église", "12 rue de l'Église"),
        ('"quoted"', '"quoted"'),
        ("💧 é", "💧 é"),
        ("C:\\temp", "C:\\temp"),
        (NONE, ""),
        (NONE, "   "),
        (NONE, "\n"),
        ("a b", "a\r\nb"),
        ("a b", "a\tb"),
        ("\ufffd", "\ud800"),
        ("a/", "a\\"),
        ("a//", "a\\\\"),
        ("a/ b", "a\\ b"),
        ("a/,b", "a\\,b"),
        ("a/", "a\\ "),
        ("x" * MAX_TAG, "x" * 1000),
    ],
)
def test_a_tag_value_keeps_what_a_database_keeps(expected: str, text: str):
    assert expected == tag_value(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("", ""),
        (' "a\\b" ', ' "a\\b" '),
        ("ends with \\", "ends with \\"),
        ("two lines", "two\nlines"),
        ("\ufffd", "\udfff"),
        ("x" * MAX_TEXT, "x" * 5000),
    ],
)
def test_a_text_value_keeps_all_but_control_characters_and_half_characters(expected: str, text: str):
    assert expected == text_value(text)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("27.2", 27.2),
        ("-0.0", -0.0),
        ("5e-324", 5e-324),
        ("1e+22", 1e22),
        ("1.7976931348623157e+308", 1.7976931348623157e308),
        ("0i", 0),
        ("-9223372036854775808i", -(1 << 63)),
        ("true", True),
        ("false", False),
        ('""', ""),
        (r'"say \"hi\" \\"', 'say "hi" \\'),
    ],
)
def test_a_field_is_written_in_the_form_of_its_type(expected: str, value: float | str):
    assert f"air value={expected} 1\n" == line_protocol([Point("air", Tags(()), {"value": value}, 1)])


def test_tags_stand_in_the_order_of_their_names_and_are_escaped():
    tags = Tags([("place", "a b"), ("dev_eui", "24e1"), ("commune", "x,y=z")])
    expected = r"air,commune=x\,y\=z,dev_eui=24e1,place=a\ b t=1.5 7" + "\n"
    assert expected == line_protocol([Point("air", tags, {"t": 1.5}, 7)])


def test_tags_are_equal_and_hash_alike_in_whatever_order_they_were_given():
    one, other = Tags([("b", "2"), ("a", "1")]), Tags([("a", "1"), ("b", "2")])
    assert one == other
    assert hash(one) == hash(other)
    assert one != Tags([("a", "1")])


def test_no_points_are_no_text():
    assert line_protocol([]) == ""


def test_the_longest_tags_stay_below_the_longest_series_key():
    tags = Tags((f"tag_{number:02}", tag_value("💧 ," * MAX_TAG)) for number in range(40))
    point = Point("lorawan_uplink", tags, {"value": 1.0}, 1)
    assert [row(point)] == read(line_protocol([point]))


def recorded_writes(*, accepted: bool) -> list[object]:
    found = []
    for line in lines("influxdb2_writes"):
        body = line.get("lines")
        of_text = line["status"] == 204 if accepted else line["status"] == 400 and "unable to parse" in line["body"]
        if body is not None and of_text and not CUT.search(body) and not NO_TIME.search(body):
            found.append(pytest.param(body, id=line["note"]))
    return found


@pytest.mark.parametrize("body", recorded_writes(accepted=True))
def test_the_reader_of_these_tests_takes_what_influxdb_took(body: str):
    assert body.count("\n") + 1 == len(read(f"{body}\n"))


@pytest.mark.parametrize("body", recorded_writes(accepted=False))
def test_the_reader_of_these_tests_refuses_what_influxdb_refused(body: str):
    with pytest.raises(Refused):
        read(f"{body}\n")


@pytest.mark.parametrize(
    "line",
    [
        "air,dev_eui=" + "x" * 66_000 + " temperature=1 1795473134511659307",
        "air,a=1 t=1",
        "air,a=1 1",
        "air,a=1",
        "air,a=1  t=1 1",
        "air,=1 t=1 1",
        "air,a=1,a=2 t=1 1",
        "air,a=1,time=2 t=1 1",
        "air,a=1 a=1 1",
        "air,a=1 t=1,t=2 1",
        "air,a=b=c t=1 1",
        "air,a=\\\\,b=1 t=1 1",
        "air,a=x\\\\ t=1 1",
        "air,a=1 t=inf 1",
        "air,a=1 t=1e999 1",
        "air,a=1 t=9223372036854775808i 1",
        "air,a=1 t=1.5i 1",
        "air,a=1 t=x 1",
        'air,a=1 t="x 1',
        'air,a=1 t="\\" 1',
        'air,a=1 t="a\\b" 1',
        "air,a=1 t=1 1.5",
        "air,a=1 t=1 9223372036854775807",
        "air,a=1 t=1 1 ",
        ",a=1 t=1 1",
        "#air,a=1 t=1 1",
        "",
    ],
)
def test_the_reader_of_these_tests_refuses_what_is_doubtful(line: str):
    with pytest.raises(Refused):
        read(f"{line}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_reader_of_these_tests_would_see_a_number_that_is_none(value: float):
    with pytest.raises(Refused):
        read(line_protocol([Point("air", Tags(()), {"t": value}, 1)]))
