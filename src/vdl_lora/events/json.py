"""ChirpStack's events in JSON (pbjson's form of its protobuf messages), and our own events.

Field names are lowerCamelCase; zero values may be absent (they are, inside rxInfo and txInfo); bytes are base64.
Source: api/proto/integration/integration.proto and gw/gw.proto of chirpstack/chirpstack v4.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec

from vdl_lora.errors import BadMessage
from vdl_lora.lorawan import (
    Ack,
    AnyEvent,
    DevEUI,
    Device,
    Join,
    Location,
    Log,
    Modulation,
    Own,
    Reception,
    Status,
    TxAck,
    Uplink,
)
from vdl_lora.times import parse_time

from . import build
from .own import read_content

UInt32 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(1 << 31), le=(1 << 31) - 1)]


_ABSENT = msgspec.Raw()


class _Wire(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A message on the wire; keys that we do not name are passed over."""


class _Lora(_Wire, rename="camel", frozen=True, kw_only=True):
    bandwidth: UInt32 = 0
    spreading_factor: UInt32 = 0
    code_rate: str = ""
    preamble: UInt32 = 0
    no_crc: bool = False


class _Fsk(_Wire, rename="camel", frozen=True, kw_only=True):
    datarate: UInt32 = 0


class _Modulation(_Wire, rename="camel", frozen=True, kw_only=True):
    lora: _Lora | None = None
    fsk: _Fsk | None = None


class _TxInfo(_Wire, rename="camel", frozen=True, kw_only=True):
    frequency: UInt32 = 0
    modulation: _Modulation | None = None


class Rx(_Wire, rename="camel", frozen=True, kw_only=True):
    """One rxInfo, as far as it is read."""

    gateway_id: str = ""
    rssi: Int32 = 0
    snr: float = 0.0
    ns_time: str = ""


class _DeviceInfo(_Wire, rename="camel", frozen=True, kw_only=True):
    dev_eui: str
    tenant_id: str = ""
    tenant_name: str = ""
    application_id: str = ""
    application_name: str = ""
    device_profile_id: str = ""
    device_profile_name: str = ""
    device_name: str = ""
    tags: dict[str, str] = {}


class _Event(_Wire, rename="camel", frozen=True, kw_only=True):
    device_info: _DeviceInfo
    time: str = ""


class _Up(_Event, rename="camel", frozen=True, kw_only=True):
    deduplication_id: str = ""
    dev_addr: str = ""
    adr: bool = False
    dr: UInt32 = 0
    f_cnt: UInt32 = 0
    f_port: UInt32 = 0
    confirmed: bool = False
    data: bytes = b""
    object: msgspec.Raw = _ABSENT
    rx_info: tuple[Rx, ...] = ()
    tx_info: _TxInfo = _TxInfo()
    join_server_context: msgspec.Raw = _ABSENT


class _Join(_Event, rename="camel", frozen=True, kw_only=True):
    deduplication_id: str = ""
    dev_addr: str = ""


class _Status(_Event, rename="camel", frozen=True, kw_only=True):
    deduplication_id: str = ""
    margin: Int32 = 0
    external_power_source: bool = False
    battery_level_unavailable: bool = False
    battery_level: float = 0.0


class _Ack(_Event, rename="camel", frozen=True, kw_only=True):
    queue_item_id: str = ""
    f_cnt_down: UInt32 = 0
    acknowledged: bool = False


class _TxAck(_Event, rename="camel", frozen=True, kw_only=True):
    queue_item_id: str = ""
    downlink_id: UInt32 = 0
    f_cnt_down: UInt32 = 0
    gateway_id: str = ""


class _Log(_Event, rename="camel", frozen=True, kw_only=True):
    level: str = ""
    code: str = ""
    description: str = ""
    context: dict[str, str] = {}


class _Place(_Wire, rename="camel", frozen=True, kw_only=True):
    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0
    accuracy: float = 0.0
    source: str = ""


class _Location(_Event, rename="camel", frozen=True, kw_only=True):
    deduplication_id: str = ""
    location: _Place = _Place()


class _Own(_Wire, rename="camel", frozen=True, kw_only=True):
    about: str
    time: str
    version: int = 0
    dev_eui: str = ""
    tenant_id: str = ""
    content: msgspec.Raw = msgspec.Raw(b"{}")
    detail: dict[str, str] = {}


