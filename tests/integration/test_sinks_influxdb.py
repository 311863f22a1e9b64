"""The InfluxDB sink: against what 2.7.12 answered, against servers in trouble, and against Debian's real influxd."""

import asyncio
import json
import ssl
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.ports import free_port
from tests.real import running_engine, running_victoria_metrics
from vdl_lora.errors import PointsRefused, SinkError, SinkRefused, SinkUnavailable
from vdl_lora.events import NS
from vdl_lora.interpret import Interpretation
from vdl_lora.journal import MemoryJournal
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.points import Point, Tags, line_protocol
from vdl_lora.sinks.influxdb import (
    ALONE_TRIES,
    DOUBTS,
    HALVING_DOUBTS,
    MOST_OF_A_BODY,
    InfluxSettings,
    InfluxSink,
    InfluxTenant,
)
from vdl_lora.sinks.influxdb_wire import MOST_OF_AN_ANSWER

from .certificates import Authority

pytestmark = pytest.mark.enable_socket

RECORDED = Path(__file__).parents[1] / "data" / "recordings"
AT_NS = 1_795_472_297 * NS
TAGS = Tags([("dev_eui", "24e124136b500042"), ("channel", "main"), ("place", 'École d\'en haut, salle "1"')])
SHORT = DeliverySettings(retry_s=0.005, longest_retry_s=0.01, held_s=0.01, idle_s=0.2)
SECRET = "very-secret"  # noqa: S105 - made up


def air(number=0, **fields):
    return Point("air", TAGS, fields or {"temperature": 20.5}, AT_NS + number)


