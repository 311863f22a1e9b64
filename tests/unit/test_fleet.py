"""The fleet's sensors send what their decoders read, live believable days, and go wrong where they are meant to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile

import pytest

from vdl_lora.catalog import Catalog
from vdl_lora.decoding import Decoder, Frame, Reading
from vdl_lora.discovery import discover
from vdl_lora.errors import ConfigError
from vdl_lora.events import JournalEvent, RawEvent, envelope, parse
from vdl_lora.installations import Installations, parse_installations
from vdl_lora.interpret import Interpretation, PointSettings, interpret
from vdl_lora.lorawan import Log
from vdl_lora.times import NS
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.fleet import PLACES, Fleet, Place, plain
from vdl_lora.virtual.fleet.sensor import Past, Sending, Sensor
from vdl_lora.virtual.fleet.territory import COMMUNES
from vdl_lora.virtual.fleet.timeline import DAY_S, HOUR_S, Timeline

MONDAY_NS = int(datetime(2026, 1, 4, 23, tzinfo=UTC).timestamp()) * NS
"""A Monday in January, 00:00 in France."""
WEEK_H = 7 * 24

CLASS = "École de Bracieux – salle 1"  # noqa: RUF001 - its name
LEAK = "Gymnase de Saint-Laurent-Nouan – compteur d’eau"  # noqa: RUF001 - its name
DRY_AT_NIGHT = "Mairie de Huisseau-sur-Cosson – compteur d’eau"  # noqa: RUF001 - its name
VILLAGE = "Neuvy – compteur de secteur"  # noqa: RUF001 - its name
DYING = "Salle des fêtes de Fontaines-en-Sologne"
RESTARTS = "Bibliothèque de Saint-Dyé-sur-Loire"
RIVER = "Cosson à Chambord"


class Clock:
    """A clock that tests turn."""

    def __init__(self, at_ns: int = MONDAY_NS) -> None:
        self.at_ns = at_ns

    def __call__(self) -> int:
        return self.at_ns


@pytest.fixture(scope="module")
def decoders() -> dict[str, Decoder]:
    return {entry.id: entry.decoder for entry in discover().entries()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chirpstack(clock: Clock) -> VirtualChirpStack:
    return VirtualChirpStack(history=50, clock=clock)


def place(name: str) -> Place:
    return next(each for each in PLACES if each.name == name)


@pytest.fixture
def sensor(decoders: dict[str, Decoder]) -> Callable[..., Sensor]:
    def made(name: str, seed: int = 1) -> Sensor:
        return Sensor(place(name), decoders[place(name).model], seed)

    return made


def each_hour(sensor: Sensor, quantity: str, hours: int = WEEK_H, speed: float = 1.0) -> list[float]:
    """The value of a quantity at each full hour from Monday on."""
    timeline = Timeline(MONDAY_NS, speed)
    return [float(sensor.facts(timeline, hour * HOUR_S, HOUR_S)[quantity]) for hour in range(hours)]


def first_days(sensor: Sensor, days: float, past: Past | None = None) -> list[Sending]:
    """What a sensor sends until so many days after the beginning."""
    until_ns = MONDAY_NS + round(days * DAY_S) * NS
    return list(takewhile(lambda sending: sending.at_ns < until_ns, sensor.sendings(Timeline(MONDAY_NS), past)))


def interpreted(chirpstack: VirtualChirpStack, installations: str) -> Iterator[tuple[str, str, Interpretation]]:
    """DevEUI, kind and what it gives, of each event that is kept."""
    known = Installations(parse_installations(installations, "toml"))
    catalog = Catalog(discover().entries())
    for _, entry in chirpstack.histories.entries():
        raw = RawEvent(entry.kind, "protobuf", entry.body, "grpc", chirpstack.clock(), str(entry.id))
        read = envelope(raw)
        assert read.event_at_ns <= chirpstack.clock()
        event = JournalEvent(
            1, raw.kind, raw.encoding, raw.body, raw.way, raw.arrived_at_ns, read.anchor_at_ns, read.anchor
        )
        yield read.dev_eui, raw.kind, interpret(event, catalog, known, PointSettings())


# ---------------------------------------------------------------------- the places


def test_the_fleet_stands_in_all_communes_with_many_models() -> None:
    assert {each.commune for each in PLACES} == set(COMMUNES)
    assert len(COMMUNES) == 16
    assert 24 <= len(PLACES) <= 40
    assert len({each.model for each in PLACES}) >= 8
    assert len({each.application.tenant for each in PLACES}) > 1


def test_no_two_sensors_share_a_dev_eui_or_a_name() -> None:
    assert len({each.dev_eui for each in PLACES}) == len(PLACES)
    assert len({each.name for each in PLACES}) == len(PLACES)
    assert all(len(each.dev_eui) == 16 for each in PLACES)


def test_each_sensor_is_tagged_and_one_has_no_decoder() -> None:
    without = [each for each in PLACES if each.tags.keys() != {"commune", "site", "usage", "decoder"}]
    assert [set(each.tags) for each in without] == [{"commune", "site", "usage"}]


def test_every_place_for_a_week_gives_points_without_faults(chirpstack: VirtualChirpStack, clock: Clock) -> None:
    slowed = tuple(replace(each, every_s=2 * HOUR_S) for each in PLACES)
    fleet = Fleet(chirpstack, places=slowed, past_s=0)
    fleet.register()
    chirpstack.histories.at_least = 1_000
    end_ns = MONDAY_NS + 7 * DAY_S * NS
    for sending in takewhile(lambda each: each.at_ns < end_ns, fleet.sendings(Timeline(MONDAY_NS))):
        clock.at_ns = sending.at_ns + NS
        fleet.emit(sending)

    marks: dict[str, Counter[str]] = defaultdict(Counter)
    flags: set[tuple[str, ...]] = set()
    quantities: dict[str, set[str]] = defaultdict(set)
    for dev_eui, _, gives in interpreted(chirpstack, fleet.installations):
        assert gives.faults == ()
        if gives.mark:
            marks[dev_eui][gives.mark.code] += 1
        for point in gives.points:
            tags = dict(point.tags)
            if point.measurement == "quality":
                flags.add((dev_eui, tags["quantity"], str(point.fields["state"])))
            quantities[dev_eui] |= {f"{point.measurement}.{name}" for name in point.fields}

    cut = next(each for each in PLACES if each.troubles.cut_short).dev_eui
    unknown = next(each for each in PLACES if not each.chosen).dev_eui
    assert {cut: {"payload"}, unknown: {"no_decoder"}} == {each: set(codes) for each, codes in marks.items()}
    assert set() == flags
    assert {each.dev_eui for each in PLACES if not each.disabled} == quantities.keys()
    assert "water.level" in quantities[place(RIVER).dev_eui]
    assert not any("probe.distance" in found for found in quantities.values())


def test_what_is_sent_is_what_there_is_to_the_resolution_of_the_frame(sensor: Callable[..., Sensor]) -> None:
    timeline = Timeline(MONDAY_NS)
    for sending in islice(sensor(CLASS).sendings(timeline), 300):
        facts = sensor(CLASS).facts(timeline, timeline.age_s(sending.at_ns))
        read = sensor(CLASS).decoder.decode(Frame(sending.f_port, sending.payload, sending.at_ns))
        values = {item.quantity.name: item.value for item in read if isinstance(item, Reading)}
        assert values["air.temperature"] == pytest.approx(facts["air.temperature"], abs=0.051)
        assert values["air.co2"] == pytest.approx(facts["air.co2"], abs=0.51)


# ---------------------------------------------------------------------- days


def hours_of(values: Sequence[float], weekdays: Sequence[int], begins: int, ends: int) -> list[float]:
    return [value for hour, value in enumerate(values) if hour // 24 in weekdays and begins <= hour % 24 < ends]


def test_a_class_breathes_over_1000_ppm_and_the_room_is_fresh_again_at_night(sensor: Callable[..., Sensor]) -> None:
    co2 = each_hour(sensor(CLASS), "air.co2")
    for day in (0, 1, 3, 4):
        assert max(hours_of(co2, [day], 8, 17)) > 1000
    assert max(hours_of(co2, range(7), 2, 8)) <= 500
    assert max(hours_of(co2, [2, 5, 6], 2, 24)) <= 500


def test_the_air_is_better_after_a_break_than_before(sensor: Callable[..., Sensor]) -> None:
    timeline = Timeline(MONDAY_NS)
    before, after = (float(sensor(CLASS).facts(timeline, hour * HOUR_S)["air.co2"]) for hour in (11.99, 13.45))
    assert before > 1500
    assert after < 700


def test_somebody_moves_in_class_and_nobody_at_night(sensor: Callable[..., Sensor]) -> None:
    moves = each_hour(sensor(CLASS), "air.motion_count_delta")
    assert min(hours_of(moves, [0, 1, 3, 4], 9, 10)) > 0
    assert max(hours_of(moves, range(7), 18, 24)) == 0
    assert max(hours_of(moves, [2, 5, 6], 0, 24)) == 0


def test_the_heating_is_set_back_at_night_and_up_again_before_school(sensor: Callable[..., Sensor]) -> None:
    warmth = each_hour(sensor(CLASS), "air.temperature")
    for day in (1, 3, 4):
        assert min(hours_of(warmth, [day], 9, 16)) > max(hours_of(warmth, [day], 4, 6)) + 0.5
        assert warmth[24 * day + 8] > warmth[24 * day + 6] + 0.5
    assert 17.5 < min(hours_of(warmth, [6], 0, 24)) < 19


@pytest.mark.parametrize("name", [CLASS, "Mairie de Bauzy – salle du conseil", "Salle des fêtes de Montlivault"])  # noqa: RUF001 - names
def test_nothing_jumps_at_midnight(name: str, sensor: Callable[..., Sensor]) -> None:
    timeline = Timeline(MONDAY_NS)
    for day in range(1, 15):
        before, after = (sensor(name).facts(timeline, day * DAY_S + second) for second in (-1, 1))
        assert before["air.temperature"] == pytest.approx(after["air.temperature"], abs=0.15)
        assert before["air.co2"] == pytest.approx(after["air.co2"], abs=5)


def test_a_leak_never_lets_the_meter_rest(sensor: Callable[..., Sensor]) -> None:
    def at_night(name: str) -> list[float]:
        volume = each_hour(sensor(name), "water_meter.volume", WEEK_H + 1)
        assert volume == sorted(volume)
        return hours_of([after - before for before, after in pairwise(volume)], range(7), 1, 5)

    assert min(at_night(LEAK)) > 0.08
    assert max(at_night(DRY_AT_NIGHT)) == 0


def test_a_meter_never_goes_back_as_the_clocks_go_back(sensor: Callable[..., Sensor]) -> None:
    october_ns = int(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()) * NS
    found = [
        float(sensor(VILLAGE).facts(Timeline(october_ns, 60), minute * 60)["water_meter.volume"])
        for minute in range(-1440, 1440, 5)
    ]
    assert found == sorted(found)


def test_an_index_at_a_time_is_the_same_in_every_frame_that_tells_it(sensor: Callable[..., Sensor]) -> None:
    told: dict[int, set[float]] = defaultdict(set)
    sendings = sensor(LEAK).sendings(Timeline(MONDAY_NS + 600 * NS, 60), Past(40, DAY_S))
    for sending in islice(sendings, 400):
        for item in sensor(LEAK).decoder.decode(Frame(sending.f_port, sending.payload, sending.at_ns)):
            if isinstance(item, Reading) and item.stored:
                told[item.measured_at_ns or 0].add(float(item.value))
    assert max(len(values) for values in told.values()) == 1
    assert len(told) > 30


def test_a_flood_rises_and_falls(sensor: Callable[..., Sensor]) -> None:
    height = 4.2
    level = [height - distance for distance in each_hour(sensor(RIVER), "probe.distance", 200)]
    crest = level.index(max(level))
    assert level[0] + 0.5 < level[crest]
    assert 5 < crest < 15
    assert level[crest + 60] < level[crest] / 2
    assert 0.5 < level[-1] < 0.85


def test_containers_fill_and_are_emptied(sensor: Callable[..., Sensor]) -> None:
    distance = each_hour(sensor("Colonne à verre de Saint-Claude-de-Diray"), "probe.distance", 4 * WEEK_H)
    emptied = [hour for hour, (before, after) in enumerate(pairwise(distance), 1) if after > before + 1]
    assert [24 + 7 + week * WEEK_H for week in range(4)] == emptied


def test_summer_is_warmer_than_the_heating(sensor: Callable[..., Sensor]) -> None:
    july_ns = int(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()) * NS
    assert float(sensor(CLASS).facts(Timeline(july_ns), 0)["air.temperature"]) > 21


# ---------------------------------------------------------------------- what goes wrong


def test_a_sensor_whose_battery_dies_tells_it_and_falls_silent(sensor: Callable[..., Sensor]) -> None:
    dying = sensor(DYING)
    sendings = list(dying.sendings(Timeline(MONDAY_NS), Past(10, DAY_S)))
    levels = [
        float(item.value)
        for sending in sendings
        for item in dying.decoder.decode(Frame(sending.f_port, sending.payload))
        if isinstance(item, Reading) and item.quantity.name == "device.battery_level"
    ]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 20
    assert levels[-1] <= 1
    assert sendings[-1].at_ns < MONDAY_NS + 6 * HOUR_S * NS


def test_a_frame_that_nobody_hears_leaves_a_gap_in_the_counter(chirpstack: VirtualChirpStack) -> None:
    far = place(DRY_AT_NIGHT)
    fleet = Fleet(chirpstack, places=[far], past_s=0)
    fleet.register()
    sent = first_days(fleet.sensors[0], 4)
    heard = [emitted.f_cnt for sending in sent if (emitted := fleet.emit(sending)).kinds]
    lost = [sending.f_cnt for sending in sent if not sending.heard]
    assert len(sent) == 1 + sent[-1].f_cnt - sent[0].f_cnt
    assert sorted(lost + heard) == [sending.f_cnt for sending in sent]
    assert 0.02 < len(lost) / len(sent) < 0.3


def test_even_a_sensor_beside_a_gateway_loses_some(sensor: Callable[..., Sensor]) -> None:
    sent = first_days(sensor(CLASS), 20)
    assert 0 < sum(not sending.heard for sending in sent) < 0.03 * len(sent)


def test_the_same_seed_sends_the_same_and_another_does_not(sensor: Callable[..., Sensor]) -> None:
    one, again, other = (first_days(sensor(RESTARTS, seed), 1, Past(6, DAY_S)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_several_gateways_hear_a_frame_each_in_its_own_way(sensor: Callable[..., Sensor]) -> None:
    heard = [sending.heard for sending in first_days(sensor(RIVER), 2)]
    assert max(len(each) for each in heard) > 2
    assert all(-125 <= gateway.rssi <= -40 and -20.5 <= gateway.snr <= 10 for each in heard for gateway in each)
    assert all(len({gateway.gateway_id for gateway in each}) == len(each) for each in heard)


def events_of(chirpstack: VirtualChirpStack, *places: Place, days: float) -> list[tuple[str, str]]:
    """Kind and, of a log, code of all that a fleet of these places gives."""
    fleet = Fleet(chirpstack, places=places, past_s=0)
    fleet.register()
    chirpstack.histories.at_least = 10_000
    for each in fleet.sensors:
        for sending in first_days(each, days):
            fleet.emit(sending)
    assert chirpstack.counts() == fleet.emitted
    said = [(entry.kind, parse(entry.kind, "protobuf", entry.body)) for _, entry in chirpstack.histories.entries()]
    return [(kind, each.code if isinstance(each, Log) else "") for kind, each in said]


def test_a_sensor_that_loses_its_counter_is_refused_and_joins_again(
    chirpstack: VirtualChirpStack, sensor: Callable[..., Sensor]
) -> None:
    events = events_of(chirpstack, place(RESTARTS), days=1)
    joins = events.count(("join", ""))
    assert joins > 4
    assert joins == events.count(("log", "UPLINK_F_CNT_RESET"))
    sent = first_days(sensor(RESTARTS), 1)
    after = [sent[number + 1].f_cnt for number, sending in enumerate(sent[:-1]) if sending.kind == "join"]
    assert [0] * joins == after


def test_a_frame_that_is_sent_again_gives_only_a_log(chirpstack: VirtualChirpStack) -> None:
    events = events_of(chirpstack, place("École de Saint-Claude-de-Diray – salle 1"), days=1)  # noqa: RUF001 - its name
    assert 15 < events.count(("log", "UPLINK_F_CNT_RETRANSMISSION")) <= 24
    assert {"up", "log", "status"} == {kind for kind, _ in events}


def test_a_codec_that_fails_gives_a_log_beside_the_uplink(chirpstack: VirtualChirpStack) -> None:
    events = events_of(chirpstack, place("École de Huisseau-sur-Cosson – salle 2"), days=1)  # noqa: RUF001 - its name
    assert 20 < events.count(("log", "UPLINK_CODEC")) < 30
    assert events.count(("up", "")) > 130


def test_a_disabled_sensor_sends_and_nobody_is_told(
    chirpstack: VirtualChirpStack, decoders: dict[str, Decoder]
) -> None:
    disabled = next(each for each in PLACES if each.disabled)
    assert len(first_days(Sensor(disabled, decoders[disabled.model]), 1)) > 90
    assert [] == events_of(chirpstack, disabled, days=1)


def test_devices_tell_their_margin_and_battery_now_and_then(chirpstack: VirtualChirpStack) -> None:
    assert 5 <= events_of(chirpstack, place(CLASS), days=1).count(("status", "")) <= 6


# ---------------------------------------------------------------------- time


def test_the_fleets_time_is_the_clocks_before_the_beginning_and_faster_after() -> None:
    timeline = Timeline(MONDAY_NS, 60)
    assert MONDAY_NS - 3600 * NS == timeline.at_ns(-3600)
    assert MONDAY_NS + 60 * NS == timeline.at_ns(3600)
    assert timeline.age_s(timeline.at_ns(-5000)) == -5000
    assert timeline.age_s(timeline.at_ns(5000)) == pytest.approx(5000)


@pytest.mark.parametrize(
    ("at", "weekday", "hour"),
    [
        (datetime(2026, 1, 5, 7, 30, tzinfo=UTC), 0, 8.5),
        (datetime(2026, 7, 5, 22, 0, tzinfo=UTC), 0, 0),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), 6, 2),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 6, 3),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), 6, 3),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), 6, 2),
    ],
)
def test_sensors_live_by_the_clock_in_france(at: datetime, weekday: int, hour: float) -> None:
    moment = Timeline(int(at.timestamp()) * NS).moment(0)
    assert weekday == moment.weekday
    assert moment.hour == pytest.approx(hour, abs=0.001)


@pytest.mark.parametrize(("history", "uplinks"), [(10, 6), (50, 46), (4, 0), (0, 0)])
def test_the_past_fits_chirpstacks_history_and_is_only_uplinks(history: int, uplinks: int, clock: Clock) -> None:
    fleet = Fleet(VirtualChirpStack(history=history, clock=clock), places=[place(RESTARTS)], speed=60)
    past = list(takewhile(lambda each: each.at_ns < MONDAY_NS, fleet.sendings(Timeline(MONDAY_NS, 60))))
    assert uplinks == len(past)
    assert all(sending.kind == "up" and sending.status is None for sending in past)
    assert all(sending.at_ns >= MONDAY_NS - DAY_S * NS for sending in past)


def test_events_of_the_past_keep_their_own_time(chirpstack: VirtualChirpStack, clock: Clock) -> None:
    fleet = Fleet(chirpstack, places=[place(CLASS)])
    fleet.register()
    for sending in takewhile(lambda each: each.at_ns < MONDAY_NS, fleet.sendings(Timeline(MONDAY_NS))):
        fleet.emit(sending)
    found = [gives for _, _, gives in interpreted(chirpstack, fleet.installations)]
    assert len(found) > 40
    assert not any(point.measurement == "quality" for gives in found for point in gives.points)
    assert min(point.at_ns for gives in found for point in gives.points) < clock() - 20 * HOUR_S * NS


# ---------------------------------------------------------------------- fleets


def test_the_installations_are_in_the_documented_form(chirpstack: VirtualChirpStack) -> None:
    entries = parse_installations(Fleet(chirpstack, speed=60).installations, "toml")
    becomes = {each.becomes.name for entry in entries for each in entry.reads}
    assert {"water.level", "waste.fill_level", "water_meter.volume", "air.temperature"} == becomes
    assert [10.0, 10.0] == [entry.parameters["period"] for entry in entries if "period" in entry.parameters]


def test_a_model_without_a_decoder_is_named(chirpstack: VirtualChirpStack, decoders: dict[str, Decoder]) -> None:
    known = {name: each for name, each in decoders.items() if name != "dragino/ldds75"}
    with pytest.raises(ConfigError, match="there is none of dragino/ldds75"):
        Fleet(chirpstack, decoders=known)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_fleet_has_a_speed(speed: float, chirpstack: VirtualChirpStack) -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        Fleet(chirpstack, speed=speed)


def test_a_thousand_plain_sensors_send_as_often_as_they_are_told(chirpstack: VirtualChirpStack, clock: Clock) -> None:
    fleet = Fleet(chirpstack, places=plain(1000, every_s=10), past_s=0)
    fleet.register()
    sent = list(takewhile(lambda each: each.at_ns < MONDAY_NS + 30 * NS, fleet.sendings(Timeline(MONDAY_NS))))
    assert set(Counter(sending.dev_eui for sending in sent).values()) <= {2, 3}
    assert len(sent) > 2950
    for sending in sent[:1000]:
        fleet.emit(sending)
    clock.at_ns = sent[-1].at_ns + NS
    found = [(gives.mark, gives.faults) for _, _, gives in interpreted(chirpstack, fleet.installations)]
    assert len(found) > 900, "some frames are lost on the air"
    assert [] == [each for each in found if each != (None, ())]
