"""Which decoder a device has, who said so, and what is said where none is found."""

import pytest

from vdl_lora.catalog import Catalog, Entry, Rule
from vdl_lora.decoding import Decoder, fixed, u8
from vdl_lora.errors import NoDecoder
from vdl_lora.installations import Installation
from vdl_lora.lorawan import DevEUI, Device

IDS = ("milesight/em300-th", "milesight/em300-di", "elsys/ers-co2", "dragino/ldds75", "axioma/qalcosonic-w1")
DECODER = Decoder(vendor="x", models=("y",), datasheet="", f_ports={1: fixed("big", u8("air.humidity"))})
ENTRIES = tuple(Entry(name, name.partition("/")[2].upper(), DECODER) for name in IDS)


def device(profile: str = "", application: str = "", **tags: str) -> Device:
    return Device(
        dev_eui=DevEUI("24e124136b500042"),
        device_profile_id="53ad4a4e-726f-4a0f-81c3-ffa91f36f8bd",
        device_profile_name=profile,
        application_id="a6836afa-af54-427c-813b-9a6d03df07f3",
        application_name=application,
        tags=tags,
    )


def installed(decoder: str = "") -> Installation:
    return Installation("24e124136b500042", decoder=decoder)


def chosen(catalog: Catalog, of: Device, installation: Installation | None = None) -> tuple[str, str]:
    choice = catalog.choose(of, installation)
    return choice.entry.id, choice.by


def words(catalog: Catalog, of: Device, installation: Installation | None = None) -> str:
    with pytest.raises(NoDecoder) as caught:
        catalog.choose(of, installation)
    return str(caught.value)


TAGS = {"decoder": "elsys/ers-co2", "vendor": "dragino", "model": "ldds75"}
RULED = Catalog(ENTRIES, [Rule("axioma/qalcosonic-w1")])


@pytest.mark.parametrize(
    ("expected", "of", "installation"),
    [
        (("milesight/em300-th", "installation"), device(**TAGS), installed("milesight/em300-th")),
        (("elsys/ers-co2", "tag decoder"), device(**TAGS), installed()),
        (("elsys/ers-co2", "tag decoder"), device(**TAGS), None),
        (("dragino/ldds75", "tags vendor and model"), device(vendor="dragino", model="ldds75"), None),
        (("dragino/ldds75", "tags vendor and model"), device(**TAGS | {"decoder": ""}), None),
        (("axioma/qalcosonic-w1", "rule 1"), device(vendor="dragino"), installed()),
        (("axioma/qalcosonic-w1", "rule 1"), device(model="ldds75"), None),
        (("axioma/qalcosonic-w1", "rule 1"), device(), None),
    ],
)
def test_the_first_that_names_a_decoder_chooses(
    expected: tuple[str, str], of: Device, installation: Installation | None
):
    assert expected == chosen(RULED, of, installation)


@pytest.mark.parametrize(
    "spelt",
    ["milesight/em300-th", "Milesight/EM300-TH", "MILESIGHT/em300 th", "milesight/EM300_TH", " Milesight / EM300-TH "],
)
def test_an_id_may_be_spelt_as_people_write_it(spelt: str):
    vendor, _, model = spelt.partition("/")
    assert ("milesight/em300-th", "tag decoder") == chosen(RULED, device(decoder=spelt))
    assert ("milesight/em300-th", "tags vendor and model") == chosen(RULED, device(vendor=vendor, model=model))
    assert ("milesight/em300-th", "installation") == chosen(RULED, device(), installed(spelt))


@pytest.mark.parametrize(
    ("of", "installation", "by"),
    [
        (device(decoder="milesight/em300"), None, "tag decoder"),
        (device(vendor="Milesight", model="EM300"), None, "tags vendor and model"),
        (device(decoder="elsys/ers-co2"), installed("milesight/em300"), "installation"),
    ],
)
def test_a_decoder_that_is_not_there_is_named_with_who_named_it_and_those_near(
    of: Device, installation: Installation | None, by: str
):
    said = words(RULED, of, installation)
    assert "/em300" in said.lower()
    assert by in said
    assert "milesight/em300-th" in said
    assert "milesight/em300-di" in said
    assert "axioma" not in said


def test_what_is_named_never_falls_back_to_the_next():
    assert "no decoder 'x/y'" in words(RULED, device(decoder="x/y", vendor="dragino", model="ldds75"))


def test_a_name_like_none_of_ours_has_none_near():
    assert words(RULED, device(decoder="zzzz")).endswith("near it: none; correct that name")


def test_a_long_name_is_cut_in_words():
    assert len(words(RULED, device(decoder="x" * 100_000))) < 300


def test_a_rule_that_names_no_decoder_of_ours_is_told_by_its_number():
    catalog = Catalog(ENTRIES, [Rule("elsys/ers-co2", profile="ELSYS*"), Rule("elsys/ers-co3")])
    said = words(catalog, device("Dragino"))
    assert "rule 2" in said
    assert "elsys/ers-co2" in said


def test_without_any_choice_it_is_said_what_to_set():
    said = words(Catalog(ENTRIES), device("Générique Cayenne LPP"))
    for word in ("'Générique Cayenne LPP'", "`decoder`", "`vendor`", "`model`", "[decoders] rules"):
        assert word in said


