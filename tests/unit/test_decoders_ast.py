"""The shape of decoder files: they declare, and do nothing else. Read from their source, without importing it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "decoders"
FILES = sorted(ROOT.rglob("*.py"))

STDLIB = frozenset({"collections.abc", "datetime", "itertools", "struct", "typing"})
NEVER_CALLED = frozenset(
    {"print", "open", "eval", "exec", "compile", "input", "__import__", "globals", "setattr", "delattr", "vars"}
)
CHANGES = frozenset(
    {
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "sort",
    }
)

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def test_there_are_files():
    assert ROOT / "milesight" / "em300_th.py" in FILES


def test_only_decoders_and_their_vectors_are_there():
    others = [path for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".toml", ".pyc")]
    assert others == []


@every_file
def test_a_file_is_named_in_snake_case(path: Path):
    for name in (path.parent.name, path.stem):
        assert name == name.lower()
        assert name.isidentifier()
    assert path.parent.parent == ROOT


@every_file
def test_a_file_only_declares(path: Path):
    assert list(problems(path.read_text(encoding="utf-8"), is_common=path.stem == "common")) == []


def problems(source: str, *, is_common: bool = False) -> Iterator[str]:
    """Give what a decoder file must not be, a line each."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield "it has no docstring"
    decoders = [name for node in tree.body for name in assigned(node) if name == "DECODER"]
    if len(decoders) != (0 if is_common else 1):
        yield f"it declares {len(decoders)} times DECODER"
    for node in tree.body:
        yield from statement_problems(node)
    for node in ast.walk(tree):
        yield from anywhere_problems(node)
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            yield from function_problems(node)


def assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id if isinstance(target, ast.Name) else ast.unparse(target) for target in targets]


def statement_problems(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (
            f"line {node.lineno}: {name} is no name of a constant" for name in assigned(node) if not name.isupper()
        )
    elif isinstance(node, ast.FunctionDef):
        if not ast.get_docstring(node):
            yield f"line {node.lineno}: {node.name} has no docstring"
    elif not isinstance(node, ast.Import | ast.ImportFrom) and not is_words(node):
        yield f"line {node.lineno}: {type(node).__name__} is no declaration"


def is_words(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def import_problems(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = ["." * node.level + (node.module or "")]
    for name in names:
        if name not in STDLIB | {"vdl_lora.decoding", ".common"}:
            yield f"line {node.lineno}: imports {name}"


def anywhere_problems(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from import_problems(node)
    forbidden = (ast.ClassDef, ast.Global, ast.Nonlocal, ast.AsyncFunctionDef, ast.Await, ast.Try, ast.With, ast.While)
    if isinstance(node, forbidden):
        yield f"line {node.lineno}: {type(node).__name__}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NEVER_CALLED:
        yield f"line {node.lineno}: calls {node.func.id}"
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        yield f"line {node.lineno}: reaches into {ast.unparse(node)}"


def function_problems(function: ast.FunctionDef | ast.Lambda) -> Iterator[str]:
    """Give where a function changes what is not its own."""
    body = function.body if isinstance(function.body, list) else [function.body]
    nodes = [node for part in body for node in ast.walk(part)]
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            changed = node.func.value
        else:
            continue
        root = ast.unparse(changed).partition(".")[0].partition("[")[0]
        if root not in own:
            yield f"line {node.lineno}: changes {ast.unparse(changed)}"


GOOD = '"""Words."""\n\nDECODER = 1\n'


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("DECODER = 1\n", "it has no docstring"),
        ('"""Words."""\n', "it declares 0 times DECODER"),
        (GOOD + "DECODER = 2\n", "it declares 2 times DECODER"),
        (GOOD + "import os\n", "line 4: imports os"),
        (GOOD + "import vdl_lora\n", "line 4: imports vdl_lora"),
        (GOOD + "from vdl_lora.quantities import quantity\n", "line 4: imports vdl_lora.quantities"),
        (GOOD + "from ..elsys.common import VALUES\n", "line 4: imports ..elsys.common"),
        (GOOD + "from vdl_lora_decoders.elsys.common import X\n", "line 4: imports vdl_lora_decoders.elsys.common"),
        (GOOD + "def f():\n    return 1\n", "line 4: f has no docstring"),
        (GOOD + "def f():\n    '''Do.'''\n    import os\n", "line 6: imports os"),
        (GOOD + "class C:\n    pass\n", "line 4: ClassDef"),
        (GOOD + "lower = 1\n", "line 4: lower is no name of a constant"),
        (GOOD + "DECODER.x = 1\n", "line 4: DECODER.x is no name of a constant"),
        (GOOD + "DECODER += 1\n", "line 4: AugAssign is no declaration"),
        (GOOD + "for X in ():\n    pass\n", "line 4: For is no declaration"),
        (GOOD + 'print("words")\n', "line 4: calls print"),
        (GOOD + "X = eval('1')\n", "line 4: calls eval"),
        (GOOD + "X = [].__class__\n", "line 4: reaches into [].__class__"),
        (GOOD + "def f():\n    '''Do.'''\n    global X\n    X = 1\n", "line 6: Global"),
        (GOOD + "X = []\ndef f():\n    '''Do.'''\n    X.append(1)\n", "line 7: changes X"),
        (GOOD + "X = {}\ndef f():\n    '''Do.'''\n    X[1] = 1\n", "line 7: changes X"),
        (GOOD + "X = {}\ndef f():\n    '''Do.'''\n    del X[1]\n", "line 7: changes X"),
        (GOOD + "X = {}\nY = lambda: X.clear()\n", "line 5: changes X"),
    ],
)
def test_what_a_file_must_not_do_is_found(source: str, problem: str):
    assert problem in list(problems(source))


def test_a_function_may_change_what_is_its_own():
    assert (
        list(problems(GOOD + "def f():\n    '''Do.'''\n    items = []\n    items.append(1)\n    return items\n")) == []
    )


def test_a_common_file_declares_no_decoder():
    assert list(problems('"""Words."""\n\nSHARED = {}\n', is_common=True)) == []
    assert list(problems(GOOD, is_common=True)) == ["it declares 1 times DECODER"]
