"""What the page shows, folded from events: per place its device, its last values, its last day, its radio. Pure.

A card is one device at one place. Its values are those of `interpret`; whether they are stored is told by the reader
of the journal (follow.py), because only the journal's cursors know. Memory is bounded: so many cards, so many values on
each, so many points of each.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from vdl_lora.errors import BadMessage, PointsRefused
from vdl_lora.events import JournalEvent, parse
from vdl_lora.interfaces import DeliveryState
from vdl_lora.interpret import FIXED_TAGS, Interpretation
from vdl_lora.lorawan import AnyEvent, Own, Uplink
from vdl_lora.points import NONE, FieldValue, Point
from vdl_lora.quantities import QUANTITIES

from .radio import Frames
from .series import DAY_MS, Series

MAX_PLACES = 2_000
MAX_VALUES = 64
MAX_TEXT = 200

Standing = Literal["waiting", "stored", "quarantined"]
"""Whether what was read of an event is in the store: not yet, yes, or never because the event is in quarantine."""

_MS = 1_000_000
_WHOLE_EVENT = "time"  # the quantity that stands for the whole event in `quality`
_ORDER = {name: index for index, name in enumerate(QUANTITIES)}


class Seen(msgspec.Struct, frozen=True):
    """An event that was read: what it says, what it gives, and how it stood in the journal at that time."""

    position: int
    tenant: str
    said: AnyEvent | None
    gives: Interpretation
    standing: Standing


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """How many events arrived, and where they are now; `kinds` and `codes` divide the received and the quarantined."""

    received: int = 0
    stored: int = 0
    quarantined: int = 0
    waiting: int = 0
    kinds: Mapping[str, int] = {}
    codes: Mapping[str, int] = {}
    delivery: DeliveryState = "flowing"


class ValueView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last value of a quantity as the page gets it; `flag` is what is not good about it."""

    quantity: str
    channel: str
    value: FieldValue | None
    at: int
    standing: Standing
    flag: str = ""


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """A card as the page gets it; times are ms since 1970."""

    id: int
    name: str
    model: str
    place: str
    dev_eui: str
    tags: Mapping[str, str]
    heard: int
    rssi: FieldValue | None
    snr: FieldValue | None
    gateways: FieldValue | None
    seen: int
    lost: int
    quarantined: int
    trouble: str
    clock: bool
    values: Sequence[ValueView]


class Totals(msgspec.Struct, frozen=True):
    """What all cards together saw and lost on the radio."""

    seen: int
    lost: int


