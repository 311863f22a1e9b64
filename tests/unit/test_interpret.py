"""An event gives points and faults, or a mark, and the same ones whichever way it came and however often."""

import base64
import itertools
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.catalog import Catalog, Entry
from vdl_lora.decoding import Decoder, Fault, Parameter, PayloadError, Reading, Reads, by_hand, reads, value
from vdl_lora.decoding.probes import Rule
from vdl_lora.decoding.reading import unknown_record
from vdl_lora.errors import CodecStopped
from vdl_lora.events import NS, JournalEvent, RawEvent, format_time, own_event
from vdl_lora.installations import Installation, Installations
from vdl_lora.interpret import FIXED_TAGS, RADIO_FIELDS, Interpretation, PointSettings, airtime, interpret
from vdl_lora.lorawan import Modulation, WayLost
from vdl_lora.mark import Mark
from vdl_lora.points import Point, line_protocol
from vdl_lora.quantities import QUANTITIES, quantity

from .line_protocol import read
from .recordings import (
    ARRIVED,
    as_json,
    as_protobuf,
    body_of,
    grpc,
    http,
    in_all_forms,
    journalled,
    mqtt,
    raw_of,
    uplink,
)

AT = 1_795_472_297_690_810_000  # when the first recorded uplink was
AT_GATEWAY = 1_795_472_297_691_304_869  # its nsTime
DAY = 86_400 * NS

TEMPERATURE = quantity("air.temperature")
VOLUME = quantity("water_meter.volume")
DISTANCE = quantity("probe.distance")
PULSES = quantity("probe.pulses_total")
LEAK = quantity("water.leak")

SITES_TAGS = {"commune": "Bauzy", "usage": "eau", "site": "mairie", "decoder": "site/any"}


def site(*items: Any, error: BaseException | None = None) -> Catalog:
    """Give a catalog with one decoder, a site's own, that gives these items or raises."""

    def read_frame(_frame: object) -> tuple[Any, ...]:
        if error is not None:
            raise error
        return items

    layout = by_hand(read_frame, value("air.temperature"))
    decoder = Decoder(vendor="Site", models=("Any",), datasheet="", f_ports={1: layout}, f_port_can_be_set=True)
    return Catalog([Entry("site/any", "Any", decoder, "abc123")])


def by_site(*items: Any, error: BaseException | None = None, **changes: Any) -> Interpretation:
    """Interpret the first recorded uplink with that decoder."""
    raw = uplink(device={"tags": SITES_TAGS}, **changes)
    return interpret(journalled(raw), site(*items, error=error), Installations(), PointSettings())


def said(points: tuple[Point, ...], measurement: str) -> list[tuple[int, dict[str, Any]]]:
    """Give time and fields of the points of a measurement."""
    return [(point.at_ns, dict(point.fields)) for point in points if point.measurement == measurement]


def flagged(points: tuple[Point, ...]) -> list[tuple[int, str, str]]:
    """Give when, of which quantity and what is not good."""
    return [
        (point.at_ns, dict(point.tags)["quantity"], point.fields["state"])
        for point in points
        if point.measurement == "quality"
    ]


def readings(points: tuple[Point, ...]) -> list[Point]:
    return [point for point in points if point.measurement not in ("lorawan_uplink", "quality")]


def anchored(raw: RawEvent, anchor_at_ns: int, anchor: str = "ns_time") -> JournalEvent:
    return msgspec.structs.replace(journalled(raw), anchor_at_ns=anchor_at_ns, anchor=anchor)


# ---------------------------------------------------------------- one event, several forms


@pytest.mark.parametrize("forms", in_all_forms().values(), ids=["-".join(key) for key in in_all_forms()])
def test_an_event_gives_the_same_lines_in_every_form_and_each_time(forms: tuple[RawEvent, ...], catalog: Catalog):
    events = [journalled(raw) for raw in (*forms, *forms)]
    found = [interpret(event, catalog, Installations(), PointSettings()) for event in events]
    assert len({line_protocol(each.points) for each in found}) == 1
    assert [found[0]] * len(found) == found


def test_the_first_recorded_uplink_gives_these_lines(catalog: Catalog):
    tags = (
        "application=a6836afa-af54-427c-813b-9a6d03df07f3,channel=main,commune=Bauzy,dev_eui=24e124136b500042,"
        "place=24e124136b500042,site=mairie,tenant=886d1009-b480-4696-b96d-4a269b13caa7,"
        "usage=confort"  # codespell:ignore confort
    )
    raw = next(raw for raw in mqtt() if raw.kind == "up")
    found = interpret(journalled(raw), catalog, Installations(), PointSettings())
    rows = {row.measurement: row for row in read(line_protocol(found.points))}
    assert {"lorawan_uplink", "device", "air"} == set(rows)
    assert {AT} == {row.at_ns for row in rows.values()}
    assert {tags} == {",".join(f"{name}={text}" for name, text in row.tags) for row in rows.values()}
    assert {"battery_level": 92.0} == rows["device"].fields
    assert {"temperature": 27.2, "humidity": 56.5} == rows["air"].fields
    assert {
        "rssi": -97,
        "snr": 7.5,
        "gateway": "0016c001f1500001",
        "gateways": 2,
        "f_cnt": 0,
        "f_port": 85,
        "dr": 5,
        "frequency": 868_300_000,
        "airtime": 0.061696,
        "size": 10,
        "device": "Mairie, salle du conseil",
        "model": "EM300-TH",
        "profile": "Milesight EM300-TH (sans codec)",
        "decoder": "milesight/em300-th",
    } == rows["lorawan_uplink"].fields
    assert ("milesight/em300-th", None, ()) == (found.decoder, found.mark, found.faults)
    assert catalog.entries["milesight/em300-th"].declaration == found.declaration


