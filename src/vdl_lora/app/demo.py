"""The demonstration: a virtual ChirpStack with a fleet of sensors, the service on the embedded store, and the page."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from yarl import URL

from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.interfaces import EventFilter
from vdl_lora.journal import JournalSettings
from vdl_lora.operations.failure import one_error
from vdl_lora.settings import InstallationSettings, MonitoringSettings, ServerSettings, Settings
from vdl_lora.sinks import StoreSettings
from vdl_lora.sinks.sqlite import count_points
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.fleet import DEMO_SPEED, Fleet
from vdl_lora.web import demo
from vdl_lora.web.labels_fr import pace

from .service import Service, running

HISTORY = 50
ARRIVE_S = 30.0
"""How long the end waits for what was emitted: ChirpStack's streams bring ten events of a device each second."""

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Where the demonstration keeps its files, where its page is, and how much faster the sensors' days pass."""

    folder: Path
    page: ServerSettings = field(default_factory=ServerSettings)
    speed: float = DEMO_SPEED


class EventSummary(msgspec.Struct, frozen=True):
    """What became of the events: each that was emitted is journalled, then interpreted or in quarantine."""

    emitted: int
    journalled: int
    interpreted: int
    quarantined: int

    @property
    def complete(self) -> bool:
        """Whether every event has come to its end."""
        return self.emitted == self.journalled == self.interpreted + self.quarantined


class PointSummary(msgspec.Struct, frozen=True):
    """How many points are in the store."""

    stored: int


class DemoSummary(msgspec.Struct, frozen=True):
    """What the demonstration did; our own events are not counted."""

    events: EventSummary
    points: PointSummary


@dataclass(slots=True)
class Demonstration:
    """A demonstration that runs."""

    url: URL
    store: Path
    sensors: int
    _chirpstack: VirtualChirpStack
    _service: Service
    _sending: asyncio.Task[None]

    async def summary(self) -> DemoSummary:
        """Count what there is by now."""
        journal, [sink] = self._service.journal, self._service.sinks
        ahead_from = {tenant: (await journal.cursor(sink.name, tenant)).next for tenant in journal.tenants()}
        events = [event async for event in journal.events(EventFilter()) if event.kind != "own"]
        quarantined = sum(event.mark is not None for event in events)
        interpreted = sum(event.mark is None and event.position < ahead_from.get(event.tenant, 0) for event in events)
        emitted = self._chirpstack.emitted.total()
        stored = await asyncio.to_thread(count_points, self.store)
        return DemoSummary(EventSummary(emitted, len(events), interpreted, quarantined), PointSummary(stored))

    async def finish(self) -> DemoSummary:
        """Stop emitting, wait until all that was emitted has come to its end, and count it."""
        self._sending.cancel()
        await asyncio.wait([self._sending])
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVE_S):
                while not await self._is_through():  # noqa: ASYNC110 - the journal's file tells nobody
                    await asyncio.sleep(_LOOK_S)
        return await self.summary()

    async def flow(self) -> tuple[int, int, int, int]:
        """Count the events that were emitted, are in the journal, in quarantine, and wait for the store."""
        counts = await self._service.journal.counts()
        waiting = sum(each.waiting for each in counts.delivery)
        own = counts.by_kind.get("own", 0)
        return self._chirpstack.emitted.total(), counts.events - own, counts.quarantined, waiting

    async def _is_through(self) -> bool:
        emitted, journalled, _, waiting = await self.flow()
        return journalled >= emitted and not waiting


@asynccontextmanager
async def demonstrate(settings: DemoSettings) -> AsyncGenerator[Demonstration]:
    """Run it; in the end everything is closed in order.

    Raises ConfigError where the page cannot listen or the folder cannot be written.
    """
    with one_error():
        async with AsyncExitStack() as stack:
            chirpstack = await stack.enter_async_context(VirtualChirpStack(history=HISTORY))
            fleet = Fleet(chirpstack, speed=settings.speed)
            fleet.register()
            of_service = _service_settings(settings, chirpstack, fleet)
            service = await stack.enter_async_context(running(of_service))
            url = await stack.enter_async_context(
                demo.page(service.journal, service.interpreter, settings.page, note=pace(settings.speed))
            )
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            sending = tasks.create_task(fleet.run(), name="fleet")
            stack.callback(sending.cancel)
            yield Demonstration(url, of_service.store.path, len(fleet.sensors), chirpstack, service, sending)


def _service_settings(settings: DemoSettings, chirpstack: VirtualChirpStack, fleet: Fleet) -> Settings:
    """Give the settings of the service; neither a file nor the environment has a say in them."""
    folder = settings.folder
    installations = folder / "installations.toml"
    installations.write_text(fleet.installations, encoding="utf-8")
    return Settings(
        chirpstack=ChirpStackSettings(server=chirpstack.address, api_key=chirpstack.admin_key),
        installations=InstallationSettings(installations),
        journal=JournalSettings(folder / "journal.sqlite", reserve_bytes=0),
        store=StoreSettings(folder / "points.sqlite"),
        monitoring=MonitoringSettings(bind=""),
    )
