"""Decoders whose values a codec gives and a mapping names: JavaScript, ChirpStack's object, Cayenne LPP. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from vdl_lora.errors import DecodeError, PayloadError

from . import cayenne
from .decoder import Decoder
from .fields import Value
from .javascript import NO_ENTRY, Downlink, Engine, Script, Uplinked, Wanted
from .mapping import CodecMapping
from .paths import Tree
from .reading import Frame, Item
from .vectors import DownlinkVector

NOT_DECODED: Final = "ChirpStack decoded nothing"
"""How the words of an event begin that has no object; ChirpStack's own may be in its log event."""

_MAX_WORDS = 500
_ANY_F_PORT = 1


class Codec(Protocol):
    """Gives what stands in a frame, in the maker's own names."""

    def tree(self, frame: Frame) -> Tree:
        """Give it as JSON holds it.

        Raises PayloadError where it cannot, CodecStopped where it was stopped.
        """
        ...


@dataclass(frozen=True, slots=True)
class JavaScript:
    """A maker's script; what its mapping and an installation set are its variables."""

    script: Script
    engine: Engine
    variables: Mapping[str, str | float]

    def call(self, frame: Frame) -> Uplinked:
        """Give what the script is called with."""
        return Uplinked(frame.payload, frame.f_port, frame.received_at_ns, {**self.variables, **frame.parameters})

    def tree(self, frame: Frame) -> Tree:
        """Call the script."""
        answer = self.engine.decode(self.script, self.call(frame))
        if answer.errors:
            raise PayloadError(f"the codec says: {'; '.join(answer.errors)}"[:_MAX_WORDS])
        return _json(answer.data, "the codec gives no data")


class ChirpStackObject:
    """What the codec of the device's profile in ChirpStack gave, as it stands in the event."""

    def tree(self, frame: Frame) -> Tree:
        """Read the event's `object`."""
        return _json(frame.decoded, f"{NOT_DECODED}: see the codec of its device profile there, and its log events")


class CayenneLpp:
    """Cayenne LPP, read from the bytes as ChirpStack reads it."""

    def tree(self, frame: Frame) -> Tree:
        """Read the payload."""
        return cayenne.tree(frame.payload)


BUILT_IN: Final[Mapping[str, Codec]] = {"object": ChirpStackObject(), "cayenne-lpp": CayenneLpp()}
"""What a mapping may name as its codec beside a script."""


@dataclass(frozen=True, slots=True)
class MappedFrames:
    """Frames that a codec reads and a mapping names; it only decodes."""

    codec: Codec
    mapping: CodecMapping

    @property
    def encodes(self) -> bool:
        """Whether it can write frames too: a codec cannot."""
        return False

    def values(self) -> Iterator[Value]:
        """Give what the mapping names."""
        return (read.value for read in self.mapping.reads)

    def decode(self, frame: Frame) -> list[Item]:
        """Read a frame."""
        return self.mapping.items(self.codec.tree(frame), frame.received_at_ns)

    def encode(self, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Refuse: a codec only decodes."""
        raise NotImplementedError("a codec only decodes")


def javascript_of(decoder: Decoder) -> JavaScript | None:
    """Give the maker's script of a decoder, None where it has none."""
    for layout in decoder.f_ports.values():
        if isinstance(layout, MappedFrames) and isinstance(layout.codec, JavaScript):
            return layout.codec
    return None


@dataclass(frozen=True, slots=True)
class Review:
    """What frames show of a mapping: the keys that it does not name, and its lines that name no key of theirs."""

    unmapped: tuple[str, ...]
    unused: tuple[str, ...]


def review(decoder: Decoder, frames: Iterable[Frame]) -> Review:
    """Hold a mapping against what its codec gives for some frames; a declared decoder has nothing to review.

    Where the codec reads none of them, they say nothing about the mapping.
    """
    unmapped: dict[str, None] = {}
    unused: dict[str, None] = {}
    read_any = False
    for layout in decoder.f_ports.values():
        if isinstance(layout, MappedFrames):
            unused |= {read.path.text: None for read in layout.mapping.reads}
    for frame in frames:
        read_by = decoder.layout_of(frame.f_port)
        if isinstance(read_by, MappedFrames):
            try:
                tree = read_by.codec.tree(frame)
            except DecodeError:
                continue
            read_any = True
            unmapped |= dict.fromkeys(read_by.mapping.unmapped(tree))
            for read in read_by.mapping.reads:
                if read.path.find(tree):
                    unused.pop(read.path.text, None)
    return Review(tuple(unmapped), tuple(unused) if read_any else ())


def downlink_differences(decoder: Decoder, vector: DownlinkVector) -> list[str]:
    """Let a maker's script write a downlink, and read it where it can, and say what is not as it must be."""
    codec, frame = javascript_of(decoder), Downlink(vector.f_port, vector.payload)
    if codec is None:
        return ["only a maker's script writes downlinks, and this decoder has none"]
    try:
        written = codec.engine.encode_downlink(codec.script, Wanted(vector.data, vector.f_port, 0, codec.variables))
    except DecodeError as error:
        if vector.error and vector.error in str(error):
            return []
        return [f"expected {vector.error or _shown(frame)}, got the error: {error}"]
    if vector.error or written != frame:
        return [f"expected {vector.error or _shown(frame)}, got {_shown(written)}"]
    return list(_read_differences(codec, frame, vector))


def _read_differences(codec: JavaScript, frame: Downlink, vector: DownlinkVector) -> Iterator[str]:
    try:
        read = codec.engine.decode_downlink(codec.script, frame)
        if read.errors and not read.errors[0].startswith(NO_ENTRY):
            yield f"read again, it says: {'; '.join(read.errors)}"
        elif not read.errors and (found := _json(read.data, "the codec gives no data")) != vector.data:
            yield f"read again, expected {vector.data}, got {found}"
    except DecodeError as error:
        yield f"read again, got the error: {error}"


def _shown(frame: Downlink) -> str:
    return f"{frame.payload.hex() or 'no byte'} on fPort {frame.f_port}"


def mapped_decoder(mapping: CodecMapping, codec: Codec) -> Decoder:
    """Give the decoder of a mapping; without fPorts of its own it is asked for all of them.

    Raises ValueError where the mapping names no model or a thing twice.
    """
    layout = MappedFrames(codec, mapping)
    return Decoder(
        vendor=mapping.vendor,
        models=mapping.models,
        datasheet=mapping.datasheet,
        f_ports=dict.fromkeys(mapping.f_ports or (_ANY_F_PORT,), layout),
        parameters=mapping.parameters,
        f_port_can_be_set=not mapping.f_ports,
    )


def _json(content: bytes, nothing: str) -> Tree:
    if not content or content == b"null":
        raise PayloadError(nothing)
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the codec's answer cannot be read: {error}"[:_MAX_WORDS]) from error
