"""Events: one body gives its envelope, and one LoRaWAN value. Pure."""

from vdl_lora.lorawan import AnyEvent
from vdl_lora.times import NS, format_time, parse_time

from . import json, protobuf
from .envelope import best_of, envelope
from .own import own_event
from .raw import KEPT_OF_LARGE, MAX_BODY, AnchorSource, Encoding, Envelope, JournalEvent, RawEvent

__all__ = [
    "KEPT_OF_LARGE",
    "MAX_BODY",
    "NS",
    "AnchorSource",
    "Encoding",
    "Envelope",
    "JournalEvent",
    "RawEvent",
    "best_of",
    "envelope",
    "format_time",
    "own_event",
    "parse",
    "parse_time",
]


def parse(kind: str, encoding: Encoding, body: bytes) -> AnyEvent:
    """Read the whole body of an event.

    Raises BadMessage where it is not one.
    """
    return protobuf.parse(kind, body) if encoding == "protobuf" else json.parse(kind, body)
