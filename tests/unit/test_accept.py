"""Accepting: whatever arrives is kept, what is no event is marked with the reason, and the rest goes on."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora import metrics
from vdl_lora.errors import JournalFull
from vdl_lora.events import KEPT_OF_LARGE, MAX_BODY, RawEvent, own_event
from vdl_lora.interfaces import EventFilter
from vdl_lora.interpret import Interpretation
from vdl_lora.journal import MemoryJournal
from vdl_lora.lorawan import ServiceStarted
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.sinks import MemorySink
from vdl_lora.sources import MemorySource

AT_NS = 1_795_472_297_700_000_000
TENANT, OTHER = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242", "d4868998-3583-4175-88e4-730c52450028"
DEVICE = {"devEui": "24e124136b500042", "tenantId": TENANT, "applicationId": "a6836afa-af54-427c-813b-9a6d03df07f3"}
UP = {
    "deduplicationId": "3f0b8a4e-4d55-4d0c-9d5a-7a1e5d8c0f11",
    "time": "2026-11-23T22:18:17.690810+00:00",
    "deviceInfo": DEVICE,
    "fPort": 85,
    "data": "AXVc",
    "rxInfo": [{"gatewayId": "0016c001f1500001", "nsTime": "2026-11-23T22:18:17.691304869+00:00"}],
}


def raw(body, kind="up", encoding="json", way="http"):
    return RawEvent(kind, encoding, body if isinstance(body, bytes) else msgspec.json.encode(body), way, AT_NS)


def up(number, **changed):
    return raw({**UP, "deduplicationId": f"up-{number}", **changed})


def of_tenant(number, tenant):
    return up(number, deviceInfo={**DEVICE, "tenantId": tenant})


async def all_of(journal):
    return [event async for event in journal.events(EventFilter(), bodies=True)]


WHOLE = msgspec.json.encode(UP)
WITHOUT_ENVELOPE = {
    "empty": b"",
    "not JSON": b"temperature=21.5",
    "not UTF-8": b'{"time":"\xff\xfe"}',
    "cut short": WHOLE[:-40],
    "cut within a character": '{"deviceInfo":{"deviceName":"é'.encode()[:-1],
    "half a surrogate pair": WHOLE.replace(TENANT.encode(), rb"\ud83d"),
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "no deviceInfo": {"deduplicationId": "x", "time": UP["time"]},
    "deviceInfo is null": {**UP, "deviceInfo": None},
    "deviceInfo is text": {**UP, "deviceInfo": "24e124136b500042"},
    "no devEui": {**UP, "deviceInfo": {"tenantId": TENANT}},
    "devEui too short": {**UP, "deviceInfo": {**DEVICE, "devEui": "24e1"}},
    "devEui is a number": {**UP, "deviceInfo": {**DEVICE, "devEui": 42}},
    "tenantId is a list": {**UP, "deviceInfo": {**DEVICE, "tenantId": [TENANT]}},
    "time is a number": {**UP, "time": 1_795_472_297},
    "no deduplicationId": {key: value for key, value in UP.items() if key != "deduplicationId"},
    "deduplicationId is a number": {**UP, "deduplicationId": 7},
    "deep JSON": b'{"deviceInfo":' * 100_000,
    "deep lists": b"[" * 200_000 + b"]" * 200_000,
    "deep within what is passed over": WHOLE[:-1] + b',"object":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a mebibyte of digits": b"9" * MAX_BODY,
    "over a mebibyte": WHOLE[:-1] + b" " * MAX_BODY + b"}",
}


@pytest.mark.parametrize("body", WITHOUT_ENVELOPE.values(), ids=WITHOUT_ENVELOPE)
async def test_a_body_without_an_envelope_is_kept_and_marked_with_the_reason_and_the_rest_goes_on(body):
    journal = MemoryJournal()
    bad = raw(body)
    await Acceptor(journal)([up(1), bad, up(2)])
    first, kept, last = await all_of(journal)
    assert (first.mark, last.mark) == (None, None)
    assert kept.mark is not None
    assert (kept.mark.stage, kept.mark.code) == ("envelope", "bad_message")
    assert 5 < len(kept.mark.words) <= 500
    assert kept.body == (bad.body if len(bad.body) <= MAX_BODY else bad.body[:KEPT_OF_LARGE])
    batch = await journal.read(await journal.cursor("sink", TENANT), 10)
    assert [event.position for event in batch.events] == [first.position, last.position]


WITH_ENVELOPE = {
    "data is no base64": {"data": "%%%"},
    "data is a number": {"data": 7},
    "fPort is text": {"fPort": "85"},
    "fCnt beyond 32 bits": {"fCnt": 1 << 40},
    "rxInfo is text": {"rxInfo": "none"},
    "rssi is text": {"rxInfo": [{"rssi": "loud"}]},
    "tags are numbers": {"deviceInfo": {**DEVICE, "tags": {"floor": 2}}},
    "time is no time": {"time": "yesterday"},
    "time in 1970": {"time": "1970-01-01T00:00:00Z"},
    "time in 2106": {"time": "2106-02-07T06:28:16Z"},
    "time in the year 9999": {"time": "9999-12-31T23:59:59Z"},
    "object is deep, within reason": {"object": msgspec.Raw(b"[" * 200 + b"]" * 200)},
}


@pytest.mark.parametrize("changed", WITH_ENVELOPE.values(), ids=WITH_ENVELOPE)
async def test_an_event_whose_device_is_known_is_handed_on_whatever_else_is_wrong(changed):
    journal = MemoryJournal()
    event = up(1, **changed)
    await Acceptor(journal)([event, event])
    [kept] = await all_of(journal)
    assert (kept.mark, kept.body, kept.dev_eui, kept.tenant) == (None, event.body, DEVICE["devEui"], TENANT)
    assert [each.body for each in (await journal.read(await journal.cursor("sink", TENANT), 10)).events] == [event.body]


@pytest.mark.parametrize("kind", ["", "uplink", "UP", "integration", "own", "x" * 5_000, "\x00"])
async def test_a_kind_that_chirpstack_does_not_send_is_kept_and_marked(kind):
    journal = MemoryJournal()
    await Acceptor(journal)([raw(UP, kind), up(1)])
    bad, good = await all_of(journal)
    assert bad.mark is not None
    assert (bad.mark.stage, bad.mark.code, good.mark) == ("envelope", "bad_message", None)
    assert len(bad.mark.words) <= 500


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x08", WHOLE, b"", base64.b64encode(WHOLE)])
async def test_what_is_no_protobuf_is_kept_and_marked(body):
    journal = MemoryJournal()
    await Acceptor(journal)([raw(body, encoding="protobuf")])
    [kept] = await all_of(journal)
    assert kept.mark is not None
    assert (kept.mark.code, kept.body) == ("bad_message", body)


@given(
    body=st.binary(max_size=400) | st.text().map(str.encode),
    kind=st.sampled_from(["up", "join", "status", "ack", "txack", "log", "location", "own", "?"]),
    encoding=st.sampled_from(["json", "protobuf", "own"]),
)
async def test_any_bytes_are_kept_once(body, kind, encoding):
    journal = MemoryJournal()
    event = raw(body, kind, encoding)
    await Acceptor(journal)([event])
    await Acceptor(journal)([event])
    [kept] = await all_of(journal)
    assert kept.body == body
    assert dict(kept.ways) == {"http": 2}


async def test_a_bad_body_is_kept_once_however_often_it_comes():
    journal = MemoryJournal()
    accept = Acceptor(journal)
    for way in ("http", "mqtt", "mqtt"):
        await accept([raw(b"{", way=way)])
    [kept] = await all_of(journal)
    assert dict(kept.ways) == {"http": 1, "mqtt": 2}


# ---------------------------------------------------------------- tenants


async def test_an_event_of_a_tenant_that_is_not_served_is_kept_and_marked_with_what_to_do():
    journal = MemoryJournal()
    await Acceptor(journal, [TENANT])([of_tenant(1, OTHER), of_tenant(2, TENANT)])
    other, served = await all_of(journal)
    assert other.mark is not None
    assert (other.mark.stage, other.mark.code) == ("accept", "not_served")
    assert f"the tenant {OTHER} is not served here; add it to" in other.mark.words
    assert served.mark is None


async def test_it_is_delivered_when_its_tenant_is_served_later_and_its_mark_goes():
    journal, sink = MemoryJournal(), MemorySink()

    async def deliver(served):
        deliverer = Deliverer(journal, sink, lambda _event: Interpretation(), served=served)
        await deliverer.drain()
        await deliverer.close()

    await Acceptor(journal, [TENANT])([of_tenant(1, OTHER), of_tenant(2, TENANT)])
    await deliver([TENANT])
    assert [event.mark is None for event in await all_of(journal)] == [False, True]
    assert await journal.receipts(1) == []
    await Acceptor(journal, [TENANT, OTHER])([of_tenant(3, OTHER)])
    await deliver([TENANT, OTHER])
    assert [event.mark for event in await all_of(journal)] == [None, None, None]
    assert [sink for sink, _ in await journal.receipts(1)] == ["memory"]


async def test_without_names_every_tenant_is_served():
    journal = MemoryJournal()
    await Acceptor(journal)([of_tenant(1, OTHER), of_tenant(2, TENANT)])
    assert [event.mark for event in await all_of(journal)] == [None, None]


@pytest.mark.parametrize("served", [[], [TENANT]])
async def test_an_event_that_names_no_tenant_is_marked_for_nobody_would_deliver_it(served):
    journal = MemoryJournal()
    await Acceptor(journal, served)([of_tenant(1, "")])
    [kept] = await all_of(journal)
    assert kept.mark is not None
    assert (kept.mark.stage, kept.mark.code) == ("accept", "no_tenant")


async def test_our_own_events_need_no_tenant():
    journal = MemoryJournal()
    await Acceptor(journal, [TENANT])([own_event(ServiceStarted(), AT_NS)])
    [kept] = await all_of(journal)
    assert (kept.kind, kept.mark) == ("own", None)


# ---------------------------------------------------------------- full, counted


async def test_a_full_journal_is_said_to_the_source_which_acknowledges_nothing():
    journal = MemoryJournal(capacity=250)
    source = MemorySource([up(number) for number in range(1_000)], batch=100)
    with pytest.raises(JournalFull):
        await source.run(Acceptor(journal))
    assert source.accepted == 200
    assert len(await all_of(journal)) == 200


def counted():
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for metric in (metrics.EVENTS, metrics.COPIES)
        for each in metric.collect()
        for sample in each.samples
        if not sample.name.endswith("_created")
    }


async def test_events_are_counted_by_kind_way_and_outcome_and_copies_apart():
    before = counted()
    await Acceptor(MemoryJournal(), [TENANT])(
        [
            up(1),
            up(1),
            raw({**UP, "queueItemId": "q", "fCntDown": 4}, "ack", way="mqtt"),
            raw(b"{"),
            of_tenant(2, OTHER),
            raw(UP, "sunset"),
        ]
    )
    after = counted()
    assert {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)} == {
        ("vdl_lora_events_total", "accepted", "http", "up"): 2,
        ("vdl_lora_events_total", "accepted", "ack", "mqtt"): 1,
        ("vdl_lora_events_total", "http", "quarantined", "up"): 2,
        ("vdl_lora_events_total", "http", "quarantined", "unknown"): 1,
        ("vdl_lora_event_copies_total",): 1,
    }


async def test_what_a_full_journal_did_not_take_is_not_counted():
    before = counted()
    with pytest.raises(JournalFull):
        await Acceptor(MemoryJournal(capacity=0))([up(1)])
    assert counted() == before
