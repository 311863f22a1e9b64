"""A body gives one value, the same in JSON and in protobuf, or BadMessage and nothing else."""

import contextlib
import json
import math
import struct
from typing import Any, get_args

import msgspec
import pytest
from chirpstack_api.integration import integration_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.errors import BadMessage
from vdl_lora.events import Encoding, RawEvent, own_event, parse
from vdl_lora.lorawan import (
    Ack,
    AnyEvent,
    DevEUI,
    Device,
    EventKind,
    Join,
    Location,
    Log,
    Modulation,
    Own,
    OwnContent,
    Reception,
    ServiceStarted,
    ServiceStopped,
    Status,
    TxAck,
    Uplink,
    WayBack,
    WayLost,
)

from .recordings import MESSAGES, as_protobuf, body_of, grpc, in_all_forms, mqtt, raw_of, uplink

KINDS = get_args(EventKind)
ENCODINGS = get_args(Encoding)

MAIRIE = Device(
    dev_eui=DevEUI("24e124136b500042"),
    tenant_id="886d1009-b480-4696-b96d-4a269b13caa7",
    tenant_name="Communauté de communes du Grand Chambord",
    application_id="a6836afa-af54-427c-813b-9a6d03df07f3",
    application_name="Bâtiments Bauzy",
    device_profile_id="53ad4a4e-726f-4a0f-81c3-ffa91f36f8bd",
    device_profile_name="Milesight EM300-TH (sans codec)",
    device_name="Mairie, salle du conseil",
    tags={"commune": "Bauzy", "usage": "confort", "site": "mairie"},  # codespell:ignore confort
)

EXPECTED: list[tuple[str, int, AnyEvent]] = [
    (
        "up",
        2,
        Uplink(
            device=MAIRIE,
            time_at_ns=1_795_472_299_092_864_000,
            deduplication_id="f1671040-a541-477c-b8a4-40ed19820f49",
            dev_addr="003467a8",
            adr=True,
            dr=5,
            f_cnt=2,
            f_port=85,
            payload=bytes.fromhex("01755a0367ecff046864"),
            receptions=(Reception("0016c001f1500002", -113, -3.25), Reception("0016c001f1500001", -97, 7.5)),
            frequency=868_100_000,
            modulation=Modulation(spreading_factor=7, bandwidth=125_000, code_rate="CR_4_5"),
        ),
    ),
    (
        "join",
        0,
        Join(
            device=MAIRIE,
            time_at_ns=1_795_472_296_777_980_000,
            deduplication_id="9d4c89b2-2286-44d6-8f31-d82879a5a9f9",
            dev_addr="003467a8",
        ),
    ),
    (
        "status",
        0,
        Status(
            device=MAIRIE,
            time_at_ns=1_795_472_299_092_864_000,
            deduplication_id="f1671040-a541-477c-b8a4-40ed19820f49",
            margin=10,
        ),
    ),
    (
        "ack",
        0,
        Ack(
            device=MAIRIE,
            time_at_ns=1_795_472_316_615_129_000,
            queue_item_id="ff39786c-2b3c-468f-9d10-dd3e6c639c08",
            f_cnt_down=4,
            acknowledged=True,
        ),
    ),
    (
        "txack",
        0,
        TxAck(
            # ChirpStack merges the tags of application and profile into every event but this one.
            device=msgspec.structs.replace(MAIRIE, tags={"site": "mairie"}),
            time_at_ns=1_795_472_315_426_891_340,
            queue_item_id="ff39786c-2b3c-468f-9d10-dd3e6c639c08",
            downlink_id=3_524_565_291,
            f_cnt_down=4,
            gateway_id="0016c001f1500001",
        ),
    ),
    (
        "log",
        1,
        Log(
            device=MAIRIE,
            time_at_ns=1_795_472_302_398_536_574,
            level="ERROR",
            code="UPLINK_MIC",
            description="MIC of join-request is invalid, make sure keys are correct",
            context={"deduplication_id": "6528d2b4-c78b-438f-aecc-57e0120f5da6"},
        ),
    ),
]


def read(raw: RawEvent) -> AnyEvent:
    return parse(raw.kind, raw.encoding, raw.body)