def test_the_recorded_water_meter_has_its_clock_replaced_and_its_log_set_aside(catalog: Catalog):
    meter = next(raw for raw in http() if raw.encoding == "protobuf")
    found = interpret(journalled(meter), catalog, Installations(), PointSettings())
    at_ns = 1_795_472_313_005_229_000
    assert [(at_ns, {"volume": 13.609})] == [
        (when, {"volume": fields["volume"]}) for when, fields in said(found.points, "water_meter")
    ]
    assert (at_ns, "water_meter.volume", "bad_clock+clock_replaced") in flagged(found.points)
    assert (at_ns, "water_meter.leak_alarm", "clock_replaced") in flagged(found.points)
    assert {("water_meter.volume", "bad_clock", True)} == {
        (fault.quantity.name, fault.code, fault.stored) for fault in found.faults
    }
    assert len(found.faults) == 16


def test_the_recorded_frames_without_payload_give_radio_facts_alone(catalog: Catalog):
    raws = [raw for raw in grpc() if raw.kind == "up" and b'"fPort":0,' in raw.body]
    assert len(raws) == 4
    for raw in raws:
        found = interpret(journalled(raw), catalog, Installations(), PointSettings())
        assert found.mark is None
        assert ["lorawan_uplink"] == [point.measurement for point in found.points]


@pytest.mark.parametrize("kind", ["log", "ack", "txack"])
def test_logs_and_answers_to_downlinks_give_no_points(kind: str, catalog: Catalog):
    raws = [raw for raw in grpc() if raw.kind == kind]
    assert raws
    assert {Interpretation()} == {interpret(journalled(raw), catalog, Installations(), PointSettings()) for raw in raws}


def test_own_events_give_no_points(catalog: Catalog):
    raw = own_event(WayLost("grpc"), AT)
    assert Interpretation() == interpret(journalled(raw), catalog, Installations(), PointSettings())


def test_a_join_is_a_point(catalog: Catalog):
    found = interpret(journalled(mqtt()[0]), catalog, Installations(), PointSettings())
    expected = {
        "dev_addr": "003467a8",
        "device": "Mairie, salle du conseil",
        "profile": "Milesight EM300-TH (sans codec)",
    }
    assert [(1_795_472_296_777_980_000, expected)] == said(found.points, "lorawan_join")
    assert len(found.points) == 1


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"external_power": False}, {"batteryLevelUnavailable": True, "batteryLevel": 0.0}),
        ({"external_power": True}, {"externalPowerSource": True, "batteryLevel": 0.0}),
        ({"external_power": False, "battery_level": 0.0}, {"batteryLevel": 0.0}),
        ({"external_power": False, "battery_level": 97.5}, {"batteryLevel": 97.5}),
        ({"external_power": False, "battery_level": 97.0}, {"batteryLevel": 97}),
    ],
)
def test_a_status_says_margin_power_and_battery_if_it_is_known(expected: dict[str, Any], status: dict[str, Any]):
    body = body_of("status") | {"batteryLevelUnavailable": False, "externalPowerSource": False} | status
    for raw in (raw_of(body, "status"), as_protobuf(raw_of(body, "status"))):
        found = interpret(journalled(raw), site(), Installations(), PointSettings())
        assert [{"margin": 10} | expected] == [fields for _, fields in said(found.points, "lorawan_status")]
        assert {float} >= {type(fields.get("battery_level", 0.0)) for _, fields in said(found.points, "lorawan_status")}


def test_a_location_is_a_point():
    body = {key: body_of("join")[key] for key in ("deduplicationId", "time", "deviceInfo")}
    place = {"latitude": 47.5, "longitude": 1.25, "altitude": 102, "accuracy": 3.2, "source": "GPS"}
    expected = {"latitude": 47.5, "longitude": 1.25, "altitude": 102.0, "accuracy": 3.2, "source": "GPS"}
    raw = raw_of(body | {"location": place}, "location")
    for form in (raw, as_protobuf(raw)):
        found = interpret(journalled(form), site(), Installations(), PointSettings())
        assert [expected] == [fields for _, fields in said(found.points, "lorawan_location")]
        assert isinstance(found.points[0].fields["altitude"], float)


# ---------------------------------------------------------------- the event's time


@pytest.mark.parametrize("drift", [0, 60 * NS, -60 * NS, 59 * NS])
@pytest.mark.parametrize("anchor", ["ns_time", "log_item"])
def test_a_time_up_to_60_s_from_its_anchor_is_kept(drift: int, anchor: str):
    event = anchored(uplink(device={"tags": SITES_TAGS}), AT - drift, anchor)
    found = interpret(event, site(), Installations(), PointSettings())
    assert {AT} == {point.at_ns for point in found.points}
    assert [] == flagged(found.points)


@pytest.mark.parametrize("drift", [60 * NS + 1, -60 * NS - 1, 400 * DAY, -400 * DAY])
@pytest.mark.parametrize("anchor", ["ns_time", "log_item"])
def test_a_time_further_from_its_anchor_is_replaced_and_flagged(drift: int, anchor: str):
    event = anchored(uplink(device={"tags": SITES_TAGS}), AT - drift, anchor)
    found = interpret(event, site(Reading(TEMPERATURE, 20.0)), Installations(), PointSettings())
    assert {AT - drift} == {point.at_ns for point in found.points}
    assert [(AT - drift, "time", "clock_replaced")] == flagged(found.points)
    assert f"the event said {AT} ns since 1970" == found.points[-1].fields["detail"]


@pytest.mark.parametrize(("expected", "late"), [(AT, 0), (AT, 60 * NS), (AT, 400 * DAY), (AT, -60 * NS)])
def test_a_time_before_our_own_arrival_is_kept(expected: int, late: int):
    event = anchored(uplink(), AT + late, "arrival")
    assert {expected} == {point.at_ns for point in interpret(event, site(), Installations(), PointSettings()).points}


def test_a_time_over_60_s_after_our_own_arrival_is_replaced_and_flagged():
    event = anchored(uplink(device={"tags": SITES_TAGS}), AT - 60 * NS - 1, "arrival")
    found = interpret(event, site(), Installations(), PointSettings())
    assert [(AT - 60 * NS - 1, "time", "clock_replaced")] == flagged(found.points)


