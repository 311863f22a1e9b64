"""An envelope is read of whatever arrives, and one event has one identity, whichever way it came."""

import hashlib
import itertools
import json
import random
from typing import Any, get_args

import pytest
from chirpstack_api.integration import integration_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.events import MAX_BODY, Encoding, Envelope, RawEvent, envelope, own_event
from vdl_lora.lorawan import EventKind, ServiceStarted, ServiceStopped, WayLost

from .recordings import (
    ARRIVED,
    MESSAGES,
    as_protobuf,
    body_of,
    grpc,
    http,
    in_all_forms,
    mqtt,
    raw_of,
    uplink,
)

KINDS = get_args(EventKind)
ENCODINGS = get_args(Encoding)
ONE_OF_A_KIND = [next(raw for raw in mqtt() if raw.kind == kind) for kind in KINDS[:6]]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("deduplicationId", "time", "deviceInfo", "rxInfo", "queueItemId", "fCntDown", "downlinkId", "level", "code"),
        *("description", "context", "about", "devEui", "tenantId", "data", "object", "txInfo", "-"),
    ]
)
EVENT_LIKE = st.dictionaries(KEYS, JSON | st.just({"devEui": "24e124136b500042"}) | st.just([{"snr": 1}]), max_size=8)


def no_envelope(raw: RawEvent, problem: str) -> Envelope:
    return Envelope(raw.kind, hashlib.sha256(raw.body).digest(), 0, raw.arrived_at_ns, "arrival", problem=problem)


