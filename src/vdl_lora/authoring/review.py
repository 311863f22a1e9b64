"""What vectors show of a mapping and its script: keys not mapped, lines not used, downlinks, whether it keeps a state.

It runs scripts through the engine that it is given. No other I/O.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from vdl_lora.decoding import Decoder, Frame
from vdl_lora.decoding.codecs import JavaScript, MappedFrames, javascript_of, tree_of
from vdl_lora.decoding.javascript import NO_ENTRY, Downlink, Engine, Script, Uplinked, Wanted
from vdl_lora.errors import DecodeError

from .vectors import DownlinkVector

_LEAST_CALLS: Final = 2
_MOST_CALLS: Final = 64
_ROUNDS: Final = 3
_FIRST_DAY_NS: Final = 1_700_000_000_000_000_000
_DAY_NS: Final = 86_400_000_000_000


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
        elif not read.errors and (found := tree_of(read.data, "the codec gives no data")) != vector.data:
            yield f"read again, expected {vector.data}, got {found}"
    except DecodeError as error:
        yield f"read again, got the error: {error}"


def _shown(frame: Downlink) -> str:
    return f"{frame.payload.hex() or 'no byte'} on fPort {frame.f_port}"


def keeps_nothing(engine: Engine, script: Script, calls: Sequence[Uplinked]) -> bool:
    """Tell whether one context may serve a codec: it answers calls in several orders there as in fresh contexts.

    Each call is of another day, so that a codec which looks at the clock while it is loaded is seen. Where there are
    not two different calls, nobody can tell, and it may not.
    """
    chosen = list({(call.payload, call.f_port): call for call in calls}.values())[:_MOST_CALLS]
    if len(chosen) < _LEAST_CALLS:
        return False
    days = [
        Uplinked(call.payload, call.f_port, _FIRST_DAY_NS + number * _DAY_NS, call.variables)
        for number, call in enumerate(chosen)
    ]
    fresh, kept = (msgspec.structs.replace(script, reusable=reusable) for reusable in (False, True))
    order = random.Random(0)  # noqa: S311 - an order, no secret
    try:
        alone = [engine.decode(fresh, call) for call in days]
        for _ in range(_ROUNDS):
            for number in order.sample(range(len(days)), len(days)):
                if engine.decode(kept, days[number]) != alone[number]:
                    return False
    except DecodeError:
        return False
    return True