@pytest.mark.parametrize("time", ["1970-01-01T00:00:01Z", "2106-02-07T06:28:15Z", "9999-12-31T23:59:59Z", None])
def test_an_uplink_of_1970_2106_or_no_time_at_all_takes_the_gateways(time: str | None):
    raw = uplink(time=time, device={"tags": SITES_TAGS})
    for form in (raw, as_protobuf(raw)):
        found = interpret(journalled(form), site(Reading(TEMPERATURE, 20.0)), Installations(), PointSettings())
        assert {AT_GATEWAY} == {point.at_ns for point in found.points}
        assert [(AT_GATEWAY, "time", "clock_replaced")] == flagged(found.points)


def test_an_uplink_whose_time_is_junk_takes_the_gateways():
    found = by_site(time="yesterday")
    assert {AT_GATEWAY} == {point.at_ns for point in found.points}
    assert [(AT_GATEWAY, "time", "clock_replaced")] == flagged(found.points)


@pytest.mark.parametrize(
    ("expected", "time"),
    [
        (ARRIVED, "2106-02-07T06:28:15Z"),
        (ARRIVED, "1970-01-01T00:00:00Z"),
        (ARRIVED, ""),
        (NS, "1970-01-01T00:00:01Z"),
    ],
)
def test_a_join_takes_the_arrival_where_its_time_lies_ahead_or_is_none(expected: int, time: str):
    raw = raw_of(body_of("join") | {"time": time}, "join")
    found = interpret(journalled(raw), site(), Installations(), PointSettings())
    assert [expected] == [when for when, _ in said(found.points, "lorawan_join")]
    assert (["clock_replaced"] if expected == ARRIVED else []) == [state for *_, state in flagged(found.points)]


# ---------------------------------------------------------------- a reading's own time

OWN_TIMES = [(AT, True), (AT - 400 * DAY, True), (AT + 900 * NS, True), (AT - 400 * DAY - 1, False)]
OWN_TIMES += [(AT + 900 * NS + 1, False), (0, False), (-5, False), (0xFFFF_FFFF * NS, False), (1 << 80, False)]


@pytest.mark.parametrize(("own", "kept"), OWN_TIMES)
def test_a_current_reading_takes_the_events_time_where_its_own_cannot_be(own: int, *, kept: bool):
    found = by_site(Reading(TEMPERATURE, 20.0, measured_at_ns=own))
    assert [(own if kept else AT, {"temperature": 20.0})] == said(found.points, "air")
    assert ([] if kept else [(AT, "air.temperature", "clock_replaced")]) == flagged(found.points)
    assert () == found.faults


@pytest.mark.parametrize(("own", "kept"), OWN_TIMES)
def test_a_stored_sample_is_a_fault_where_its_time_cannot_be(own: int, *, kept: bool):
    found = by_site(Reading(TEMPERATURE, 20.0, measured_at_ns=own, stored=True), Reading(VOLUME, 1.5))
    assert ([(own, {"temperature": 20.0})] if kept else []) == said(found.points, "air")
    assert ([] if kept else [(AT, "air.temperature", "bad_clock")]) == flagged(found.points)
    expected = (TEMPERATURE, "bad_clock", own, True)
    assert ([] if kept else [expected]) == [
        (fault.quantity, fault.code, fault.measured_at_ns, fault.stored) for fault in found.faults
    ]
    assert [(AT, {"volume": 1.5})] == said(found.points, "water_meter")


@pytest.mark.parametrize(("own", "kept"), OWN_TIMES)
@pytest.mark.parametrize("stored", [False, True])
def test_a_fault_has_a_time_of_its_own_too(own: int, *, kept: bool, stored: bool):
    found = by_site(Fault(DISTANCE, "no_sensor", "raw value 0", measured_at_ns=own, stored=stored))
    states = {True: "no_sensor", False: "bad_clock" if stored else "clock_replaced+no_sensor"}
    assert [(own if kept else AT, "probe.distance", states[kept])] == flagged(found.points)
    assert len(found.faults) == 1


def test_own_times_are_compared_with_the_events_time_after_it_was_replaced():
    event = anchored(uplink(device={"tags": SITES_TAGS}), AT + 500 * DAY)
    catalog = site(Reading(TEMPERATURE, 20.0, measured_at_ns=AT), Reading(VOLUME, 1.0, measured_at_ns=AT + 500 * DAY))
    found = interpret(event, catalog, Installations(), PointSettings())
    assert (AT + 500 * DAY, "air.temperature", "clock_replaced") in flagged(found.points)
    assert [(AT + 500 * DAY, {"volume": 1.0})] == said(found.points, "water_meter")


def test_readings_of_several_times_are_several_points_and_of_one_time_are_one():
    found = by_site(
        Reading(TEMPERATURE, 20.0),
        Reading(quantity("air.humidity"), 50.0),
        Reading(TEMPERATURE, 19.0, measured_at_ns=AT - 600 * NS, stored=True),
        Reading(quantity("air.humidity"), 51.0, measured_at_ns=AT - 600 * NS, stored=True),
        Reading(TEMPERATURE, 18.0, channel="outside"),
    )
    assert [
        (AT, {"temperature": 20.0, "humidity": 50.0}),
        (AT - 600 * NS, {"temperature": 19.0, "humidity": 51.0}),
        (AT, {"temperature": 18.0}),
    ] == said(found.points, "air")
    assert ["main", "main", "outside"] == [
        dict(point.tags)["channel"] for point in found.points if point.measurement == "air"
    ]


# ---------------------------------------------------------------- no payload, no decoder, no sense


@pytest.mark.parametrize(
    "changes",
    [
        {"joinServerContext": {"sessionKeyId": "AQI="}},
        {"payload": b""},
        {"f_port": 0},
        {"payload": b"", "f_port": 0},
    ],
    ids=["encrypted", "empty", "fPort 0", "no fPort"],
)
@pytest.mark.parametrize("tags", [SITES_TAGS, {}], ids=["with a decoder", "without"])
def test_an_uplink_without_readable_payload_gives_radio_facts_and_no_mark(
    changes: dict[str, Any], tags: dict[str, str]
):
    raw = uplink(device={"tags": tags}, **changes)
    for form in (raw, as_protobuf(raw)):
        found = interpret(journalled(form), site(error=AssertionError()), Installations(), PointSettings())
        assert None is found.mark
        assert ["lorawan_uplink"] == [point.measurement for point in found.points]


