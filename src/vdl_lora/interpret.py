"""An event gives points and faults: `interpret`, the one function that all that is written comes from.

No I/O, no clock, no inventory: the same event with the same declarations gives the same points, whichever way it came
and however often.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

import msgspec

from vdl_lora.catalog import Catalog, Choice
from vdl_lora.decoding import MAIN, Fault, Frame, Item, Scalar
from vdl_lora.errors import BadMessage, DecodeError, NoDecoder
from vdl_lora.events import NS, JournalEvent, best_of, parse
from vdl_lora.installations import Installation, Installations
from vdl_lora.lorawan import Device, Event, Join, Location, Modulation, Own, Status, Uplink
from vdl_lora.mark import Mark, mark_of
from vdl_lora.points import NONE, FieldValue, Point, Tags, tag_value, text_value
from vdl_lora.quantities import QUANTITIES
from vdl_lora.setting_types import Parsed, Setting

FIXED_TAGS = ("application", "channel", "dev_eui", "place", "tenant")
"""The tags that every point has, beside those of the settings."""

RADIO_FIELDS = frozenset(
    [
        "f_cnt",
        "f_port",
        "dr",
        "frequency",
        "size",
        "gateways",
        "rssi",
        "snr",
        "gateway",
        "airtime",
        "device",
        "profile",
        "model",
        "decoder",
        "dev_addr",
        "margin",
        "external_power",
        "battery_level",
        "latitude",
        "longitude",
        "altitude",
        "accuracy",
        "source",
        "state",
        "detail",
    ]
)
"""The fields of lorawan_uplink, lorawan_join, lorawan_status, lorawan_location and quality: no tag has their names."""

MAX_DRIFT_NS = 60 * NS
OLDEST_SAMPLE_NS = 400 * 86_400 * NS
LATEST_SAMPLE_NS = 15 * 60 * NS

CLOCK_REPLACED = "clock_replaced"
BAD_CLOCK = "bad_clock"
OUT_OF_BOUNDS = "out_of_bounds"
OUT_OF_RANGE = "out_of_range"
NOT_A_NUMBER = "not_a_number"

_TAG_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_TAGS = 40  # InfluxDB takes a series key of 65,535 bytes at most
_INT64 = 1 << 63
_TIMES = (int, type(None))
_MAX_WORDS = 500
_MAX_TAG_READ = 1024
_OF_ONE = ("dev_eui", "place")  # tags that no other device has
_SPREADING_FACTORS = (5, 12)
_MAC_HEADER = 12  # MHDR 1, DevAddr 4, FCtrl 1, FCnt 2, MIC 4 bytes; an fPort adds 1


def _tag_names(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse what cannot be a tag. Raises ValueError with every mistake."""
    taken = {quantity.field for quantity in QUANTITIES.values()} | set(FIXED_TAGS) | RADIO_FIELDS | {"quantity", "time"}
    problems = [
        f"has {name!r}, which is not a tag name; write lower-case letters, digits and _, a letter first"
        for name in names
        if not _TAG_NAME.fullmatch(name)
    ]
    problems += [f"has {name!r}, which is a tag or a field already; choose another" for name in names if name in taken]
    if len(set(names)) < len(names):
        problems.append("has a tag twice")
    if len(names) > _MOST_TAGS:
        problems.append(f"has {len(names)} tags; at most {_MOST_TAGS} fit a series")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(names)


@dataclass(frozen=True, slots=True)
class PointSettings:
    """How points are tagged, beside dev_eui, channel, tenant, application and place.

    `tenants` and `applications` are the names of ids in tags.
    """

    tags: Annotated[
        tuple[str, ...],
        Parsed(_tag_names, list, list[str]),
        Setting("device tags of ChirpStack, or of the installation, that become tags of every point"),
    ] = ("commune", "site", "usage")
    tenants: Mapping[str, str] = field(default_factory=dict[str, str])
    applications: Mapping[str, str] = field(default_factory=dict[str, str])


class Interpretation(msgspec.Struct, frozen=True):
    """What an event gives: its points, what could not be said, the decoder that was asked, and a mark if it failed."""

    points: tuple[Point, ...] = ()
    faults: tuple[Fault, ...] = ()
    decoder: str = ""
    declaration: str = ""
    mark: Mark | None = None