class Server:
    """Answers writes as a test says, and keeps what was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.bodies = []
        self.requests = []

    async def handle(self, request):
        self.requests.append(request)
        self.bodies.append((await request.read()).decode())
        answer = self.answer(self.bodies[-1])
        return await answer if asyncio.iscoroutine(answer) else answer


@asynccontextmanager
async def sink_before(answer, **settings):
    """A sink and the server that it writes to."""
    server = Server(answer)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{any:.*}", server.handle)
    async with TestServer(app) as listening:
        sink = InfluxSink(InfluxSettings(**{"url": str(listening.make_url("")), "org": "syndicat", **settings}))
        try:
            yield sink, server
        finally:
            await sink.close()


def said(status, **more):
    return lambda _lines: web.Response(status=status, **more)


async def refusal(sink, *points, lines=None, tenant="t"):
    """What a write ends with."""
    with pytest.raises(SinkError) as raised:
        await sink.write(tenant, points or [air()], lines)
    return raised.value


async def deliver(journal, sink, points_of, batch=500):
    """Deliver a whole journal."""

    def interpret(event):
        return Interpretation(tuple(points_of(event.position)))

    deliverer = Deliverer(journal, sink, interpret, settings=replace(SHORT, batch=batch))
    try:
        async with asyncio.timeout(60):
            await deliverer.drain()
    finally:
        await deliverer.close()


async def marked(journal, events):
    return {event.position: event.mark for event in await events.kept(journal) if event.mark}


# ---------------------------------------------------------------- what InfluxDB 2.7.12 answered


def recorded(path):
    return [json.loads(line) for line in (RECORDED / path).read_text(encoding="utf-8").splitlines()]


WRITES = [row for row in recorded("influxdb2_writes.jsonl") if "lines" in row]
MEANINGS = {400: PointsRefused, 401: SinkRefused, 403: SinkRefused, 404: SinkRefused, 422: PointsRefused}


@pytest.mark.parametrize("row", WRITES, ids=[row["note"] for row in WRITES])
async def test_each_recorded_answer_means_what_it_says(row):
    answer = said(row["status"], headers=row["response_headers"], text=row["body"])
    async with sink_before(answer) as (sink, server):
        if row["status"] == 204:
            await sink.write("t", [air()], row["lines"])
            assert server.bodies == ([row["lines"]] if row["lines"] else [])
            return
        error = await refusal(sink, lines=row["lines"])
        expected = {"unknown precision": SinkRefused}.get(row["note"], MEANINGS.get(row["status"], SinkUnavailable))
        assert expected is type(error)
        message = json.loads(row["body"])["message"]
        assert message[:200] in str(error)


async def test_of_a_long_answer_the_beginning_and_the_end_are_told():
    message = f"unable to parse 'air {'x' * 1000}': missing field value"
    async with sink_before(said(400, text=json.dumps({"code": "invalid", "message": message}))) as (sink, _):
        words = str(await refusal(sink))
    assert message[:200] in words
    assert words.endswith(message[-200:])
    assert len(words) < 700


async def test_a_write_is_gzip_in_ns_into_the_tenant_s_bucket_with_its_token():
    async with sink_before(
        said(204), bucket="lora {slug}", tenants={"t": InfluxTenant(slug="à-côté")}, token=SECRET
    ) as (sink, server):
        await sink.write("t", [air(1), air(2, humidity=50)])
        [request] = server.requests
        assert ("POST", "/api/v2/write") == (request.method, request.path)
        assert {"org": "syndicat", "bucket": "lora à-côté", "precision": "ns"} == dict(request.query)
        assert ("gzip", f"Token {SECRET}") == (request.headers["Content-Encoding"], request.headers["Authorization"])
        assert server.bodies == [line_protocol([air(1), air(2, humidity=50)])]


async def test_without_gzip_the_lines_go_plain():
    async with sink_before(said(204), gzip=False) as (sink, server):
        await sink.write("t", [air()], "as,it=is x=1 1\n")
        assert "Content-Encoding" not in server.requests[0].headers
        assert server.bodies == ["as,it=is x=1 1\n"]


async def test_nothing_is_sent_for_no_points():
    async with sink_before(said(500)) as (sink, server):
        await sink.write("t", [])
        assert [] == server.bodies


# ---------------------------------------------------------------- refusals that a person must mend


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "check the token"),
        (403, "right to write this bucket"),
        (404, "create the bucket"),
        (200, "another server or a proxy"),
        (302, "another server or a proxy"),
        (405, "another server or a proxy"),
    ],
)
async def test_what_waits_for_a_person_says_what_to_do(status, words):
    async with sink_before(said(status, headers={"Location": "/elsewhere"}, text="<h1>Bienvenue</h1>")) as (
        sink,
        server,
    ):
        error = await refusal(sink)
        assert isinstance(error, SinkRefused)
        assert words in str(error)
        assert 1 == len(server.bodies)


async def test_a_limit_of_the_database_is_no_fault_of_the_points():
    words = "partial write: max-values-per-tag limit exceeded (100000/100000) dropped=1"
    async with sink_before(said(400, text=json.dumps({"error": words}))) as (sink, _):
        error = await refusal(sink)
        assert isinstance(error, SinkRefused)
        assert words in str(error)


async def test_the_token_is_in_no_words():
    def echo(_lines):
        return web.Response(status=401, text=f"Authorization: {server.requests[-1].headers['Authorization']}")

    async with sink_before(echo, token=SECRET) as (sink, server):
        assert SECRET not in str(await refusal(sink))
        assert SECRET not in repr(sink.settings)
        assert "Authorization: Token ***" in str(await refusal(sink))


async def test_a_token_file_is_read_again_when_it_changes(tmp_path):
    file = tmp_path / "token"

    def only_new(_lines):
        good = server.requests[-1].headers["Authorization"] == "Token new"
        return web.Response(status=204 if good else 401)

    async with sink_before(only_new, token_file=tmp_path / "x", tenants={"t": InfluxTenant("b", file)}) as (
        sink,
        server,
    ):
        assert "cannot be read" in str(await refusal(sink))
        file.write_text("\n")
        assert "holds no token" in str(await refusal(sink))
        file.write_text("old\n")
        assert "answers 401" in str(await refusal(sink))
        file.write_text("new token file\n")
        assert "holds no token" in str(await refusal(sink))
        file.write_bytes(b"\xff\xfe")
        assert "is no text" in str(await refusal(sink))
        file.write_text("new\n")
        await sink.write("t", [air()])
        assert ["b", "b"] == [request.query["bucket"] for request in server.requests]


# ---------------------------------------------------------------- patience


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_passes_by_itself_is_tried_again(status):
    async with sink_before(said(status)) as (sink, _):
        assert isinstance(await refusal(sink), SinkUnavailable)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_is_waited_for_before_the_next_write_of_that_tenant(status):
    answers = [web.Response(status=status, headers={"Retry-After": "1"})]
    async with sink_before(lambda _lines: answers.pop() if answers else web.Response(status=204)) as (sink, _):
        await refusal(sink)
        begun = time.monotonic()
        await sink.write("other", [air()])
        assert time.monotonic() - begun < 0.5
        await sink.write("t", [air()])
        assert 0.9 < time.monotonic() - begun < 2


async def test_a_server_that_does_not_answer_in_time_or_at_all_is_tried_again():
    async def never(_lines):
        await asyncio.sleep(5)

    async with sink_before(never, timeout_s=0.2) as (sink, _):
        error = await refusal(sink)
        assert isinstance(error, SinkUnavailable)
        assert "does not answer within 0.2 s" in str(error)
    sink = InfluxSink(InfluxSettings(url=f"http://127.0.0.1:{free_port()}"))
    assert isinstance(await refusal(sink), SinkUnavailable)
    await sink.close()


@pytest.mark.parametrize(
    "begin",
    [b"", b"HTTP/1.1 2", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 900\r\n\r\n{", b"\x16\x03\x01nonsense\r\n\r\n"],
)
async def test_an_answer_that_is_cut_or_none_is_tried_again(begin):
    async def cut(reader, writer):
        await reader.read(100)
        writer.write(begin)
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        sink = InfluxSink(InfluxSettings(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        assert isinstance(await refusal(sink), SinkUnavailable)
        await sink.close()


async def test_an_endless_answer_is_read_to_a_limit():
    async def endless(_lines):
        response = web.StreamResponse(status=400)
        await response.prepare(server.requests[-1])
        with suppress(ConnectionError):
            while len(sent) < 64:
                await response.write(b"x" * MOST_OF_AN_ANSWER)
                sent.append(MOST_OF_AN_ANSWER)
        return response

    sent = []
    async with sink_before(endless, timeout_s=5) as (sink, server):
        assert 1000 > len(str(await refusal(sink)))
    assert 0 < len(sent) < 64


async def test_a_server_that_nobody_vouches_for_is_a_person_s_to_mend(tmp_path):
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*authority.vouch("good"))
    app = web.Application()
    app.router.add_post("/api/v2/write", Server(said(204)).handle)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=tls)
    async with server, TestServer(app) as plain:
        for url, ca_file in (
            (server.make_url(""), None),
            (server.make_url(""), stranger.file),
            (plain.make_url("").with_scheme("https"), authority.file),
        ):
            sink = InfluxSink(InfluxSettings(url=str(url), ca_file=ca_file))
            error = await refusal(sink)
            assert isinstance(error, SinkRefused)
            assert "see [influxdb] ca_file and url" in str(error)
            await sink.close()
        sink = InfluxSink(InfluxSettings(url=str(server.make_url("")), ca_file=authority.file))
        await sink.write("t", [air()])
        await sink.close()


# ---------------------------------------------------------------- size


async def test_no_body_is_larger_than_a_proxy_takes_by_default_and_nothing_is_lost_between_them():
    points = [air(number, text="é" * 2000) for number in range(700)]
    async with sink_before(said(204)) as (sink, server):
        await sink.write("t", points)
        sizes = [len(body.encode()) for body in server.bodies]
        assert line_protocol(points) == "".join(server.bodies)
        assert MOST_OF_A_BODY >= max(sizes)
        assert sum(sizes) / MOST_OF_A_BODY + 2 > len(sizes)


async def test_an_ordinary_batch_of_500_events_is_one_body():
    points = [air(number, temperature=20.5 + number, humidity=50.0, label="x" * 300) for number in range(1500)]
    async with sink_before(said(204)) as (sink, server):
        await sink.write("t", points)
        assert 1 == len(server.bodies)


async def test_a_body_that_is_too_large_is_cut_between_lines_and_stays_cut():
    def small(lines):
        return web.Response(status=204 if len(lines) <= 2000 else 413)

    points = [air(number) for number in range(100)]
    async with sink_before(small) as (sink, server):
        for written in range(2):
            server.bodies.clear()
            await sink.write("t", points)
            taken = [body for body in server.bodies if len(body) <= 2000]
            assert line_protocol(points) == "".join(taken)
            assert (written == 0) == any(len(body) > 2000 for body in server.bodies)


async def test_a_single_line_that_is_too_large_is_refused_where_others_are_taken():
    def small(lines):
        return web.Response(status=204 if len(lines) <= 1000 else 413, text="" if len(lines) <= 1000 else "too much")

    large = air(1, text="x" * 2000)
    async with sink_before(small) as (sink, _):
        error = await refusal(sink, large, air(2), air(3))
        assert isinstance(error, PointsRefused)
        assert "too much" in str(error)
        await sink.write("t", [air(number) for number in range(4, 8)])
        assert isinstance(await refusal(sink, large), PointsRefused)


async def test_a_proxy_that_takes_no_body_at_all_costs_no_event(events):
    refusals = iter(range(60))
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 4))
    async with sink_before(lambda _lines: web.Response(status=204 if next(refusals, None) is None else 413)) as (
        sink,
        _,
    ):
        error = await refusal(sink)
        assert isinstance(error, SinkRefused)
        assert "client_max_body_size" in str(error)
        await deliver(journal, sink, readings)
    assert {} == await marked(journal, events)


# ---------------------------------------------------------------- whose fault a 500 is


def readings(position):
    return [air(position, temperature=float(position)), air(position, humidity=50.0)]


async def test_a_500_that_one_event_causes_is_found_and_marked_and_the_others_are_stored(events):
    stored = set()

    def poisoned(lines):
        if "temperature=23.0" in lines:
            return web.Response(status=500, text='{"code":"internal error","message":"something broke"}')
        stored.update(lines.splitlines())
        return web.Response(status=204)

    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 40))
    async with sink_before(poisoned) as (sink, _):
        await deliver(journal, sink, readings)
    marks = await marked(journal, events)
    assert {23: "something broke"} == {position: mark.words for position, mark in marks.items()}
    assert 40 * 2 - 1 == len(stored)


async def test_a_witness_that_has_grown_too_old_for_the_bucket_is_replaced():
    old = line_protocol([air(1)])
    aged = False

    def answer(lines):
        if "poison" in lines:
            return web.Response(status=500)
        if aged and lines == old:
            return web.Response(status=422, text="partial write: dropped 1 points outside retention policy dropped=1")
        return web.Response(status=204)

    async with sink_before(answer) as (sink, _):
        await sink.write("t", [air(1)])
        aged = True
        body = [air(2), air(3, text="poison")]
        ends = [type(await refusal(sink, *body)) for _ in range(HALVING_DOUBTS + 1)]
        assert [SinkUnavailable] * HALVING_DOUBTS + [PointsRefused] == ends


async def test_a_single_line_is_doubted_more_often_than_a_body_that_is_only_halved():
    async with sink_before(lambda lines: web.Response(status=500 if "poison" in lines else 204)) as (sink, _):
        await sink.write("t", [air(1)])
        poison = air(3, text="poison")
        for body, doubts in (([air(2), poison], HALVING_DOUBTS), ([poison], DOUBTS)):
            ends = [type(await refusal(sink, *body)) for _ in range(doubts)]
            assert [SinkUnavailable] * (doubts - 1) + [PointsRefused] == ends


async def test_a_single_line_that_fails_for_long_while_the_bucket_takes_an_empty_body_holds_its_tenant_no_longer():
    def poisoned(lines):
        return web.Response(status=500 if "poison" in lines else 204, text="panic" if lines else "")

    async with sink_before(poisoned, alone_s=0.05) as (sink, server):
        poison = air(1, text="poison")
        for _ in range(ALONE_TRIES - 1):
            assert isinstance(await refusal(sink, poison), SinkUnavailable)
        await asyncio.sleep(0.05)
        error = await refusal(sink, poison)
        assert isinstance(error, PointsRefused)
        assert "panic" in str(error)
        assert {"", line_protocol([poison])} == set(server.bodies)


async def test_a_single_line_waits_while_an_empty_body_fails_too_or_the_time_is_not_over():
    answers = {"empty": 500}
    async with sink_before(lambda lines: web.Response(status=500 if lines else answers["empty"]), alone_s=0.0) as (
        sink,
        _,
    ):
        for _ in range(2 * ALONE_TRIES):
            assert isinstance(await refusal(sink, air(1)), SinkUnavailable)
        answers["empty"] = 204
        for _ in range(ALONE_TRIES - 1):
            assert isinstance(await refusal(sink, air(1)), SinkUnavailable)
        answers["empty"] = 500  # and all begins anew
        assert isinstance(await refusal(sink, air(1)), SinkUnavailable)
        answers["empty"] = 204
        for _ in range(ALONE_TRIES - 1):
            assert isinstance(await refusal(sink, air(1)), SinkUnavailable)
    async with sink_before(lambda lines: web.Response(status=500 if lines else 204)) as (sink, _):
        for _ in range(2 * ALONE_TRIES):
            assert isinstance(await refusal(sink, air(1)), SinkUnavailable)


async def test_a_database_that_takes_no_line_for_long_costs_no_more_than_one_event(events):
    full = True
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 1))
    stored = set()

    def answer(lines):
        if full and lines:
            return web.Response(status=500, text="no space left on device")
        stored.update(lines.splitlines())
        return web.Response(status=204)

    async with sink_before(answer, alone_s=0.0) as (sink, server):
        await deliver(journal, sink, lambda position: [air(position)])
        await events.append(journal, *events.ups(2, 40))
        task = asyncio.create_task(deliver(journal, sink, lambda position: [air(position)]))
        tried = len(server.bodies)
        while len(server.bodies) < tried + 30 * ALONE_TRIES:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        full = False
        await task
    assert [1] == list(await marked(journal, events))
    assert 39 == len(stored)


async def test_a_500_is_not_the_body_s_fault_while_nothing_else_is_accepted_either():
    async with sink_before(said(500)) as (sink, server):
        for _ in range(3 * DOUBTS):
            assert isinstance(await refusal(sink, air(1), air(2)), SinkUnavailable)
        server.answer = said(204)
        await sink.write("t", [air(1), air(2)])
        server.answer = said(500)
        for _ in range(3 * DOUBTS):
            assert isinstance(await refusal(sink, air(3)), SinkUnavailable)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_server_that_refuses_everything_for_a_while_costs_no_event(events, status):
    refusals = iter(range(40))
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 20))

    def down(_lines):
        return web.Response(status=204 if next(refusals, None) is None else status, text="no")

    async with sink_before(down) as (sink, _):
        await deliver(journal, sink, readings)
    assert {} == await marked(journal, events)


async def test_500_on_every_third_request_costs_no_event(events):
    count = iter(range(1, 1_000_000))
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 300))
    stored = set()

    def flapping(lines):
        if next(count) % 3 == 0:
            return web.Response(status=500)
        stored.update(lines.splitlines())
        return web.Response(status=204)

    async with sink_before(flapping) as (sink, _):
        await deliver(journal, sink, readings, batch=10)
    assert {} == await marked(journal, events)
    assert 600 == len(stored)


# ---------------------------------------------------------------- erasing


async def test_a_row_is_deleted_by_every_tag_and_its_nanosecond_and_what_stays_is_written():
    async with sink_before(said(204)) as (sink, server):
        await sink.erase("t", [air(1), air(1, humidity=1.0)], [air(1, co2=600.0)])
        asked = [request.path for request in server.requests]
        assert ["/api/v2/delete", "/api/v2/write"] == asked
        assert {"org": "syndicat", "bucket": "t"} == dict(server.requests[0].query)
        when = "2026-11-23T22:18:17.000000001Z"
        place = 'place="École d\'en haut, salle \\"1\\""'
        which = f'_measurement="air" AND channel="main" AND dev_eui="24e124136b500042" AND {place}'
        assert {"start": when, "stop": when, "predicate": which} == json.loads(server.bodies[0])
        assert line_protocol([air(1, co2=600.0)]) == server.bodies[1]


async def test_without_what_stays_nothing_is_deleted_and_the_points_are_named():
    async with sink_before(said(204)) as (sink, server):
        await sink.erase("t", [])
        with pytest.raises(SinkRefused, match=rf"temperature of air,.* at {AT_NS}"):
            await sink.erase("t", [air()])
        assert [] == server.requests


async def test_erasing_waits_for_as_long_as_the_server_asks():
    answers = [web.Response(status=429, headers={"Retry-After": "1"})]
    async with sink_before(lambda _lines: answers.pop() if answers else web.Response(status=204)) as (sink, _):
        with pytest.raises(SinkUnavailable):
            await sink.erase("t", [air()], [])
        begun = time.monotonic()
        await sink.erase("t", [air()], [])
        assert 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_a_server_that_knows_no_way_to_delete_is_told_with_the_points(status):
    def unknown(_lines):
        return web.Response(status=404 if server.requests[-1].path == "/api/v2/delete" else status, text="what?")

    async with sink_before(unknown) as (sink, server):
        with pytest.raises(SinkRefused, match=r"no way to delete; erase by hand: temperature of air,.*; humidity of"):
            await sink.erase("t", [air(1), air(2, humidity=1.0)], [])


@pytest.mark.parametrize(
    ("row", "meaning"),
    [(row, SinkRefused if row["status"] < 500 else SinkUnavailable) for row in recorded("influxdb2_deletes.jsonl")],
    ids=lambda value: value["note"] if isinstance(value, dict) else "",
)
async def test_each_recorded_answer_to_a_delete_is_understood(row, meaning):
    async with sink_before(said(row["status"], text=row["body"], content_type="application/json")) as (sink, _):
        if row["status"] == 204:
            await sink.erase("t", [air()], [])
            return
        with pytest.raises(meaning) as raised:
            await sink.erase("t", [air()], [])
        assert json.loads(row["body"])["message"][:100] in str(raised.value)


# ---------------------------------------------------------------- check


async def test_check_writes_nothing_and_says_who_can_write():
    def only_b(lines):
        assert lines == ""
        good = server.requests[-1].query.get("bucket", "b") == "b"
        return web.Response(status=204) if good else web.Response(status=404, text='{"message":"bucket not found"}')

    async with sink_before(only_b) as (sink, server):
        [ping] = await sink.check_buckets()
        assert (True, "/ping") == (ping.ok, server.requests[0].path)
    async with sink_before(only_b, tenants={"t": InfluxTenant("b"), "u": InfluxTenant("c")}) as (sink, server):
        [good, bad] = await sink.check_buckets()
        assert (True, "influxdb t") == (good.ok, good.subject)
        assert (False, "influxdb u") == (bad.ok, bad.subject)
        assert bad.words.endswith("answers 404 for bucket c: bucket not found")
        assert bad.advice.startswith("create the bucket")
    for other in (said(200, text="Bienvenue"), said(502)):
        async with sink_before(other) as (sink, _):
            [broken] = await sink.check_buckets()
            assert (False, True) == (broken.ok, "another server or a proxy" in broken.advice)
    async with sink_before(said(204), token_file=Path("nowhere"), tenants={"t": InfluxTenant()}) as (sink, _):
        [unread] = await sink.check_buckets()
        assert (False, "let us read it") == (unread.ok, unread.advice)
    [away] = await InfluxSink(InfluxSettings(url=f"http://127.0.0.1:{free_port()}")).check_buckets()
    assert not away.ok


# ---------------------------------------------------------------- a real engine: Debian's influxd behind Debian's nginx


@pytest.fixture
def engine(tmp_path):
    with running_engine(tmp_path / "influxdb") as made:
        yield made


@pytest.fixture
async def real(engine):
    sink = InfluxSink(InfluxSettings(url=engine.url, bucket="lora {tenant}"))
    yield sink
    await sink.close()


CHOSEN = {
    *(52, 53, 99, 100, 250, 499, 500, 501, 502, 640, 777, 778, 779, 901, 950, 999, 1000, 1500, 1501, 1502, 1503),
    *(2002, 2003, 2022, 2222, 2499, 2500, 2501, 3000, 3333, 4000, 4444, 4501, 4502, 4998, 4999, 5000),
}
REFUSED = (
    ("warm", '"temperature" on measurement "air" is type string, already exists as type float'),
    (21, '"temperature" on measurement "air" is type integer, already exists as type float'),
    (True, '"temperature" on measurement "air" is type boolean, already exists as type float'),
    (float("nan"), "invalid number"),
)


def conflicting(position):
    """A temperature, and of the chosen ones one that no engine takes; beside it a soil's moisture."""
    temperature = REFUSED[position % 4][0] if position in CHOSEN else position / 10
    soil = Point("soil", TAGS, {"moisture": position / 7, "label": f'n° {position} "x\\'}, AT_NS + position)
    return [air(position, temperature=temperature), soil]