def test_without_a_decoder_there_are_radio_facts_and_a_mark_that_says_what_to_set():
    found = interpret(journalled(uplink()), site(), Installations(), PointSettings())
    assert ["lorawan_uplink"] == [point.measurement for point in found.points]
    assert not {"model", "decoder"} & set(found.points[0].fields)
    assert ("decode", "no_decoder") == (found.mark.stage, found.mark.code)
    for word in ("Milesight EM300-TH (sans codec)", "`decoder`", "`vendor`", "`model`", "[decoders] rules"):
        assert word in found.mark.words


def test_a_decoder_that_is_not_there_is_named_with_those_near_it():
    tags = SITES_TAGS | {"decoder": "site/anny"}
    found = interpret(journalled(uplink(device={"tags": tags})), site(), Installations(), PointSettings())
    assert "no_decoder" == found.mark.code
    assert "'site/anny'" in found.mark.words
    assert "site/any" in found.mark.words.replace("site/anny", "")


def test_a_payload_error_gives_radio_facts_and_a_mark():
    found = by_site(error=PayloadError("byte 3: too short"))
    assert ["lorawan_uplink"] == [point.measurement for point in found.points]
    assert Mark("decode", "payload", "byte 3: too short") == found.mark
    assert ("site/any", "abc123") == (found.decoder, found.declaration)
    assert ("Any", "site/any") == (found.points[0].fields["model"], found.points[0].fields["decoder"])


def test_a_codec_that_was_stopped_gives_a_mark_of_the_engine():
    assert Mark("decode", "engine", "100 ms are over") == by_site(error=CodecStopped("100 ms are over")).mark


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("temperature"),
        IndexError(),
        ZeroDivisionError(),
        AttributeError(),
        RecursionError(),
        MemoryError(),
        StopIteration(),
        AssertionError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
        OSError(5, "x"),
        Exception("y" * 10_000),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_sites_decoder_raises_is_a_mark(error: Exception):
    found = by_site(error=error)
    assert ["lorawan_uplink"] == [point.measurement for point in found.points]
    assert ("decode", "decoder_failed") == (found.mark.stage, found.mark.code)
    assert found.mark.words.startswith(f"site/any: {type(error).__name__}")
    assert len(found.mark.words) <= 500


@pytest.mark.parametrize(
    "item",
    [
        None,
        "20.0",
        {"quantity": "air.temperature"},
        (TEMPERATURE, 20.0),
        Reading("air.temperature", 20.0),
        Reading(None, 20.0),
        Reading(TEMPERATURE, "warm"),
        Reading(TEMPERATURE, None),
        Reading(TEMPERATURE, 10**400),
        Reading(PULSES, "many"),
        Reading(TEMPERATURE, 20.0, channel=5),
        Reading(TEMPERATURE, 20.0, channel=None),
        Reading(TEMPERATURE, 20.0, measured_at_ns=float(AT)),
        Reading(TEMPERATURE, 20.0, measured_at_ns="now"),
        Fault(TEMPERATURE, None),
        Fault(TEMPERATURE, "no_sensor", detail=5),
        Fault("air.temperature", "no_sensor"),
    ],
    ids=lambda item: type(item).__name__,
)
@pytest.mark.parametrize("good_first", [True, False])
def test_whatever_a_sites_decoder_gives_that_is_no_reading_is_a_mark(item: Any, *, good_first: bool):
    good = Reading(VOLUME, -5.0, measured_at_ns=0)
    found = by_site(*((good, item) if good_first else (item, good)), time="2106-01-01T00:00:00Z")
    assert ("decode", "decoder_failed") == (found.mark.stage, found.mark.code)
    assert ["lorawan_uplink", "quality"] == [point.measurement for point in found.points]
    assert [(AT_GATEWAY, "time", "clock_replaced")] == flagged(found.points)
    assert () == found.faults
    assert len(read(line_protocol(found.points))) == 2


def test_what_a_sites_decoder_calls_things_is_written_as_every_database_keeps_it():
    odd = 'a\n"b"\\ ,=\ud800'
    found = by_site(Fault(TEMPERATURE, odd, odd, channel=odd), Reading(VOLUME, 1.0, channel=""))
    rows = [row for row in read(line_protocol(found.points)) if row.measurement == "quality"]
    assert [('a "b"\\ ,=\ufffd', 'a "b"\\ ,=\ufffd')] == [(row.fields["state"], row.fields["detail"]) for row in rows]
    assert ['a "b"/ ,=\ufffd'] == [dict(row.tags)["channel"] for row in rows]
    assert ["none"] == [dict(point.tags)["channel"] for point in readings(found.points)]


@pytest.mark.parametrize(
    ("problem", "raw"),
    [
        ("not a readable up event", uplink(data="no base64!")),
        ("not a readable up event", RawEvent("up", "json", b"junk", "http", ARRIVED)),
        ("not a readable up event", RawEvent("up", "protobuf", b"\xff", "http", ARRIVED)),
        ("'integration' is no kind", raw_of(body_of("up"), "integration")),
    ],
)
def test_a_body_that_is_no_event_gives_a_mark_alone(problem: str, raw: RawEvent):
    found = interpret(journalled(raw), site(), Installations(), PointSettings())
    assert found == Interpretation(mark=found.mark)
    assert ("event", "bad_message") == (found.mark.stage, found.mark.code)
    assert problem in found.mark.words


# ---------------------------------------------------------------- values and faults