def interpret(
    event: JournalEvent, catalog: Catalog, installations: Installations, settings: PointSettings
) -> Interpretation:
    """Give the points and faults of an event, or the mark that says why it has none."""
    try:
        said = parse(event.kind, event.encoding, event.body)
    except BadMessage as error:
        return Interpretation(mark=mark_of("event", error))
    at_ns, moved = event_time(said.time_at_ns, event)
    if isinstance(said, Own):
        return Interpretation()
    installation = installations.at(said.device.dev_eui, at_ns)
    series = _Series(said.device, installation, settings)
    found = _Found(series, at_ns)
    if moved:
        found.quality(MAIN, "time", at_ns, CLOCK_REPLACED, f"the event said {said.time_at_ns} ns since 1970")
    if isinstance(said, Uplink):
        return _uplink(said, found, catalog, installation)
    fields = _fields(said)
    if fields:
        found.point(f"lorawan_{event.kind}", MAIN, at_ns).update(fields)
    return Interpretation(found.points() if fields else ())


def event_time(said_ns: int, event: JournalEvent) -> tuple[int, bool]:
    """Give an event's time, and whether its own was replaced by the anchor because it was over 60 s away.

    An anchor that is only our own arrival may be much later than the event, so it replaces only what lies ahead of it,
    or a time that the event does not have.
    """
    drift = said_ns - event.anchor_at_ns
    early = said_ns <= 0 or (event.anchor != "arrival" and drift < -MAX_DRIFT_NS)
    if early or drift > MAX_DRIFT_NS:
        return event.anchor_at_ns, True
    return said_ns, False


class _Series:
    """The tags of a device's points."""

    def __init__(self, device: Device, installation: Installation | None, settings: PointSettings) -> None:
        own: Mapping[str, str] = installation.tags if installation else {}
        given = device.tags
        self._named = (
            device.dev_eui,
            settings.tenants.get(device.tenant_id) or device.tenant_id,
            settings.applications.get(device.application_id) or device.application_id,
            (installation.place if installation else "") or device.dev_eui,
            settings.tags,
            tuple([(own.get(name) or given.get(name) or "")[:_MAX_TAG_READ] for name in settings.tags]),
        )
        self._of_channel: dict[str, Tags] = {}

    def tags(self, channel: str) -> Tags:
        """Give the tags of a channel."""
        found = self._of_channel.get(channel)
        if found is None:
            found = self._of_channel[channel] = _tags(channel, *self._named)
        return found


@lru_cache(maxsize=65536)
def _tags(  # noqa: PLR0913, PLR0917 - the tags are what they are, and the cache wants them apart
    channel: str,
    dev_eui: str,
    tenant: str,
    application: str,
    place: str,
    names: tuple[str, ...],
    values: tuple[str, ...],
) -> Tags:
    fixed = zip(FIXED_TAGS, (application, channel, dev_eui, place, tenant), strict=True)
    both = {**dict(zip(names, values, strict=True)), **dict(fixed)}
    return Tags((_tag if name in _OF_ONE else _shared_tag)(name, text) for name, text in both.items())


def _tag(name: str, text: str) -> tuple[str, str]:
    return name, tag_value(text) if text else NONE


_shared_tag = lru_cache(maxsize=4096)(_tag)
"""A tag that many devices have, held once."""


@lru_cache(maxsize=65536)
def _of_quantity(tags: Tags, quantity: str) -> Tags:
    return Tags((*tags, ("quantity", quantity)))