async def test_of_10_000_points_a_real_engine_refuses_37_and_exactly_their_events_are_marked(
    engine, real, sqlite_journal, events
):
    journal = sqlite_journal
    assert 37 == len(CHOSEN)
    database = f"lora {events.tenant}"
    engine.ask(f'create database "{database}"')
    await real.write(events.tenant, [air(0, temperature=0.0)])  # a field has the type of its first value
    await events.append(journal, *events.ups(1, 5000))
    await deliver(journal, real, conflicting)
    marks = await marked(journal, events)
    assert CHOSEN == set(marks)
    for position, mark in marks.items():
        assert ("sink", "points_refused") == (mark.stage, mark.code)
        assert REFUSED[position % 4][1] in mark.words
    temperatures = engine.ask("select time, temperature from air", database)
    assert {AT_NS + each: each / 10 for each in range(5001) if each not in CHOSEN} == {
        row["time"]: row["temperature"] for row in temperatures
    }
    soil = engine.ask("select time, moisture, label, dev_eui, channel, place from soil", database)
    assert 5000 == len(soil)
    for position, row in enumerate(soil, 1):
        point = conflicting(position)[1]
        assert {"time": point.at_ns, **point.fields, **dict(TAGS)} == row


async def test_writing_twice_changes_nothing_and_the_last_write_of_a_field_wins(engine, real):
    engine.ask('create database "lora t"')
    for value in (1.5, 1.5, 2.5):
        await real.write("t", [air(1, temperature=value)])
    await real.write("t", [air(1, humidity=40.0)])
    assert [{"time": AT_NS + 1, "temperature": 2.5, "humidity": 40.0}] == engine.ask(
        "select time, temperature, humidity from air", "lora t"
    )


