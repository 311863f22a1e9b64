"""Which device stood where, from when to when: what a file may say, what it may not, and the look-up."""

import contextlib
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.decoding import Reading, reads
from vdl_lora.errors import ConfigError
from vdl_lora.installations import ALWAYS_FROM, ALWAYS_UNTIL, Installation, Installations, parse_installations
from vdl_lora.quantities import quantity

NS = 1_000_000_000
EUI = "a84041c5d1827fed"
MARCH_2026 = 1_772_352_000 * NS  # 2026-03-01T08:00:00Z
MARCH_2027 = 1_803_888_000 * NS  # 2027-03-01T08:00:00Z

RIVER = Installation(
    dev_eui=EUI,
    from_ns=MARCH_2026,
    until_ns=MARCH_2027,
    place="cosson-bracieux",
    decoder="dragino/ldds75",
    reads=(reads("probe.distance", "water.level", {"mounting_height": 4.2}),),
    parameters={"mounting_height": 4.2},
    tags={"commune": "Bracieux"},
)

TOML = """
[[installation]]
dev_eui = "A8-40-41-C5-D1-82-7F-ED"
from = 2026-03-01T08:00:00Z
until = 2027-03-01T08:00:00Z
place = "cosson-bracieux"
decoder = "dragino/ldds75"
reads = { "probe.distance" = "water.level" }
parameters = { mounting_height = 4.2 }
tags = { commune = "Bracieux" }

[[installation]]
dev_eui = "24e124136b500042"
"""

HEAD = ["dev_eui", "from", "until", "place", "decoder"]
HEAD += ["reads:probe.distance", "parameter:mounting_height", "tag:commune"]
ROWS = [
    ["A84041C5D1827FED", "2026-03-01T08:00:00Z", "2027-03-01T08:00:00Z", "cosson-bracieux", "dragino/ldds75"],
    ["24e124136b500042", "", "", "", "", "", "", ""],
]
ROWS[0] += ["water.level", "4,2", "Bracieux"]


def problems_of(text: str, form: str = "toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_installations(text, form)
    return list(caught.value.problems)


def same(one: Installation, other: Installation) -> bool:
    """Compare all but `reads`, which are compared by what they do to a reading."""
    reading = Reading(quantity("probe.distance"), 1.1)
    parts = [
        (each.dev_eui, each.from_ns, each.until_ns, each.place, each.decoder, dict(each.parameters), dict(each.tags))
        for each in (one, other)
    ]
    return parts[0] == parts[1] and [r.apply(reading) for r in one.reads] == [r.apply(reading) for r in other.reads]


# ---------------------------------------------------------------- what a file says


def test_toml_says_all_of_an_installation():
    river, always = parse_installations(TOML, "toml")
    assert same(RIVER, river)
    assert Installation("24e124136b500042") == always
    assert (ALWAYS_FROM, ALWAYS_UNTIL) == (always.from_ns, always.until_ns)


@pytest.mark.parametrize("delimiter", [";", ","])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_csv_says_the_same(delimiter: str, mark: str, end: str):
    def written(row: list[str]) -> str:
        return delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row)

    text = mark + end.join([*map(written, [HEAD, *ROWS]), ""])
    river, always = parse_installations(text, "csv")
    assert same(RIVER, river)
    assert Installation("24e124136b500042") == always


@pytest.mark.parametrize(("expected", "cell"), [(4.2, "4.2"), (4.2, "4,2"), (4.0, "4"), (-0.5, " -0,5 "), (1e3, "1e3")])
def test_csv_numbers_have_a_point_or_a_comma(expected: float, cell: str):
    (found,) = parse_installations(f"dev_eui;parameter:mounting_height\n{EUI};{cell}\n", "csv")
    assert {"mounting_height": expected} == found.parameters


def test_csv_leaves_out_what_is_empty_and_the_spaces_around():
    text = f" dev_eui ; place;tag:commune ;tag:site\n {EUI} ; cosson ; Bracieux ;\n\n"
    (found,) = parse_installations(text, "csv")
    assert Installation(EUI, place="cosson", tags={"commune": "Bracieux"}) == found


def test_csv_cells_may_hold_delimiters_quotes_and_line_breaks():
    (found,) = parse_installations(f'dev_eui,tag:commune\n{EUI},"a, ""b""\nc"\n', "csv")
    assert {"commune": 'a, "b"\nc'} == found.tags


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "installation = []"])
def test_an_empty_toml_has_no_installations(text: str):
    assert [] == parse_installations(text, "toml")


