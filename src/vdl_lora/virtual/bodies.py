"""Events as ChirpStack makes them of a registered device's frames: protobuf messages. No I/O."""

import math
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vdl_lora.times import NS

from .model import Database, DeviceRow
from .services.device import device_class
from .services.internal import REGION
from .wire import events, gw, set_time

_MOST_DRIFT_NS = 30 * NS
_TO_BROKER_NS = 460_000
_WHOLE_BATTERY = 254
_UNKNOWN_BATTERY = 255
_FSK_DR = 7
_FIRST_SF = 12
_WIDE_DR = 6
_PARAMETERS = {dr: (125_000, _FIRST_SF - dr) for dr in range(_WIDE_DR)} | {_WIDE_DR: (250_000, 7)}


@dataclass(frozen=True, slots=True)
class Heard:
    """A gateway that heard a frame: RSSI in dBm, SNR in dB.

    `clock_error_ns` is how far its clock is from ChirpStack's; None: it gives no time. `gps` says that it gives a
    time since the GPS epoch: ChirpStack believes that one without looking at it. `location` is degrees and metres.
    """

    gateway_id: str = "0016c001f1500001"
    rssi: int = -97
    snr: float = 7.5
    clock_error_ns: int | None = 0
    gps: bool = False
    location: tuple[float, float, float] | None = (47.5861, 1.3359, 102.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """An uplink frame: what the device sent, and on which data rate (EU868) and frequency (Hz)."""

    payload: bytes = b""
    f_port: int = 1
    f_cnt: int = 0
    confirmed: bool = False
    adr: bool = True
    dr: int = 5
    frequency: int = 868_100_000


def device_info(database: Database, row: DeviceRow, *, application_tags: bool = True) -> Any:
    """Make the DeviceInfo of a device; tags of application, profile and device are merged, the later win."""
    remembered = row.info
    if remembered is None or remembered[0] != database.version:
        remembered = row.info = (database.version, _info(database, row, whole=True), _info(database, row, whole=False))
    return remembered[1 if application_tags else 2]


def _info(database: Database, row: DeviceRow, *, whole: bool) -> Any:
    message = row.message
    application = database.applications.get(message.application_id)
    profile = database.profiles.get(message.device_profile_id)
    if application is None or profile is None:
        raise LookupError(f"the device {message.dev_eui} has lost its application or its profile")
    tenant = database.tenants.get(application.message.tenant_id)
    info = events.DeviceInfo(
        tenant_id=application.message.tenant_id,
        tenant_name=tenant.message.name if tenant else "",
        application_id=message.application_id,
        application_name=application.message.name,
        device_profile_id=message.device_profile_id,
        device_profile_name=profile.message.name,
        device_name=message.name,
        dev_eui=message.dev_eui,
        device_class_enabled=device_class(profile),
    )
    for source in (application, profile, row) if whole else (profile, row):
        info.tags.update(source.message.tags)
    return info


def receptions(heard: Sequence[Heard], at_ns: int) -> list[Any]:
    """Make the rxInfo of a frame; its order comes from a Redis set and is arbitrary."""
    uplink_id = random.getrandbits(31)
    context = random.randbytes(4)  # noqa: S311
    found: list[Any] = []
    for number, each in enumerate(heard):
        rx = gw.UplinkRxInfo(
            gateway_id=each.gateway_id,
            uplink_id=uplink_id,
            rssi=each.rssi,
            snr=each.snr,
            context=context,
            crc_status=gw.CRC_OK,
        )
        set_time(rx.ns_time, at_ns + _TO_BROKER_NS + 30_315 * number)
        if each.clock_error_ns is not None:
            set_time(rx.gw_time, at_ns + each.clock_error_ns)
            if each.gps:
                gps_ns = at_ns + each.clock_error_ns - GPS_EPOCH_NS
                rx.time_since_gps_epoch.seconds, rx.time_since_gps_epoch.nanos = divmod(gps_ns, NS)
        if each.location is not None:
            rx.location.latitude, rx.location.longitude, rx.location.altitude = each.location
        found.append(rx)
    random.shuffle(found)
    return found


GPS_EPOCH_NS = (315_964_800 - 18) * NS
"""1980-01-06 less the leap seconds since."""


def time_of_frame(rx_info: Sequence[Any], at_ns: int) -> int:
    """Give a frame's time as ChirpStack chooses it: a GPS time unseen, a gateway's if it is near, else its own."""
    for rx in rx_info:
        if rx.HasField("time_since_gps_epoch"):
            since = rx.time_since_gps_epoch
            return int(since.seconds) * NS + int(since.nanos) + GPS_EPOCH_NS
    for rx in rx_info:
        if rx.HasField("gw_time"):
            gw_at_ns = int(rx.gw_time.seconds) * NS + int(rx.gw_time.nanos)
            if abs(gw_at_ns - at_ns) <= _MOST_DRIFT_NS:
                return gw_at_ns
    return at_ns + _TO_BROKER_NS


def uplink(  # noqa: PLR0913, PLR0917 - an event's parts
    info: Any, dev_addr: str, frame: Frame, rx_info: Sequence[Any], at_ns: int, deduplication_id: str
) -> Any:
    """Make an UplinkEvent without `object`."""
    message = events.UplinkEvent(
        deduplication_id=deduplication_id,
        device_info=info,
        dev_addr=dev_addr,
        adr=frame.adr,
        dr=frame.dr,
        f_cnt=frame.f_cnt,
        f_port=frame.f_port,
        confirmed=frame.confirmed,
        data=frame.payload if frame.f_port else b"",
        rx_info=rx_info,
        region_config_id=REGION,
    )
    set_time(message.time, at_ns)
    message.tx_info.frequency = frame.frequency
    _modulate(message.tx_info.modulation, frame.dr)
    return message


def decode_into(message: Any, decoded: Mapping[str, Any]) -> None:
    """Set `object` as a codec's result: numbers become doubles, NaN becomes null, Infinity stays."""
    message.object.SetInParent()
    _fill_struct(message.object, decoded)


def join(info: Any, dev_addr: str, at_ns: int) -> Any:
    """Make a JoinEvent."""
    message = events.JoinEvent(
        deduplication_id=str(new_uuid()), device_info=info, dev_addr=dev_addr, region_config_id=REGION
    )
    set_time(message.time, at_ns)
    return message


def status(info: Any, margin: int, battery: int, at_ns: int, deduplication_id: str) -> Any:
    """Make a StatusEvent of a DevStatusAns: `battery` is 0 on external power, 1 to 254, 255 unknown."""
    known = 0 < battery < _UNKNOWN_BATTERY
    message = events.StatusEvent(
        deduplication_id=deduplication_id,
        device_info=info,
        margin=margin,
        external_power_source=battery == 0,
        battery_level_unavailable=battery == _UNKNOWN_BATTERY,
        battery_level=battery / _WHOLE_BATTERY * 100 if known else 0.0,
    )
    set_time(message.time, at_ns)
    return message


def ack(info: Any, queue_item_id: str, f_cnt_down: int, at_ns: int, *, acknowledged: bool) -> Any:
    """Make an AckEvent."""
    message = events.AckEvent(
        deduplication_id=str(new_uuid()),
        device_info=info,
        queue_item_id=queue_item_id,
        acknowledged=acknowledged,
        f_cnt_down=f_cnt_down,
    )
    set_time(message.time, at_ns)
    return message


def txack(info: Any, queue_item_id: str, f_cnt_down: int, gateway_id: str, at_ns: int) -> Any:
    """Make a TxAckEvent of a downlink in RX1."""
    message = events.TxAckEvent(
        downlink_id=random.getrandbits(32),
        device_info=info,
        queue_item_id=queue_item_id,
        f_cnt_down=f_cnt_down,
        gateway_id=gateway_id,
    )
    set_time(message.time, at_ns)
    tx = message.tx_info
    tx.frequency, tx.power, tx.context = 868_500_000, 16, random.randbytes(4)  # noqa: S311
    tx.timing.delay.delay.seconds = 1
    _modulate(tx.modulation, 5)
    tx.modulation.lora.polarization_inversion = True
    return message


def log(  # noqa: PLR0913, PLR0917 - an event's parts
    info: Any, level: str, code: str, description: str, context: Mapping[str, str], at_ns: int
) -> Any:
    """Make a LogEvent; `level` and `code` are the names that integration.proto gives."""
    message = events.LogEvent(
        device_info=info,
        level=events.LogLevel.Value(level),
        code=events.LogCode.Value(code),
        description=description,
        context=context,
    )
    set_time(message.time, at_ns)
    return message


def new_uuid() -> uuid.UUID:
    """Make a random UUID without asking the system for each."""
    return uuid.UUID(int=random.getrandbits(128), version=4)


def _modulate(modulation: Any, dr: int) -> None:
    if dr == _FSK_DR:
        modulation.fsk.datarate = 50_000
        return
    lora = modulation.lora
    lora.bandwidth, lora.spreading_factor = _PARAMETERS[dr]
    lora.code_rate = gw.CR_4_5


def _fill_struct(struct: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        _fill(struct.fields[key], value)


def _fill(slot: Any, value: Any) -> None:
    if isinstance(value, bool):
        slot.bool_value = value
    elif isinstance(value, (int, float)) and not math.isnan(value):
        slot.number_value = value
    elif isinstance(value, str):
        slot.string_value = value
    elif isinstance(value, Mapping):
        slot.struct_value.SetInParent()
        _fill_struct(slot.struct_value, value)  # pyright: ignore[reportUnknownArgumentType] - wire data
    elif isinstance(value, (list, tuple)):
        slot.list_value.SetInParent()
        for each in value:  # pyright: ignore[reportUnknownVariableType] - wire data
            _fill(slot.list_value.values.add(), each)
    else:
        slot.null_value = 0
