"""Finds decoder files: `<root>/<vendor>/<model>.py` or `.mapping.toml`, ours first, then a site's own roots.

A new sensor is two files and no edit anywhere. A broken file of ours stops the start; a broken file of a site disables
only its own devices. An id of a later root beats an earlier one; within a root no two files have one: where they do,
its devices wait until a person has chosen.
"""

import importlib
import importlib.machinery
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import msgspec

from vdl_lora import declarations
from vdl_lora.authoring import vectors
from vdl_lora.authoring.review import keeps_nothing, review
from vdl_lora.catalog import Entry
from vdl_lora.declarations import OURS, SITE, digest, kit, kit_of_scripts
from vdl_lora.decoding import Decoder, Frame, slug
from vdl_lora.decoding.codecs import BUILT_IN, Codec, JavaScript, mapped_decoder
from vdl_lora.decoding.javascript import MAX_SCRIPT, Engine, Script
from vdl_lora.decoding.mapping import CodecMapping, line_of, parse
from vdl_lora.errors import ConfigError

MAPPING = ".mapping.toml"
"""What the name of a mapping ends in; its vectors stand in `<model>.toml`, as those of any decoder."""

NOWHERE = "the path {} leads to nothing in any vector; correct it, or add a vector that shows it"

_MOST_REMEMBERED = 1024

_keeping_nothing: dict[str, bool] = {}
"""Which scripts kept nothing from one of their vectors to the next, by a hash of both."""


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
    """What was found: `broken` maps the ids that a broken file leaves without decoder to its path and what is wrong.

    `problems` are all that is wrong, a line a file, also where another file has the decoder all the same.
    """

    files: Sequence[DecoderFile]
    broken: Mapping[str, str] = field(default_factory=dict[str, str])
    replaced: Sequence[str] = ()
    problems: Sequence[str] = ()

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know, a line each: the problems, and which decoders are used instead of others."""
        return (*self.problems, *self.replaced)

    def entries(self) -> Iterator[Entry]:
        """Give a catalog entry for each id; where two files have one, the later."""
        for file in self.files:
            for model, name in zip(file.decoder.models, file.decoder.ids, strict=True):
                yield Entry(name, model, file.decoder, file.declaration, str(file.path))


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong with a file, and the ids that it declares all the same."""

    path: Path
    words: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.words}"


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
        raise ConfigError(
            f"the decoders that belong to vdl_lora are not at {builtin_root()}", advice="install it again"
        )
    ours, wrong = _files(builtin_root(), OURS, engine)
    if wrong:
        raise ConfigError(problems=[str(problem) for problem in wrong])
    found = list(ours)
    broken: dict[str, str] = {}
    problems: list[str] = []
    for number, root in enumerate(roots, 1):
        if not root.is_dir():
            raise ConfigError(f"decoders.roots: {root} is no folder")
        files, wrong = _files(root, f"{SITE}{number}_{digest([str(root).encode()])}", engine)
        for problem in wrong:
            broken |= dict.fromkeys(_ids_without_decoder(problem.path, found), str(problem))
        for name in [name for file in files for name in file.decoder.ids]:
            broken.pop(name, None)
        for problem in wrong:
            broken |= dict.fromkeys(problem.ids, str(problem))
        problems += map(str, wrong)
        found += files
    return Discovered(found, broken, _replaced(found), problems)


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


def _files(root: Path, package: str, engine: Engine | None) -> tuple[list[DecoderFile], list[_Problem]]:
    """Read every mapping of a root, and import every decoder file, under a package name of its own.

    No bytecode is left in a root: Python takes it for current where a file changes within a second and keeps its size.
    """
    _make_package(package, root)
    found: list[DecoderFile] = []
    problems: list[_Problem] = []
    as_before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    for path in sorted(root.glob("*/*.py")):
        if path.stem in ("common", "__init__"):
            continue
        try:
            found.append(_file(path, f"{package}.{path.parent.name}.{path.stem}"))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a file does, it is named
            problems.append(_Problem(path, f"{type(error).__name__}: {error}"))
    sys.dont_write_bytecode = as_before
    for path in sorted(root.glob(f"*/*{MAPPING}")):
        try:
            found.append(_mapped(path, engine))
        except (OSError, ValueError) as error:
            problems.append(_Problem(path, "; ".join(str(error).splitlines())))
    twice = list(_twice(found))
    doubtful = {problem.path for problem in twice}
    return [file for file in found if file.path not in doubtful], problems + twice