def shuffled(value: Any, seed: int) -> Any:
    """Give the same JSON with its keys in another order; lists stay as they are."""
    if isinstance(value, dict):
        items = [(key, shuffled(inner, seed)) for key, inner in value.items()]
        random.Random(seed).shuffle(items)  # noqa: S311 - no secret
        return dict(items)
    return [shuffled(inner, seed) for inner in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- identity


@pytest.mark.parametrize("forms", in_all_forms().values(), ids=["-".join(key) for key in in_all_forms()])
def test_an_event_has_one_identity_in_every_form(forms: tuple[RawEvent, ...]):
    assert len({(raw.way, raw.encoding) for raw in forms}) >= 3
    assert {""} == {envelope(raw).problem for raw in forms}
    assert len({envelope(raw).identity for raw in forms}) == 1


def test_each_recorded_event_has_an_identity_of_its_own():
    assert len(in_all_forms()) == 45
    assert len({envelope(forms[0]).identity for forms in in_all_forms().values()}) == 45


def test_two_events_came_by_grpc_and_mqtt_in_json_and_by_http_in_protobuf():
    in_protobuf = [raw for raw in http() if raw.encoding == "protobuf"]
    of_others = {envelope(raw).identity for raw in (*grpc(), *mqtt())}
    assert len(in_protobuf) == 2
    assert {envelope(raw).identity for raw in in_protobuf} <= of_others


# Journals remember identities: were one to change, every event of it would be kept a second time.
@pytest.mark.parametrize(
    ("expected", "named"),
    [
        ("up", "24e124136b500042 up ffc23342-c17f-4e38-9d36-780549dbe857"),
        ("join", "24e124136b500042 join 9d4c89b2-2286-44d6-8f31-d82879a5a9f9"),
        ("status", "24e124136b500042 status f1671040-a541-477c-b8a4-40ed19820f49"),
        ("ack", "24e124136b500042 ack ('ff39786c-2b3c-468f-9d10-dd3e6c639c08', 4)"),
        ("txack", "24e124136b500042 txack ('ff39786c-2b3c-468f-9d10-dd3e6c639c08', 3524565291)"),
        (
            "log",
            (
                "24e124136b500042 log (1795472300699045171, 'ERROR', 'OTAA', 'DevNonce has already been used', "
                "[('deduplication_id', '40c263e6-f85c-4703-86b4-5bbe47f590a1'), ('dev_nonce', '1'), "
                "('join_eui', '24e124c0002a0001')])"
            ),
        ),
    ],
)
def test_an_identity_never_changes(expected: str, named: str):
    of_kind = next(raw for raw in mqtt() if raw.kind == expected)
    assert hashlib.blake2b(named.encode(), digest_size=16).digest() == envelope(of_kind).identity


@pytest.mark.parametrize("raw", ONE_OF_A_KIND, ids=lambda raw: raw.kind)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_keys_and_tags_changes_nothing(raw: RawEvent, seed: int):
    other = raw_of(shuffled(json.loads(raw.body), seed), raw.kind, arrived_at_ns=raw.arrived_at_ns)
    assert raw.body != other.body
    assert envelope(raw) == envelope(other)


def test_the_order_of_gateways_changes_nothing():
    body = body_of("up", 4)
    assert len(body["rxInfo"]) == 3
    orders = [raw_of(body | {"rxInfo": order}) for order in itertools.permutations(body["rxInfo"])]
    assert len({raw.body for raw in orders}) == 6
    in_both = {envelope(form) for raw in orders for form in (raw, as_protobuf(raw))}
    assert len(in_both) == 1


@pytest.mark.parametrize("raw", ONE_OF_A_KIND, ids=lambda raw: raw.kind)
@pytest.mark.parametrize("spelt", ["24E124136B500042", "24-E1-24-13-6B-50-00-42", "24:e1:24:13:6b:50:00:42"])
def test_the_spelling_of_a_deveui_changes_nothing(raw: RawEvent, spelt: str):
    body = json.loads(raw.body)
    other = raw_of(body | {"deviceInfo": body["deviceInfo"] | {"devEui": spelt}}, raw.kind)
    assert envelope(raw).identity == envelope(other).identity
    assert envelope(other).dev_eui == "24e124136b500042"
    assert envelope(raw).identity == envelope(as_protobuf(other)).identity


def test_kinds_with_one_deduplication_id_are_different_events():
    body = {"deduplicationId": "f1671040", "deviceInfo": {"devEui": "24e124136b500042"}}
    assert len({envelope(raw_of(body, kind)).identity for kind in ("up", "join", "status", "location")}) == 4


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("up", {"deduplicationId": "other"}),
        ("up", {"deviceInfo": {"devEui": "24e124136b500043"}}),
        ("ack", {"queueItemId": "other"}),
        ("ack", {"fCntDown": 5}),
        ("txack", {"queueItemId": "other"}),
        ("txack", {"downlinkId": 5}),
        ("log", {"time": "2026-11-23T22:18:20.699045172+00:00"}),
        ("log", {"level": "WARNING"}),
        ("log", {"code": "UPLINK_CODEC"}),
        ("log", {"description": "other"}),
        ("log", {"context": {}}),
        ("log", {"context": {"dev_nonce": "1, join_eui: 24e124c0002a0001"}}),
        ("log", {"deviceInfo": {"devEui": "24e124136b500043"}}),
    ],
)
def test_what_tells_events_apart_changes_the_identity(kind: str, change: dict[str, Any]):
    body = body_of(kind)
    assert envelope(raw_of(body, kind)).identity != envelope(raw_of(body | change, kind)).identity


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("up", {"data": "", "object": {"a": 1}, "fCnt": 9, "rxInfo": []}),
        ("ack", {"deduplicationId": "other", "time": "2026-11-24T00:00:00Z"}),
        ("txack", {"fCntDown": 9, "gatewayId": "other"}),
        ("log", {"newField": [1]}),
    ],
)
def test_what_does_not_tell_events_apart_leaves_the_identity(kind: str, change: dict[str, Any]):
    body = body_of(kind)
    assert envelope(raw_of(body, kind)).identity == envelope(raw_of(body | change, kind)).identity


LOG_TEXT = st.text(max_size=12) | st.sampled_from(["a", "a b", "a\x00b", "('a', 'b')", "', '", "[]"])
LOGS = st.tuples(LOG_TEXT, LOG_TEXT, st.dictionaries(LOG_TEXT, LOG_TEXT, max_size=3))


@given(LOGS, LOGS)
def test_two_logs_have_one_identity_only_where_they_say_the_same(one: tuple[Any, ...], other: tuple[Any, ...]):
    def of(said: tuple[Any, ...]) -> RawEvent:
        code, description, context = said
        return raw_of(body_of("log") | {"code": code, "description": description, "context": context}, "log")

    assert (one == other) == (envelope(of(one)).identity == envelope(of(other)).identity)


