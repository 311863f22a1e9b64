"""The demo's page: its files, what it asks for as JSON, and its live updates as server-sent events.

A stream holds no queue: each reader has the version that it was last told, and is told at most twice a second what has
changed since. One that does not read is dropped. After a reconnect, Last-Event-ID tells where it was.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Final

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse
from yarl import URL

from vdl_lora.settings import ServerSettings

from . import server
from .follow import Feed, Follower, Interpret
from .labels_fr import words

RETRY_MS = 2000
MAX_IDS = 50

_MS = 1_000_000
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How live updates are sent; times in s.

    `tick_s` is the least time between two, `beat_s` the longest silence, `write_s` how long a reader may take nothing
    until it is dropped, `max_streams` how many readers there may be.
    """

    tick_s: float = 0.5
    beat_s: float = 10.0
    write_s: float = 10.0
    max_streams: int = 32


STREAMS: Final = StreamSettings()


def routes(follower: Follower, *, note: str = "", streams: StreamSettings = STREAMS) -> web.RouteTableDef:
    """Give the routes of the page over a follower that runs; `note` stands at its head."""
    table = web.RouteTableDef()
    api = _Api(follower, streams)
    for name, content in _static_files().items():
        path = "/" if name == "index.html" else f"/static/{name}"
        table.get(path)(partial(_file, content, _TYPES["." + name.rpartition(".")[2]]))
    table.get("/api/words")(partial(_file, msgspec.json.encode(words(note)), "application/json"))
    table.get("/api/state")(api.state)
    table.get("/api/days")(api.days)
    table.get("/api/stream")(api.stream)
    return table


@asynccontextmanager
async def page(
    feed: Feed, interpret: Interpret, settings: ServerSettings | None = None, *, note: str = ""
) -> AsyncGenerator[URL]:
    """Follow a journal and serve the page; give its address.

    Raises ConfigError where it cannot listen. If the journal can no longer be read, what it stands around ends too.
    """
    follower = Follower(feed, interpret)
    app = server.build(routes(follower, note=note), settings=settings)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follower.run(), name="web")
        try:
            async with server.serve(app) as url:
                yield url
        finally:
            following.cancel()


class _Api:
    """The page's questions."""

    def __init__(self, follower: Follower, settings: StreamSettings) -> None:
        self._follower = follower
        self._board = follower.board
        self._settings = settings
        self._streams = 0
        self._last: tuple[str, int, str] = ("", 0, "")

    async def state(self, _request: web.Request) -> web.StreamResponse:
        """Give everything at once."""
        return _json(msgspec.json.encode(self._board.view(-1, self._now())))

    async def days(self, request: web.Request) -> web.StreamResponse:
        """Give the last day of the places that `place` names."""
        try:
            ids = [int(text) for text in request.query.getall("place", [])]
        except ValueError:
            raise web.HTTPBadRequest(text="place is the number of a place\n") from None
        if len(ids) > MAX_IDS:
            raise web.HTTPBadRequest(text=f"ask for at most {MAX_IDS} places\n")
        return _json(msgspec.json.encode(self._board.days(ids, self._now())))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send everything, or what the reader has missed; then what changes, for as long as it reads."""
        if self._streams >= self._settings.max_streams:
            raise web.HTTPServiceUnavailable(text="too many readers\n", headers={"Retry-After": "10"})
        self._streams += 1
        try:
            server.endless()
            response = EventSourceResponse(
                sep="\n", send_timeout=self._settings.write_s, ping_interval=self._settings.beat_s
            )
            response.headers["Cache-Control"] = "no-store"
            await response.prepare(request)
            async with response:
                with suppress(TimeoutError, ConnectionError):  # the response has ended the connection
                    await self._run_stream(response, server.stopping(request))
            return response
        finally:
            self._streams -= 1

    async def _run_stream(self, response: EventSourceResponse, stopping: asyncio.Event) -> None:
        known = response.last_event_id or ""
        silent_s = 0.0
        while not stopping.is_set():
            if known != self._id():
                changes = self._changes(known)
                known = self._id()
                await response.send(changes, id=known, event="state", retry=RETRY_MS)
                silent_s = 0.0
            elif silent_s >= self._settings.beat_s:
                await response.send(str(self._now()), event="beat")  # a page cannot see the response's own pings
                silent_s = 0.0
            silent_s += self._settings.tick_s
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.tick_s):
                    await stopping.wait()

    def _id(self) -> str:
        return f"{self._board.epoch}-{self._board.version}"

    def _changes(self, known: str) -> str:
        """Return what has changed since a reader's last event id as JSON, encoded once for all who know the same."""
        cached_for, version, changes = self._last
        if (cached_for, version) != (known, self._board.version):
            epoch, _, number = known.partition("-")
            known_number = epoch == self._board.epoch and number.isascii() and number.isdigit() and len(number) < 20  # noqa: PLR2004
            after = min(int(number), self._board.version) if known_number else -1
            changes = msgspec.json.encode(self._board.view(after, self._now())).decode()
            self._last = (known, self._board.version, changes)
        return changes

    def _now(self) -> int:
        return self._follower.clock() // _MS


async def _file(content: bytes, kind: str, request: web.Request) -> web.StreamResponse:
    etag = hashlib.sha256(content).hexdigest()[:16]
    known = request.if_none_match
    if known is not None and any(each.value == etag for each in known):
        response = web.Response(status=304)
    else:
        response = web.Response(body=content, content_type=kind, charset="utf-8")
        response.enable_compression()
    response.etag = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def _json(content: bytes) -> web.StreamResponse:
    response = web.Response(body=content, content_type="application/json")
    response.enable_compression()
    return response


def _static_files() -> dict[str, bytes]:
    folder = files("vdl_lora.web") / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if f".{each.name.rpartition('.')[2]}" in _TYPES}