def comparable(event: AnyEvent) -> AnyEvent:
    """Give an event without what may differ between two forms: the order of gateways, and how `decoded` is spelt."""
    if not isinstance(event, Uplink):
        return event
    decoded = json.dumps(json.loads(event.decoded), sort_keys=True).encode() if event.decoded else b""
    return msgspec.structs.replace(
        event, decoded=decoded, receptions=tuple(sorted(event.receptions, key=lambda each: each.gateway_id))
    )


@pytest.mark.parametrize(("kind", "number", "expected"), EXPECTED, ids=[kind for kind, _, _ in EXPECTED])
def test_a_recorded_body_gives_its_values_in_both_encodings(kind: str, number: int, expected: AnyEvent):
    raw = [raw for raw in mqtt() if raw.kind == kind][number]
    assert expected == read(raw)
    assert expected == read(as_protobuf(raw))


@pytest.mark.parametrize("forms", in_all_forms().values(), ids=["-".join(key) for key in in_all_forms()])
def test_a_recorded_event_is_the_same_in_every_form(forms: tuple[RawEvent, ...]):
    first, *others = [comparable(read(raw)) for raw in forms]
    assert [first] * len(others) == others


def test_a_location_gives_its_values_in_both_encodings():
    body = {key: body_of("join")[key] for key in ("deduplicationId", "time", "deviceInfo")}
    place = {"latitude": 47.5861, "longitude": 1.3359, "altitude": 102.0, "accuracy": 3.2, "source": "GPS"}
    raw = raw_of(body | {"location": place}, "location")
    expected = Location(
        device=MAIRIE,
        time_at_ns=1_795_472_296_777_980_000,
        deduplication_id="9d4c89b2-2286-44d6-8f31-d82879a5a9f9",
        latitude=47.5861,
        longitude=1.3359,
        altitude=102.0,
        accuracy=3.2,
        source="GPS",
    )
    assert expected == read(raw)
    assert expected == read(as_protobuf(raw))


def test_a_location_without_place_is_zero_in_both_encodings():
    body = {key: body_of("join")[key] for key in ("deduplicationId", "time", "deviceInfo")}
    raw = raw_of(body | {"location": {}}, "location")
    assert read(raw) == read(as_protobuf(raw))
    assert read(raw_of(body, "location")) == read(raw)


LOST = WayLost("grpc", "chirpstack.example:8080", "source_unavailable", "it does not answer", 3)


@pytest.mark.parametrize(
    "content", [ServiceStarted("0.2"), ServiceStopped("0.2"), LOST, WayBack("grpc", "chirpstack.example:8080")]
)
def test_an_own_event_is_read_as_it_was_written(content: OwnContent):
    raw = own_event(content, 1_795_472_297_000_000_001, tenant_id="t")
    expected = Own(
        device=Device(dev_eui=DevEUI(), tenant_id="t"),
        time_at_ns=1_795_472_297_000_000_001,
        about=content.about,
        version=1,
        content=content,
    )
    assert expected == read(raw)


def own_body(**body: object) -> OwnContent | None:
    """Read an own event with this body, as another version may have written it."""
    said = parse("own", "own", msgspec.json.encode({"about": "way_lost", "time": "2026-11-23T22:18:17Z"} | body))
    assert isinstance(said, Own)
    return said.content


def test_own_events_of_version_0_1_still_read():
    """They have texts alone, and no version; a loss of a single stream names no number of streams."""
    detail = {"way": "grpc", "server": LOST.server, "code": LOST.code, "words": LOST.words}
    assert LOST == own_body(detail=detail | {"streams": "3"})
    assert msgspec.structs.replace(LOST, streams=0) == own_body(detail=detail)
    assert ServiceStarted("0.1") == own_body(about="service_started", detail={"version": "0.1"})
    assert ServiceStarted() == own_body(about="service_started")


def test_readers_of_own_events_skip_what_they_do_not_know():
    newer = {"way": "grpc", "colour": [1], "streams": 2}
    assert WayLost("grpc", streams=2) == own_body(version=1, content=newer, mood="good")
    assert WayLost("grpc", streams=2) == own_body(version=9, content=newer)
    assert own_body(version=9, content={"way": {"name": "grpc"}}) is None
    assert own_body(about="moon_rose", version=1, content={"phase": 3}) is None
    with pytest.raises(BadMessage):
        own_body(version=1, content={"way": {"name": "grpc"}})