# ---------------------------------------------------------------- what else it says


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_an_envelope_says_who_when_and_whose(encoding: str):
    raw = next(raw for raw in mqtt() if raw.kind == "up")
    read = envelope(raw if encoding == "json" else as_protobuf(raw))
    expected = Envelope(
        kind="up",
        identity=read.identity,
        event_at_ns=1_795_472_297_690_810_000,
        anchor_at_ns=1_795_472_297_691_304_869,
        anchor="ns_time",
        dev_eui="24e124136b500042",
        tenant_id="886d1009-b480-4696-b96d-4a269b13caa7",
        application_id="a6836afa-af54-427c-813b-9a6d03df07f3",
    )
    assert expected == read


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "2262-04-11T23:47:16.854775807Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_kept_is_0(time: str, encoding: str):
    raw = uplink(time=time)
    assert envelope(raw if encoding == "json" else as_protobuf(raw)).event_at_ns == 0


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23", None])
def test_a_time_that_is_none_is_0(time: str | None):
    assert envelope(uplink(time=time)).event_at_ns == 0
    assert envelope(uplink(time=time)).problem == ""


BEST = {"gatewayId": "a", "rssi": -90, "snr": 7.5, "nsTime": "2026-11-23T22:00:00.000000001+00:00"}
AT_BEST = 1_795_471_200_000_000_001


@pytest.mark.parametrize(
    "others",
    [
        [],
        [{"gatewayId": "b", "rssi": -10, "snr": 7.25, "nsTime": "2026-11-23T23:00:00+00:00"}],
        [{"gatewayId": "b", "rssi": -91, "snr": 7.5, "nsTime": "2026-11-23T23:00:00+00:00"}],
        [{"gatewayId": "b", "rssi": -90, "snr": 7.5, "nsTime": "2026-11-23T23:00:00+00:00"}],
        [{"gatewayId": "b", "rssi": -10, "nsTime": "2026-11-23T23:00:00+00:00"}, {"gatewayId": "c", "snr": -20}],
    ],
)
@pytest.mark.parametrize("best_is_first", [True, False])
def test_the_anchor_of_an_uplink_is_the_best_gateways_ns_time(others: list[dict[str, Any]], *, best_is_first: bool):
    raw = uplink(rxInfo=[BEST, *others] if best_is_first else [*others, BEST])
    for form in (raw, as_protobuf(raw)):
        assert (AT_BEST, "ns_time") == (envelope(form).anchor_at_ns, envelope(form).anchor)


@pytest.mark.parametrize(
    "ns_time", [None, "", "junk", "1970-01-01T00:00:00Z", "1677-12-31T00:00:00Z", "1960-01-01T00:00:00Z"]
)
def test_an_ns_time_that_is_none_is_no_anchor(ns_time: str | None):
    best = BEST | {"nsTime": ns_time} if ns_time is not None else {"gatewayId": "a"}
    assert (ARRIVED, "arrival") == (
        envelope(uplink(rxInfo=[best])).anchor_at_ns,
        envelope(uplink(rxInfo=[best])).anchor,
    )


@pytest.mark.parametrize(
    ("expected", "mark"),
    [
        ((1_795_472_297_009_000_000, "log_item"), "1795472297009-0"),
        ((1_795_472_297_009_000_000, "log_item"), "1795472297009"),
        ((1_000_000, "log_item"), "1-0"),
        ((ARRIVED, "arrival"), ""),
        ((ARRIVED, "arrival"), "0-0"),
        ((ARRIVED, "arrival"), "-5"),
        ((ARRIVED, "arrival"), "soon-0"),
        ((ARRIVED, "arrival"), "1e9-0"),
        ((ARRIVED, "arrival"), "\u0661\u0662-0"),
        ((ARRIVED, "arrival"), "9999999999999-0"),
        ((ARRIVED, "arrival"), "9" * 5000),
    ],
)
def test_without_ns_time_the_anchor_is_the_log_items_time_then_the_arrival(expected: tuple[int, str], mark: str):
    read = envelope(raw_of(body_of("join"), "join", mark=mark))
    assert (*expected, "") == (read.anchor_at_ns, read.anchor, read.problem)


def test_every_recorded_event_has_the_anchor_of_its_way():
    assert {"ns_time"} == {envelope(raw).anchor for raw in (*grpc(), *http(), *mqtt()) if raw.kind == "up"}
    assert {"log_item"} == {envelope(raw).anchor for raw in grpc() if raw.kind != "up"}
    assert {"arrival"} == {envelope(raw).anchor for raw in (*http(), *mqtt()) if raw.kind != "up"}


def test_an_uplink_whose_rx_info_cannot_be_read_is_known_all_the_same():
    plain = envelope(uplink())
    odd = envelope(uplink(rxInfo="none"))
    assert odd.problem == ""
    assert (plain.identity, ARRIVED, "arrival") == (odd.identity, odd.anchor_at_ns, odd.anchor)