PROFILE, APPLICATION = "53ad4a4e-726f-4a0f-81c3-ffa91f36f8bd", "a6836afa-af54-427c-813b-9a6d03df07f3"


@pytest.mark.parametrize(
    ("matches", "profile", "application"),
    [
        (True, "EM300-TH (sans codec)", "*"),
        (True, "EM300*", "*"),
        (True, "em300*", "*"),
        (True, "*CODEC)", "*"),
        (True, "EM???-TH*", "*"),
        (True, PROFILE, "*"),
        (True, PROFILE.upper(), "*"),
        (True, "53ad*", "*"),
        (True, "*", "Bâtiments Bauzy"),
        (True, "*", "bâtiments*"),
        (True, "*", APPLICATION),
        (True, "EM300*", "Bâtiments*"),
        (True, PROFILE, APPLICATION),
        (False, "EM300", "*"),
        (False, "300*", "*"),
        (False, "EM300*", "École*"),
        (False, "ERS*", "Bâtiments*"),
        (False, APPLICATION, "*"),
        (False, "*", PROFILE),
        (False, "", "*"),
    ],
)
def test_a_rule_is_of_a_profile_and_an_application_by_name_or_id(profile: str, application: str, *, matches: bool):
    catalog = Catalog(ENTRIES, [Rule("elsys/ers-co2", profile, application), Rule("dragino/ldds75")])
    expected = ("elsys/ers-co2", "rule 1") if matches else ("dragino/ldds75", "rule 2")
    for _ in range(2):
        assert expected == chosen(catalog, device("EM300-TH (sans codec)", "Bâtiments Bauzy"))


@pytest.mark.parametrize(("matches", "profile"), [(True, "EM300 [old]"), (False, "EM300 o"), (False, "EM300 old")])
def test_only_star_and_question_mark_are_wildcards(profile: str, *, matches: bool):
    catalog = Catalog(ENTRIES, [Rule("elsys/ers-co2", "EM300 [old]")])
    if matches:
        assert ("elsys/ers-co2", "rule 1") == chosen(catalog, device(profile))
    else:
        assert "nothing names a decoder" in words(catalog, device(profile))


def test_the_first_rule_that_matches_wins():
    catalog = Catalog(ENTRIES, [Rule("elsys/ers-co2", "E*"), Rule("dragino/ldds75", "EM*")])
    assert ("elsys/ers-co2", "rule 1") == chosen(catalog, device("EM300"))


@pytest.mark.parametrize("spelt", ["site/broken", "Site/Broken", "SITE / broken"])
def test_a_broken_site_file_is_told_in_its_own_words(spelt: str):
    catalog = Catalog(ENTRIES, broken={"site/broken": "/site/broken.py: SyntaxError: invalid syntax"})
    said = words(catalog, device(decoder=spelt))
    assert "/site/broken.py: SyntaxError: invalid syntax" in said
    assert "tag decoder" in said


def test_a_broken_site_file_disables_the_decoder_of_ours_that_it_replaces():
    catalog = Catalog(ENTRIES, broken={"elsys/ers-co2": "/site/ers_co2.py: SyntaxError: invalid syntax"})
    assert "/site/ers_co2.py" in words(catalog, device(vendor="ELSYS", model="ERS CO2"))
    assert ("dragino/ldds75", "tag decoder") == chosen(catalog, device(decoder="dragino/ldds75"))


def test_of_two_entries_with_one_id_the_later_is_taken():
    later = Entry("elsys/ers-co2", "of the site", DECODER)
    assert later is Catalog((*ENTRIES, later)).choose(device(decoder="elsys/ers-co2")).entry


@pytest.mark.parametrize(
    ("expected", "name"),
    [("elsys/ers-co2", "ELSYS/ERS CO2"), ("elsys/ers-co2", "elsys/ers-co2"), (None, "elsys"), (None, ""), (None, "/")],
)
def test_an_entry_is_found_by_its_id(expected: str | None, name: str):
    found = RULED.entry(name)
    assert expected == (found.id if found else None)


def test_a_preferred_rule_beats_the_tags_and_an_installation_beats_both():
    catalog = Catalog(ENTRIES, [Rule("axioma/qalcosonic-w1", profile="EM*", preferred=True), Rule("elsys/ers-co2")])
    tagged = {"decoder": "milesight/em300-di"}
    assert ("axioma/qalcosonic-w1", "rule 1") == chosen(catalog, device("EM300-TH", **tagged))
    assert ("milesight/em300-th", "installation") == chosen(
        catalog, device("EM300-TH", **tagged), installed("milesight/em300-th")
    )
    assert ("milesight/em300-di", "tag decoder") == chosen(catalog, device("ERS", **tagged))
    assert ("elsys/ers-co2", "rule 2") == chosen(catalog, device("ERS"))


def test_a_preferred_rule_behind_one_that_fits_is_not_asked():
    catalog = Catalog(ENTRIES, [Rule("elsys/ers-co2"), Rule("axioma/qalcosonic-w1", preferred=True)])
    assert ("milesight/em300-di", "tag decoder") == chosen(catalog, device(decoder="milesight/em300-di"))
    assert ("elsys/ers-co2", "rule 1") == chosen(catalog, device())
