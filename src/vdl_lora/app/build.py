"""Builds the components of a service from its settings: the one place that names their classes."""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from vdl_lora.chirpstack import Connection
from vdl_lora.decoding.javascript import Engine
from vdl_lora.errors import ConfigError
from vdl_lora.interfaces import Claims, Component, History, ServiceJournal, Sink, Source
from vdl_lora.javascript import QuickJs
from vdl_lora.journal import JournalReader, SqliteJournal
from vdl_lora.operations.diagnosis import Site
from vdl_lora.operations.knowledge import Knowledge, load_knowledge
from vdl_lora.settings import Settings
from vdl_lora.sinks import InfluxSink, SqliteSink
from vdl_lora.sources import GrpcSource
from vdl_lora.web import monitoring
from vdl_lora.web.monitoring import Ready
from vdl_lora.web.server import WebServer

_Built = TypeVar("_Built")


def build_sources(settings: Settings) -> list[Source]:
    """Build the sources of events.

    Raises ConfigError where what is configured cannot be right.
    """
    return [GrpcSource(Connection(settings.chirpstack))]


def build_sinks(settings: Settings) -> list[Sink]:
    """Build the sinks: InfluxDB where one is configured, the embedded store otherwise.

    Raises ConfigError where what is configured cannot be right.
    """
    return [InfluxSink(settings.influxdb) if settings.influxdb.url else SqliteSink(settings.store.path)]


@asynccontextmanager
async def open_sinks(settings: Settings) -> AsyncGenerator[Sequence[Sink]]:
    """Build the sinks, and close them in the end. Raises ConfigError as `build_sinks` does."""
    sinks = build_sinks(settings)
    try:
        yield sinks
    finally:
        for each in sinks:
            await each.close()


def build_servers(settings: Settings, ready: Ready = tuple, sources: Sequence[Source] = ()) -> list[Component[[]]]:
    """Build the web servers: health and metrics of the service, and, where a source has any, the routes of sources.

    `ready` gives the findings of the health page. Raises ConfigError where one would listen where it may not.
    """
    servers: list[Component[[]]] = []
    if settings.monitoring.server is not None:
        servers.append(WebServer("monitoring", settings.monitoring.server, monitoring.routes(ready)))
    routes = [route for source in sources for route in source.routes()]
    if routes:
        servers.append(WebServer("http", settings.http, routes))
    return servers


def claims_of(settings: Settings) -> Claims:
    """Give whose events wait for delivery."""
    sink = InfluxSink if settings.influxdb.url else SqliteSink
    return Claims(frozenset({sink.name}), settings.served)


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncGenerator[ServiceJournal]:
    """Open the journal for writing, and close it in the end."""
    wanted = settings.journal
    journal = await SqliteJournal.open(wanted.path, max_bytes=wanted.max_bytes, reserve_bytes=wanted.reserve_bytes)
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def open_history(settings: Settings) -> AsyncGenerator[History]:
    """Open the journal for reading, beside whoever writes to it."""
    async with JournalReader(settings.journal.path, max_bytes=settings.journal.max_bytes) as history:
        yield history


@contextmanager
def open_engine(settings: Settings) -> Generator[Engine]:
    """Give the engine that runs makers' scripts, and end its processes in the end; none starts before it is used."""
    with closing(QuickJs(require_confinement=settings.javascript.require_confinement)) as engine:
        yield engine


@contextmanager
def open_knowledge(settings: Settings) -> Generator[Knowledge]:
    """Load decoders and installations; what runs makers' scripts ends in the end.

    Raises ConfigError with every mistake; a site's broken decoder file stands in `discovered`.
    """
    with open_engine(settings) as engine:
        yield load_knowledge(settings, engine)


@asynccontextmanager
async def open_site(settings: Settings, file: Path | None = None) -> AsyncGenerator[Site]:
    """Build all that a diagnosis examines, and close it in the end; no journal is opened, and nothing is changed.

    Raises ConfigError with the mistakes of all components at once.
    """
    problems: list[str] = []

    def built(build: Callable[[], _Built]) -> _Built | None:
        try:
            return build()
        except ConfigError as error:
            problems.extend(error.problems or [str(error)])
            return None

    with open_engine(settings) as engine:
        connection = built(lambda: Connection(settings.chirpstack))
        knowledge = built(lambda: load_knowledge(settings, engine))
        sinks = built(lambda: build_sinks(settings))
        servers = built(lambda: build_servers(settings))
        if connection is None or knowledge is None or sinks is None or servers is None:
            raise ConfigError(problems=problems)
        try:
            yield Site(settings, file, knowledge, connection, sinks, servers)
        finally:
            for each in (*sinks, *servers):
                await each.close()
            await connection.close()