_UP = msgspec.json.Decoder(_Up)
_JOIN = msgspec.json.Decoder(_Join)
_STATUS = msgspec.json.Decoder(_Status)
_ACK = msgspec.json.Decoder(_Ack)
_TXACK = msgspec.json.Decoder(_TxAck)
_LOG = msgspec.json.Decoder(_Log)
_LOCATION = msgspec.json.Decoder(_Location)
_OWN = msgspec.json.Decoder(_Own)


def parse(kind: str, body: bytes) -> AnyEvent:
    """Read the body of an event of this kind.

    Raises BadMessage where it is not one.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise BadMessage(f"{kind[:40]!r} is no kind of event that ChirpStack v4 sends")
    try:
        return reader(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadMessage(f"not a readable {kind} event: {error}") from error


def _at_ns(text: str) -> int:
    """Give an event's time, 0 where it has none that can be kept: then its anchor is taken."""
    try:
        return parse_time(text)
    except ValueError:
        return 0


def _device(info: _DeviceInfo) -> Device:
    return build.device(info, info.tags)


def _up(body: bytes) -> Uplink:
    wire = _UP.decode(body)
    return Uplink(
        device=_device(wire.device_info),
        time_at_ns=_at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        dev_addr=wire.dev_addr,
        adr=wire.adr,
        dr=wire.dr,
        f_cnt=wire.f_cnt,
        f_port=wire.f_port,
        confirmed=wire.confirmed,
        payload=wire.data,
        encrypted=_present(wire.join_server_context),
        decoded=bytes(wire.object) if _present(wire.object) else b"",
        receptions=tuple([Reception(rx.gateway_id, rx.rssi, rx.snr) for rx in wire.rx_info]),
        frequency=wire.tx_info.frequency,
        modulation=_modulation(wire.tx_info.modulation),
    )


def _present(raw: msgspec.Raw) -> bool:
    return raw is not _ABSENT and bytes(raw) != b"null"


def _modulation(wire: _Modulation | None) -> Modulation:
    if wire is None:
        return Modulation()
    if wire.lora is not None:
        lora = wire.lora
        return Modulation(
            spreading_factor=lora.spreading_factor,
            bandwidth=lora.bandwidth,
            code_rate=lora.code_rate,
            preamble=lora.preamble,
            no_crc=lora.no_crc,
        )
    return Modulation(fsk_data_rate=wire.fsk.datarate if wire.fsk else 0)


def _join(body: bytes) -> Join:
    wire = _JOIN.decode(body)
    return build.join(wire, _device(wire.device_info), _at_ns(wire.time))


def _status(body: bytes) -> Status:
    wire = _STATUS.decode(body)
    return Status(
        device=_device(wire.device_info),
        time_at_ns=_at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        margin=wire.margin,
        external_power=wire.external_power_source,
        battery_level=None if wire.battery_level_unavailable or wire.external_power_source else wire.battery_level,
    )


def _ack(body: bytes) -> Ack:
    wire = _ACK.decode(body)
    return build.ack(wire, _device(wire.device_info), _at_ns(wire.time))


def _txack(body: bytes) -> TxAck:
    wire = _TXACK.decode(body)
    return build.txack(wire, _device(wire.device_info), _at_ns(wire.time))


def _log(body: bytes) -> Log:
    wire = _LOG.decode(body)
    return Log(
        device=_device(wire.device_info),
        time_at_ns=_at_ns(wire.time),
        level=wire.level,
        code=wire.code,
        description=wire.description,
        context=wire.context,
    )


def _location(body: bytes) -> Location:
    wire = _LOCATION.decode(body)
    place = wire.location
    return Location(
        device=_device(wire.device_info),
        time_at_ns=_at_ns(wire.time),
        deduplication_id=wire.deduplication_id,
        latitude=place.latitude,
        longitude=place.longitude,
        altitude=place.altitude,
        accuracy=place.accuracy,
        source=place.source,
    )


def _own(body: bytes) -> Own:
    wire = _OWN.decode(body)
    eui = DevEUI.parse(wire.dev_eui) if wire.dev_eui else DevEUI()
    return Own(
        device=Device(dev_eui=eui, tenant_id=wire.tenant_id),
        time_at_ns=_at_ns(wire.time),
        about=wire.about,
        version=wire.version,
        content=read_content(wire.about, wire.version, wire.content, wire.detail),
    )


_READERS: dict[str, Callable[[bytes], AnyEvent]] = {
    "up": _up,
    "join": _join,
    "status": _status,
    "ack": _ack,
    "txack": _txack,
    "log": _log,
    "location": _location,
    "own": _own,
}
