"""The recorded events as they arrived, the same in protobuf, and made-up events that begin as a recorded uplink."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

from chirpstack_api.integration import integration_pb2 as pb
from google.protobuf import json_format

from vdl_lora.events import JournalEvent, RawEvent, envelope

FOLDER = Path(__file__).parents[1] / "data" / "recordings"

MESSAGES = {
    "up": pb.UplinkEvent,
    "join": pb.JoinEvent,
    "status": pb.StatusEvent,
    "ack": pb.AckEvent,
    "txack": pb.TxAckEvent,
    "log": pb.LogEvent,
    "location": pb.LocationEvent,
}

ARRIVED = 1_795_472_297_000_000_000 + 900_000_000


def lines(name: str) -> list[dict[str, Any]]:
    """Give the lines of a recording."""
    text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@cache
def grpc() -> tuple[RawEvent, ...]:
    """Give the events of the device streams, live and replayed."""
    return tuple(
        RawEvent(item["description"], "json", item["body"].encode(), "grpc", _ns(line["at"]), item["id"])
        for line in lines("grpc_live") + lines("grpc_replay")
        if (item := line.get("log_item"))
    )


@cache
def http() -> tuple[RawEvent, ...]:
    """Give the events that the HTTP integration posted, in JSON and in protobuf."""
    return tuple(
        RawEvent(
            line["path"].partition("?event=")[2],
            "json" if "body" in line else "protobuf",
            line["body"].encode() if "body" in line else base64.b64decode(line["body_base64"]),
            "http",
            _ns(line["at"]),
        )
        for line in lines("http_posts")
    )


@cache
def mqtt() -> tuple[RawEvent, ...]:
    """Give the events that the MQTT integration published."""
    return tuple(
        RawEvent(line["topic"].rpartition("/")[2], "json", line["payload"].encode(), "mqtt", _ns(line["at"]))
        for line in lines("mqtt")
    )


@cache
def in_all_forms() -> dict[tuple[str, ...], tuple[RawEvent, ...]]:
    """Give each recorded event, told apart by what a person would, in every form: as recorded, and as protobuf."""
    found: dict[tuple[str, ...], list[RawEvent]] = {}
    for raw in (*grpc(), *http(), *mqtt()):
        forms = found.setdefault(_told_apart_by(raw), [])
        forms.append(raw)
        if raw.encoding == "json":
            forms.append(as_protobuf(raw))
    return {key: tuple(forms) for key, forms in found.items()}


def as_protobuf(raw: RawEvent) -> RawEvent:
    """Give a JSON event as the HTTP integration would post it in protobuf."""
    message = json_format.Parse(raw.body, MESSAGES[raw.kind]())
    return RawEvent(raw.kind, "protobuf", message.SerializeToString(), "http", raw.arrived_at_ns)


def as_json(raw: RawEvent) -> RawEvent:
    """Give a protobuf event in JSON: without the zero values that ChirpStack writes out."""
    text = json_format.MessageToJson(MESSAGES[raw.kind].FromString(raw.body))
    return RawEvent(raw.kind, "json", text.encode(), raw.way, raw.arrived_at_ns)


def journalled(raw: RawEvent) -> JournalEvent:
    """Give an event as the journal gives it back."""
    read = envelope(raw)
    return JournalEvent(
        position=1,
        kind=raw.kind,
        encoding=raw.encoding,
        body=raw.body,
        way=raw.way,
        arrived_at_ns=raw.arrived_at_ns,
        anchor_at_ns=read.anchor_at_ns,
        anchor=read.anchor,
        mark=raw.mark,
    )


def body_of(kind: str, number: int = 0) -> dict[str, Any]:
    """Give the JSON of the recorded event of a kind, by its number among them."""
    return json.loads([raw.body for raw in mqtt() if raw.kind == kind][number])


def raw_of(body: dict[str, Any], kind: str = "up", *, arrived_at_ns: int = ARRIVED, mark: str = "") -> RawEvent:
    """Give an event of JSON."""
    return RawEvent(kind, "json", json.dumps(body).encode(), "grpc" if mark else "http", arrived_at_ns, mark)


def uplink(
    payload: bytes = b"\x01", f_port: int = 1, *, device: dict[str, Any] | None = None, **changes: Any
) -> RawEvent:
    """Give the first recorded uplink with another payload and other values; `None` takes a value away."""
    body = body_of("up")
    body["deviceInfo"] = _changed(body["deviceInfo"], device or {})
    return raw_of(_changed(body, {"data": base64.b64encode(payload).decode(), "fPort": f_port, **changes}))


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**values, **changes}.items() if value is not None}


def _told_apart_by(raw: RawEvent) -> tuple[str, ...]:
    if raw.encoding == "json":
        body = json.loads(raw.body)
    else:
        message = MESSAGES[raw.kind].FromString(raw.body)
        body = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    named = body.get("deduplicationId") or f"{body['time']} {body.get('queueItemId')} {body.get('code')}"
    return raw.kind, body["deviceInfo"]["devEui"], named


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000) * 1_000
