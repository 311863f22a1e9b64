"""ChirpStack's events in protobuf; the one file that meets the untyped generated messages.

float32 fields are read as their shortest decimal, so that a value is the same as in JSON.
Source: api/proto/integration/integration.proto of chirpstack/chirpstack v4, through the package chirpstack-api.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from chirpstack_api.integration import integration_pb2 as pb  # pyright: ignore[reportMissingTypeStubs]
from google.protobuf.message import DecodeError

from vdl_lora.errors import BadMessage
from vdl_lora.float32 import shortest_float32
from vdl_lora.lorawan import (
    Ack,
    AnyEvent,
    Device,
    Join,
    Location,
    Log,
    Modulation,
    Reception,
    Status,
    TxAck,
    Uplink,
)
from vdl_lora.times import FURTHEST_NS, NS

from . import build


class Timestamp(Protocol):
    """google.protobuf.Timestamp."""

    seconds: int
    nanos: int


def message(kind: str, body: bytes) -> Any:
    """Read the protobuf message of an event of this kind; its fields are those of integration.proto.

    Raises BadMessage where the kind is unknown or the body is not one.
    """
    known = _MESSAGES.get(kind)
    if known is None:
        raise BadMessage(f"{kind[:40]!r} is no kind of event that ChirpStack v4 sends")
    try:
        return known.FromString(body)
    except DecodeError as error:
        raise BadMessage(f"not a readable {kind} event: {error}") from error


def at_ns(time: Timestamp) -> int:
    """Give a Timestamp in ns since 1970, 0 where 64 bits do not hold it."""
    whole = time.seconds * NS
    return whole + time.nanos if -FURTHEST_NS < whole < FURTHEST_NS else 0


def enum_name(kind: Any, number: int) -> str:
    """Give the name of an enum's number, or the number where the name is newer than ours."""
    found = kind.values_by_number.get(number)
    return str(found.name) if found else str(number)


def parse(kind: str, body: bytes) -> AnyEvent:
    """Read the body of an event of this kind.

    Raises BadMessage where it is not one.
    """
    wire = message(kind, body)
    try:
        return _READERS[kind](wire)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not a readable {kind} event: {error}") from error


def _device(info: Any) -> Device:
    return build.device(info, dict(info.tags))


def _up(wire: Any) -> Uplink:
    return Uplink(
        device=_device(wire.device_info),
        time_at_ns=at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        dev_addr=wire.dev_addr,
        adr=wire.adr,
        dr=wire.dr,
        f_cnt=wire.f_cnt,
        f_port=wire.f_port,
        confirmed=wire.confirmed,
        payload=wire.data,
        encrypted=wire.HasField("join_server_context"),
        decoded=msgspec.json.encode(plain_struct(wire.object)) if wire.HasField("object") else b"",
        receptions=tuple([Reception(rx.gateway_id, rx.rssi, finite_float32(rx.snr)) for rx in wire.rx_info]),
        frequency=wire.tx_info.frequency,
        modulation=_modulation(wire.tx_info.modulation),
    )


def finite_float32(number: float) -> float:
    """Give the shortest decimal of a float32, 0 for NaN and infinity."""
    return shortest_float32(number) if math.isfinite(number) else 0.0


def plain_struct(struct: Any) -> dict[str, Any]:
    """Give a google.protobuf.Struct as plain values; NaN and infinity are None, as JSON has neither."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(each) for each in value.list_value.values]
    if kind == "number_value":
        return value.number_value if math.isfinite(value.number_value) else None
    return None if kind in (None, "null_value") else getattr(value, kind)


def _modulation(wire: Any) -> Modulation:
    if wire.HasField("lora"):
        lora = wire.lora
        return Modulation(
            spreading_factor=lora.spreading_factor,
            bandwidth=lora.bandwidth,
            code_rate=_enum_or_empty(lora, "code_rate"),
            preamble=lora.preamble,
            no_crc=lora.no_crc,
        )
    return Modulation(fsk_data_rate=wire.fsk.datarate)


def _enum_or_empty(wire: Any, field: str) -> str:
    """Give an enum's name, empty for 0: JSON leaves it out there."""
    number = getattr(wire, field)
    return enum_name(wire.DESCRIPTOR.fields_by_name[field].enum_type, number) if number else ""


def _join(wire: Any) -> Join:
    return build.join(wire, _device(wire.device_info), at_ns(wire.time))


def _status(wire: Any) -> Status:
    unknown = wire.battery_level_unavailable or wire.external_power_source
    return Status(
        device=_device(wire.device_info),
        time_at_ns=at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        margin=wire.margin,
        external_power=wire.external_power_source,
        battery_level=None if unknown else finite_float32(wire.battery_level),
    )


def _ack(wire: Any) -> Ack:
    return build.ack(wire, _device(wire.device_info), at_ns(wire.time))


def _txack(wire: Any) -> TxAck:
    return build.txack(wire, _device(wire.device_info), at_ns(wire.time))


def _log(wire: Any) -> Log:
    return Log(
        device=_device(wire.device_info),
        time_at_ns=at_ns(wire.time),
        level=level_name(wire),
        code=code_name(wire),
        description=wire.description,
        context=dict(wire.context),
    )


def level_name(wire: Any) -> str:
    """Give the level of a LogEvent as JSON names it."""
    return enum_name(pb.LogLevel.DESCRIPTOR, wire.level)


def code_name(wire: Any) -> str:
    """Give the code of a LogEvent as JSON names it."""
    return enum_name(pb.LogCode.DESCRIPTOR, wire.code)


def _location(wire: Any) -> Location:
    place = wire.location
    return Location(
        device=_device(wire.device_info),
        time_at_ns=at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        latitude=place.latitude if math.isfinite(place.latitude) else 0.0,
        longitude=place.longitude if math.isfinite(place.longitude) else 0.0,
        altitude=place.altitude if math.isfinite(place.altitude) else 0.0,
        accuracy=finite_float32(place.accuracy),
        source=_enum_or_empty(place, "source"),
    )


_MESSAGES: dict[str, Any] = {
    "up": pb.UplinkEvent,
    "join": pb.JoinEvent,
    "status": pb.StatusEvent,
    "ack": pb.AckEvent,
    "txack": pb.TxAckEvent,
    "log": pb.LogEvent,
    "location": pb.LocationEvent,
}

_READERS: dict[str, Callable[[Any], AnyEvent]] = {
    "up": _up,
    "join": _join,
    "status": _status,
    "ack": _ack,
    "txack": _txack,
    "log": _log,
    "location": _location,
}
