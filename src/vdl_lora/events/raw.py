"""An event as it arrived, and what was read of its envelope. Values only."""

from typing import Literal

import msgspec

Encoding = Literal["json", "protobuf", "own"]
AnchorSource = Literal["ns_time", "log_item", "arrival"]

MAX_BODY = 1 << 20
"""Bodies of more bytes are not read; their beginning is kept in quarantine."""

KEPT_OF_LARGE = 4096


class RawEvent(msgspec.Struct, frozen=True):
    """What a source hands over: the kind that it was announced as, the body as it came, and how it came.

    `way` names the way in (`grpc`, `http`, `mqtt`, `own`); `mark` is ChirpStack's LogItem id over gRPC, else empty.
    """

    kind: str
    encoding: Encoding
    body: bytes
    way: str
    arrived_at_ns: int
    mark: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """What accepting an event needs to know of it.

    `identity` is the same whichever way the event came. `event_at_ns` is 0 where the event names no time that can be
    kept. The anchor is the time against which the event's own is checked. `problem` says why there is no envelope:
    then the identity is the SHA-256 of the body, and the event is for quarantine.
    """

    kind: str
    identity: bytes
    event_at_ns: int
    anchor_at_ns: int
    anchor: AnchorSource
    dev_eui: str = ""
    tenant_id: str = ""
    application_id: str = ""
    problem: str = ""


class JournalEvent(msgspec.Struct, frozen=True):
    """An event as the journal keeps it: the raw event, its place in the journal and its anchor.

    `marked` tells that it is in quarantine, so that success must take it out.
    """

    position: int
    kind: str
    encoding: Encoding
    body: bytes
    way: str
    arrived_at_ns: int
    anchor_at_ns: int
    anchor: AnchorSource
    mark: str = ""
    marked: bool = False
