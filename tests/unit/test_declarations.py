"""The declaration of a decoder changes with everything that its results depend on, and with nothing else."""

import ast
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vdl_lora import declarations
from vdl_lora.declarations import declaration, digest, kit, kit_of_scripts
from vdl_lora.decoding import Decoder, by_hand, value

PACKAGE = Path(declarations.__file__).parent


def decoder(**changes: Any) -> Decoder:
    """A decoder of one value, which is changed so."""
    changed = replace(value("air.pressure", unit="kPa"), **changes)
    return Decoder(vendor="Acme", models=("T1",), datasheet="", f_ports={1: by_hand(lambda _: (), changed)})


def quantity(**changes: Any) -> Any:
    return replace(value("air.pressure").quantity, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": quantity(unit="Pa")},
        {"quantity": quantity(type="int")},
        {"quantity": quantity(minimum=700.0)},
        {"quantity": quantity(maximum=1200.0)},
        {"quantity": quantity(name="air.pressure_diff")},
        {"numerator": 100},
        {"denominator": 3},
        {"offset": 1},
        {"channel": "roof"},
    ],
    ids=str,
)
def test_declaration_changes_with_a_quantity_and_its_conversion(changes: dict[str, Any]):
    assert declaration(decoder(), [b"file"], "kit") != declaration(decoder(**changes), [b"file"], "kit")


def test_declaration_is_the_same_where_only_a_label_changes():
    relabelled = decoder(quantity=quantity(label="Pressure", senml="Pa"))
    assert declaration(decoder(), [b"file"], "kit") == declaration(relabelled, [b"file"], "kit")


@pytest.mark.parametrize(
    ("sources", "kit_hash"), [([b"other"], "kit"), ([b"file", b""], "kit"), ([b"fi", b"le"], "kit"), ([b"file"], "new")]
)
def test_declaration_changes_with_a_source_and_the_kit(sources: list[bytes], kit_hash: str):
    assert declaration(decoder(), [b"file"], "kit") != declaration(decoder(), sources, kit_hash)


def test_digest_is_twelve_hexadecimal_digits():
    assert digest([b"a", b"bc"]) == "3fafa1cf2f19"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the source files of the package."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__", "static")))


@pytest.mark.parametrize(
    "name",
    [
        "decoding/fields.py",
        "decoding/layouts.py",
        "decoding/mapping.py",
        "decoding/cayenne.py",
        "decoding/added.py",
        "interpret.py",
        "points.py",
        "float32.py",
        "times.py",
    ],
)
def test_kit_changes_with_a_module_that_shapes_values(package: Path, name: str):
    append(package / name)
    assert kit(PACKAGE) != kit(package)
    assert kit_of_scripts(PACKAGE) != kit_of_scripts(package)


def test_engine_changes_the_kit_of_scripts_alone(package: Path):
    append(package / "javascript" / "engine.py")
    assert kit(PACKAGE) == kit(package)
    assert kit_of_scripts(PACKAGE) != kit_of_scripts(package)


def test_version_of_the_engines_library_changes_the_kit_of_scripts(package: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(declarations, "version", lambda _name: "999")
    assert kit_of_scripts(PACKAGE) != kit_of_scripts(package)


@pytest.mark.parametrize(
    "name", ["authoring/vectors.py", "cli/decode.py", "quantities.py", "discovery.py", "sinks/influxdb.py", "added.py"]
)
def test_kit_is_the_same_where_an_unrelated_module_changes(package: Path, name: str):
    append(package / name)
    assert kit(PACKAGE) == kit(package)
    assert kit_of_scripts(PACKAGE) == kit_of_scripts(package)


def append(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\nADDED = 1\n")


NO_PART = {
    "vdl_lora.errors",  # codes and messages
    "vdl_lora.quantities",  # those used are hashed with each decoder, and so are their conversions
    "vdl_lora.lorawan",  # what an event is, whatever decodes it
    "vdl_lora.events",
    "vdl_lora.mark",
    "vdl_lora.catalog",  # which decoder is asked: the receipt names it
    "vdl_lora.setting_types",  # how the tags of points are configured
    "vdl_lora.installations",  # not of the decoder, but of the device
}


def test_module_that_the_kit_imports_is_part_of_it_or_shapes_no_value():
    files = {path for pattern in declarations.KIT for path in PACKAGE.glob(pattern)}
    imports = [
        node.module
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module
    ]
    for name in {each for each in imports if each.startswith("vdl_lora.")} - NO_PART:
        path = PACKAGE.parent / name.replace(".", "/")
        assert {path.with_suffix(".py"), path / "__init__.py"} & files, name
