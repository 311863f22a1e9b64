"""What is documented is what there is."""

import importlib.util
import re
from pathlib import Path

import pytest

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


def test_the_tree_in_the_readme_is_true():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = re.search(r"src/vdl_lora/\n(.*?)\ntests/", readme, re.DOTALL)[1]
    named = {line.split()[0].rstrip("/") for line in drawn.splitlines()}
    there = {path.name for path in (ROOT / "src" / "vdl_lora").iterdir()} - {"__init__.py", "__pycache__", "py.typed"}
    assert there == named


def test_every_path_that_the_readme_names_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", readme):
        assert (ROOT / target).exists(), target
