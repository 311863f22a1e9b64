"""What a maker's JavaScript codec is called with, what it answers, and what an engine that runs it promises. Pure.

Source of the contract: LoRa Alliance TS013-1.0.0 Payload Codec API, as its implementers read it; older codecs have
`Decoder(bytes, port)` and `Encoder(object, port)` (The Things Network v2), or `Decode(fPort, bytes, variables)` and
`Encode(fPort, object, variables)` (ChirpStack v3).
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

MAX_SCRIPT = 256 << 10
"""The longest script in bytes; the longest public one that comes with examples has 205 KB (docs/decisions/0009)."""

MAX_OUTPUT = 64 << 10
"""The longest answer in bytes, as JSON."""

NO_ENTRY = "it has no entry point"
"""How the words begin where a codec does not define what it is called for."""


class Script(msgspec.Struct, frozen=True):
    """A codec: its id, its source, and whether one context may serve all its frames.

    A codec that keeps something from one frame to the next has a fresh context for each.
    """

    name: str
    source: str
    reusable: bool = False


class Uplinked(msgspec.Struct, frozen=True):
    """What a codec is called with: FRMPayload, fPort, when it was received in ns since 1970, and its variables."""

    payload: bytes
    f_port: int
    received_at_ns: int = 0
    variables: Mapping[str, str | float] = {}


class Answer(msgspec.Struct, frozen=True):
    """What a codec answered: `data` as the JSON that was written inside the engine, empty where there is none.

    `errors` say that it failed, a throw included; `warnings` inform.
    """

    data: bytes = b""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """What a downlink is to say, in the maker's own names; the fPort is for codecs that do not choose one."""

    data: Any
    f_port: int = 1
    at_ns: int = 0
    variables: Mapping[str, str | float] = {}


class Downlink(msgspec.Struct, frozen=True):
    """A frame for a device."""

    f_port: int
    payload: bytes


class Engine(Protocol):
    """Runs codecs, each where it can harm nobody; called from worker threads only."""

    @property
    def missing(self) -> str:
        """What of the confinement of codecs this system lacks; empty where nothing is known to be missing."""
        ...

    def problem(self, script: Script) -> str:
        """Say what makes a script none that can be run: no text, too large, no entry point; empty where it can."""
        ...

    def decode(self, script: Script, uplinked: Uplinked) -> Answer:
        """Call a codec. Its clock stands at `received_at_ns`, its chance is seeded: the same call, the same answer.

        What it throws, or gives and is no answer, are its errors. Raises CodecStopped where a limit or the end of its
        process stopped it twice, or it is refused for a pause; PayloadError where script or call are none to be run.
        """
        ...

    def encode_downlink(self, script: Script, wanted: Wanted) -> Downlink:
        """Let a codec write a downlink.

        Raises what `decode` raises, and PayloadError with the codec's words where it writes none.
        """
        ...

    def decode_downlink(self, script: Script, frame: Downlink, at_ns: int = 0) -> Answer:
        """Let a codec read a downlink, as `decode` does an uplink; few can."""
        ...

    def close(self) -> None:
        """End what runs, at once: a codec that is called just now is stopped."""
        ...