@pytest.mark.parametrize(
    "spelt",
    ["24e124136b500042", "24E124136B500042", "24-e1-24-13-6b-50-00-42", "24:E1:24:13:6B:50:00:42", "24e12413 6b500042"],
)
def test_a_deveui_is_16_lower_case_digits_however_it_is_spelt(spelt: str):
    assert DevEUI("24e124136b500042") == DevEUI.parse(spelt)
    assert DevEUI is type(DevEUI.parse(spelt))


@pytest.mark.parametrize(
    "text",
    ["", "24e124136b50004", "24e124136b5000421", "24e124136b50004g", "0x24e124136b500042", "\u0662" * 16, "-" * 16],
)
def test_what_is_no_deveui_is_refused_and_shown(text: str):
    with pytest.raises(ValueError, match="16 hexadecimal digits") as caught:
        DevEUI.parse(text)
    assert repr(text) in str(caught.value)


# ---------------------------------------------------------------- float32


def test_a_float32_is_its_shortest_decimal():
    raw = as_protobuf(uplink(rxInfo=[{"gatewayId": "a", "snr": -3.2}]))
    assert repr(read(raw).receptions[0].snr) == "-3.2"
    wire = pb.UplinkEvent.FromString(raw.body).rx_info[0].snr
    assert repr(wire) == "-3.200000047683716"


@pytest.mark.parametrize(("expected", "level"), [(100.0, 100.0), (76.77165222167969, 76.77165354330708), (0.4, 0.4)])
def test_a_battery_level_is_the_same_in_both_encodings(expected: float, level: float):
    shortest = float(f"{expected:.7g}")
    raw = raw_of(
        body_of("status") | {"batteryLevelUnavailable": False, "batteryLevel": shortest, "externalPowerSource": False},
        "status",
    )
    assert struct.pack("f", level) == struct.pack("f", shortest)
    assert shortest == read(raw).battery_level
    assert shortest == read(as_protobuf(raw)).battery_level


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float32_is_the_shortest_decimal_that_is_the_same(snr: float):
    wire = pb.UplinkEvent(device_info={"dev_eui": "24e124136b500042"}, deduplication_id="x")
    wire.rx_info.add(snr=snr)
    given_back = parse("up", "protobuf", wire.SerializeToString()).receptions[0].snr
    shortest = next(short for digits in range(1, 10) if _single(short := float(f"{snr:.{digits}g}")) == snr)
    assert shortest == given_back
    assert shortest == read(uplink(rxInfo=[{"snr": shortest}])).receptions[0].snr


def _single(number: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.inf


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_float32_that_is_no_number_is_0(number: float):
    wire = pb.UplinkEvent.FromString(as_protobuf(uplink()).body)
    wire.rx_info[0].snr = number
    assert parse("up", "protobuf", wire.SerializeToString()).receptions[0].snr == 0.0
    place = pb.LocationEvent(device_info=wire.device_info)
    place.location.latitude = place.location.longitude = place.location.altitude = place.location.accuracy = number
    where = parse("location", "protobuf", place.SerializeToString())
    assert [where.latitude, where.longitude, where.altitude, where.accuracy] == [0.0] * 4


# ---------------------------------------------------------------- what is absent


def test_zero_values_are_absent_in_rx_info_and_tx_info():
    raw = uplink(rxInfo=[{"gatewayId": "a"}, {}], txInfo={"modulation": {"lora": {}}})
    expected = (Reception("a", 0, 0.0), Reception("", 0, 0.0))
    for form in (raw, as_protobuf(raw)):
        assert expected == read(form).receptions
        assert Modulation() == read(form).modulation
        assert read(form).frequency == 0


@pytest.mark.parametrize("tx_info", [{}, {"modulation": {}}, {"modulation": {"lrFhss": {"operatingChannelWidth": 5}}}])
def test_a_modulation_that_is_not_read_is_none(tx_info: dict[str, Any]):
    raw = uplink(txInfo=tx_info)
    assert Modulation() == read(raw).modulation
    assert Modulation() == read(as_protobuf(raw)).modulation


def test_fsk_gives_its_data_rate():
    raw = uplink(txInfo={"frequency": 868_800_000, "modulation": {"fsk": {"datarate": 50_000}}})
    assert Modulation(fsk_data_rate=50_000) == read(raw).modulation
    assert Modulation(fsk_data_rate=50_000) == read(as_protobuf(raw)).modulation


def test_lora_gives_all_that_airtime_needs():
    lora = {"bandwidth": 250_000, "spreadingFactor": 12, "codeRate": "CR_4_8", "preamble": 12, "noCrc": True}
    raw = uplink(txInfo={"modulation": {"lora": lora}})
    expected = Modulation(spreading_factor=12, bandwidth=250_000, code_rate="CR_4_8", preamble=12, no_crc=True)
    assert expected == read(raw).modulation
    assert expected == read(as_protobuf(raw)).modulation


def test_the_least_uplink_is_all_zeroes():
    body = {"deviceInfo": {"devEui": "24E124136B500042"}, "deduplicationId": "x"}
    expected = Uplink(device=Device(dev_eui=DevEUI("24e124136b500042")), time_at_ns=0, deduplication_id="x")
    assert expected == read(raw_of(body))
    assert expected == read(as_protobuf(raw_of(body)))


def test_a_downlink_that_was_not_acknowledged_says_so():
    raw = raw_of(body_of("ack") | {"acknowledged": False}, "ack")
    assert [False, False] == [read(form).acknowledged for form in (raw, as_protobuf(raw))]


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ((True, None), {"externalPowerSource": True, "batteryLevelUnavailable": False, "batteryLevel": 0.0}),
        ((False, None), {"externalPowerSource": False, "batteryLevelUnavailable": True, "batteryLevel": 0.0}),
        ((False, 0.0), {"externalPowerSource": False, "batteryLevelUnavailable": False, "batteryLevel": 0.0}),
        ((False, 50.0), {"externalPowerSource": False, "batteryLevelUnavailable": False, "batteryLevel": 50}),
    ],
)
def test_a_battery_is_unknown_where_the_device_says_so(expected: tuple[bool, float | None], status: dict[str, Any]):
    raw = raw_of(body_of("status") | status, "status")
    for form in (raw, as_protobuf(raw)):
        assert expected == (read(form).external_power, read(form).battery_level)


