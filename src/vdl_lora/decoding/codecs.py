"""Decoders whose values a codec gives and a mapping names: JavaScript, ChirpStack's object, Cayenne LPP. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from vdl_lora.errors import PayloadError

from . import cayenne
from .decoder import Decoder
from .fields import Value
from .javascript import Engine, Script, Uplinked
from .mapping import CodecMapping
from .paths import Tree
from .reading import Frame, Item

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
        return tree_of(answer.data, "the codec gives no data")


class ChirpStackObject:
    """What the codec of the device's profile in ChirpStack gave, as it stands in the event."""

    def tree(self, frame: Frame) -> Tree:
        """Read the event's `object`."""
        return tree_of(frame.decoded, f"{NOT_DECODED}: see the codec of its device profile there, and its log events")


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


def tree_of(content: bytes, nothing: str) -> Tree:
    """Read the JSON that a codec gave.

    Raises PayloadError: `nothing` where it is empty or null, or that it is not JSON.
    """
    if not content or content == b"null":
        raise PayloadError(nothing)
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the codec's answer cannot be read: {error}"[:_MAX_WORDS]) from error
