"""Finds decoder files: `<root>/<vendor>/<model>.py` or `.mapping.toml`, ours first, then a site's own roots.

A new sensor is two files and no edit anywhere. A broken file of ours stops the start; a broken file of a site disables
only its own devices. An id of a later root beats an earlier one; within a root no two files have one.
"""

import hashlib
import importlib
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

from vdl_lora.catalog import Entry
from vdl_lora.decoding import Decoder, slug
from vdl_lora.decoding.codecs import BUILT_IN, Codec, JavaScript, mapped_decoder
from vdl_lora.decoding.javascript import MAX_SCRIPT, Engine, Script
from vdl_lora.decoding.mapping import CodecMapping, parse
from vdl_lora.errors import ConfigError

MAPPING = ".mapping.toml"
"""What the name of a mapping ends in; its vectors stand in `<model>.toml`, as those of any decoder."""

_HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class DecoderFile:
    """A file that declares a decoder, and the file of its vectors beside it."""

    path: Path
    decoder: Decoder
    declaration: str
    mapping: CodecMapping | None = None

    @property
    def vectors(self) -> Path:
        """Where its test vectors are."""
        return self.path.with_name(f"{_model(self.path)}.toml")


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found: `broken` maps the ids that a broken file leaves without decoder to its path and what is wrong."""

    files: Sequence[DecoderFile]
    broken: dict[str, str] = field(default_factory=dict[str, str])
    replaced: Sequence[str] = ()

    def entries(self) -> Iterator[Entry]:
        """Give a catalog entry for each id; where two files have one, the later."""
        for file in self.files:
            for model, name in zip(file.decoder.models, file.decoder.ids, strict=True):
                yield Entry(name, model, file.decoder, file.declaration, str(file.path))


def builtin_root() -> Path:
    """Give the folder of our own decoders: inside the installed package, or beside `src` in a checkout."""
    package = Path(__file__).parent
    installed = package / "decoders"
    return installed if installed.is_dir() else package.parent.parent / "decoders"


def discover(roots: Sequence[Path] = (), engine: Engine | None = None) -> Discovered:
    """Find and import the decoders of our root and of a site's roots; without an engine, no script can be run.

    Raises ConfigError where a file of ours is broken, or a root is no folder.
    """
    if not builtin_root().is_dir():
        raise ConfigError(f"the decoders that belong to vdl_lora are not at {builtin_root()}; install it again")
    ours, problems = _files(builtin_root(), "vdl_lora_decoders", engine)
    if problems:
        raise ConfigError(problems=[f"{path}: {problem}" for path, problem in problems.items()])
    found = list(ours)
    broken: dict[str, str] = {}
    for number, root in enumerate(roots, 1):
        if not root.is_dir():
            raise ConfigError(f"decoders.roots: {root} is no folder")
        files, problems = _files(root, f"vdl_lora_site_{number}_{_digest(str(root).encode())}", engine)
        for path, problem in problems.items():
            broken |= dict.fromkeys(_ids_without_decoder(path, found), f"{path}: {problem}")
        for name in [name for file in files for name in file.decoder.ids]:
            broken.pop(name, None)
        found += files
    return Discovered(found, broken, _replaced(found))


def _ids_without_decoder(broken: Path, before: Sequence[DecoderFile]) -> list[str]:
    """Give the id that a broken file would have, and those of the earlier files that it stands in for."""
    place = broken.parts[-2:]
    ids = [name for file in before if file.path.parts[-2:] == place for name in file.decoder.ids]
    return [f"{slug(broken.parent.name)}/{slug(_model(broken))}", *ids]


def _model(path: Path) -> str:
    return path.name.removesuffix(MAPPING).removesuffix(".py")


def _replaced(files: Sequence[DecoderFile]) -> list[str]:
    by_id: dict[str, Path] = {}
    replaced: list[str] = []
    for file in files:
        for name in file.decoder.ids:
            if name in by_id:
                replaced.append(f"{name}: {file.path} is used instead of {by_id[name]}")
            by_id[name] = file.path
    return replaced


def _files(root: Path, package: str, engine: Engine | None) -> tuple[list[DecoderFile], dict[Path, str]]:
    """Read every mapping of a root, and import every decoder file, under a package name of its own.

    No bytecode is left in a root: Python takes it for current where a file changes within a second and keeps its size.
    """
    _make_package(package, root)
    found: list[DecoderFile] = []
    problems: dict[Path, str] = {}
    as_before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    for path in sorted(root.glob("*/*.py")):
        if path.stem in ("common", "__init__"):
            continue
        try:
            found.append(_file(path, f"{package}.{path.parent.name}.{path.stem}"))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a file does, it is named
            problems[path] = f"{type(error).__name__}: {error}"
    sys.dont_write_bytecode = as_before
    for path in sorted(root.glob(f"*/*{MAPPING}")):
        try:
            found.append(_mapped(path, engine))
        except (OSError, ValueError) as error:
            problems[path] = str(error)
    return _once_each(found, problems), problems


def _once_each(files: Sequence[DecoderFile], problems: dict[Path, str]) -> list[DecoderFile]:
    """Leave out a file that has an id of an earlier one of the same root."""
    of: dict[str, Path] = {}
    kept: list[DecoderFile] = []
    for file in files:
        twice = [name for name in file.decoder.ids if name in of]
        if twice:
            problems[file.path] = f"{twice[0]} is declared by {of[twice[0]]} too; rename or remove one of them"
            continue
        of |= dict.fromkeys(file.decoder.ids, file.path)
        kept.append(file)
    return kept


def _mapped(path: Path, engine: Engine | None) -> DecoderFile:
    """Read a mapping and what its codec needs.

    Raises ValueError or OSError, saying what would be right.
    """
    text = path.read_text(encoding="utf-8")
    mapping = parse(text)
    codec, source = _codec(path, mapping, engine)
    decoder = mapped_decoder(mapping, codec)
    return DecoderFile(path, decoder, _digest(text.encode() + source), mapping)


def _codec(path: Path, mapping: CodecMapping, engine: Engine | None) -> tuple[Codec, bytes]:
    """Give the codec that a mapping names, and what declares it beside the mapping."""
    if mapping.codec in BUILT_IN:
        return BUILT_IN[mapping.codec], b""
    script = path.with_name(mapping.codec)
    if script.suffix != ".js" or script.name != mapping.codec:
        raise ValueError(
            f"codec = {mapping.codec!r} is none: name a .js file beside the mapping, or one of {', '.join(BUILT_IN)}"
        )
    if not script.is_file():
        raise ValueError(f"codec: there is no {script}; put the maker's script there")
    source = script.read_bytes()
    if len(source) > MAX_SCRIPT:
        raise ValueError(f"codec: {script} has {len(source)} bytes, more than the {MAX_SCRIPT} that a codec may have")
    if engine is None:
        raise ValueError(f"codec: {script} is a script, and scripts are not run here")
    declared = Script(f"{mapping.vendor}/{_model(path)}", source.decode("utf-8"))
    if problem := engine.problem(declared):
        raise ValueError(f"codec: {script}: {problem}")
    return JavaScript(declared, engine, mapping.variables), source


def _make_package(name: str, root: Path) -> None:
    """Make a package of a folder; its vendors' folders are namespace packages, so no `__init__.py` is needed."""
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    module = module_from_spec(spec)
    for known in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[known]
    sys.modules[name] = module
    importlib.invalidate_caches()


def _file(path: Path, name: str) -> DecoderFile:
    module: ModuleType = importlib.import_module(name)
    decoder = getattr(module, "DECODER", None)
    if not isinstance(decoder, Decoder):
        raise TypeError("it declares no DECODER = Decoder(...)")
    return DecoderFile(path, decoder, _declaration(path))


def _declaration(path: Path) -> str:
    """Hash what declares a decoder: its file and what its vendor's decoders share."""
    common = path.with_name("common.py")
    return _digest(path.read_bytes() + (common.read_bytes() if common.exists() else b""))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