# ---------------------------------------------------------------- object


def test_nan_is_null_in_object():
    raw = next(raw for raw in mqtt() if b"Codec qui rend NaN" in raw.body)
    expected = {
        "when": {},
        "nested": {"text": "é\n", "list": [1.0, 2.0, {"x": True}]},
        "neg": -0.0,
        "big": 9007199254740992.0,
        "ratio": None,
        "absent": None,
    }
    assert expected == json.loads(read(raw).decoded)
    assert expected == json.loads(read(as_protobuf(raw)).decoded)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_infinity_in_object_is_null_over_protobuf(number: float):
    wire = pb.UplinkEvent.FromString(as_protobuf(uplink()).body)
    wire.object.update({"one": 1.0, "list": [True, "x"]})
    wire.object["odd"] = number
    wire.object["list"].append(number)
    decoded = json.loads(parse("up", "protobuf", wire.SerializeToString()).decoded)
    assert {"one": 1.0, "odd": None, "list": [True, "x", None]} == decoded


@pytest.mark.parametrize(("expected", "decoded"), [(b"", None), (b"{}", {}), (b'{"a":1.0}', {"a": 1.0})])
def test_no_object_is_told_from_an_empty_one(expected: bytes, decoded: dict[str, Any] | None):
    raw = uplink(object=decoded)
    assert expected == read(raw).decoded.replace(b" ", b"")
    assert expected == read(as_protobuf(raw)).decoded


def test_null_is_absent():
    said = read(raw_of(body_of("up") | {"object": None, "joinServerContext": None}))
    assert (b"", False) == (said.decoded, said.encrypted)


def test_the_recorded_codec_error_gives_no_object():
    raws = [raw for raw in grpc() if raw.kind == "up" and b'"data":"/wE="' in raw.body]
    assert len(raws) == 2
    assert {b""} == {read(raw).decoded for raw in raws}


# ---------------------------------------------------------------- what is newer or encrypted


@pytest.mark.parametrize(("expected", "context"), [(True, {"sessionKeyId": "AQI="}), (True, {}), (False, None)])
def test_a_join_server_context_means_encrypted(context: dict[str, Any] | None, *, expected: bool):
    raw = uplink(joinServerContext=context)
    assert expected is read(raw).encrypted
    assert expected is read(as_protobuf(raw)).encrypted


