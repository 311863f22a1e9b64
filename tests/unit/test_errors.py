"""Each error says what the pipeline must do next, has a code of its own, and is drawn where it stands."""

import ast
import copy
import inspect
import re
from pathlib import Path
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
def test_class_defaults_are_one_line_each_without_a_period(error: type[VdlLoraError]):
    without = error()
    assert (error.meaning(), error.default_advice) == (without.message, without.advice)
    assert f"{error.meaning()}; {error.default_advice}" == str(without)
    for text in (error.meaning(), error.default_advice):
        assert re.fullmatch(r"[^\n]+[^.\s]", text)
    assert inspect.cleandoc(vars(error)["__doc__"]).startswith(f"{error.meaning()}.")
    assert ";" not in error.meaning()
    assert "default_advice" in vars(error)


@ALL
def test_message_and_advice_are_fields_and_text_has_both(error: type[VdlLoraError]):
    bare = error("a; b")
    assert ("a; b", "", "a; b") == (bare.message, bare.advice, str(bare))
    whole = error("a; b", advice="c")
    assert ("a; b", "c", "a; b; c") == (whole.message, whole.advice, str(whole))


@ALL
def test_copied_error_keeps_its_advice(error: type[VdlLoraError]):
    again = copy.copy(error("a", advice="b"))
    assert (error, "a; b") == (type(again), str(again))


NAMES = {each.__name__ for each in CLASSES}
ADVICE = re.compile(
    r"; (add|bind|check|correct|free|give|install|let|make|mend|name|put|run|see|set|stop|take|use|write) "
)


def _texts(call: ast.Call) -> str:
    constants = (each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant))
    return "".join(each for each in constants if isinstance(each, str))


def _ends_with_a_name_behind_a_semicolon(message: ast.expr) -> bool:
    parts = message.values if isinstance(message, ast.JoinedStr) else []
    ends = [each.value if isinstance(each, ast.Constant) else None for each in parts[-2:]]
    return len(ends) > 1 and str(ends[0]).endswith("; ") and ends[1] is None


def test_no_error_in_the_source_has_its_advice_in_its_message():
    calls = [
        (path, each)
        for path in Path(errors.__file__).parent.rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in NAMES and each.args
    ]
    assert len(calls) > 100
    assert [] == [
        f"{path.name}:{each.lineno}"
        for path, each in calls
        if ADVICE.search(_texts(each)) or _ends_with_a_name_behind_a_semicolon(each.args[0])
    ]


def test_a_config_error_says_all_its_problems():
    error = ConfigError(problems=["a: wrong", "b: missing"])
    assert ("a: wrong", "b: missing") == error.problems
    assert "a: wrong\nb: missing" == str(error)
    assert ("two things", ("a", "b")) == (str(ConfigError("two things", ["a", "b"])), ConfigError("", "ab").problems)
