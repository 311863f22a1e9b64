"""The envelope of an event: who it is about, when it was, and its identity, the same whichever way it came. Pure.

Identity: DevEUI and kind with `deduplicationId` (up, join, status, location), `queueItemId` and `fCntDown` (ack),
`queueItemId` and `downlinkId` (txack), or time, level, code, description and context (log, which has no id of its own).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from vdl_lora.errors import BadMessage
from vdl_lora.lorawan import DevEUI
from vdl_lora.times import FURTHEST_NS, parse_time

from . import json, protobuf
from .raw import MAX_BODY, AnchorSource, Encoding, Envelope, RawEvent

_DEDUPLICATED = frozenset(("up", "join", "status", "location"))
_LONGEST_MARK = 13  # digits of the ms of a LogItem id


class HeardBy(Protocol):
    """How well one gateway heard an uplink."""

    @property
    def gateway_id(self) -> str:
        """Its id."""
        ...

    @property
    def rssi(self) -> int:
        """Received signal strength in dBm."""
        ...

    @property
    def snr(self) -> float:
        """Signal to noise ratio in dB."""
        ...


Heard = TypeVar("Heard", bound=HeardBy)


def envelope(raw: RawEvent) -> Envelope:
    """Read the envelope of an event, whatever its body is; it never raises."""
    if len(raw.body) > MAX_BODY:
        return _unreadable(raw, f"{len(raw.body)} bytes are more than the {MAX_BODY} that an event may have")
    try:
        return _READERS[raw.encoding](raw)
    except (BadMessage, msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _unreadable(raw, str(error))


class _Info(msgspec.Struct, rename="camel", frozen=True):
    dev_eui: str
    tenant_id: str = ""
    application_id: str = ""


class _Head(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What any kind of event tells of itself, as JSON."""

    device_info: _Info
    time: str = ""
    deduplication_id: str = ""
    queue_item_id: str = ""
    f_cnt_down: int = 0
    downlink_id: int = 0
    level: str = ""
    code: str = ""
    description: str = ""
    context: dict[str, str] = {}
    rx_info: tuple[json.Rx, ...] = ()


class _HeadWithoutRadio(_Head, rename="camel", frozen=True, kw_only=True):
    """The same where `rxInfo` cannot be read: the event is known all the same."""

    rx_info: tuple[json.Rx, ...] = msgspec.field(default=(), name="-")


class _OwnHead(msgspec.Struct, rename="camel", frozen=True):
    time: str
    dev_eui: str = ""
    tenant_id: str = ""


_JSON_HEAD = msgspec.json.Decoder(_Head)
_JSON_HEAD_WITHOUT_RADIO = msgspec.json.Decoder(_HeadWithoutRadio)
_OWN_HEAD = msgspec.json.Decoder(_OwnHead)


def _of_json(raw: RawEvent) -> Envelope:
    try:
        head = _JSON_HEAD.decode(raw.body)
    except msgspec.ValidationError:
        head = _JSON_HEAD_WITHOUT_RADIO.decode(raw.body)
    at_ns = _at_ns(head.time)
    info = head.device_info
    dev_eui = DevEUI.parse(info.dev_eui)
    if raw.kind in _DEDUPLICATED and head.deduplication_id:
        identity = _hash(f"{dev_eui} {raw.kind} {head.deduplication_id}")
    else:
        identity = _identity(raw.kind, head, (dev_eui, at_ns, head.level, head.code), head.context)
    best = best_of(head.rx_info)
    anchor_at_ns, anchor = _anchor(raw, _at_ns(best.ns_time) if best is not None and best.ns_time else 0)
    return Envelope(raw.kind, identity, at_ns, anchor_at_ns, anchor, dev_eui, info.tenant_id, info.application_id)


