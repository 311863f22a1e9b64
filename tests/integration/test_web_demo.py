"""The page's endpoints and its stream, over a journal that holds what was recorded."""

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from vdl_lora.catalog import Catalog
from vdl_lora.discovery import discover
from vdl_lora.errors import ConfigError
from vdl_lora.events import NS
from vdl_lora.installations import Installations
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.journal import SqliteJournal
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.settings import ServerSettings
from vdl_lora.sinks import MemorySink
from vdl_lora.sources import FileSource
from vdl_lora.web import demo, server
from vdl_lora.web.follow import Follower

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
SCHOOL = "École de Bauzy – classe CM2"  # noqa: RUF001 - its name
HELLO = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

pytestmark = pytest.mark.enable_socket


class Site:
    """A journal with the recorded events, all delivered, a follower that has read them, and a client."""

    def __init__(self, journal, of_event):
        self.journal = journal
        self.of_event = of_event
        self.accept = Acceptor(journal)
        self.deliverer = Deliverer(journal, MemorySink(), of_event)
        self.follower = Follower(journal, of_event, clock=lambda: 1_795_480_000 * NS)
        self.board = self.follower.board

    async def settled(self):
        """Wait until everything is read and counted."""
        received = (await self.journal.counts()).events
        for _ in range(200):
            if self.board.flow.received == received and not self.board.reading and not self.board.waiting():
                return
            await asyncio.sleep(0.05)
        pytest.fail("the follower does not come up to the journal")


@asynccontextmanager
async def serving(*tables, **settings):
    """Serve route tables on any port."""
    app = server.build(*tables, settings=ServerSettings(port=0, **settings))
    async with server.serve(app) as url:
        yield url


@pytest.fixture
async def site(tmp_path):
    """A journal with the recorded events, delivered and read."""
    of_event = partial(
        interpret,
        catalog=Catalog(discover().entries(), ()),
        installations=Installations(),
        settings=PointSettings(),
    )
    journal = await SqliteJournal.open(tmp_path / "journal.sqlite")
    found = Site(journal, of_event)
    await FileSource([RECORDING]).run(found.accept)
    await found.deliverer.drain()
    following = asyncio.create_task(found.follower.run())
    await found.settled()
    yield found
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await found.deliverer.close()
    await journal.close()


@pytest.fixture
async def url(site):
    """The page's address."""
    async with serving(
        demo.routes(site.follower, streams=demo.StreamSettings(tick_s=0.02, beat_s=0.2)), grace_s=1.0
    ) as found:
        yield found