def test_an_enum_newer_than_ours_is_its_number():
    log = pb.LogEvent(device_info={"dev_eui": "24e124136b500042"}, level=9, code=99)
    said = parse("log", "protobuf", log.SerializeToString())
    assert ("9", "99") == (said.level, said.code)
    up = pb.UplinkEvent(device_info={"dev_eui": "24e124136b500042"}, deduplication_id="x")
    up.tx_info.modulation.lora.code_rate = 99
    assert parse("up", "protobuf", up.SerializeToString()).modulation.code_rate == "99"


def test_fields_newer_than_ours_are_passed_over():
    raw = uplink(newField={"deep": [1]}, device={"newer": 5}, rxInfo=[{"gatewayId": "a", "newer": {}}])
    assert Reception("a", 0, 0.0) == read(raw).receptions[0]


# ---------------------------------------------------------------- BadMessage


@pytest.mark.parametrize(
    "raw",
    [
        uplink(data="not base64!"),
        uplink(data="AQ"),
        uplink(data=5),
        uplink(fCnt=-1),
        uplink(fCnt=1 << 32),
        uplink(fCnt="7"),
        uplink(fPort=True),
        uplink(dr=1.5),
        uplink(rxInfo={}),
        uplink(rxInfo=[5]),
        uplink(rxInfo=[{"rssi": 1 << 31}]),
        uplink(rxInfo=[{"rssi": -1.5}]),
        uplink(txInfo={"frequency": -1}),
        uplink(deviceInfo=None),
        uplink(device={"devEui": "24e1"}),
        uplink(device={"tags": {"a": 1}}),
        uplink(device={"tags": []}),
        raw_of(body_of("status") | {"margin": 1 << 31}, "status"),
        raw_of(body_of("status") | {"batteryLevel": "full"}, "status"),
        raw_of(body_of("log") | {"context": {"a": 5}}, "log"),
        raw_of(body_of("up"), "uplink"),
        RawEvent("uplink", "protobuf", b"", "http", 1),
        RawEvent("up", "protobuf", b"", "http", 1),
        RawEvent("up", "protobuf", b"\xff", "http", 1),
        RawEvent("up", "json", json.dumps(body_of("up")).replace("-97", "1e999").encode(), "http", 1),
        RawEvent("up", "json", b'{"object":' + b"[" * 100_000, "http", 1),
        RawEvent("up", "json", b'{"object":' + b'{"a":' * 100_000, "http", 1),
        RawEvent("up", "json", b'{"fCnt":' + b"9" * 10_000 + b"}", "http", 1),
        RawEvent("own", "own", b'{"about":"x"}', "own", 1),
        RawEvent("own", "own", b'{"about":"x","time":"","devEui":"24e1"}', "own", 1),
    ],
)
def test_what_is_no_event_is_a_bad_message(raw: RawEvent):
    with pytest.raises(BadMessage, match=r"\S"):
        read(raw)


@pytest.mark.parametrize("expected", [event for _, _, event in EXPECTED], ids=[kind for kind, _, _ in EXPECTED])
def test_a_json_body_cut_anywhere_is_a_bad_message(expected: AnyEvent):
    kind = type(expected).__name__.lower().replace("uplink", "up")
    body = json.dumps(body_of(kind)).encode()
    for length in range(len(body)):
        with pytest.raises(BadMessage):
            parse(kind, "json", body[:length])


def only_bad_message(kind: str, encoding: Encoding, body: bytes) -> None:
    with contextlib.suppress(BadMessage):
        parse(kind, encoding, body)


@given(st.sampled_from(KINDS) | st.text(max_size=8), st.sampled_from(ENCODINGS), st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_bad_message(kind: str, encoding: Encoding, body: bytes):
    only_bad_message(kind, encoding, body)


WHOLE = [raw for forms in in_all_forms().values() for raw in forms[:2]]


@given(st.sampled_from(WHOLE), st.data())
def test_a_damaged_body_is_an_event_or_a_bad_message(raw: RawEvent, data: st.DataObject):
    body = bytearray(raw.body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 12))
        body[at : at + length] = data.draw(st.binary(max_size=12))
    only_bad_message(raw.kind, raw.encoding, bytes(body))


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_any_values_of_json_are_an_event_or_a_bad_message(kind: str, data: st.DataObject):
    body = body_of(kind) if kind != "location" else body_of("join") | {"location": {}}
    scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    for key in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=3)):
        body[key] = data.draw(scalar | st.lists(scalar, max_size=2) | st.dictionaries(st.text(max_size=4), scalar))
    only_bad_message(kind, "json", json.dumps(body).encode())
