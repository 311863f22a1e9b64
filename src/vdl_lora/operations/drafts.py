"""Drafts the files of a new sensor: from a maker's script and examples, or from what ChirpStack decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vdl_lora.authoring import draft
from vdl_lora.authoring.draft import Example
from vdl_lora.decoding import slug
from vdl_lora.decoding.codecs import BUILT_IN, Codec, JavaScript
from vdl_lora.decoding.javascript import Engine, Script
from vdl_lora.decoding.paths import Tree
from vdl_lora.discovery import MAPPING
from vdl_lora.errors import BadMessage, DecodeError, VdlLoraError
from vdl_lora.events import RawEvent, parse
from vdl_lora.lorawan import Uplink
from vdl_lora.sources import FileSource


@dataclass(frozen=True, slots=True)
class Named:
    """What a new sensor is called, and the root that it goes into."""

    vendor: str
    model: str
    root: Path

    @property
    def id(self) -> str:
        """Its id."""
        return f"{slug(self.vendor)}/{slug(self.model)}"

    def file(self, ending: str) -> Path:
        """Give the path of one of its files."""
        vendor, model = (part.replace("-", "_") for part in self.id.split("/"))
        return self.root / vendor / f"{model}{ending}"


@dataclass(frozen=True, slots=True)
class Drafted:
    """The files of a new sensor, what a person must decide, and where the codec differs from the maker's examples."""

    files: dict[Path, bytes]
    decide: Sequence[str]
    differences: Sequence[str] = field(default_factory=list[str])

    def write(self) -> None:
        """Write the files.

        Raises VdlLoraError where one is there already; then it writes none.
        """
        if there := [str(path) for path in self.files if path.exists()]:
            raise VdlLoraError(f"{', '.join(there)} is there already", advice="remove it, or choose another name")
        for path, content in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)


def draft_script(named: Named, script: Path, examples: Path, engine: Engine) -> Drafted:
    """Run the examples of a maker's script, and guess what each key is.

    Raises VdlLoraError where the script cannot be run or the examples cannot be read, ConfigError where the system
    cannot confine the script and must.
    """
    source = _text(script)
    try:
        given = draft.parse_examples(_text(examples))
    except ValueError as error:
        raise VdlLoraError(f"{examples}: {error}") from error
    declared = Script(named.id, source)
    if problem := engine.problem(declared):
        raise VdlLoraError(f"{script}: {problem}")
    codec = JavaScript(declared, engine, {})
    trees = [_tree(codec, each) for each in given]
    if not any(trees):
        raise VdlLoraError(f"{script}: no example gives a value: {_failure(codec, given)}")
    differences = [
        f"example {number}: the examples say {_json(each.given)}, the script gives {_json(tree)}"
        for number, (each, tree) in enumerate(zip(given, trees, strict=True), 1)
        if each.given is not None and each.given != tree
    ]
    drafted = _drafted(named, f"{named.file('.js').name}", codec, given, trees, examples.name)
    return Drafted({**drafted.files, named.file(".js"): source.encode()}, drafted.decide, differences)


async def draft_object(named: Named, events: Path, dev_eui: str = "") -> Drafted:
    """Guess what each key is of what ChirpStack decoded in recorded uplinks, of one device or of all.

    Raises SourceRefused where they cannot be read, VdlLoraError where none has an object.
    """
    found: list[Example] = []

    async def take(batch: Sequence[RawEvent]) -> None:
        found.extend(each for raw in batch if (each := _example(raw, dev_eui)) is not None)

    await FileSource([events]).run(take)
    if not found:
        of = f" of {dev_eui}" if dev_eui else ""
        raise VdlLoraError(
            f"{events}: no uplink{of} has an object", advice="see the codec of the device profile in ChirpStack"
        )
    codec = BUILT_IN["object"]
    return _drafted(named, "object", codec, found, [_tree(codec, each) for each in found], events.name)


def _drafted(  # noqa: PLR0913, PLR0917 - what a draft is made of
    named: Named, codec_name: str, codec: Codec, examples: Sequence[Example], trees: Sequence[Tree], source: str
) -> Drafted:
    guessed = draft.guesses(trees)
    mapping = draft.draft(named.vendor, named.model, codec_name, guessed)
    vectors = draft.vectors_of(mapping, codec, draft.kept(examples, trees), source)
    files = {named.file(MAPPING): mapping.encode(), named.file(".toml"): vectors.encode()}
    return Drafted(files, [f"{each.path}: {each.open}" for each in guessed if each.open])


def _example(raw: RawEvent, dev_eui: str) -> Example | None:
    try:
        said = parse(raw.kind, raw.encoding, raw.body)
    except BadMessage:
        return None
    if not isinstance(said, Uplink) or not said.decoded or (dev_eui and said.device.dev_eui != dev_eui):
        return None
    return Example(said.f_port, said.payload, decoded=said.decoded)


def _tree(codec: Codec, example: Example) -> Tree:
    try:
        return codec.tree(example.frame)
    except DecodeError:
        return None


def _failure(codec: Codec, examples: Sequence[Example]) -> str:
    """Say why the first example gives nothing."""
    try:
        return f"the first gives {_json(codec.tree(examples[0].frame))}" if examples else "there is none"
    except DecodeError as error:
        return error.message


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise VdlLoraError(f"{path} cannot be read: {error}") from error


def _json(tree: Tree) -> str:
    return msgspec.json.encode(tree).decode()