@pytest.mark.parametrize(
    ("expected", "number"), [([], -40.0), ([], 60.0), (["out_of_bounds"], 60.1), (["out_of_bounds"], -40.1)]
)
def test_a_value_out_of_bounds_is_written_and_flagged(expected: list[str], number: float):
    found = by_site(Reading(TEMPERATURE, number))
    assert [(AT, {"temperature": number})] == said(found.points, "air")
    assert expected == [state for *_, state in flagged(found.points)]
    if expected:
        assert f"{number} °C" == found.points[-1].fields["detail"]


@pytest.mark.parametrize(
    ("expected", "name", "given_value"),
    [
        (20.0, "air.temperature", 20),
        (1.0, "air.temperature", True),
        (7, "probe.pulses_total", 7.0),
        (1, "probe.pulses_total", True),
        (True, "water.leak", 1),
        (False, "water.leak", 0.0),
    ],
)
def test_a_value_has_the_type_of_its_quantity(expected: float, name: str, given_value: float):
    written = readings(by_site(Reading(quantity(name), given_value)).points)[0].fields[quantity(name).field]
    assert (type(expected), expected) == (type(written), written)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["air.temperature", "probe.pulses_total"])
def test_what_is_no_number_is_a_fault(name: str, number: float):
    found = by_site(Reading(quantity(name), number), Reading(LEAK, value=True))
    assert [(AT, name, "not_a_number")] == flagged(found.points)
    assert ["not_a_number"] == [fault.code for fault in found.faults]
    assert [(AT, {"leak": True})] == said(found.points, "water")
    assert None is found.mark


def test_what_is_no_number_keeps_its_own_time_and_its_channel():
    own = AT - 600 * NS
    found = by_site(Reading(TEMPERATURE, math.nan, "outside", own, stored=True))
    assert [(own, "air.temperature", "not_a_number")] == flagged(found.points)
    assert (Fault(TEMPERATURE, "not_a_number", "nan", "outside", own, stored=True),) == found.faults


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 10**400])
def test_an_integer_beyond_64_bits_is_a_fault(number: int):
    found = by_site(Reading(PULSES, number))
    assert [(AT, "probe.pulses_total", "out_of_range")] == flagged(found.points)
    assert [] == readings(found.points)


def test_a_fault_goes_to_quality_with_its_readings_tags_and_its_quantity():
    found = by_site(Fault(DISTANCE, "no_sensor", "raw value 0", channel="left"), Reading(DISTANCE, 1.0, channel="left"))
    bad = found.points[-1]
    of_reading = readings(found.points)[0].tags
    assert sorted([*of_reading, ("quantity", "probe.distance")]) == list(bad.tags)
    assert {"state": "no_sensor", "detail": "raw value 0"} == bad.fields
    assert (Fault(DISTANCE, "no_sensor", "raw value 0", channel="left"),) == found.faults


def test_an_unknown_record_is_a_quality_point_beside_the_values_before_it():
    fault = unknown_record(b"\x01\x02\x03", 1)
    found = by_site(Reading(TEMPERATURE, 20.0), fault)
    assert None is found.mark
    assert [{"temperature": 20.0}] == [dict(point.fields) for point in readings(found.points)]
    assert [(AT, "payload", "unknown_record")] == flagged(found.points)
    assert "byte 1: 0203" == found.points[-1].fields["detail"]
    assert (fault,) == found.faults


def test_the_tags_of_a_series_are_made_once():
    one, other = (by_site(Reading(DISTANCE, 1.0), Fault(DISTANCE, "no_sensor")).points for _ in range(2))
    assert ["lorawan_uplink", "probe", "quality"] == [point.measurement for point in one]
    for point, again in zip(one, other, strict=True):
        assert point.tags is again.tags, "making them costs more than all the rest of a point"


def test_several_states_of_one_value_stand_together_in_the_order_of_their_names():
    found = by_site(Reading(TEMPERATURE, 99.0, measured_at_ns=0))
    assert [(AT, "air.temperature", "clock_replaced+out_of_bounds")] == flagged(found.points)
    assert "the device said 0 s since 1970; 99.0 °C" == found.points[-1].fields["detail"]


def test_what_is_good_says_nothing_in_quality():
    assert [] == flagged(by_site(Reading(TEMPERATURE, 20.0)).points)


# ---------------------------------------------------------------- tags


def tags_of(
    device: dict[str, Any], settings: PointSettings | None = None, entries: tuple[Installation, ...] = ()
) -> dict[str, str]:
    raw = uplink(device=device)
    found = interpret(journalled(raw), site(), Installations(entries), settings or PointSettings())
    assert sorted(found.points[0].tags) == list(found.points[0].tags)
    return dict(found.points[0].tags)


def test_all_tags_are_there_and_an_empty_one_is_none():
    assert {
        "application": "none",
        "channel": "main",
        "commune": "none",
        "dev_eui": "24e124136b500042",
        "place": "24e124136b500042",
        "site": "none",
        "tenant": "none",
        "usage": "none",
    } == tags_of({"tags": {"commune": "", "site": " "}, "tenantId": "", "applicationId": None})


def test_names_are_no_tags():
    one = tags_of({"deviceName": "a", "tenantName": "b", "applicationName": "c", "deviceProfileName": "d"})
    assert tags_of({}) == one


@pytest.mark.parametrize("tags", [(), ("salle",), ("usage", "salle", "commune")])
def test_the_configuration_names_the_further_tags(tags: tuple[str, ...]):
    given_tags = {"salle": "CM2", "commune": "Bauzy", "secret": "x"}
    found = tags_of({"tags": given_tags}, PointSettings(tags=tags))
    assert {*FIXED_TAGS, *tags} == set(found)
    assert {name: given_tags.get(name, "none") for name in tags} == {name: found[name] for name in tags}


def test_a_further_tag_cannot_replace_a_fixed_one():
    found = tags_of({"tags": {"place": "x", "channel": "y", "dev_eui": "z"}}, PointSettings(tags=("place", "dev_eui")))
    assert ("24e124136b500042", "main", "24e124136b500042") == (found["place"], found["channel"], found["dev_eui"])


