"""Paths into what a codec gives: what they find, and what is no path."""

import pytest

from vdl_lora.decoding.paths import leaves, parse_path, text_of

TREE = {
    "battery": 3.6,
    "a.b": {"c d": 1, "e's": 2},
    "probes": [{"value": 1.5, "unit": "°C"}, {"value": 2.5}],
    "samples": [
        {"name": "temperature", "value": 20.5},
        {"name": "humidity", "value": 51},
        {"name": "temperature", "value": 21.5},
    ],
    "gps": {"1": {"lat": 47.5}, "2": {"lat": 48.5}},
    "none": None,
    "empty": {},
}


@pytest.mark.parametrize(
    ("path", "values", "captured"),
    [
        ("battery", [3.6], [()]),
        ("none", [None], [()]),
        ("missing", [], []),
        ("battery.inside", [], []),
        ("'a.b'.c d", [1], [()]),
        ("'a.b'.'e''s'", [2], [()]),
        ("probes[0].value", [1.5], [()]),
        ("probes[5].value", [], []),
        ("probes[*].value", [1.5, 2.5], [("0",), ("1",)]),
        ("samples[name=temperature].value", [20.5, 21.5], [(), ()]),
        ("samples[name=none].value", [], []),
        ("gps.*.lat", [47.5, 48.5], [("1",), ("2",)]),
        ("*.*.lat", [47.5, 48.5], [("gps", "1"), ("gps", "2")]),
        ("probes.0", [], []),
    ],
)
def test_a_path_leads_to_values(path, values, captured):
    found = list(parse_path(path).find(TREE))
    assert values == [each.value for each in found]
    assert captured == [each.captured for each in found]


def test_a_path_may_begin_in_a_list():
    assert [2] == [each.value for each in parse_path("[1].v").find([{"v": 1}, {"v": 2}])]
    assert [2] == [each.value for each in parse_path("[k=b].v").find([{"k": "a", "v": 1}, {"k": "b", "v": 2}])]


@pytest.mark.parametrize("text", ["", ".", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "'a", "a.[0]", "a]b", "a[0]b"])
def test_what_is_no_path_is_refused_with_what_is_wrong(text):
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


def test_every_value_that_holds_no_other_is_a_leaf_whose_text_leads_back_to_it():
    places = [place for place, _ in leaves(TREE)]
    assert 16 == len(places)
    assert "'a.b'.'e''s'" in [text_of(place) for place in places]
    for place in places:
        [found] = parse_path(text_of(place)).find(TREE)
        assert place == found.place