async def test_a_real_engine_without_the_database_holds_the_tenant_until_it_is_there(engine, real):
    error = await refusal(real)
    assert isinstance(error, SinkRefused)
    assert 'database not found: "lora t"; create the bucket' in str(error)
    assert [False] == [check.ok for check in await real.check_buckets()]
    engine.ask('create database "lora t"')
    assert [True] == [check.ok for check in await real.check_buckets()]
    await real.write("t", [air()])


async def test_a_line_that_a_real_engine_cannot_parse_is_refused_in_its_words(engine, real):
    engine.ask('create database "lora t"')
    error = await refusal(real, lines="air,a=b temperature=1 1\nair,a=b temperature= 2\n")
    assert isinstance(error, PointsRefused)
    assert "unable to parse 'air,a=b temperature= 2': missing field value" in str(error)


async def test_a_row_of_a_real_1_x_is_erased_in_influxql_and_no_other(engine, real):
    engine.ask('create database "lora t"')
    elsewhere = Point("air", Tags([*TAGS[:2], ("place", "mairie")]), {"temperature": 9.0}, AT_NS + 2)
    await real.write("t", [air(1), air(2, temperature=7.0, humidity=40.0), air(3), elsewhere])
    await real.erase("t", [air(2, temperature=7.0)], [air(2, humidity=40.0)])
    rows = engine.ask("select time, temperature, humidity from air", "lora t")
    assert Counter([(1, 20.5, None), (2, None, 40.0), (2, 9.0, None), (3, 20.5, None)]) == Counter(
        (row["time"] - AT_NS, row["temperature"], row["humidity"]) for row in rows
    )