@pytest.mark.parametrize("text", ["", "dev_eui;place\n", "\ufeffdev_eui;place\r\n"])
def test_an_empty_csv_has_no_installations(text: str):
    assert [] == parse_installations(text, "csv")


TIMES = [
    (MARCH_2026, "2026-03-01T08:00:00Z"),
    (MARCH_2026, "2026-03-01T08:00:00"),
    (MARCH_2026, "2026-03-01 08:00:00"),
    (MARCH_2026, "2026-03-01T09:00:00+01:00"),
    (MARCH_2026 + 123_456_000, "2026-03-01T08:00:00.123456Z"),
    (MARCH_2026 - 8 * 3600 * NS, "2026-03-01"),
]


@pytest.mark.parametrize(("expected", "time"), TIMES)
@pytest.mark.parametrize(
    "form", ['[[installation]]\ndev_eui = "{}"\nfrom = {}', '[[installation]]\ndev_eui = "{}"\nfrom = "{}"']
)
def test_a_time_of_toml_is_utc_unless_it_says_otherwise(expected: int, time: str, form: str):
    (found,) = parse_installations(form.format(EUI, time), "toml")
    assert expected == found.from_ns


@pytest.mark.parametrize(("expected", "time"), TIMES)
def test_a_time_of_csv_is_utc_unless_it_says_otherwise(expected: int, time: str):
    (found,) = parse_installations(f"dev_eui;until\n{EUI};{time}\n", "csv")
    assert expected == found.until_ns


# ---------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["16 hexadecimal digits"], "place = 'x'"),
        (["16 hexadecimal digits", "'24e1'"], "dev_eui = '24e1'"),
        (["16 hexadecimal digits"], "dev_eui = 24"),
        (["`until` is not after `from`"], "from = 2026-03-01\nuntil = 2026-03-01"),
        (["`until` is not after `from`"], "from = 2026-03-02\nuntil = 2026-03-01"),
        (["`from`", "2026-03-01T08:00:00Z", "'tomorrow'"], "from = 'tomorrow'"),
        (["`until`", "2026-03-01T08:00:00Z"], "until = 5"),
        (["`until`"], "until = true"),
        (["`until`"], "until = 08:00:00"),
        (["placce is no key", "dev_eui, from, parameters, place"], "placce = 'x'"),
        (["`reads` is a table"], "reads = 'water.level'"),
        (["`parameters` is a table"], "parameters = [4.2]"),
        (["`tags` is a table"], "tags = 'x'"),
        (["mounting_height is a number", "'4.2'"], "parameters = { mounting_height = '4.2' }"),
        (["mounting_height is a number"], "parameters = { mounting_height = true }"),
        (["mounting_height is a number", "nan"], "parameters = { mounting_height = nan }"),
        (["mounting_height is a number", "inf"], "parameters = { mounting_height = -inf }"),
        (["mounting_height is a number"], f"parameters = {{ mounting_height = 1{'0' * 400} }}"),
        (["needs mounting_height in m"], "reads = { 'probe.distance' = 'water.level' }"),
        (["pulse_weight is at least 0"], "reads.'probe.pulses_total' = 'gas.volume'\nparameters.pulse_weight = -1"),
        (["cannot become air.co2"], "reads = { 'probe.distance' = 'air.co2' }"),
        (["'probe.distanc'; near it: probe.distance"], "reads = { 'probe.distanc' = 'water.level' }"),
        (["place"], "place = ['x']"),
        (["decoder"], "decoder = { a = 1 }"),
        (["commune"], "tags = { commune = ['x'] }"),
    ],
)
def test_each_mistake_of_toml_is_named_with_its_entry_and_what_would_be_right(words: list[str], line: str):
    eui = "" if "dev_eui" in line or line == "place = 'x'" else f"dev_eui = '{EUI}'\n"
    (problem,) = problems_of(f"[[installation]]\ndev_eui = '{EUI}'\n[[installation]]\n{eui}{line}")
    assert problem.startswith("installation 2: ")
    assert [] == [word for word in words if word not in problem]