class _Found:
    """The points of one event while they are gathered: fields of one series and time are one point."""

    def __init__(self, series: _Series, at_ns: int) -> None:
        self.series = series
        self.at_ns = at_ns
        self.faults: list[Fault] = []
        self._fields: dict[tuple[str, str, int], dict[str, FieldValue]] = {}
        self._quality: dict[tuple[str, str, int], dict[str, str]] = {}

    def point(self, measurement: str, channel: str, at_ns: int) -> dict[str, FieldValue]:
        """Give the fields of a point, to be added to."""
        key = (measurement, channel, at_ns)
        fields = self._fields.get(key)
        if fields is None:
            fields = self._fields[key] = {}
        return fields

    def quality(self, channel: str, quantity: str, at_ns: int, state: str, detail: str) -> None:
        """Note that something is not good; several states of one value stand together."""
        states = self._quality.setdefault((channel, quantity, at_ns), {})
        states.setdefault(text_value(state), text_value(detail))

    def forget_readings(self) -> None:
        """Keep the radio facts alone: what a decoder gave before it failed is not to be trusted."""
        self.faults.clear()
        self._quality = {key: states for key, states in self._quality.items() if key[1] == "time"}
        self._fields = {key: fields for key, fields in self._fields.items() if key[0] == "lorawan_uplink"}

    def points(self) -> tuple[Point, ...]:
        """Give all points."""
        tags = self.series.tags
        points = [
            Point(measurement, tags(channel), fields, at_ns)
            for (measurement, channel, at_ns), fields in self._fields.items()
        ]
        for (channel, quantity, at_ns), states in self._quality.items():
            named = _of_quantity(tags(channel), quantity)
            fields = {"state": "+".join(sorted(states)), "detail": text_value("; ".join(states.values()))}
            points.append(Point("quality", named, fields, at_ns))
        return tuple(points)


def _uplink(uplink: Uplink, found: _Found, catalog: Catalog, installation: Installation | None) -> Interpretation:
    radio = found.point("lorawan_uplink", MAIN, found.at_ns)
    radio.update(_radio(uplink))
    try:
        choice = catalog.choose(uplink.device, installation)
    except NoDecoder as error:
        silent = uplink.encrypted or not uplink.payload or uplink.f_port == 0
        return Interpretation(found.points(), mark=None if silent else mark_of("decode", error))
    radio["model"] = choice.entry.model
    radio["decoder"] = choice.entry.id
    mark = _decode(uplink, choice, found, installation)
    entry = choice.entry
    return Interpretation(found.points(), tuple(found.faults), entry.id, entry.declaration, mark)