def test_the_configuration_names_tenants_and_applications():
    tenant, application = "886d1009-b480-4696-b96d-4a269b13caa7", "a6836afa-af54-427c-813b-9a6d03df07f3"
    named = PointSettings(tenants={tenant: "grand-chambord"}, applications={application: "batiments", "x": "y"})
    assert ("grand-chambord", "batiments") == (tags_of({}, named)["tenant"], tags_of({}, named)["application"])
    assert (tenant, application) == (tags_of({})["tenant"], tags_of({})["application"])
    empty = PointSettings(tenants={tenant: ""}, applications={application: ""})
    assert (tenant, application) == (tags_of({}, empty)["tenant"], tags_of({}, empty)["application"])


def test_an_installations_tags_and_place_beat_the_events():
    entry = Installation("24e124136b500042", place="mairie-conseil", tags={"commune": "Bracieux", "usage": ""})
    found = tags_of({"tags": {"commune": "Bauzy", "usage": "eau", "site": "mairie"}}, entries=(entry,))
    assert ("mairie-conseil", "Bracieux", "eau", "mairie") == tuple(
        found[name] for name in ("place", "commune", "usage", "site")
    )


@pytest.mark.parametrize(
    ("expected", "moved_at"), [("old", AT + 1), ("new", AT), ("new", AT - 1)], ids=["before", "at once", "after"]
)
def test_a_sensor_that_moves_ends_one_series_and_begins_another_at_that_moment(expected: str, moved_at: int):
    entries = (
        Installation("24e124136b500042", until_ns=moved_at, place="old"),
        Installation("24e124136b500042", from_ns=moved_at, place="new"),
        Installation("24e124136b500043", place="another device"),
    )
    assert expected == tags_of({}, entries=entries)["place"]


def test_an_installation_is_looked_up_at_the_events_time_after_it_was_replaced():
    entries = Installations([Installation("24e124136b500042", from_ns=AT + 300 * DAY, place="new")])
    event = anchored(uplink(), AT + 400 * DAY)
    assert "new" == dict(interpret(event, site(), entries, PointSettings()).points[0].tags)["place"]


# ---------------------------------------------------------------- installations


RIVER = Installation(
    "a84041c5d1827fed",
    place="cosson-bracieux",
    reads=(reads("probe.distance", "water.level", {"mounting_height": 4.2}),),
    parameters={"mounting_height": 4.2},
)


def test_a_recorded_distance_is_a_water_level_at_the_mounting_height(catalog: Catalog):
    raws = [raw for raw in mqtt() if raw.kind == "up" and b"a84041c5d1827fed" in raw.body]
    found = [interpret(journalled(raw), catalog, Installations([RIVER]), PointSettings()) for raw in raws]
    levels = [fields["level"] for each in found for _, fields in said(each.points, "water")]
    distances = (2612, 2612, *range(2613, 2626))
    assert [float(Fraction(4200 - distance, 1000)) for distance in distances] == levels
    assert {"cosson-bracieux"} == {dict(point.tags)["place"] for each in found for point in each.points}
    assert not any("distance" in point.fields for each in found for point in each.points)


def test_a_fault_of_the_probe_is_a_fault_of_what_it_really_is(catalog: Catalog):
    body = json.loads(next(raw.body for raw in mqtt() if b"a84041c5d1827fed" in raw.body))
    raw = raw_of(body | {"data": base64.b64encode(bytes.fromhex("0b45000000010100")).decode()})
    found = interpret(journalled(raw), catalog, Installations([RIVER]), PointSettings())
    assert [("water.level", "no_sensor")] == [(fault.quantity.name, fault.code) for fault in found.faults]
    assert "water.level" in {name for _, name, _ in flagged(found.points)}


def test_an_installations_decoder_beats_the_tags():
    entry = Installation("24e124136b500042", decoder="Site/ANY")
    raw = uplink(device={"tags": {"decoder": "no/such"}})
    found = interpret(journalled(raw), site(Reading(TEMPERATURE, 20.0)), Installations([entry]), PointSettings())
    assert ("site/any", None) == (found.decoder, found.mark)


def test_a_decoder_is_told_the_installations_parameters_and_when_the_uplink_was():
    told = []

    def read_frame(frame: Any) -> list[Any]:
        told.append((frame.f_port, frame.payload, frame.received_at_ns, dict(frame.parameters)))
        return []

    decoder = Decoder(
        vendor="Site",
        models=("Any",),
        datasheet="",
        f_ports={7: by_hand(read_frame, value("air.temperature"))},
        parameters=(Parameter("period", "s", "between samples", 600.0),),
    )
    entry = Installation("24e124136b500042", decoder="site/any", parameters={"period": 60.0})
    catalog = Catalog([Entry("site/any", "Any", decoder)])
    for entries in ([entry], []):
        raw = uplink(b"\x01\x02", 7, device={"tags": SITES_TAGS})
        interpret(journalled(raw), catalog, Installations(entries), PointSettings())
    assert [(7, b"\x01\x02", AT, {"period": 60.0}), (7, b"\x01\x02", AT, {})] == told


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_probe_that_gives_no_number_is_a_fault_of_what_it_really_is(number: float):
    entry = Installation("24e124136b500042", reads=RIVER.reads, parameters=RIVER.parameters)
    raw = uplink(device={"tags": SITES_TAGS})
    found = interpret(journalled(raw), site(Reading(DISTANCE, number)), Installations([entry]), PointSettings())
    assert [(AT, "water.level", "not_a_number")] == flagged(found.points)
    assert None is found.mark


def test_a_rule_that_fails_gives_a_mark():
    def fail(_value: float, _parameters: Mapping[str, float]) -> float:
        raise ZeroDivisionError

    entry = Installation("24e124136b500042", reads=(Reads(DISTANCE, quantity("water.level"), Rule(fail), {}),))
    raw = uplink(device={"tags": SITES_TAGS})
    found = interpret(journalled(raw), site(Reading(DISTANCE, 1.0)), Installations([entry]), PointSettings())
    assert "decoder_failed" == found.mark.code
    assert ["lorawan_uplink"] == [point.measurement for point in found.points]


