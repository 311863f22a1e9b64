"""Decoder files are found by folder: ours must be sound, a site's replaces ours or fails alone."""

import sys
from pathlib import Path

import pytest

from vdl_lora import discovery
from vdl_lora.catalog import Catalog
from vdl_lora.decoding import Frame
from vdl_lora.discovery import Discovered, discover
from vdl_lora.errors import ConfigError, NoDecoder
from vdl_lora.lorawan import DevEUI, Device

FILE = """
from vdl_lora.decoding import Decoder, fixed, u8

DECODER = Decoder(
    vendor="Maker",
    models=({models}),
    datasheet="",
    f_ports={{1: fixed("big", u8("air.humidity", div={div}))}},
)
"""
WITH_COMMON = """
from .common import LAYOUT
from vdl_lora.decoding import Decoder

DECODER = Decoder(vendor="Maker", models=("With Common",), datasheet="", f_ports={1: LAYOUT})
"""
COMMON = """
from vdl_lora.decoding import fixed, u8

LAYOUT = fixed("big", u8("air.humidity", div={div}))
"""


def file(root: Path, name: str, *models: str, div: int = 1) -> Path:
    """Write a decoder file of these models; a humidity is the one byte of its frame, divided."""
    return write(root, name, FILE.format(models="".join(f"{model!r}, " for model in models), div=div))


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand a folder in for the one of our own decoders."""
    root = tmp_path / "ours"
    file(root, "maker/model_a.py", "Model A")
    file(root, "maker/family.py", "One", "Two")
    monkeypatch.setattr(discovery, "builtin_root", lambda: root)
    return root


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    return root


def humidity(found: Discovered, name: str) -> float:
    """Decode the byte 100 with the decoder of an id."""
    entries = {entry.id: entry for entry in found.entries()}
    (reading,) = entries[name].decoder.decode(Frame(1, b"\x64"))
    return reading.value


def ids(found: Discovered) -> list[str]:
    return sorted({entry.id for entry in found.entries()})


def declarations(found: Discovered) -> dict[str, str]:
    return {entry.id: entry.declaration for entry in found.entries()}


# ---------------------------------------------------------------- ours


def test_our_own_decoders_are_found_and_sound():
    found = discover()
    assert {"milesight/em300-th", "elsys/ers-co2", "axioma/qalcosonic-w1", "dragino/ldds75"} <= set(ids(found))
    assert ({}, []) == (found.broken, found.replaced)
    assert {True} == {each.vectors == each.path.parent / f"{each.path.name.split('.')[0]}.toml" for each in found.files}


def test_a_new_file_is_a_new_decoder_and_a_family_has_an_id_a_model(ours: Path):
    assert ["maker/model-a", "maker/one", "maker/two"] == ids(discover())
    file(ours, "other_maker/model_b.py", "Model B")
    found = discover()
    assert ["maker/model-a", "maker/model-b", "maker/one", "maker/two"] == ids(found)
    entry = next(entry for entry in found.entries() if entry.id == "maker/two")
    assert ("Two", str(ours / "maker" / "family.py")) == (entry.model, entry.file)


def test_what_vendors_share_is_no_decoder(ours: Path):
    write(ours, "maker/common.py", "SHARED = 1")
    write(ours, "maker/__init__.py", "")
    write(ours, "readme.py", "raise AssertionError")
    write(ours, "maker/deeper/model.py", "raise AssertionError")
    assert ["maker/model-a", "maker/one", "maker/two"] == ids(discover())


BROKEN = {
    "SyntaxError": "def",
    "ZeroDivisionError": "1 / 0",
    "ModuleNotFoundError": "import no_such_module",
    "SystemExit": "raise SystemExit(1)",
    "TypeError: it declares no DECODER": "DECODER = 5",
    "ValueError": FILE.format(models="'A', 'A'", div=1),
    "there is no quantity": FILE.format(models="'A',", div=1).replace("air.humidity", "air.humidty"),
}


@pytest.mark.parametrize(("problem", "text"), BROKEN.items(), ids=BROKEN)
def test_a_broken_file_of_ours_stops_the_start_and_is_named(problem: str, text: str, ours: Path):
    path = write(ours, "maker/broken.py", text)
    write(ours, "maker/broken_too.py", "1 / 0")
    with pytest.raises(ConfigError) as caught:
        discover()
    assert len(caught.value.problems) == 2
    assert problem in caught.value.problems[0]
    assert str(path) in caught.value.problems[0]


# ---------------------------------------------------------------- a site's


def test_a_root_of_a_site_adds_decoders(ours: Path, site: Path):
    file(site, "maker/model_c.py", "Model C", div=10)
    found = discover([site])
    assert ["maker/model-a", "maker/model-c", "maker/one", "maker/two"] == ids(found)
    assert (10.0, 100.0) == (humidity(found, "maker/model-c"), humidity(found, "maker/model-a"))
    assert ({}, []) == (found.broken, found.replaced)
    assert ours.is_dir()


def test_a_root_of_a_site_replaces_ours_and_says_so(ours: Path, site: Path):
    path = file(site, "another_folder/anything.py", "Model A", "Two", div=10)
    found = discover([site])
    assert (10.0, 100.0, 10.0) == tuple(humidity(found, f"maker/{name}") for name in ("model-a", "one", "two"))
    assert [
        f"maker/model-a: {path} is used instead of {ours / 'maker' / 'model_a.py'}",
        f"maker/two: {path} is used instead of {ours / 'maker' / 'family.py'}",
    ] == found.replaced


def test_the_later_of_two_roots_wins(ours: Path, site: Path, tmp_path: Path):
    first, second = file(site, "maker/model_a.py", "Model A", div=10), file(tmp_path / "b", "x/y.py", "Model A", div=20)
    found = discover([site, tmp_path / "b"])
    assert humidity(found, "maker/model-a") == 5.0
    assert [(str(first), str(ours)), (str(second), str(first))] == [
        (used.split(": ", 1)[1].split(" is used")[0], str(ours) if str(ours) in used else str(first))
        for used in found.replaced
    ]
    assert humidity(discover([tmp_path / "b", site]), "maker/model-a") == 10.0


def test_two_roots_with_one_vendor_have_each_their_own_common(ours: Path, site: Path, tmp_path: Path):
    for root, div in ((ours, 1), (site, 10), (tmp_path / "b", 20)):
        write(root, "maker/common.py", COMMON.format(div=div))
        write(root, f"maker/with_common_{div}.py", WITH_COMMON.replace("With Common", f"With Common {div}"))
    found = discover([site, tmp_path / "b"])
    assert [100.0, 10.0, 5.0] == [humidity(found, f"maker/with-common-{div}") for div in (1, 10, 20)]
    assert {} == found.broken


@pytest.mark.parametrize(
    "statement",
    [
        "from vdl_lora_decoders.maker.common import LAYOUT",
        "from vdl_lora_decoders.maker import common\n\nLAYOUT = common.LAYOUT",
        "import vdl_lora_decoders.maker.common\n\nLAYOUT = vdl_lora_decoders.maker.common.LAYOUT",
    ],
)
def test_a_site_s_decoder_imports_what_our_vendor_shares(ours: Path, site: Path, statement: str):
    write(ours, "maker/common.py", COMMON.format(div=10))
    write(site, "maker/common.py", "raise AssertionError")
    write(site, "maker/theirs.py", WITH_COMMON.replace("from .common import LAYOUT", statement))
    found = discover([site])
    assert ({}, 10.0) == (found.broken, humidity(found, "maker/with-common"))
    write(ours, "maker/common.py", COMMON.format(div=20))
    assert declarations(found)["maker/with-common"] != declarations(discover([site]))["maker/with-common"]


def test_a_site_s_decoder_that_imports_a_common_that_is_not_there_is_broken(ours: Path, site: Path):
    write(site, "maker/theirs.py", WITH_COMMON.replace("from .common", "from vdl_lora_decoders.maker.common"))
    assert "No module named 'vdl_lora_decoders.maker.common'" in discover([site]).broken["maker/theirs"]
    assert ours.is_dir()


def test_a_site_s_decoder_imports_a_common_of_the_decoders_that_are_installed(site: Path):
    text = WITH_COMMON.replace("from .common import LAYOUT", "from vdl_lora_decoders.milesight import common")
    text = text.replace("import Decoder", "import Decoder, tlv").replace("LAYOUT", 'tlv("little", common.ABOUT_SELF)')
    write(site, "maker/theirs.py", text)
    found = discover([site])
    theirs = next(entry.decoder for entry in found.entries() if entry.id == "maker/with-common")
    assert [92.0] == [item.value for item in theirs.decode(Frame(1, b"\x01\x75\x5c"))]


@pytest.mark.parametrize(("problem", "text"), BROKEN.items(), ids=BROKEN)
def test_a_broken_file_of_a_site_disables_its_own_devices_alone(problem: str, text: str, ours: Path, site: Path):
    path = write(site, "new_maker/model_x.py", text)
    file(site, "new_maker/model_y.py", "Model Y")
    found = discover([site])
    assert ["new-maker/model-x"] == list(found.broken)
    assert problem in found.broken["new-maker/model-x"]
    assert str(path) in found.broken["new-maker/model-x"]
    assert ["maker/model-a", "maker/model-y", "maker/one", "maker/two"] == ids(found)
    assert ours.is_dir()


def test_a_broken_common_breaks_the_files_that_use_it(ours: Path, site: Path):
    write(site, "new_maker/common.py", "1 / 0")
    write(site, "new_maker/model_x.py", WITH_COMMON)
    file(site, "new_maker/model_y.py", "Model Y")
    found = discover([site])
    assert ["new-maker/model-x"] == list(found.broken)
    assert "maker/model-y" in ids(found)
    assert ours.is_dir()


def device(decoder: str) -> Device:
    return Device(dev_eui=DevEUI("24e124136b500042"), tags={"decoder": decoder})


def test_a_broken_file_in_the_place_of_ours_disables_what_it_would_replace(ours: Path, site: Path):
    write(site, "maker/family.py", "1 / 0")
    found = discover([site])
    assert ["maker/family", "maker/one", "maker/two"] == sorted(found.broken)
    catalog = Catalog(found.entries(), broken=found.broken)
    for name in ("maker/one", "maker/two", "maker/family"):
        with pytest.raises(NoDecoder, match="ZeroDivisionError"):
            catalog.choose(device(name))
    assert str(ours / "maker" / "model_a.py") == catalog.choose(device("maker/model-a")).entry.file


def test_a_later_root_mends_what_an_earlier_one_broke(ours: Path, site: Path, tmp_path: Path):
    write(site, "maker/model_a.py", "1 / 0")
    file(tmp_path / "b", "maker/model_a.py", "Model A", div=10)
    found = discover([site, tmp_path / "b"])
    assert {} == found.broken
    assert humidity(found, "maker/model-a") == 10.0
    assert ["maker/model-a"] == list(discover([tmp_path / "b", site]).broken)
    assert ours.is_dir()


def test_a_root_that_is_no_folder_is_refused(ours: Path, tmp_path: Path):
    path = write(tmp_path, "a_file", "")
    for root in (tmp_path / "missing", path):
        with pytest.raises(ConfigError, match=r"decoders\.roots: .* is no folder"):
            discover([root])
    assert ours.is_dir()


# ---------------------------------------------------------------- declarations


def test_a_declaration_changes_with_its_file_alone(ours: Path):
    before = declarations(discover())
    assert len({before["maker/model-a"], before["maker/one"]}) == 2
    assert before["maker/one"] == before["maker/two"]
    file(ours, "maker/model_a.py", "Model A", div=100)
    after = declarations(discover())
    assert {"maker/model-a"} == {name for name in after if before[name] != after[name]}


def test_a_declaration_changes_with_what_its_vendors_decoders_share(ours: Path):
    write(ours, "maker/common.py", COMMON.format(div=1))
    write(ours, "maker/with_common.py", WITH_COMMON)
    file(ours, "other/model_b.py", "Model B")
    before = declarations(discover())
    write(ours, "maker/common.py", COMMON.format(div=10))
    after = declarations(discover())
    assert {"maker/with-common"} == {name for name in after if before[name] != after[name]}


def test_a_declaration_changes_with_a_common_that_a_common_imports(ours: Path, site: Path):
    write(ours, "maker/common.py", COMMON.format(div=1))
    write(site, "maker/common.py", "from vdl_lora_decoders.maker import common\n\nLAYOUT = common.LAYOUT\n")
    write(site, "maker/with_common.py", WITH_COMMON)
    write(site, "maker/model_c.py", FILE.format(models="'Model C',", div=1))
    before = declarations(discover([site]))
    write(ours, "maker/common.py", COMMON.format(div=10))
    after = declarations(discover([site]))
    assert {"maker/with-common"} == {name for name in after if before[name] != after[name]}


def test_a_declaration_is_the_same_where_an_unrelated_file_changes(ours: Path):
    write(ours, "maker/common.py", COMMON.format(div=1))
    write(ours, "maker/with_common.py", WITH_COMMON)
    write(ours, "other/common.py", "SHARED = 1")
    before = declarations(discover())
    for name in ("maker/model_a.py", "other/common.py", "maker/with_common.toml", "maker/notes.txt"):
        write(ours, name, FILE.format(models="'Model A',", div=7))
    after = declarations(discover())
    assert {"maker/model-a"} == {name for name in after if before[name] != after[name]}


def test_a_declaration_does_not_depend_on_where_the_file_is(ours: Path, site: Path):
    file(site, "anywhere/model_a.py", "Model A")
    of_both = [entry.declaration for entry in discover([site]).entries() if entry.id == "maker/model-a"]
    assert len(of_both) == 2
    assert len(set(of_both)) == 1
    assert ours.is_dir()


def test_what_is_found_again_is_the_same_and_what_was_changed_is_read_again(ours: Path, site: Path):
    file(site, "maker/model_c.py", "Model C", div=10)
    first, second = discover([site]), discover([site])
    assert declarations(first) == declarations(second)
    assert (10.0, 10.0) == (humidity(first, "maker/model-c"), humidity(second, "maker/model-c"))
    file(site, "maker/model_c.py", "Model C", div=1000)
    (ours / "maker" / "family.py").unlink()
    third = discover([site])
    assert (0.1, 10.0) == (humidity(third, "maker/model-c"), humidity(first, "maker/model-c"))
    assert ["maker/model-a", "maker/model-c"] == ids(third)


@pytest.mark.parametrize("without_bytecode", [False, True])
def test_a_file_of_the_same_size_changed_at_once_is_read_again(
    ours: Path, monkeypatch: pytest.MonkeyPatch, *, without_bytecode: bool
):
    monkeypatch.setattr(sys, "dont_write_bytecode", without_bytecode)
    for div in (1, 2, 4, 5):
        file(ours, "maker/model_a.py", "Model A", div=div)
        assert 100 / div == humidity(discover(), "maker/model-a")
    assert without_bytecode is sys.dont_write_bytecode
    assert [] == list(ours.rglob("*.pyc"))


def test_a_broken_file_that_is_mended_is_found(ours: Path, site: Path):
    write(site, "maker/model_c.py", "1 / 0")
    assert ["maker/model-c"] == list(discover([site]).broken)
    file(site, "maker/model_c.py", "Model C")
    found = discover([site])
    assert ({}, 100.0) == (found.broken, humidity(found, "maker/model-c"))
    assert ours.is_dir()