def _twice(files: Sequence[DecoderFile]) -> Iterator[_Problem]:
    """Name each file that has an id of another one: which of them is right, nobody can know."""
    of: dict[str, list[Path]] = {}
    for file in files:
        for name in file.decoder.ids:
            of.setdefault(name, []).append(file.path)
    for file in files:
        shared = [name for name in file.decoder.ids if len(of[name]) > 1]
        if shared:
            others = ", ".join(str(path) for path in of[shared[0]] if path != file.path)
            words = f"{shared[0]} is declared by {others} too; rename or remove one of them"
            yield _Problem(file.path, words, file.decoder.ids)


def _mapped(path: Path, engine: Engine | None) -> DecoderFile:
    """Read a mapping and what its codec needs.

    Raises ValueError or OSError with what is wrong, a line each: where it is, and what would be right.
    """
    text = _text(path)
    mapping = parse(text)
    frames = _frames(path.with_name(f"{_model(path)}.toml"))
    try:
        codec, source = _codec(path, mapping, engine, frames)
        decoder = mapped_decoder(mapping, codec)
    except ValueError as error:
        raise ValueError(f"line {line_of(text, 'codec')}: codec: {error}") from error
    if unused := review(decoder, frames).unused:
        raise ValueError("\n".join(f"line {line_of(text, each)}: {NOWHERE.format(each)}" for each in unused))
    used = kit_of_scripts() if source else kit()
    return DecoderFile(path, decoder, declarations.declaration(decoder, [text.encode(), source], used), mapping)


def _codec(path: Path, mapping: CodecMapping, engine: Engine | None, frames: Sequence[Frame]) -> tuple[Codec, bytes]:
    """Give the codec that a mapping names, and what declares it beside the mapping."""
    if mapping.codec in BUILT_IN:
        return BUILT_IN[mapping.codec], b""
    if Path(mapping.codec).name != mapping.codec or not mapping.codec.endswith(".js"):
        known = ", ".join(BUILT_IN)
        raise ValueError(f"{mapping.codec!r} is none: name a .js file beside the mapping, or one of {known}")
    script = path.with_name(mapping.codec)
    if not script.is_file():
        raise ValueError(f"there is no {script}; put the maker's script there")
    size = script.stat().st_size
    if size > MAX_SCRIPT:
        raise ValueError(f"{script} has {size} bytes, more than the {MAX_SCRIPT} that a codec may have")
    source = _text(script)
    if engine is None:
        raise ValueError(f"{script} is a script, and scripts are not run here")
    declared = Script(f"{mapping.vendor}/{_model(path)}", source)
    if problem := engine.problem(declared):
        raise ValueError(f"{script}: {problem}")
    codec = JavaScript(declared, engine, mapping.given)
    if _keeps_nothing(codec, frames):
        codec = JavaScript(msgspec.structs.replace(declared, reusable=True), engine, mapping.given)
    return codec, source.encode()


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is no text in UTF-8, see its line {line}; save it as UTF-8") from None


def _frames(path: Path) -> list[Frame]:
    """Give the frames of the vectors of a mapping; that they cannot be read is said by the test of its decoder."""
    try:
        return [vector.frame for vector in vectors.parse(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


def _keeps_nothing(codec: JavaScript, frames: Sequence[Frame]) -> bool:
    """Tell whether one context may serve all frames of a script, as far as its vectors show; found out once."""
    calls = [codec.call(frame) for frame in frames]
    known_by = digest([codec.script.source.encode(), msgspec.json.encode(calls)])
    if known_by not in _keeping_nothing:
        if len(_keeping_nothing) >= _MOST_REMEMBERED:
            _keeping_nothing.clear()
        _keeping_nothing[known_by] = keeps_nothing(codec.engine, codec.script, calls)
    return _keeping_nothing[known_by]


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
    return DecoderFile(path, decoder, declarations.declaration(decoder, declarations.sources(module), kit()))