@pytest.mark.parametrize(
    "change",
    [
        {"data": "no base64!"},
        {"data": None},
        {"fCnt": -1},
        {"fPort": 1 << 80},
        {"txInfo": 5},
        {"object": [1e308, {"deep": [[[[]]]]}]},
        {"rxInfo": [{"rssi": 1 << 40}]},
        {"rxInfo": [{"nsTime": 5}]},
    ],
    ids=str,
)
def test_an_uplink_whose_rest_cannot_be_read_is_known_all_the_same(change: dict[str, Any]):
    odd = envelope(uplink(**change))
    assert ("", envelope(uplink()).identity, "24e124136b500042") == (odd.problem, odd.identity, odd.dev_eui)


# ---------------------------------------------------------------- our own


def test_an_own_event_says_what_it_is_about():
    raw = own_event(WayLost("grpc"), 1_795_472_297_000_000_001, dev_eui="24e124136b500042", tenant_id="t")
    read = envelope(raw)
    assert read == Envelope(
        kind="own",
        identity=read.identity,
        event_at_ns=1_795_472_297_000_000_001,
        anchor_at_ns=1_795_472_297_000_000_001,
        anchor="arrival",
        dev_eui="24e124136b500042",
        tenant_id="t",
    )


def test_own_events_are_the_same_where_they_say_the_same_at_the_same_time():
    same = {envelope(own_event(ServiceStarted(), 5)).identity for _ in range(2)}
    others = {
        envelope(own_event(ServiceStarted(), 6)).identity,
        envelope(own_event(ServiceStopped(), 5)).identity,
        envelope(own_event(ServiceStarted("1"), 5)).identity,
        envelope(own_event(ServiceStarted(), 5, tenant_id="t")).identity,
        envelope(own_event(ServiceStarted(), 5, dev_eui="24e124136b500042")).identity,
    }
    assert len(same) == 1
    assert len(others - same) == 5


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("problem", "raw"),
    [
        ("'uplink' is no kind", raw_of(body_of("up"), "uplink")),
        ("'' is no kind", raw_of(body_of("up"), "")),
        ("'own' is no kind", raw_of(body_of("up"), "own")),
        ("'integration' is no kind", RawEvent("integration", "protobuf", b"", "http", ARRIVED)),
        ("not 'up'", RawEvent("up", "own", b"{}", "own", ARRIVED)),
        ("no deduplicationId", uplink(deduplicationId=None)),
        ("no deduplicationId", as_protobuf(uplink(deduplicationId=None))),
        ("names no downlink", raw_of({"deviceInfo": {"devEui": "24e124136b500042"}}, "ack")),
        ("names no downlink", raw_of({"deviceInfo": {"devEui": "24e124136b500042"}}, "txack")),
        ("deviceInfo", uplink(deviceInfo=None)),
        ("deviceInfo", uplink(deviceInfo=[])),
        ("devEui", uplink(device={"devEui": None})),
        ("devEui", uplink(device={"devEui": 5})),
        ("'24e124136b50004' has not", uplink(device={"devEui": "24e124136b50004"})),
        ("'' has not", RawEvent("up", "protobuf", b"", "http", ARRIVED)),
        ("deduplicationId", uplink(deduplicationId=5)),
        ("time", uplink(time=5)),
        ("truncated", RawEvent("up", "json", b"", "http", ARRIVED)),
        ("malformed", RawEvent("up", "json", b"not JSON", "http", ARRIVED)),
        ("Expected `object`", RawEvent("up", "json", b"[]", "http", ARRIVED)),
        ("Expected `object`", RawEvent("up", "json", b"null", "http", ARRIVED)),
        ("recursion", RawEvent("up", "json", b'{"object":' + b"[" * 100_000, "http", ARRIVED)),
        ("utf-8", RawEvent("up", "json", b'{"deviceInfo":{"devEui":"\xff"}}', "http", ARRIVED)),
        ("truncated", RawEvent("up", "json", rb'{"deviceInfo":{"devEui":"\ud800"}}', "http", ARRIVED)),
        ("UplinkEvent", RawEvent("up", "protobuf", b"\xff\xff", "http", ARRIVED)),
        ("missing required field `time`", RawEvent("own", "own", b"{}", "own", ARRIVED)),
        ("has not", RawEvent("own", "own", b'{"time":"","devEui":"x"}', "own", ARRIVED)),
    ],
)
def test_a_body_without_an_envelope_is_its_hash_and_says_why(problem: str, raw: RawEvent):
    read = envelope(raw)
    assert problem.lower() in read.problem.lower()
    assert no_envelope(raw, read.problem) == read