class StateView(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed, or everything where `full`; `now` and `since` are ms since 1970."""

    full: bool
    now: int
    since: int | None
    reading: bool
    flow: Flow
    radio: Totals
    places: Sequence[PlaceView]


@dataclass(slots=True)
class _Value:
    """The last value of one quantity on one channel, where it came from, and its last day."""

    value: FieldValue | None = None
    at_ns: int = -1
    position: int = 0
    standing: Standing = "waiting"
    flag: str = ""
    flag_at_ns: int = -1
    day: Series = field(default_factory=Series)


@dataclass(slots=True)
class _Place:
    id: int
    tenant: str
    place: str
    dev_eui: str
    version: int = 0
    name: str = ""
    model: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    heard_at_ns: int = 0
    rssi: FieldValue | None = None
    snr: FieldValue | None = None
    gateways: FieldValue | None = None
    frames: Frames = field(default_factory=Frames)
    quarantined: int = 0
    trouble: str = ""
    clock: bool = False
    values: dict[tuple[str, str], _Value] = field(default_factory=dict[tuple[str, str], _Value])


class Board:
    """All cards and the flow. `version` grows with every change; `epoch` changes when all must be read anew."""

    def __init__(self, max_places: int = MAX_PLACES) -> None:
        self._max_places = max_places
        self.version = 0
        self.reading = True
        self.since_ns: int | None = None
        self.flow = Flow()
        self._boot = secrets.token_hex(4)
        self._evictions = 0
        self._ids = 0
        self._places: dict[tuple[str, str, str], _Place] = {}
        self._waiting: set[tuple[str, str, str]] = set()

    @property
    def epoch(self) -> str:
        """By what a page knows that its versions are of this board."""
        return f"{self._boot}{self._evictions}"

    def take(self, seen: Seen) -> None:
        """Fold an event in."""
        points = seen.gives.points
        if seen.said is None or isinstance(seen.said, Own) or not points:
            return
        place = self._place(seen.tenant, str(seen.said.device.dev_eui), dict(points[0].tags))
        self.version += 1
        place.version = self.version
        place.name = place.name or str(points[0].fields.get("device", ""))[:MAX_TEXT]
        quarantined = seen.standing == "quarantined" or seen.gives.mark is not None
        for point in points:
            if point.measurement == "lorawan_uplink" and isinstance(seen.said, Uplink):
                _take_uplink(place, seen, seen.said, point, quarantined=quarantined)
            elif not quarantined and point.measurement != "quality":
                _take_readings(place, seen, point)
        if not quarantined:
            for point in points:
                if point.measurement == "quality":
                    _take_quality(place, seen, point)
        if seen.standing == "waiting":
            self._waiting.add((seen.tenant, place.dev_eui, place.place))

    def say(self, flow: Flow, *, reading: bool) -> None:
        """Take what the journal counts, and whether some of it is still unread."""
        if (flow, reading) != (self.flow, self.reading):
            self.version += 1
            self.flow, self.reading = flow, reading

    def waiting(self) -> Mapping[str, Sequence[int]]:
        """Give the positions of shown values of which it is not known whether they are stored, by tenant, in order."""
        found: dict[str, set[int]] = {}
        for key in list(self._waiting):
            place = self._places.get(key)
            positions = [each.position for each in place.values.values() if each.standing == "waiting"] if place else []
            if positions:
                found.setdefault(key[0], set()).update(positions)
            else:
                self._waiting.discard(key)
        return {tenant: sorted(positions) for tenant, positions in found.items()}

    def settle(self, tenant: str, standings: Mapping[int, Standing]) -> None:
        """Take how events stand now that no cursor has them ahead."""
        for key in self._waiting:
            place = self._places.get(key)
            if key[0] == tenant and place is not None and _settle(place, standings):
                self.version += 1
                place.version = self.version

    def view(self, after: int, now_ms: int) -> StateView:
        """Give what changed after a version; everything after a negative one."""
        return StateView(
            full=after < 0,
            now=now_ms,
            since=None if self.since_ns is None else self.since_ns // _MS,
            reading=self.reading,
            flow=self.flow,
            radio=Totals(
                sum(place.frames.seen for place in self._places.values()),
                sum(place.frames.lost for place in self._places.values()),
            ),
            places=[_view(place) for place in self._places.values() if place.version > after],
        )

    def days(self, ids: Iterable[int], now_ms: int) -> Mapping[int, Mapping[str, Sequence[tuple[int, float]]]]:
        """Give the last day of every value of some cards, by `quantity channel`; unknown cards are left out."""
        wanted = set(ids)
        return {
            place.id: {
                f"{quantity} {channel}": value.day.since(now_ms - DAY_MS)
                for (quantity, channel), value in place.values.items()
            }
            for place in self._places.values()
            if place.id in wanted
        }

    def _place(self, tenant: str, dev_eui: str, tags: Mapping[str, str]) -> _Place:
        key = (tenant, dev_eui, tags.get("place", dev_eui))
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= self._max_places:
                silent = min(self._places, key=lambda each: self._places[each].heard_at_ns)
                del self._places[silent]
                self._evictions += 1
            self._ids += 1
            place = self._places[key] = _Place(self._ids, tenant, key[2], dev_eui)
        place.tags = {name: text[:MAX_TEXT] for name, text in tags.items() if name not in FIXED_TAGS and text != NONE}
        return place


def look(event: JournalEvent, tenant: str, gives: Interpretation, *, ahead: bool) -> Seen:
    """Give what the board takes of an event; `ahead` tells that a cursor still had it ahead before it was read."""
    try:
        said = parse(event.kind, event.encoding, event.body)
    except BadMessage:
        said = None
    standing: Standing = "quarantined" if event.marked else "waiting" if ahead else "stored"
    return Seen(event.position, tenant, said, gives, standing)


def _take_uplink(place: _Place, seen: Seen, said: Uplink, point: Point, *, quarantined: bool) -> None:
    place.frames.take(said.dev_addr, said.f_cnt, point.at_ns)
    place.quarantined += quarantined
    if point.at_ns < place.heard_at_ns:
        return
    fields = point.fields
    place.heard_at_ns = point.at_ns
    place.name = str(fields.get("device", ""))[:MAX_TEXT]
    place.model = str(fields.get("model") or fields.get("profile", ""))[:MAX_TEXT]
    place.rssi, place.snr, place.gateways = fields.get("rssi"), fields.get("snr"), fields.get("gateways")
    place.clock = False
    place.trouble = (seen.gives.mark.code if seen.gives.mark else "quarantined") if quarantined else ""


def _take_readings(place: _Place, seen: Seen, point: Point) -> None:
    channel = _channel(point)
    for name, value in point.fields.items():
        quantity = f"{point.measurement}.{name}"
        known = _value(place, quantity, channel) if quantity in QUANTITIES else None
        if known is None or isinstance(value, str):
            continue
        known.day.add(point.at_ns // _MS, float(value))
        if point.at_ns >= known.at_ns:
            known.value, known.at_ns = value, point.at_ns
            known.position, known.standing = seen.position, seen.standing
        if point.at_ns >= known.flag_at_ns:
            known.flag = ""


def _take_quality(place: _Place, seen: Seen, point: Point) -> None:
    quantity = next((text for name, text in point.tags if name == "quantity"), "")
    state = str(point.fields.get("state", ""))[:MAX_TEXT]
    if quantity == _WHOLE_EVENT:
        place.clock = place.clock or point.at_ns >= place.heard_at_ns
        return
    known = _value(place, quantity, _channel(point)) if quantity in QUANTITIES else None
    if known is None or point.at_ns < max(known.at_ns, known.flag_at_ns):
        return
    known.flag, known.flag_at_ns = state, point.at_ns
    if point.at_ns > known.at_ns:  # a fault: there is no value of that time
        known.value, known.at_ns = None, point.at_ns
        known.position, known.standing = seen.position, seen.standing


def _channel(point: Point) -> str:
    return next((text for name, text in point.tags if name == "channel"), "")


def _value(place: _Place, quantity: str, channel: str) -> _Value | None:
    known = place.values.get((quantity, channel))
    if known is None and len(place.values) < MAX_VALUES:
        known = place.values[quantity, channel] = _Value()
    return known


def _settle(place: _Place, standings: Mapping[int, Standing]) -> bool:
    refused: set[int] = set()
    changed = False
    for value in place.values.values():
        standing = standings.get(value.position) if value.standing == "waiting" else None
        if standing is None:
            continue
        changed = True
        value.standing = standing
        if standing == "quarantined":
            refused.add(value.position)
            value.day.drop(value.at_ns // _MS)
    if refused:
        place.quarantined += len(refused)
        place.trouble = PointsRefused.code
    return changed


def _view(place: _Place) -> PlaceView:
    ordered = sorted(
        place.values.items(), key=lambda item: (item[0][0].startswith("device."), _ORDER[item[0][0]], item[0][1])
    )
    return PlaceView(
        id=place.id,
        name=place.name or place.dev_eui,
        model=place.model,
        place="" if place.place == place.dev_eui else place.place,
        dev_eui=place.dev_eui,
        tags=place.tags,
        heard=place.heard_at_ns // _MS,
        rssi=place.rssi,
        snr=place.snr,
        gateways=place.gateways,
        seen=place.frames.seen,
        lost=place.frames.lost,
        quarantined=place.quarantined,
        trouble=place.trouble,
        clock=place.clock,
        values=[
            ValueView(quantity, channel, each.value, each.at_ns // _MS, each.standing, each.flag)
            for (quantity, channel), each in ordered
        ],
    )
