"""Each error says what the pipeline must do next, has a code of its own, and is drawn where it stands."""

import inspect
import re
from typing import get_args

import pytest

from vdl_lora import errors
from vdl_lora.errors import Action, ConfigError, VdlLoraError

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, VdlLoraError)]
ALL = pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)


def drawn() -> dict[str, tuple[str, str]]:
    """Read the tree at the top of errors.py: each class, its parent and its action, empty where none is drawn."""
    found: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.fullmatch(r"((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)(?: {2,}(\w+))?.*", line)
        if node is None or not (line.startswith("VdlLoraError") or "── " in line):
            continue
        depth = 0 if node[2] == "VdlLoraError" else len(node[1]) // 4 + 1
        above[depth:] = [node[2]]
        found[node[2]] = (above[depth - 1] if depth else "", node[3] or "")
    return found


def test_the_tree_draws_every_class_below_its_parent():
    expected = {each.__name__: "" if each is VdlLoraError else each.__bases__[0].__name__ for each in CLASSES}
    assert expected == {name: parent for name, (parent, _) in drawn().items()}
    assert len(CLASSES) >= 18


@ALL
def test_the_tree_draws_each_action(error: type[VdlLoraError]):
    _, action = drawn()[error.__name__]
    assert error.action in get_args(Action)
    assert action in ("", error.action)
    assert action or error.__subclasses__(), "a class that is raised as it is has its action drawn"


def test_each_code_is_of_one_class_and_in_snake_case():
    codes = [error.code for error in CLASSES]
    assert sorted(set(codes)) == sorted(codes)
    assert [] == [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)]
    assert all("code" in vars(error) for error in CLASSES)


@ALL
def test_the_docstring_is_the_default_message_and_one_sentence_with_what_to_do(error: type[VdlLoraError]):
    doc = inspect.cleandoc(vars(error)["__doc__"])
    assert doc == str(error())
    assert "\n" not in doc
    assert doc.endswith(".")


@ALL
def test_a_message_replaces_the_docstring(error: type[VdlLoraError]):
    assert "what happened" == str(error("what happened"))
    assert isinstance(error("x"), VdlLoraError)


def test_a_config_error_says_all_its_problems():
    error = ConfigError(problems=["a: wrong", "b: missing"])
    assert ("a: wrong", "b: missing") == error.problems
    assert "a: wrong\nb: missing" == str(error)
    assert ("two things", ("a", "b")) == (str(ConfigError("two things", ["a", "b"])), ConfigError("", "ab").problems)
