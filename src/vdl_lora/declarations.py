"""The declaration of a decoder: a hash of everything that its results depend on.

It reads source files, and does nothing else. docs/decisions/0014 says what it covers, and why.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

from vdl_lora.decoding import Decoder, Value

OURS = "vdl_lora_decoders"
"""The package name of our own decoders: a site's decoder imports `vdl_lora_decoders.<vendor>.common`."""

SITE = "vdl_lora_site_"
"""How the package names of a site's roots begin."""

KIT = ("decoding/*.py", "interpret.py", "points.py", "float32.py", "times.py")
"""The files of the package that make points of a payload and a declaration."""

_PACKAGE = Path(__file__).parent
_ENGINE = "javascript/*.py"
_DIGITS = 12


def declaration(decoder: Decoder, sources: Iterable[bytes], kit: str) -> str:
    """Hash the sources of a decoder, the kit that runs it, and its quantities as they shape its results."""
    values = (value for layout in decoder.f_ports.values() for value in layout.values())
    return digest([*sources, kit.encode(), *dict.fromkeys(map(_meaning, values))])


@cache
def kit(package: Path = _PACKAGE) -> str:
    """Hash the kit: the modules that make points of a payload and a declaration."""
    return digest(path.read_bytes() for pattern in KIT for path in sorted(package.glob(pattern)))


@cache
def kit_of_scripts(package: Path = _PACKAGE) -> str:
    """Hash the kit and the engine that runs makers' scripts."""
    engine = [path.read_bytes() for path in sorted(package.glob(_ENGINE))]
    return digest([kit(package).encode(), version("quickjs-ng").encode(), *engine])


def sources(module: ModuleType) -> list[bytes]:
    """Read the file of a decoder's module, and those of the decoders' modules that it imports, directly or not."""
    read: dict[str, bytes] = {}
    _read(module, read)
    return list(read.values())


def digest(parts: Iterable[bytes]) -> str:
    """Hash some parts, each with its length: 12 hexadecimal digits of SHA-256."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()[:_DIGITS]


def _meaning(value: Value) -> bytes:
    """Write what a quantity, and the conversion to its unit, make of a raw number."""
    what = value.quantity
    scale = (value.numerator, value.denominator, value.offset)
    return repr((what.name, what.type, what.unit, what.minimum, what.maximum, value.channel, scale)).encode()


def _read(module: ModuleType, read: dict[str, bytes]) -> None:
    if module.__file__ is None or module.__name__ in read:
        return
    source = read[module.__name__] = Path(module.__file__).read_bytes()
    for name in _imported(source, module.__package__ or ""):
        if name.startswith((f"{OURS}.", SITE)) and name in sys.modules:
            _read(sys.modules[name], read)


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Give the names of what a module imports; of `from x import y`, both x and x.y, since y may be a module."""
    for node in _import_statements(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


@lru_cache(maxsize=8)  # what a vendor's decoders share is read again for each of them
def _import_statements(source: bytes) -> Sequence[ast.Import | ast.ImportFrom]:
    return [node for node in _statements(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Give all statements; expressions, of which a table has thousands, hold none."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from _statements(child)
