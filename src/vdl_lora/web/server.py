"""The HTTP server of all pages: it serves the route tables that it is handed, and knows nothing of what they show.

It listens on loopback only, unless told otherwise, and then answers only to a loopback name: a foreign page that has
its own name point here gets nothing. Requests are bounded in size and time; a handler whose answer does not end says so
with `endless`, watches `stopping`, and is told in time.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Final

import structlog
from aiohttp import web
from yarl import URL

from vdl_lora.errors import ConfigError
from vdl_lora.interfaces import Check, Component
from vdl_lora.reach import is_loopback
from vdl_lora.settings import ServerSettings

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer says, errors too. No inline script or style, nothing from elsewhere, in nobody's frame."""

_MAX_HEADER = 8_190
_DEADLINE: Final[ContextVar[asyncio.Timeout]] = ContextVar("deadline")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


log = structlog.get_logger(__name__)


class WebServer(Component[[]]):
    """The component that serves routes; `url` is its address once it listens.

    Raises ConfigError where it would listen beyond loopback without being told to.
    """

    def __init__(self, name: str, settings: ServerSettings, *tables: Iterable[web.AbstractRouteDef]) -> None:
        self.name = name
        self.url: URL | None = None
        self._settings = settings
        self._app = build(*tables, settings=settings)

    async def run(self) -> None:
        """Serve until cancelled. Raises ConfigError where the address cannot be listened on."""
        try:
            async with serve(self._app) as url:
                self.url = url
                log.info("the web server listens", action="start", server=self.name, url=str(url))
                await asyncio.Event().wait()
        finally:
            self.url = None

    def state(self) -> Sequence[Check]:
        """Say whether it listens; how it serves shows in its answers."""
        if self.url is None:
            return [Check(self.name, ok=False, words="it does not listen yet", advice="it does within a second")]
        return [Check(self.name, ok=True, words=f"it listens at {self.url}")]

    async def check(self) -> Sequence[Check]:
        """Warn where others than this machine reach it."""
        if is_loopback(self._settings.host):
            return []
        words = f"{self._settings.host}:{self._settings.port} answers other machines, and nobody signs in there"
        advice = "bind it to 127.0.0.1 unless you trust all who reach it"
        return [Check(self.name, ok=True, words=words, advice=advice, doubt="warning")]


class _Rooms:
    """What the handlers of one server share: its settings, whether it stops, and who has not yet asked anything."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}
        self.loopback = is_loopback(settings.host)


_ROOMS: Final = web.AppKey("rooms", _Rooms)


def build(*tables: Iterable[web.AbstractRouteDef], settings: ServerSettings | None = None) -> web.Application:
    """Give an application that serves these routes.

    Raises ConfigError where it would listen beyond loopback without being told to.
    """
    settings = settings or ServerSettings()
    rooms = _Rooms(settings)
    if not rooms.loopback and not settings.beyond_loopback:
        raise ConfigError(
            f"{settings.host} is not loopback, others could reach it", advice="name 127.0.0.1, or say that it is meant"
        )
    app = web.Application(middlewares=[_guard], client_max_size=settings.max_body)
    app[_ROOMS] = rooms
    for table in tables:
        app.router.add_routes(table)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_stop)
    return app


@asynccontextmanager
async def serve(app: web.Application) -> AsyncGenerator[URL]:
    """Serve an application made by `build`, and give its address; in the end, finish what is under way and close.

    Raises ConfigError where the address cannot be listened on.
    """
    rooms = app[_ROOMS]
    settings = rooms.settings
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=settings.grace_s,
        keepalive_timeout=settings.request_s,
        lingering_time=1.0,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
    )
    await runner.setup()
    try:
        listening = await _listen(runner, rooms)
        try:
            port = listening.sockets[0].getsockname()[1]
            yield URL.build(scheme="http", host=settings.host, port=port, path="/")
        finally:
            listening.close()
    finally:
        await runner.cleanup()
        for timer in rooms.silent.values():
            timer.cancel()


def endless() -> None:
    """Take the time limit of the request at hand away: its answer goes on until one side has enough."""
    _DEADLINE.get().reschedule(None)


def stopping(request: web.Request) -> asyncio.Event:
    """Give the event that is set when the server begins to stop: then an endless answer must end."""
    return request.app[_ROOMS].stopping


async def _listen(runner: web.AppRunner, rooms: _Rooms) -> asyncio.Server:
    settings = rooms.settings
    loop = asyncio.get_running_loop()

    def accept() -> asyncio.BaseProtocol:
        server = runner.server
        if server is None or len(server.connections) >= settings.max_connections:
            return _Closed()
        protocol = server()
        rooms.silent[protocol] = loop.call_later(settings.request_s, _hang_up, rooms, protocol)
        return protocol

    try:
        return await loop.create_server(accept, settings.host, settings.port)
    except OSError as error:
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error


class _Closed(asyncio.Protocol):
    """Ends a connection as it begins: there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


def _hang_up(rooms: _Rooms, protocol: web.RequestHandler) -> None:
    """Close a connection on which no whole request came in time."""
    rooms.silent.pop(protocol, None)
    if protocol.transport is not None:
        protocol.transport.abort()


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    rooms = request.app[_ROOMS]
    timer = rooms.silent.pop(request.protocol, None)
    if timer is not None:
        timer.cancel()
    if rooms.loopback and not is_loopback(_host(request)):
        raise web.HTTPForbidden(text="this server answers only to localhost\n")
    response: web.StreamResponse | None = None
    deadline = asyncio.timeout(rooms.settings.request_s)
    try:
        async with deadline:
            _DEADLINE.set(deadline)
            response = await handler(request)
            with suppress(ConnectionError):  # the client is gone
                if not response.prepared:
                    await response.prepare(request)  # the time that the client takes to read it counts
                await response.write_eof()
    except TimeoutError:
        if not deadline.expired():
            raise
        if response is None:
            raise web.HTTPServiceUnavailable(text="this took too long\n") from None
        if request.transport is not None:
            request.transport.abort()
    return response


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


async def _stop(app: web.Application) -> None:
    app[_ROOMS].stopping.set()


def _host(request: web.Request) -> str:
    try:
        return URL(f"http://{request.host}").host or ""
    except ValueError:
        return ""