# ---------------------------------------------------------------- radio facts


HEARD = [
    ("by SNR", {"gatewayId": "b", "rssi": -120, "snr": 5.0}),
    ("then by RSSI", {"gatewayId": "c", "rssi": -90, "snr": 4.5}),
    ("then by id", {"gatewayId": "a", "rssi": -100, "snr": 4.5}),
    ("no more", {"gatewayId": "d", "rssi": -100, "snr": 4.5}),
]


@pytest.mark.parametrize("from_best", range(4), ids=[what for what, _ in HEARD])
def test_the_best_gateway_is_told_whatever_the_order(from_best: int):
    heard = [gateway for _, gateway in HEARD[from_best:]]
    expected = (heard[0]["gatewayId"], heard[0]["rssi"], heard[0]["snr"], len(heard))
    for order in itertools.permutations(heard):
        raw = uplink(rxInfo=list(order))
        for form in (raw, as_protobuf(raw)):
            fields = interpret(journalled(form), site(), Installations(), PointSettings()).points[0].fields
            assert expected == (fields["gateway"], fields["rssi"], fields["snr"], fields["gateways"])


def test_an_uplink_that_no_gateway_claims_has_no_best_one():
    fields = interpret(journalled(uplink(rxInfo=[])), site(), Installations(), PointSettings()).points[0].fields
    assert 0 == fields["gateways"]
    assert not {"rssi", "snr", "gateway"} & set(fields)


def lora(spreading_factor: int, bandwidth: int = 125_000, code_rate: int = 5) -> Modulation:
    return Modulation(spreading_factor=spreading_factor, bandwidth=bandwidth, code_rate=f"CR_4_{code_rate}")


# A PHYPayload of 23 bytes (10 of FRMPayload) in EU868, CR 4/5, explicit header, CRC, 8 symbols of preamble, in ms to
# one decimal: https://avbentem.github.io/airtime-calculator/ttn/eu868/10, which The Things Network refers to.
@pytest.mark.parametrize(
    ("expected_ms", "modulation"),
    [
        (61.7, lora(7)),
        (113.2, lora(8)),
        (205.8, lora(9)),
        (370.7, lora(10)),
        (823.3, lora(11)),
        (1482.8, lora(12)),
        (30.8, lora(7, 250_000)),
    ],
    ids=["SF7", "SF8", "SF9", "SF10", "SF11", "SF12", "SF7 at 250 kHz"],
)
def test_airtime_is_what_calculators_say(expected_ms: float, modulation: Modulation):
    assert expected_ms == round(airtime(modulation, 23) * 1000, 1)


@given(
    st.integers(7, 12),
    st.sampled_from([125_000, 250_000, 500_000]),
    st.integers(5, 8),
    st.integers(1, 255),
    st.sampled_from([0, 6, 8, 12]),
    st.sampled_from([0, 1]),
)
def test_airtime_is_semtechs_formula(  # noqa: PLR0913, PLR0917 - the formula has six values
    spreading: int, bandwidth: int, code_rate: int, size: int, preamble: int, crc: int
):
    # Semtech AN1200.13, "LoRa Modem Designer's Guide", 4: explicit header (H = 0), DE = 1 where a symbol is over 16 ms.
    symbol = Fraction(2**spreading, bandwidth)
    slow = 1 if symbol > Fraction(16, 1000) else 0
    bits = Fraction(8 * size - 4 * spreading + 28 + 16 * crc, 4 * (spreading - 2 * slow))
    expected = (Fraction(preamble or 8) + Fraction(17, 4) + 8 + max(math.ceil(bits) * code_rate, 0)) * symbol
    modulation = Modulation(
        spreading_factor=spreading,
        bandwidth=bandwidth,
        code_rate=f"CR_4_{code_rate}",
        preamble=preamble,
        no_crc=not crc,
    )
    assert abs(expected - Fraction(airtime(modulation, size))) <= Fraction(1, 1_000_000)


@pytest.mark.parametrize("code_rate", ["", "CR_UNDEFINED", "99", "CR_LI_4_8"])
def test_airtime_takes_a_code_rate_that_it_does_not_know_for_4_5(code_rate: str):
    assert airtime(lora(7), 23) == airtime(msgspec.structs.replace(lora(7), code_rate=code_rate), 23)


def test_airtime_of_fsk_is_its_bits_over_its_data_rate():
    # Preamble 5, sync word 3, length 1, CRC 2 bytes: LoRaWAN regional parameters RP002.
    assert (23 + 11) * 8 / 50_000 == airtime(Modulation(fsk_data_rate=50_000), 23)


@pytest.mark.parametrize(
    "modulation",
    [Modulation(), lora(0), lora(13), lora((1 << 32) - 1), Modulation(spreading_factor=7), Modulation(bandwidth=1)],
)
def test_airtime_of_a_modulation_that_is_not_known_is_not_told(modulation: Modulation):
    assert airtime(modulation, 23) == 0.0


@pytest.mark.parametrize(
    ("expected_size", "payload", "f_port"),
    [(23, bytes(10), 1), (13, b"", 1), (12, b"", 0), (14, b"\x01", 0)],
    ids=["payload", "fPort alone", "neither", "MAC commands"],
)
def test_airtime_counts_the_whole_frame(expected_size: int, payload: bytes, f_port: int):
    fields = interpret(journalled(uplink(payload, f_port)), site(), Installations(), PointSettings()).points[0].fields
    assert airtime(lora(7), expected_size) == fields["airtime"]
    assert len(payload) == fields["size"]


# ---------------------------------------------------------------- any event