def test_a_body_of_1_mib_is_read_and_one_byte_more_is_not():
    body = json.dumps(body_of("up")).encode()
    fits = RawEvent("up", "json", body.ljust(MAX_BODY), "http", ARRIVED)
    too_large = RawEvent("up", "json", body.ljust(MAX_BODY + 1), "http", ARRIVED)
    assert envelope(fits).problem == ""
    assert no_envelope(too_large, f"{MAX_BODY + 1} bytes are more than the {MAX_BODY} that an event may have") == (
        envelope(too_large)
    )


@pytest.mark.parametrize("raw", ONE_OF_A_KIND, ids=lambda raw: raw.kind)
def test_a_json_body_cut_anywhere_has_no_envelope(raw: RawEvent):
    for length in range(len(raw.body)):
        cut = RawEvent(raw.kind, "json", raw.body[:length], raw.way, raw.arrived_at_ns)
        assert envelope(cut).problem, length


@pytest.mark.parametrize("raw", ONE_OF_A_KIND, ids=lambda raw: raw.kind)
def test_a_protobuf_body_cut_anywhere_has_an_envelope_or_says_why(raw: RawEvent):
    whole = as_protobuf(raw)
    for length in range(len(whole.body)):
        cut = RawEvent(whole.kind, "protobuf", whole.body[:length], whole.way, whole.arrived_at_ns)
        read = envelope(cut)
        assert read.dev_eui == "24e124136b500042" if not read.problem else no_envelope(cut, read.problem) == read


ANY_KIND = st.sampled_from(KINDS) | st.text(max_size=8)
ANY_MARK = st.text(max_size=20) | st.from_regex(r"[0-9]{1,16}-[0-9]", fullmatch=True)


@given(ANY_KIND, st.sampled_from(ENCODINGS), st.binary(max_size=200), ANY_MARK)
def test_no_bytes_make_it_raise(kind: str, encoding: Encoding, body: bytes, mark: str):
    raw = RawEvent(kind, encoding, body, "http", ARRIVED, mark)
    read = envelope(raw)
    assert read.problem or read.dev_eui or kind == "own"
    assert len(read.identity) == (32 if read.problem else 16)


@given(ANY_KIND, st.sampled_from(ENCODINGS), EVENT_LIKE | JSON)
def test_no_json_makes_it_raise(kind: str, encoding: Encoding, body: Any):
    raw = RawEvent(kind, encoding, json.dumps(body).encode(), "http", ARRIVED)
    read = envelope(raw)
    assert -(1 << 63) <= read.event_at_ns < 1 << 63
    assert 0 < read.anchor_at_ns < 1 << 63
    assert len(read.identity) == (32 if read.problem else 16)


SECONDS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-(1 << 34), 1 << 34)
NANOS = st.integers(-(1 << 31), (1 << 31) - 1)


@given(st.sampled_from(list(MESSAGES)), SECONDS, NANOS, st.floats(width=32), st.floats(width=32))
def test_no_numbers_of_protobuf_make_it_raise(kind: str, seconds: int, nanos: int, snr: float, other: float):
    message = MESSAGES[kind](device_info={"dev_eui": "24e124136b500042"})
    for name in {"deduplication_id", "queue_item_id"} & set(message.DESCRIPTOR.fields_by_name):
        setattr(message, name, "x")
    message.time.seconds, message.time.nanos = seconds, nanos
    if kind == "up":
        message.rx_info.add(snr=snr, ns_time=message.time)
        message.rx_info.add(snr=other)
    read = envelope(RawEvent(kind, "protobuf", message.SerializeToString(), "http", ARRIVED))
    assert read.problem == ""
    assert -(1 << 63) <= read.event_at_ns < 1 << 63
    assert 0 < read.anchor_at_ns < 1 << 63


def test_a_log_event_newer_than_our_enums_has_an_identity():
    message = pb.LogEvent(device_info={"dev_eui": "24e124136b500042"}, description="new", code=99, level=9)
    read = envelope(RawEvent("log", "protobuf", message.SerializeToString(), "http", ARRIVED))
    named = "24e124136b500042 log (0, '9', '99', 'new', [])"
    assert hashlib.blake2b(named.encode(), digest_size=16).digest() == read.identity