async def test_on_a_real_1_x_erasing_finds_a_row_whatever_signs_its_tags_have(engine, real):
    engine.ask('create database "lora t"')
    places = ["a\\b", "a\\'b", "c'", 'd"', "e\\\\f", "é ,=", "%s", "a\\nb", "$x;--", "' or 1=1 --"]
    points = [
        Point("air", Tags([*TAGS[:2], ("place", place)]), {"temperature": 20.5}, AT_NS + number)
        for place in places
        for number in (1, 2)
    ]
    await real.write("t", points)
    assert len(points) == len(engine.ask("select * from air", "lora t"))
    for number in range(0, len(points), 2):
        await real.erase("t", [points[number]], [])
        left = {(row["place"], row["time"]) for row in engine.ask("select * from air", "lora t")}
        gone = points[: number + 1 : 2]
        assert {(dict(each.tags)["place"], each.at_ns) for each in points if each not in gone} == left


async def test_a_real_1_x_without_the_database_says_so_when_it_shall_erase(engine, real):
    with pytest.raises(SinkRefused, match=r"database not found: lora t; create the bucket"):
        await real.erase("t", [air()], [])
    engine.ask('create database "lora t"')
    await real.erase("t", [air()], [])


async def test_a_real_engine_that_is_away_and_comes_back_loses_nothing(engine, real, events):
    engine.ask(f'create database "lora {events.tenant}"')
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 50))
    engine.stop()
    task = asyncio.create_task(deliver(journal, real, readings))
    await asyncio.sleep(0.3)
    assert not task.done()
    engine.start()
    await task
    assert {} == await marked(journal, events)
    assert 50 == len(engine.ask("select time, temperature, humidity from air", f"lora {events.tenant}"))