def _decode(uplink: Uplink, choice: Choice, found: _Found, installation: Installation | None) -> Mark | None:
    if uplink.encrypted or not uplink.payload or uplink.f_port == 0:
        return None
    parameters: Mapping[str, float] = installation.parameters if installation else {}
    frame = Frame(uplink.f_port, uplink.payload, found.at_ns, parameters, uplink.decoded)
    try:
        items = choice.entry.decoder.decode(frame)
        if installation is not None and installation.reads:
            items = [_really(item, installation) for item in items]
        for item in items:
            _add(_sound(item), found)
    except DecodeError as error:
        return mark_of("decode", error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a site's decoder does, only its event suffers
        found.forget_readings()
        return Mark("decode", "decoder_failed", f"{choice.entry.id}: {error!r}"[:_MAX_WORDS])
    return None


def _really(item: Item, installation: Installation) -> Item:
    for each in installation.reads:
        item = each.apply(item)
    return item


def _sound(item: Item) -> Item:
    """Give the item back whose channel and time are what the types say: a site's function may give anything."""
    if type(item.channel) is not str or type(item.measured_at_ns) not in _TIMES:
        raise TypeError(f"{item!r} has a channel that is no text, or a time that is no integer")
    return item


def _add(item: Item, found: _Found) -> None:
    at_ns = item.measured_at_ns
    if at_ns is None:
        at_ns = found.at_ns
    elif not -OLDEST_SAMPLE_NS <= at_ns - found.at_ns <= LATEST_SAMPLE_NS:
        if item.stored:
            return _add_bad_clock(item, at_ns, found)
        words = f"the device said {at_ns // NS} s since 1970"
        at_ns = found.at_ns
        found.quality(item.channel, item.quantity.name, at_ns, CLOCK_REPLACED, words)
    if isinstance(item, Fault):
        return _add_fault(item, at_ns, found)
    quantity = item.quantity
    value: Scalar = item.value
    kind = quantity.type
    if type(value) is float and not math.isfinite(value):
        return _add_fault(_fault(item, NOT_A_NUMBER, value), at_ns, found)
    if kind == "float":
        value = float(value)
    elif kind == "int":
        value = int(value)
        if not -_INT64 <= value < _INT64:
            return _add_fault(_fault(item, OUT_OF_RANGE, value), at_ns, found)
    else:
        value = bool(value)
    low, high = quantity.minimum, quantity.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        found.quality(item.channel, quantity.name, at_ns, OUT_OF_BOUNDS, f"{value} {quantity.unit}")
    found.point(quantity.measurement, item.channel, at_ns)[quantity.field] = value
    return None


def _add_bad_clock(item: Item, said_ns: int, found: _Found) -> None:
    words = f"a stored sample says {said_ns // NS} s since 1970"
    found.faults.append(Fault(item.quantity, BAD_CLOCK, words, item.channel, said_ns, stored=True))
    found.quality(item.channel, item.quantity.name, found.at_ns, BAD_CLOCK, words)


def _add_fault(fault: Fault, at_ns: int, found: _Found) -> None:
    found.faults.append(fault)
    found.quality(fault.channel, fault.quantity.name, at_ns, fault.code, fault.detail)


def _fault(item: Item, code: str, value: float) -> Fault:
    words = repr(value)[:_MAX_WORDS]
    return Fault(item.quantity, code, words, item.channel, item.measured_at_ns, item.stored)


def _radio(uplink: Uplink) -> dict[str, FieldValue]:
    size = len(uplink.payload)
    fields: dict[str, FieldValue] = {
        "f_cnt": uplink.f_cnt,
        "f_port": uplink.f_port,
        "dr": uplink.dr,
        "frequency": uplink.frequency,
        "size": size,
        "gateways": len(uplink.receptions),
        **_names(uplink.device.device_name, uplink.device.device_profile_name),
    }
    best = best_of(uplink.receptions)
    if best is not None:
        fields["rssi"] = best.rssi
        fields["snr"] = best.snr
        fields["gateway"] = text_value(best.gateway_id)
    seconds = airtime(uplink.modulation, _MAC_HEADER + size + (1 if uplink.f_port or size else 0))
    if seconds:
        fields["airtime"] = seconds
    return fields


@lru_cache(maxsize=65536)
def _names(device: str, profile: str) -> Mapping[str, FieldValue]:
    """Give the fields that name a device and its profile, each only where it has a name."""
    names = {"device": text_value(device), "profile": text_value(profile)}
    return {name: text for name, text in names.items() if text}


@lru_cache(maxsize=4096)
def airtime(modulation: Modulation, size: int) -> float:
    """Give how long a PHYPayload of `size` bytes was on the air, in s; 0 where the modulation is not known.

    MAC commands in FOpts are not in ChirpStack's event, so an uplink that carried some was longer.
    Source: Semtech SX1276 datasheet, 4.1.1.7, for LoRa; 5 bytes of preamble, 3 of sync word, 1 of length and 2 of CRC
    for FSK (LoRaWAN regional parameters).
    """
    if modulation.fsk_data_rate:
        return round((size + 11) * 8 / modulation.fsk_data_rate, 6)
    spreading, bandwidth = modulation.spreading_factor, modulation.bandwidth
    if not _SPREADING_FACTORS[0] <= spreading <= _SPREADING_FACTORS[1] or not bandwidth:
        return 0.0
    symbol: float = (1 << spreading) / bandwidth
    slow = 1 if symbol > 0.016 else 0  # noqa: PLR2004 - low data rate optimisation above 16 ms
    code_rate = {"CR_4_5": 1, "CR_4_6": 2, "CR_4_7": 3, "CR_4_8": 4}.get(modulation.code_rate, 1)
    bits = 8 * size - 4 * spreading + 28 + (0 if modulation.no_crc else 16)
    symbols = 8 + max(math.ceil(bits / (4 * (spreading - 2 * slow))) * (code_rate + 4), 0)
    return round(((modulation.preamble or 8) + 4.25 + symbols) * symbol, 6)


def _fields(said: Event) -> dict[str, FieldValue]:
    if isinstance(said, Join):
        return {
            "dev_addr": text_value(said.dev_addr),
            **_names(said.device.device_name, said.device.device_profile_name),
        }
    if isinstance(said, Status):
        fields: dict[str, FieldValue] = {"margin": said.margin, "external_power": said.external_power}
        return fields if said.battery_level is None else {**fields, "battery_level": float(said.battery_level)}
    if isinstance(said, Location):
        place: dict[str, FieldValue] = {"latitude": said.latitude, "longitude": said.longitude}
        return {**place, "altitude": said.altitude, "accuracy": said.accuracy, "source": text_value(said.source)}
    return {}