def _of_protobuf(raw: RawEvent) -> Envelope:
    kind = raw.kind
    wire = protobuf.message(kind, raw.body)
    at_ns = protobuf.at_ns(wire.time)
    info = wire.device_info
    dev_eui = DevEUI.parse(info.dev_eui)
    if kind in _DEDUPLICATED and wire.deduplication_id:
        identity = _hash(f"{dev_eui} {kind} {wire.deduplication_id}")
    elif kind == "log":
        named = (dev_eui, at_ns, protobuf.level_name(wire), protobuf.code_name(wire))
        identity = _identity(kind, wire, named, wire.context)
    else:
        identity = _identity(kind, wire, (dev_eui, at_ns, "", ""), {})
    best = best_of(wire.rx_info) if kind == "up" else None
    anchor_at_ns, anchor = _anchor(raw, protobuf.at_ns(best.ns_time) if best is not None else 0)
    return Envelope(kind, identity, at_ns, anchor_at_ns, anchor, dev_eui, info.tenant_id, info.application_id)


def _of_own(raw: RawEvent) -> Envelope:
    if raw.kind != "own":
        raise BadMessage(f"our own events are of the kind own, not {raw.kind[:40]!r}")
    head = _OWN_HEAD.decode(raw.body)
    dev_eui = DevEUI.parse(head.dev_eui) if head.dev_eui else ""
    identity = _hash(f"{dev_eui} own {hashlib.sha256(raw.body).hexdigest()}")
    anchor_at_ns, anchor = _anchor(raw, 0)
    return Envelope(raw.kind, identity, _at_ns(head.time), anchor_at_ns, anchor, dev_eui, head.tenant_id)


_READERS: dict[Encoding, Callable[[RawEvent], Envelope]] = {
    "json": _of_json,
    "protobuf": _of_protobuf,
    "own": _of_own,
}


def _identity(kind: str, head: Any, named: tuple[DevEUI, int, str, str], context: Mapping[str, str]) -> bytes:
    """Give the identity of an event without a `deduplicationId`; `repr` keeps its parts apart whatever they hold.

    Raises BadMessage where the event lacks what tells it from others.
    """
    dev_eui = named[0]
    if kind == "log":
        return _hash(f"{dev_eui} log {(*named[1:], head.description, sorted(context.items()))!r}")
    if kind in _DEDUPLICATED:
        raise BadMessage(f"the {kind} event has no deduplicationId")
    if kind not in ("ack", "txack"):
        raise BadMessage(f"{kind[:40]!r} is no kind of event that ChirpStack v4 sends")
    number = head.f_cnt_down if kind == "ack" else head.downlink_id
    if not head.queue_item_id and not number:
        raise BadMessage(f"the {kind} event names no downlink")
    return _hash(f"{dev_eui} {kind} {(head.queue_item_id, number)!r}")


def _hash(named: str) -> bytes:
    return hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def best_of(receptions: Sequence[Heard]) -> Heard | None:
    """Give the gateway that heard best: by SNR, then RSSI, then the smallest id; None where none did.

    ChirpStack lists gateways in any order, so the order decides nothing.
    """
    best, best_key = None, None
    for each in receptions:
        key = (-each.snr, -each.rssi, each.gateway_id)
        if best_key is None or key < best_key:
            best, best_key = each, key
    return best


def _at_ns(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        return 0


def _anchor(raw: RawEvent, ns_time_at_ns: int) -> tuple[int, AnchorSource]:
    """Give the time by ChirpStack's own clock, else that of the LogItem, else our own at arrival."""
    if ns_time_at_ns > 0:
        return ns_time_at_ns, "ns_time"
    milliseconds = raw.mark.partition("-")[0]
    if milliseconds.isascii() and milliseconds.isdecimal() and len(milliseconds) <= _LONGEST_MARK:
        logged_at_ns = int(milliseconds) * 1_000_000
        if 0 < logged_at_ns < FURTHEST_NS:
            return logged_at_ns, "log_item"
    return raw.arrived_at_ns, "arrival"


def _unreadable(raw: RawEvent, problem: str) -> Envelope:
    return Envelope(
        kind=raw.kind,
        identity=hashlib.sha256(raw.body).digest(),
        event_at_ns=0,
        anchor_at_ns=raw.arrived_at_ns,
        anchor="arrival",
        problem=problem or "unreadable",
    )