async def test_a_real_engine_that_is_killed_while_it_is_written_to_loses_nothing_that_it_took(engine, real, events):
    database = f"lora {events.tenant}"
    engine.ask(f'create database "{database}"')
    journal = MemoryJournal()
    await events.append(journal, *events.ups(1, 2000))
    task = asyncio.create_task(deliver(journal, real, readings, batch=10))
    for written in (200, 900):
        while len(engine.ask("select temperature from air", database)) < written:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
        engine.kill()
        assert not task.done()
        engine.start()
    await task
    assert {} == await marked(journal, events)
    rows = engine.ask("select time, temperature, humidity from air", database)
    assert [(AT_NS + each, each, 50) for each in range(1, 2001)] == [
        (row["time"], row["temperature"], row["humidity"]) for row in rows
    ]


# ---------------------------------------------------------------- a real VictoriaMetrics, which is no InfluxDB


@pytest.fixture
def victoria(tmp_path):
    with running_victoria_metrics(tmp_path / "victoria-metrics") as made:
        yield made


async def test_a_real_victoria_metrics_takes_what_we_write_and_gives_the_numbers_back(victoria):
    sink = InfluxSink(InfluxSettings(url=victoria.url))
    points = [
        air(number * NS, temperature=20 + number / 8, count=number, open=number % 2 == 0) for number in range(500)
    ]
    await sink.write("t", [*points, Point("water level", TAGS, {"level": -0.25, "label": "bas"}, AT_NS)])
    assert {True} == {check.ok for check in await sink.check_buckets()}
    times_ms = [point.at_ns // 1_000_000 for point in points]
    for field in ("temperature", "count", "open"):  # a boolean comes back as 1 and 0
        [series] = victoria.export(f"air_{field}")
        assert dict(TAGS) == {name: series["metric"][name] for name in dict(TAGS)}
        found = dict(zip(series["timestamps"], series["values"], strict=True))
        assert dict(zip(times_ms, [float(point.fields[field]) for point in points], strict=True)) == found
    assert [-0.25] == victoria.export('{__name__="water level_level"}')[0]["values"]
    await sink.close()


async def test_a_real_victoria_metrics_has_no_way_to_take_points_away_and_all_are_named(victoria):
    sink = InfluxSink(InfluxSettings(url=victoria.url))
    await sink.write("t", [air(1), air(2, humidity=1.0)])
    with pytest.raises(SinkRefused, match=r"no way to delete; erase by hand: temperature of air,.*; humidity of air"):
        await sink.erase("t", [air(1), air(2, humidity=1.0)], [])
    assert [20.5] == victoria.export("air_temperature")[0]["values"]
    await sink.close()
