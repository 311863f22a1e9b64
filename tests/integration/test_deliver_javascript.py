"""Delivery with makers' codecs in their real engine: what one of them does is its own devices' alone."""

import asyncio
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from vdl_lora.catalog import Catalog, Entry
from vdl_lora.decoding.codecs import JavaScript, mapped_decoder
from vdl_lora.decoding.javascript import Script
from vdl_lora.decoding.mapping import parse
from vdl_lora.discovery import discover
from vdl_lora.events import JournalEvent
from vdl_lora.installations import Installations
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.javascript import QuickJs
from vdl_lora.javascript.pauses import PATIENCE
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.sinks import MemorySink

ATTACKS = sorted((Path(__file__).parents[1] / "data" / "codecs" / "attacks").glob("*.js"))
SHORT = DeliverySettings(idle_s=0.2)
GOOD = "function Decoder(bytes) { return { t: bytes[0] }; }"
ENDLESS = "function Decoder() { for (;;); }"
WITHOUT_END = (ATTACKS[0].parent / "builtin_without_end.js").read_text(encoding="utf-8")
SLOW = "function Decoder(bytes) { for (var i = 0; i < 1e6; i++); return { t: bytes[0] }; }"
DECLARED = tuple(discover().entries())


@pytest.fixture
def engine():
    with closing(QuickJs()) as engine:
        yield engine


def entries(engine, reusable, **scripts):
    """A decoder for each script: `acme/<name>`; its `t` is a temperature."""
    for name, source in scripts.items():
        model = name.replace("_", "-")
        text = f'vendor = "Acme"\nmodels = ["{model}"]\ncodec = "x.js"\n[reads]\nt = "air.temperature"\n'
        decoder = mapped_decoder(parse(text), JavaScript(Script(f"acme/{model}", source, name in reusable), engine, {}))
        yield Entry(f"acme/{model}", model, decoder, "0")


def reading(engine, reusable=(), **scripts):
    """The function that interprets, with these scripts beside our own decoders."""
    catalog = Catalog([*DECLARED, *entries(engine, reusable, **scripts)])
    return partial(interpret, catalog=catalog, installations=Installations(), settings=PointSettings())


def up(events, number, decoder="milesight/em300-th", **of_raw):
    """An uplink of a device with this decoder."""
    raw = events.up(number, dev_eui=f"24e124136b{number % 7 if decoder == 'milesight/em300-th' else 99:06x}", **of_raw)
    body = msgspec.json.decode(raw.body)
    body["deviceInfo"]["tags"]["decoder"] = decoder
    return msgspec.structs.replace(raw, body=msgspec.json.encode(body))


class Timed(MemorySink):
    """Notes when the radio facts of each event came, by the number of the event."""

    def __init__(self):
        super().__init__()
        self.came = {}

    async def write(self, tenant, points, lines=None):
        await super().write(tenant, points, lines)
        for point in points:
            if point.measurement == "lorawan_uplink":
                self.came.setdefault((tenant, point.fields["f_cnt"]), time.monotonic())


async def until(condition, timeout_s):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - a sink tells nobody
            await asyncio.sleep(0.005)


class Delivering:
    def __init__(self, journal, sink, how):
        self.deliverer = Deliverer(journal, sink, how, settings=SHORT)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.deliverer.run())

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.deliverer.close()


async def drain(journal, sink, how):
    deliverer = Deliverer(journal, sink, how, settings=SHORT)
    async with asyncio.timeout(60):
        await deliverer.drain()
    await deliverer.close()


async def marks(journal, events):
    return {event.position: event.mark for event in await events.kept(journal) if event.mark}


def temperatures(sink):
    return [fields["temperature"] for (_, measurement, *_), fields in sink.rows.items() if measurement == "air"]


@pytest.mark.long
async def test_every_attack_at_once_delays_no_other_tenant_and_each_is_a_word_about_its_own_device(
    journal, events, engine
):
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in ATTACKS}
    how = reading(engine, good=GOOD, **scripts)
    attacks = [up(events, number, f"acme/{name.replace('_', '-')}") for number, name in enumerate(scripts, 1)]
    sink, sent = Timed(), {}
    await events.append(journal, up(events, 999, tenant=events.other_tenant))
    async with Delivering(journal, sink, how):
        await until(lambda: sink.came, 10)
        await events.append(journal, *attacks)
        number = 1000
        while len(sink.came) < len(attacks) + 1 + len(sent):
            number += 1
            sent[number] = time.monotonic()
            decoder = "acme/good" if number % 2 else "milesight/em300-th"
            await events.append(journal, up(events, number, decoder, tenant=events.other_tenant))
            await until(lambda: (events.other_tenant, number) in sink.came, 10)  # noqa: B023 - it is awaited here
            await asyncio.sleep(0.05)
    taken = {number: sink.came[events.other_tenant, number] - at for number, at in sent.items()}
    assert 20 < len(taken)
    assert max(taken.values()) < 1
    found = await marks(journal, events)
    assert {"decode"} == {mark.stage for mark in found.values()}
    assert {"engine", "payload"} == {mark.code for mark in found.values()}
    assert 10 < sum(mark.code == "engine" for mark in found.values())