TYPES = {
    "lorawan_uplink": {
        "rssi": int,
        "snr": float,
        "gateway": str,
        "gateways": int,
        "f_cnt": int,
        "f_port": int,
        "dr": int,
        "frequency": int,
        "airtime": float,
        "size": int,
        "device": str,
        "model": str,
        "profile": str,
        "decoder": str,
    },
    "lorawan_join": {"dev_addr": str, "device": str, "profile": str},
    "lorawan_status": {"margin": int, "battery_level": float, "external_power": bool},
    "lorawan_location": {"latitude": float, "longitude": float, "altitude": float, "accuracy": float, "source": str},
    "quality": {"state": str, "detail": str},
}
for each in QUANTITIES.values():
    TYPES.setdefault(each.measurement, {})[each.field] = {"float": float, "int": int, "bool": bool}[each.type]

WHOLE = [forms[0] for forms in in_all_forms().values()]
TEXTS = st.sampled_from(["", "\\", "a\\", "a,b=c d", '"', "é\n", "\x00", "💧", "\u2028", "#", "x" * 5000]) | st.text()
TIMES = st.one_of(
    st.sampled_from(["", "junk", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "2106-02-07T06:28:15Z"]),
    st.sampled_from(["2262-04-11T23:47:16.854775807Z", "2262-04-10T20:00:56Z", "1677-09-21T00:12:43.2Z"]),
    st.integers(-9_214_000_000 * NS, 9_223_000_000 * NS).map(format_time),
)
PAYLOADS = st.binary(max_size=60).map(lambda payload: base64.b64encode(payload).decode())
NUMBERS = st.integers(-(1 << 20), 1 << 20).map(lambda eighths: eighths / 8)  # a float32 holds these exactly
ODD_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -0.0])
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.integers(-(1 << 31), (1 << 32) - 1), NUMBERS, ODD_NUMBERS, TEXTS),
    *(TIMES, PAYLOADS, st.text(max_size=10)),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXTS, SCALARS, max_size=2)


def places(body: Any) -> list[tuple[Any, Any]]:
    """Give every place of a JSON structure, as its container and its key."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [place for key, each in inner for place in ((body, key), *places(each))]


@st.composite
def changed_structures(draw: st.DrawFn) -> RawEvent:
    """Draw a recorded event with other values somewhere, in JSON or, where it can be, in protobuf."""
    raw = draw(st.sampled_from([raw for raw in WHOLE if raw.encoding == "json"]))
    body = json.loads(raw.body)
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(["any", "time", "data", "tags", "names", "gateways"]))
        if name == "time":
            body["time"] = draw(TIMES)
        elif name == "data" and "data" in body:
            body |= {"data": draw(PAYLOADS), "fPort": draw(st.integers(0, 255))}
        elif name == "gateways" and "rxInfo" in body:
            body["rxInfo"] = [{"nsTime": draw(TIMES), "gatewayId": draw(TEXTS), "snr": draw(NUMBERS)}]
        elif name == "tags" and isinstance(body.get("deviceInfo"), dict):
            body["deviceInfo"]["tags"] = draw(st.dictionaries(st.sampled_from(["commune", "site", "usage"]), TEXTS))
        elif name == "names" and isinstance(body.get("deviceInfo"), dict):
            body["deviceInfo"] |= {"deviceName": draw(TEXTS), "tenantId": draw(TEXTS), "applicationId": draw(TEXTS)}
        else:
            container, key = draw(st.sampled_from(places(body)))
            container[key] = draw(VALUES)
    return raw_of(body, raw.kind, mark=draw(st.sampled_from(["", "1795472297009-0", "9999999999999-0"])))


@st.composite
def changed_bytes(draw: st.DrawFn) -> RawEvent:
    """Draw a recorded event of either encoding with other bytes somewhere."""
    raw = draw(st.sampled_from(WHOLE))
    if raw.encoding == "json" and draw(st.booleans()):
        raw = as_protobuf(raw)
    body = bytearray(raw.body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return msgspec.structs.replace(raw, body=bytes(body))


PLACES = Installation(
    "24e124136b500042", from_ns=AT, place="\\", tags={"commune": "a\\", "site": "\n"}, decoder="milesight/em300-th"
)


@given(raw=st.one_of(changed_structures(), changed_bytes()))
def test_any_event_gives_points_that_a_server_takes_or_a_mark(raw: RawEvent, catalog: Catalog):
    found = interpret(journalled(raw), catalog, Installations([RIVER, PLACES]), PointSettings())
    rows = read(line_protocol(found.points))
    assert len(rows) == len(found.points)
    assert rows or found.mark or raw.kind not in ("up", "join", "status", "location")
    for row in rows:
        assert {*FIXED_TAGS, "commune", "site", "usage"} == {name for name, _ in row.tags} - {"quantity"}
        for name, written in row.fields.items():
            assert TYPES[row.measurement][name] is type(written), (row.measurement, name)


@given(raw=changed_structures())
def test_what_protobuf_can_hold_gives_the_same_lines_in_json(raw: RawEvent, catalog: Catalog):
    try:
        in_protobuf = msgspec.structs.replace(as_protobuf(raw), mark=raw.mark)
        in_json = msgspec.structs.replace(as_json(in_protobuf), mark=raw.mark)
    except json_format.Error:  # what one of them cannot hold, such as NaN
        return
    one, other = (
        interpret(journalled(form), catalog, Installations([RIVER]), PointSettings()) for form in (in_json, in_protobuf)
    )
    if one.mark is None or one.mark.stage != "event":  # JSON holds no infinity, and no pair of surrogates cut in two
        assert line_protocol(one.points) == line_protocol(other.points)
        assert one.mark == other.mark


def test_no_quantity_has_the_name_of_a_tag():
    tags = {*FIXED_TAGS, *PointSettings().tags, "quantity", "time"}
    assert not [each.name for each in QUANTITIES.values() if each.field in tags]
    assert not tags & {name for fields in TYPES.values() for name in fields}


def test_the_fields_that_events_write_themselves_are_told_to_the_configuration():
    assert RADIO_FIELDS == {
        name
        for measurement, fields in TYPES.items()
        if measurement.startswith(("lorawan", "quality"))
        for name in fields
    }


def test_no_quantity_is_of_a_measurement_that_events_write_themselves():
    assert not [each.name for each in QUANTITIES.values() if each.measurement.startswith(("lorawan", "quality"))]
