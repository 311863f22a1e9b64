"""What is documented is what there is."""

import dataclasses
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from vdl_lora.cli.main import app

ROOT = Path(__file__).parents[2]


def _generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("name", GENERATOR.PAGES)
def test_a_generated_page_is_what_the_code_gives_now(name):
    expected = GENERATOR.HEAD + GENERATOR.PAGES[name]()
    assert expected == (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8"), "run `make docs`"


def test_each_page_that_says_it_is_generated_is_compared():
    pages = (ROOT / "docs" / "reference").glob("*.md")
    assert set(GENERATOR.PAGES) == {page.name for page in pages if page.read_text("utf-8").startswith(GENERATOR.HEAD)}


def test_the_tree_in_the_readme_is_true():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = re.search(r"src/vdl_lora/\n(.*?)\ntests/", readme, re.DOTALL)[1]
    named = {line.split()[0].rstrip("/") for line in drawn.splitlines()}
    there = {path.name for path in (ROOT / "src" / "vdl_lora").iterdir()} - {"__init__.py", "__pycache__", "py.typed"}
    assert there == named


def test_every_path_that_the_readme_names_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)#]+)", readme)
    assert targets
    assert [] == [target for target in targets if not (ROOT / target).exists()]


UNITS = {
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "min": 60,
    "days": 86_400,
    **dict.fromkeys(("bytes", "s", "events", "characters", "connections"), 1),
}
BOUND = re.compile(r"\|[^|]+\| ([\d,]+) (\w+) \| `([\w.]+)` \|")
BOUNDS = re.search(
    r"^\| what \| at most \| in the code \|\n\|[-|]+\|\n((?:\|.*\n)+)",
    (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)[1].splitlines()


def _constant(name):
    """Give a constant, or the default of a setting, in s where it is of ns."""
    owner, _, last = name.rpartition(".")
    holder = pkgutil.resolve_name(owner)
    if dataclasses.is_dataclass(holder):
        return next(each.default for each in dataclasses.fields(holder) if each.name == last)
    value = getattr(holder, last)
    return value / 10**9 if last.endswith("_NS") else value


def test_the_page_of_security_names_bounds():
    assert 15 < len(BOUNDS)


@pytest.mark.parametrize("row", BOUNDS)
def test_a_bound_that_the_page_of_security_names_is_that_of_the_code(row):
    number, unit, name = BOUND.fullmatch(row).groups()
    assert int(number.replace(",", "")) * UNITS[unit] == _constant(name)


COMMANDS = dict(
    re.findall(
        r"^## (vdl-lora[^\n]*)\n\n```text\n(.*?)\n```$",
        (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)


def _leaves(command, name):
    if isinstance(command, TyperGroup):
        context = command.make_context(name, [], resilient_parsing=True)
        for key in command.list_commands(context):
            yield from _leaves(command.get_command(context, key), f"{name} {key}")
    else:
        yield name, command


LEAVES = dict(_leaves(typer.main.get_command(app), "vdl-lora"))


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_of_every_command_is_explained_in_the_reference(name):
    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", COMMANDS[name].rpartition("\nOptions:\n")[2]))
    options = [each for each in LEAVES[name].params if each.param_type_name == "option"]
    assert {option for each in options for option in each.opts if option.startswith("--")} <= shown
    assert [] == [each.name for each in options if not each.help]


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_every_command_has_an_example(name):
    assert re.search(rf"^  (?:Example|Begin with): (?:.* )?{name}\b", COMMANDS[name], re.MULTILINE)