@pytest.mark.parametrize("text", [ENDLESS, WITHOUT_END], ids=["endless loop", "a built-in function without end"])
@pytest.mark.long
async def test_a_burst_of_an_attack_is_marked_at_once_and_other_devices_of_its_tenant_hardly_wait(
    journal, events, engine, text
):
    how = reading(engine, bad=text)
    await events.append(journal, *(up(events, number, "acme/bad") for number in range(1, 501)))
    await events.append(journal, up(events, 501))
    sink, begun = Timed(), time.monotonic()
    async with Delivering(journal, sink, how):
        await until(lambda: (events.tenant, 501) in sink.came, 10)
        assert sink.came[events.tenant, 501] - begun < 2
        await events.append(journal, up(events, 502))
        before = time.monotonic()
        await until(lambda: (events.tenant, 502) in sink.came, 10)
        assert sink.came[events.tenant, 502] - before < 1
    found = await marks(journal, events)
    assert set(range(1, 501)) == found.keys()
    assert {("decode", "engine")} == {(mark.stage, mark.code) for mark in found.values()}
    assert PATIENCE >= sum("is not called for" not in mark.words for mark in found.values())
    assert 502 == len(sink.came)  # the radio facts of all


@pytest.mark.long
async def test_a_slow_codec_holds_up_no_other_tenant(journal, events, engine):
    how = reading(engine, slow=SLOW)
    await events.append(journal, *(up(events, number, "acme/slow", data=bytes([number])) for number in range(1, 101)))
    await events.append(journal, *(up(events, number, tenant=events.other_tenant) for number in range(200, 210)))
    sink, begun = Timed(), time.monotonic()
    async with Delivering(journal, sink, how):
        await until(lambda: sum(tenant == events.other_tenant for tenant, _ in sink.came) == 10, 30)
        assert time.monotonic() - begun < 1
        await until(lambda: len(sink.came) == 110, 60)
    assert {} == await marks(journal, events)
    assert list(range(1, 101)) == sorted(temperatures(sink))


async def test_what_was_marked_is_decoded_once_the_codec_is_mended(journal, events, engine):
    await events.append(journal, *(up(events, number, "acme/x", data=bytes([number])) for number in range(1, 31)))
    sink = MemorySink()
    await drain(journal, sink, reading(engine, x=ENDLESS))
    assert 30 == len(await marks(journal, events))
    assert [] == temperatures(sink)
    again = MemorySink()
    again.name = "again"
    await drain(journal, again, reading(engine, x=GOOD))
    assert {} == await marks(journal, events)
    assert list(range(1, 31)) == sorted(temperatures(again))


async def test_one_frame_that_stops_a_codec_costs_no_other_frame_of_it(journal, events, engine):
    text = "function Decoder(bytes) { while (bytes[0] === 7); return { t: bytes[0] }; }"
    await events.append(journal, *(up(events, number, "acme/x", data=bytes([number])) for number in range(1, 31)))
    sink = MemorySink()
    await drain(journal, sink, reading(engine, x=text))
    assert {7} == (await marks(journal, events)).keys()
    assert sorted({*range(1, 31)} - {7}) == sorted(temperatures(sink))


# ---------------------------------------------------------------- the same again, for ever

A_DAY = 144
OFTEN = {
    "keeps-nothing": GOOD,
    "clock": "function Decoder() { return { t: (Date.now() / 60000) % 40 }; }",
    "clock-at-once": "var at = Date.now(); function Decoder() { return { t: (at / 60000) % 40 }; }",
    "chance": "function Decoder(bytes) { return { t: Math.random() * 40 + bytes[0] / 100 }; }",
    "keeps-state": "var n = 0, last; function Decoder(bytes) { last = [last, ++n]; return { t: n + bytes[0] / 100 }; }",
    "date": "function decodeUplink(i) { return { data: { t: i.recvTime.getHours() + new Date().getMinutes() } }; }",
    "order": "function Decoder(b) { var o = {}; o[b[0] % 3] = 1; o.z = 0.1 + 0.2; o.t = o.z * b[0]; return o; }",
}


@pytest.mark.long
async def test_decoding_a_day_again_gives_the_same_bytes(journal, events):
    """Also by other processes and in kept contexts that have seen other frames before."""
    decoders = [f"acme/{name}" for name in OFTEN]
    raws = [
        up(events, number, decoders[number % len(decoders)], data=bytes([number % 256])) for number in range(A_DAY * 7)
    ]
    await events.append(journal, *raws)
    lines = []
    for name, before in (("first", ()), ("second", raws[5::3])):
        with closing(QuickJs(workers=1 if before else 2)) as engine:
            how = reading(engine, reusable=("keeps-nothing", "order"), **OFTEN)
            for event in (event for raw in before for event in as_read(events, raw)):
                how(event)
            sink = MemorySink()
            sink.name = name
            await drain(journal, sink, how)
        receipts = [dict(await journal.receipts(position))[name] for position in range(1, len(raws) + 1)]
        lines.append("".join(receipt.lines for receipt in receipts))
    assert len(raws) == lines[0].count("air,")
    assert lines[0].encode() == lines[1].encode()


def as_read(events, raw):
    """An event as the journal gives it."""
    [accepted] = events.accepted([raw])
    seen = accepted.envelope
    yield JournalEvent(1, seen.kind, raw.encoding, raw.body, raw.way, raw.arrived_at_ns, seen.anchor_at_ns, seen.anchor)
