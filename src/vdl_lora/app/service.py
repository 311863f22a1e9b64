"""The service: events from all sources into the journal, the journal's into all sinks, for as long as it is wanted."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from typing import TypeVar

import structlog

from vdl_lora.errors import JournalError
from vdl_lora.events import own_event
from vdl_lora.interfaces import Accept, Check, Component, ServiceJournal, Sink, Source
from vdl_lora.operations.failure import log_errors, one_error
from vdl_lora.operations.installations_file import InstallationsFile
from vdl_lora.operations.knowledge import Interpreter, log_warnings
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.pipeline.keep import JournalUpkeep, KeepSettings
from vdl_lora.pipeline.observe import JournalObserver
from vdl_lora.settings import Settings

from .build import build_servers, build_sinks, build_sources, claims_of, open_journal, open_knowledge

DRAIN_S = 3.0
"""How long the end waits for deliveries: what is not delivered then is delivered after the next start."""

COLLECT = (100_000, 20, 50)
"""When Python looks for cycles: its default, 700 new objects, is a look for every few events and 16 % of all CPU.

An event leaves none behind: what it makes is freed by counting references.
"""

_Component = TypeVar("_Component", bound=Component[...])

_UNDELIVERED = "not all was delivered; it is in the journal and goes on at the next start"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The components of a running service and the journal between them; `others` belong to no source and no sink."""

    journal: ServiceJournal
    interpreter: Interpreter
    sources: Sequence[Source]
    sinks: Sequence[Sink]
    deliverers: Sequence[Deliverer]
    others: Sequence[Component[[]]]

    def components(self) -> Sequence[Component[...]]:
        """Give all components, in the order in which an event meets them."""
        return [*self.sources, *self.deliverers, *self.sinks, *self.others]

    def state(self) -> Sequence[Check]:
        """Say how it goes, without asking anybody."""
        return list(chain.from_iterable(each.state() for each in self.components()))


async def run_service(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set, then end in order.

    Raises ConfigError where it cannot start, and JournalError where the journal cannot be used any more.
    """
    with one_error():
        async with running(settings):
            log.info("the service runs", action="start", chirpstack=settings.chirpstack.server)
            await stop.wait()
            log.info("the service ends", action="stop")


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Service]:
    """Run the service; in the end hand over what was read, and deliver what can be within seconds."""
    gc.set_threshold(*COLLECT)
    async with built(settings) as service:
        accept = Acceptor(service.journal, settings.served)
        async with asyncio.TaskGroup() as tasks:
            await _keep_own_event(accept, "service_started")
            reading = [tasks.create_task(each.run(accept), name=each.name) for each in service.sources]
            delivering = [tasks.create_task(each.run(), name=each.name) for each in service.deliverers]
            beside = [tasks.create_task(each.run(), name=each.name) for each in (*service.sinks, *service.others)]
            try:
                yield service
            finally:
                await _end(reading)
                await _keep_own_event(accept, "service_stopped")
                await _end(delivering)
                await _deliver_rest(service.deliverers)
                await _end(beside)


@asynccontextmanager
async def built(settings: Settings) -> AsyncGenerator[Service]:
    """Build all components, and close them in the end, the last one first."""
    async with AsyncExitStack() as stack:

        def closing(components: Sequence[_Component]) -> Sequence[_Component]:
            for each in components:
                stack.push_async_callback(each.close)
            return components

        knowledge = stack.enter_context(open_knowledge(settings))
        log_warnings(knowledge.discovered)
        interpreter = Interpreter(knowledge, settings.points)
        sources = closing(build_sources(settings))
        journal = await stack.enter_async_context(open_journal(settings))
        sinks = closing(build_sinks(settings))
        deliverers = closing([Deliverer(journal, each, interpreter, served=settings.served) for each in sinks])
        keeping = KeepSettings(settings.journal.keep_s)
        stack.callback(knowledge.close)  # before the deliverers, whose end a running script would hold up
        others: list[Component[[]]] = [
            JournalUpkeep(journal, claims_of(settings), keeping),
            JournalObserver(journal),
        ]
        if settings.installations.file is not None:
            others.append(InstallationsFile(settings.installations.file, knowledge.catalog, interpreter))
        service = Service(journal, interpreter, sources, sinks, deliverers, others)
        others += closing(build_servers(settings, service.state, sources))
        yield service


async def _keep_own_event(accept: Accept, about: str) -> None:
    """Keep an own event; a journal without room for it goes without."""
    with suppress(JournalError):
        await accept([own_event(about, time.time_ns(), {"version": version("vdl_lora")})])


async def _end(running_tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end; what they ended with is their task group's to raise."""
    for task in running_tasks:
        task.cancel()
    if running_tasks:
        await asyncio.wait(running_tasks)


async def _deliver_rest(deliverers: Sequence[Deliverer]) -> None:
    try:
        async with asyncio.timeout(DRAIN_S), asyncio.TaskGroup() as tasks:
            for each in deliverers:
                tasks.create_task(each.drain(), name=f"last {each.name}")
    except TimeoutError:
        log.warning(_UNDELIVERED, action="stop")
    except ExceptionGroup as group:
        log_errors(group)
        log.warning(_UNDELIVERED, action="stop")