@pytest.mark.parametrize(
    ("words", "head", "row"),
    [
        (["16 hexadecimal digits"], "dev_eui;place", "x;y"),
        (["16 hexadecimal digits"], "place", "y"),
        (["`from`"], "dev_eui;from", f"{EUI};01/03/2026"),
        (["placce is no column", "dev_eui, from, until, place, decoder"], "dev_eui;placce", f"{EUI};y"),
        (["group:name is no column", "reads:..., parameter:..., tag:..."], "dev_eui;group:name", f"{EUI};y"),
        (["mounting_height is a number", "'4.2 m'"], "dev_eui;parameter:mounting_height", f"{EUI};4.2 m"),
        (["mounting_height is a number", "nan"], "dev_eui;parameter:mounting_height", f"{EUI};nan"),
        (["needs mounting_height"], "dev_eui;reads:probe.distance;parameter:mounting_height", f"{EUI};water.level;"),
        (["more cells than columns", "'5'"], "dev_eui,parameter:mounting_height", f"{EUI},4,5"),
        (["tags is no column"], "dev_eui;tags;tag:a", f"{EUI};x;y"),
        (["tag is no column"], "dev_eui;tag:a;tag", f"{EUI};x;y"),
    ],
)
def test_each_mistake_of_csv_is_named_with_its_line_and_what_would_be_right(words: list[str], head: str, row: str):
    (problem,) = problems_of(f"{head}\n{row}\n", "csv")
    assert problem.startswith("line 2: ")
    assert [] == [word for word in words if word not in problem]


def test_every_mistake_of_toml_is_said_at_once():
    text = "\n".join(f"[[installation]]\ndev_eui = '{eui}'" for eui in ("x", EUI, "y", "z"))
    assert ["installation 1", "installation 3", "installation 4"] == [each.split(":")[0] for each in problems_of(text)]


def test_every_mistake_of_csv_is_said_at_once():
    text = f"dev_eui;parameter:h\nx;1\n{EUI};one\n{EUI};2\n\n{EUI};two\n"
    assert ["line 2", "line 3", "line 6"] == [each.split(":")[0] for each in problems_of(text, "csv")]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["not TOML", "line 2"], "[[installation]]\ndev_eui = = 5"),
        (["not TOML"], "a = " + "[" * 100_000),
        (["not TOML"], "a = " + "9" * 10_000),
        (["[[installation]]"], "[installation]\ndev_eui = 'a84041c5d1827fed'"),
        (["[[installation]]"], "installation = 5"),
        (["[[installation]]"], "installation = ['a84041c5d1827fed']"),
        (["[[installation]]", "installations"], "[[installations]]\ndev_eui = 'a84041c5d1827fed'"),
        (["[[installation]]", "dev_eui"], "dev_eui = 'a84041c5d1827fed'"),
    ],
)
def test_a_toml_of_another_form_is_refused(words: list[str], text: str):
    with pytest.raises(ConfigError) as caught:
        parse_installations(text, "toml")
    assert [] == [word for word in words if word not in str(caught.value)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (3, f'dev_eui;place\n{EUI};x\n{EUI};"cosson\n{EUI};x'),
        (2, f'dev_eui;place\n{EUI};"a"b\n'),
        (2, f"dev_eui\n{'x' * 140_000}"),
        (1, '"dev_eui'),
    ],
    ids=["open quote", "text after a quote", "too long", "head"],
)
def test_what_is_no_csv_is_refused_with_its_line(line: int, text: str):
    (problem,) = problems_of(text, "csv")
    assert problem.startswith(f"line {line}: not CSV: ")


@given(st.text(max_size=80) | st.text(st.sampled_from('dev_eui;:tag,"\n\r\x00= []'), max_size=80))
def test_any_text_is_installations_or_a_config_error(text: str):
    for form in ("toml", "csv"):
        with contextlib.suppress(ConfigError):
            parse_installations(text, form)


