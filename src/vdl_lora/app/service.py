"""The service: ChirpStack's events into the journal, the journal's into the store, for as long as it is wanted."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version

import structlog

from vdl_lora.chirpstack import Connection
from vdl_lora.errors import ConfigError, JournalError, VdlLoraError
from vdl_lora.events import own_event
from vdl_lora.interfaces import Accept, Check
from vdl_lora.journal import SqliteJournal
from vdl_lora.lorawan import ServiceStarted, ServiceStopped
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer, Interpret
from vdl_lora.pipeline.keep import KeepSettings, keep
from vdl_lora.pipeline.observe import observe
from vdl_lora.settings import Settings
from vdl_lora.sinks import InfluxSink, SqliteSink
from vdl_lora.sources import GrpcSource
from vdl_lora.web import monitoring, server

from .build import build_interpreter, build_sink, claims_of, open_journal, open_knowledge
from .failure import one_error

DRAIN_S = 3.0
"""How long the end waits for deliveries: what is not delivered then is delivered after the next start."""

COLLECT = (100_000, 20, 50)
"""When Python looks for cycles: its default, 700 new objects, is a look for every few events and 16 % of all CPU.

An event leaves none behind: what it makes is freed by counting references.
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The running rooms: what a page or a summary asks."""

    journal: SqliteJournal
    sink: SqliteSink | InfluxSink
    interpret: Interpret
    source: GrpcSource
    deliverer: Deliverer

    def state(self) -> Sequence[Check]:
        """Say how it goes, without asking anybody."""
        return [*self.source.state(), *self.deliverer.state(), *self.journal.state()]


async def run_service(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set, then end in order.

    Raises ConfigError where it cannot start, and JournalError where the journal cannot be used any more.
    """
    with one_error():
        async with running(settings) as service, _monitored(settings, service) as url:
            log.info("the service runs", action="start", chirpstack=settings.chirpstack.server, monitoring=url)
            await stop.wait()
            log.info("the service ends", action="stop")


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Service]:
    """Stream, journal and deliver; in the end hand over what was read, and deliver what can be within seconds."""
    if not settings.chirpstack.api_key and settings.chirpstack.api_key_file is None:
        raise ConfigError(
            "chirpstack.api_key_file: is missing; make an API key in ChirpStack, read-only is enough, and name its file"
        )
    gc.set_threshold(*COLLECT)
    async with AsyncExitStack() as stack:
        knowledge = stack.enter_context(open_knowledge(settings))
        connection = Connection(settings.chirpstack)
        stack.push_async_callback(connection.close)
        journal = await stack.enter_async_context(open_journal(settings))
        sink = build_sink(settings)
        stack.push_async_callback(sink.close)
        interpret = build_interpreter(settings, knowledge)
        deliverer = Deliverer(journal, sink, interpret, served=settings.served)
        stack.callback(deliverer.close)
        accept = Acceptor(journal, settings.served)
        source = GrpcSource(connection)
        async with asyncio.TaskGroup() as tasks:
            await _say(accept, ServiceStarted)
            streaming = tasks.create_task(source.run(accept), name="chirpstack")
            delivering = tasks.create_task(deliverer.run(), name="deliver")
            observing = tasks.create_task(observe(journal), name="observe")
            keeping = tasks.create_task(
                keep(journal, claims_of(settings), KeepSettings(settings.journal.keep_s)), name="keep"
            )
            try:
                yield Service(journal, sink, interpret, source, deliverer)
            finally:
                keeping.cancel()
                await _end(streaming)
                await _say(accept, ServiceStopped)
                await _end(delivering)
                await _deliver_rest(deliverer)
                observing.cancel()


@asynccontextmanager
async def _monitored(settings: Settings, service: Service) -> AsyncGenerator[str]:
    """Serve health and metrics, where the configuration wants them, and give their address."""
    if settings.monitoring is None:
        yield ""
        return
    app = server.build(monitoring.routes(service.state), settings=settings.monitoring)
    async with server.serve(app) as url:
        yield str(url)


async def _say(accept: Accept, of: type[ServiceStarted | ServiceStopped]) -> None:
    """Keep an own event; a journal without room for it goes without."""
    with suppress(JournalError):
        await accept([own_event(of(version("vdl_lora")), time.time_ns())])


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it ended with is its task group's to tell."""
    task.cancel()
    await asyncio.wait([task])


async def _deliver_rest(deliverer: Deliverer) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            await deliverer.drain()
    except (TimeoutError, VdlLoraError, BaseExceptionGroup):
        log.warning("not all was delivered; it is in the journal and goes on at the next start", action="stop")