@pytest.fixture
async def client():
    """A browser's stand-in."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as found:
        yield found


class Stream:
    """Reads server-sent events."""

    def __init__(self, response):
        self.response = response

    async def next(self):
        """The next event: its name, its id and its data."""
        fields = {}
        async for line in self.response.content:
            text = line.decode().rstrip("\n")
            if not text and "data" in fields:
                return fields["event"], fields.get("id"), msgspec.json.decode(fields["data"])
            name, _, value = text.partition(": ")
            fields[name] = value
        return None

    async def state(self):
        """The next state."""
        while (event := await self.next()) is not None:
            if event[0] == "state":
                return event[1], event[2]
        return None


# ---------------------------------------------------------------- what is told


async def test_the_state_tells_places_and_flow(client, url, site):
    async with client.get(url / "api/state") as answer:
        state = await answer.json()
    assert state["full"]
    assert (await site.journal.counts()).events == state["flow"]["received"]
    assert state["flow"]["received"] == state["flow"]["stored"] + state["flow"]["quarantined"]
    school = next(place for place in state["places"] if place["name"] == SCHOOL)
    co2 = next(value for value in school["values"] if value["quantity"] == "air.co2")
    assert ("stored", 1200) == (co2["standing"], co2["value"])
    assert 5 == school["lost"]
    assert state["radio"]["lost"] == sum(place["lost"] for place in state["places"])


async def test_the_last_day_of_some_places(client, url, site):
    school = next(place.id for place in site.board.view(-1, 0).places if place.name == SCHOOL)
    async with client.get(url / "api/days", params={"place": school}) as answer:
        days = await answer.json()
    assert [str(school)] == list(days)
    values = [value for _, value in days[str(school)]["air.co2 main"]]
    assert 1200 == values[-1]
    assert [776.0, 672.0] == values[:2]
    for wrong in ("x", "1.5"):
        async with client.get(url / "api/days", params={"place": wrong}) as answer:
            assert 400 == answer.status
    async with client.get(url / "api/days", params=[("place", "1")] * 51) as answer:
        assert 400 == answer.status


async def test_the_words_are_there(client, url):
    async with client.get(url / "api/words") as answer:
        assert "Température de l’air" == (await answer.json())["quantities"]["air.temperature"]["label"]  # noqa: RUF001


async def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline(client, url):
    async with client.get(url) as answer:
        page = await answer.text()
        etag = answer.headers["ETag"]
        assert "text/html" == answer.content_type
    assert not re.search(r"<style|style=|\son\w+=|https?://", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    for link in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        async with client.get(url.with_path(link)) as answer:
            assert 200 == answer.status
            assert "https://" not in await answer.text()
    async with client.get(url, headers={"If-None-Match": etag}) as answer:
        assert 304 == answer.status


# ---------------------------------------------------------------- the stream


async def test_a_stream_begins_with_everything_and_goes_on_with_what_changes(client, url, site, events):
    async with client.get(url / "api/stream") as answer:
        assert ("text/event-stream", "no-store") == (answer.content_type, answer.headers["Cache-Control"])
        stream = Stream(answer)
        _, state = await stream.state()
        assert state["full"]
        assert len(site.board.view(-1, 0).places) == len(state["places"])
        await site.accept([events.up(1, dev_eui="24e124136b5000ff", data=b"\x03\x67\x0a\x00")])
        standings = []
        while "stored" not in standings:
            _, state = await stream.state()
            assert not state["full"]
            assert {"24e124136b5000ff"} >= {place["dev_eui"] for place in state["places"]}
            standings += [value["standing"] for place in state["places"] for value in place["values"]]
            if "waiting" in standings:
                await site.deliverer.drain()
        assert "waiting" == standings[0]


async def test_a_reader_that_comes_back_is_told_what_it_missed(client, url, site, events):
    async with client.get(url / "api/stream") as answer:
        known, _ = await Stream(answer).state()
    await site.accept([events.up(1, dev_eui="24e124136b5000ff")])
    await site.deliverer.drain()
    await site.settled()
    async with client.get(url / "api/stream", headers={"Last-Event-ID": known}) as answer:
        _, state = await Stream(answer).state()
        assert not state["full"]
        assert ["24e124136b5000ff"] == [place["dev_eui"] for place in state["places"]]
    epoch = known.partition("-")[0]
    for unknown in ("", "x", "other-1", f"{epoch}-x", f"{epoch}-{'9' * 5000}"):
        async with client.get(url / "api/stream", headers={"Last-Event-ID": unknown}) as answer:
            assert (await Stream(answer).state())[1]["full"]


async def test_a_silent_stream_says_that_it_is_there(client, url):
    async with client.get(url / "api/stream") as answer:
        stream = Stream(answer)
        await stream.state()
        name, _, now_ms = await stream.next()
        assert ("beat", 1_795_480_000_000) == (name, now_ms)


async def test_a_stream_says_little_when_much_happens(client, site):
    async with serving(demo.routes(site.follower)) as url, client.get(url / "api/stream") as answer:
        stream = Stream(answer)
        await stream.state()
        told = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(2.2):
                while True:
                    site.board.version += 1
                    reading = asyncio.ensure_future(stream.next())
                    while not reading.done():
                        site.board.version += 1
                        await asyncio.sleep(0.01)
                    told += 1
        assert 3 <= told <= 5


async def test_a_reader_that_does_not_read_is_dropped(client, site, events):
    names = [f"24e124136b51{number:04x}" for number in range(300)]
    await site.accept([events.up(number, dev_eui=dev_eui) for number, dev_eui in enumerate(names)])
    await site.deliverer.drain()
    await site.settled()
    table = demo.routes(site.follower, streams=demo.StreamSettings(tick_s=0.001, write_s=0.3, max_streams=1))
    async with serving(table, grace_s=1.0) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", url.port, limit=1024)
        writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        statuses = []
        while 200 not in statuses[1:] and len(statuses) < 400:
            for _ in range(20):
                site.board.version += 1
                for place in site.board._places.values():  # noqa: SLF001 - everything has changed
                    place.version = site.board.version
                await asyncio.sleep(0.002)
            async with client.get(url / "api/stream") as other:
                statuses.append(other.status)
        assert (503, 200) == (statuses[0], statuses[-1])
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_there_are_only_so_many_streams(client, site):
    one = demo.StreamSettings(tick_s=0.02, beat_s=0.2, max_streams=1)
    async with serving(demo.routes(site.follower, streams=one), grace_s=1.0) as url:
        async with client.get(url / "api/stream") as answer:
            await Stream(answer).state()
            async with client.get(url / "api/stream") as other:
                assert 503 == other.status
        for _ in range(100):
            async with client.get(url / "api/stream") as again:
                if again.status == 200:
                    return
            await asyncio.sleep(0.05)
    pytest.fail("a reader that left still counts")


async def test_open_streams_end_at_once_when_the_server_stops(client, site):
    async with serving(demo.routes(site.follower), grace_s=5.0) as url:
        answer = await client.get(url / "api/stream")
        stream = Stream(answer)
        await stream.state()
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 2
    assert await stream.next() is None


async def test_a_page_in_one_piece(client, site):
    async with (
        demo.page(site.journal, site.of_event, ServerSettings(port=0)) as url,
        client.get(url / "api/state") as answer,
    ):
        assert 200 == answer.status


# ---------------------------------------------------------------- the server


async def test_every_answer_has_the_strict_headers(client, url):
    for path in ("", "static/app.js", "api/state", "api/stream", "nowhere", "api/days?place=x"):
        async with client.get(url.join(server.URL(path))) as answer:
            for name, value in server.HEADERS.items():
                assert value == answer.headers[name]
            assert "Server" not in answer.headers
    async with client.post(url / "api/state", data=b"x") as answer:
        assert 405 == answer.status
    assert "unsafe" not in server.HEADERS["Content-Security-Policy"]


async def test_a_page_of_another_name_gets_nothing(client, url):
    for host in ("localhost", "127.0.0.1:99", "[::1]:1"):
        async with client.get(url / "api/state", headers={"Host": host}) as answer:
            assert 200 == answer.status
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost:x", "["):
        async with client.get(url / "api/state", headers={"Host": host}) as answer:
            assert answer.status in {400, 403}


def test_it_listens_on_loopback_unless_told():
    with pytest.raises(ConfigError, match="not loopback"):
        server.build(settings=ServerSettings(host="0.0.0.0"))  # noqa: S104
    server.build(settings=ServerSettings(host="0.0.0.0", beyond_loopback=True))  # noqa: S104


async def test_an_address_in_use_is_said():
    async with serving() as url:
        app = server.build(settings=ServerSettings(port=url.port))
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{url.port}"):
            async with server.serve(app):
                pass


async def closed_by_the_server(url, sent):
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    writer.write(sent)
    try:
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                return await reader.read()
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HELLO + b"GET / HT"], ids=["silent", "slow", "slow later"])
async def test_a_request_that_does_not_come_is_not_waited_for(sent):
    async with serving(request_s=0.3) as url:
        await closed_by_the_server(url, sent)


async def test_a_handler_that_takes_too_long_is_given_up(client):
    table = web.RouteTableDef()

    @table.get("/slow")
    async def slow(_request):
        await asyncio.sleep(60)

    async with serving(table, request_s=0.2) as url, client.get(url / "slow") as answer:
        assert 503 == answer.status


async def test_a_client_that_does_not_read_its_answer_is_given_up():
    table = web.RouteTableDef()

    @table.get("/large")
    async def large(_request):
        return web.Response(body=bytes(64 << 20))

    async with serving(table, request_s=0.5) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", url.port, limit=1024)
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(1.5)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(64 << 20)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_bodies_and_headers_are_bounded(client):
    table = web.RouteTableDef()

    @table.post("/body")
    async def body(request):
        return web.Response(text=str(len(await request.read())))

    async with serving(table, max_body=1000) as url:
        async with client.post(url / "body", data=bytes(1000)) as answer:
            assert "1000" == await answer.text()
        async with client.post(url / "body", data=bytes(1001)) as answer:
            assert 413 == answer.status
        async with client.get(url / "body", headers={"X": "x" * 9_000}) as answer:
            assert 400 == answer.status


async def test_there_are_only_so_many_connections(client):
    async with serving(max_connections=2) as url:
        held = [await asyncio.open_connection("127.0.0.1", url.port) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientError):
            await client.get(url)
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