WORDS = [EUI, "", "4,2", "nan", "2026-03-01", "9999-12-31", "water.level", '"', "x"]
CELLS = st.sampled_from(WORDS) | st.text(max_size=9)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Give a head and rows: any cells, or those that belong into their columns with at most one of them changed."""
    if draw(st.booleans()):
        head = draw(st.lists(st.sampled_from(HEAD), min_size=1, max_size=6))
        return [head, *draw(st.lists(st.lists(CELLS, max_size=7), max_size=4))]
    rows = [list(draw(st.sampled_from(ROWS))) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        draw(st.sampled_from(rows))[draw(st.integers(0, len(HEAD) - 1))] = draw(CELLS)
    return [HEAD, *rows]


def test_any_row_is_an_installation_or_a_config_error():
    known = []

    @given(tables())
    def check(table: list[list[str]]) -> None:
        with contextlib.suppress(ConfigError):
            known.extend(parse_installations("\n".join(";".join(row) for row in table), "csv"))

    check()
    assert 50 < len(known)
    assert [] == [each for each in known if each.from_ns >= each.until_ns or len(each.dev_eui) != 16]


# ---------------------------------------------------------------- overlaps


def spans(*pairs: tuple[int, int]) -> list[Installation]:
    return [Installation(EUI, start, end, f"place-{number}") for number, (start, end) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("expected", "pairs"),
    [
        ([("place-1", "place-0")], [(0, 10), (9, 20)]),
        ([("place-0", "place-1")], [(9, 20), (0, 10)]),
        ([("place-1", "place-0")], [(0, 10), (0, 10)]),
        ([("place-1", "place-0")], [(0, 10), (5, 6)]),
        ([("place-1", "place-0"), ("place-2", "place-0")], [(0, 100), (10, 20), (50, 60)]),
        ([("place-1", "place-0"), ("place-2", "place-1")], [(0, 10), (9, 20), (19, 30)]),
        ([("place-1", "place-0")], [(ALWAYS_FROM, ALWAYS_UNTIL), (5, ALWAYS_UNTIL)]),
    ],
)
def test_every_overlap_of_a_device_is_said(expected: list[tuple[str, str]], pairs: list[tuple[int, int]]):
    with pytest.raises(ConfigError) as caught:
        Installations(spans(*pairs))
    assert len(expected) == len(caught.value.problems)
    for (after, before), problem in zip(expected, caught.value.problems, strict=True):
        assert problem.startswith(f"{EUI}: the installation at {after} ")
        assert f"at {before} ends" in problem


def test_an_overlap_at_no_named_place_is_said_too():
    with pytest.raises(ConfigError, match="no named place"):
        Installations([Installation(EUI), Installation(EUI)])


def test_overlaps_of_several_devices_are_said_at_once():
    entries = [Installation(eui) for eui in (EUI, EUI, "24e124136b500042", "24e124136b500042", "0004a30b001a2b3c")]
    with pytest.raises(ConfigError) as caught:
        Installations(entries)
    assert ["24e124136b500042", EUI] == [each.split(":")[0] for each in caught.value.problems]


def test_one_may_begin_when_the_other_ends_and_devices_do_not_mind_each_other():
    entries = [*spans((0, 10), (10, 20), (30, 40)), Installation("24e124136b500042", 5, 15)]
    assert sorted(entries, key=repr) == sorted(Installations(entries), key=repr)


# ---------------------------------------------------------------- the look-up


@pytest.mark.parametrize(
    ("expected", "at_ns"),
    [
        (None, -1),
        ("place-0", 0),
        ("place-0", 9),
        ("place-1", 10),
        ("place-1", 19),
        (None, 20),
        (None, 29),
        ("place-2", 30),
        ("place-2", ALWAYS_UNTIL - 1),
    ],
)
def test_an_installation_holds_from_its_beginning_to_just_before_its_end(expected: str | None, at_ns: int):
    found = Installations(spans((30, ALWAYS_UNTIL), (0, 10), (10, 20))[::-1]).at(EUI, at_ns)
    renamed = {"place-0": "place-2", "place-1": "place-0", "place-2": "place-1"}
    assert expected == (renamed[found.place] if found else None)


def test_a_device_without_installation_has_none():
    assert None is Installations().at(EUI, 0)
    assert None is Installations(spans((0, 10))).at("24e124136b500042", 5)


def test_an_installation_without_times_always_holds():
    always = Installation(EUI)
    found = Installations([always])
    assert {id(always)} == {id(found.at(EUI, at_ns)) for at_ns in (ALWAYS_FROM, -1, 0, MARCH_2026, ALWAYS_UNTIL - 1)}


@given(st.lists(st.integers(0, 60), min_size=2, max_size=12, unique=True).map(sorted), st.integers(-5, 65))
def test_the_look_up_is_a_search_through_all(times: list[int], at_ns: int):
    entries = [Installation(EUI, start, end) for start, end in zip(times[::2], times[1::2], strict=False)]
    random.Random(0).shuffle(entries)  # noqa: S311 - no secret
    expected = [each for each in entries if each.from_ns <= at_ns < each.until_ns]
    found = Installations(entries).at(EUI, at_ns)
    assert expected == ([found] if found else [])


def test_the_years_that_people_write_for_ever_are_for_ever():
    text = f"dev_eui;from;until\n{EUI};0001-01-01;9999-12-31\n"
    (entry,) = parse_installations(text, "csv")
    for at_ns in (0, MARCH_2026, ALWAYS_UNTIL - 1):
        assert entry is Installations([entry]).at(EUI, at_ns)
    assert datetime(9999, 12, 31, tzinfo=UTC).year == 9999
