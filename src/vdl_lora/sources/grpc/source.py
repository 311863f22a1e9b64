"""Keeps a stream for every device that ChirpStack lists, and the list fresh."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from vdl_lora import metrics
from vdl_lora.chirpstack import (
    Connection,
    Gate,
    Inventory,
    Pace,
    Stream,
    examine,
    read_inventory,
)
from vdl_lora.errors import SourceError, SourceUnavailable
from vdl_lora.events import NS, RawEvent
from vdl_lora.interfaces import Accept, Check, Source
from vdl_lora.lorawan import DevEUI

from .collect import Collector
from .settings import DEFAULTS, GrpcSettings
from .stream import DeviceStream
from .watch import Watch

OPENING = 100

_SCOUTS = 3
_SHOWN = 5

log = structlog.get_logger(__name__)


class GrpcSource(Source):
    """Streams the events of all devices of one ChirpStack. `inventory` is what was listed last."""

    name = "chirpstack"

    def __init__(
        self, connection: Connection, clock: Callable[[], int] = time.time_ns, settings: GrpcSettings = DEFAULTS
    ) -> None:
        self.connection = connection
        self.clock = clock
        self.settings = settings
        self.opening = asyncio.Semaphore(OPENING)
        self.inventory = Inventory()
        self._gate = Gate()
        self._pace = Pace(settings.opens_per_s)
        self._asked = asyncio.Event()
        self._streams: dict[DevEUI, DeviceStream] = {}
        self._listing: SourceError | None = None
        self._listed_at_s = 0.0
        self._collector = Collector(_nowhere)
        self._watch = Watch(connection.settings.server, self._put, clock, settings.sure_s)

    async def run(self, accept: Accept) -> None:
        """Stream until cancelled; what was read by then is handed over."""
        self._collector = Collector(accept, self.settings)
        collecting = asyncio.create_task(self._collector.run(), name="collect")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_follow(collecting), name="end with the collector")
                tasks.create_task(self._sweep(), name="watch the streams")
                await self._keep_list(tasks)
        finally:
            self._streams.clear()
            self._collector.end()
            await asyncio.wait([collecting], timeout=self.settings.end_s)
            if not collecting.cancel():
                collecting.result()

    async def close(self) -> None:
        """Close the connection to ChirpStack."""
        await self.connection.close()

    async def check(self) -> Sequence[Check]:
        """Say whether ChirpStack can be reached, takes our key, and lets us read what we need."""
        return (await examine(self.connection)).checks

    def open_streams(self) -> int:
        """Count the streams that are open."""
        return sum(stream.state == "open" for stream in self._streams.values())

    def state(self) -> Sequence[Check]:
        """Say how it goes, without asking anybody."""
        lost = self._watch.loss
        away = self._listing or (lost and self._gate.error) or lost
        flowing = f"{self.open_streams()} of {len(self._streams)} streams are open"
        findings = [Check.failed("chirpstack", away) if away else Check("chirpstack", ok=True, words=flowing)]
        if not self.inventory.read_at_ns:
            words, advice = "ChirpStack's devices were not listed yet", "they are as soon as ChirpStack lets us"
            findings.append(Check("inventory", ok=False, words=words, advice=advice))
        if self._collector.full is not None:
            findings.append(Check.failed("journal", self._collector.full))
        return findings

    async def pass_gate(self, stream: DeviceStream, ended_at_ns: int) -> None:
        """Return when a stream may open; one that had ended and must wait now is lost."""
        await self._pace.wait()
        while self._gate.error is not None:
            if ended_at_ns:
                self._watch.lost(stream, ended_at_ns, self._gate.error)
            await self._gate.wait()
            await self._pace.wait()

    def take(self, event: RawEvent, accepted: Callable[[], None]) -> Awaitable[None]:
        """Take an event over; wait while the journal takes none."""
        return self._collector.add(event, accepted)

    def lost(self, stream: DeviceStream, at_ns: int, error: SourceError) -> None:
        """Hear that a stream ended at a time, and could not be had again at once."""
        self._watch.lost(stream, at_ns, error)
        if error.action == "retry":
            self._gate.shut(error)
        self._asked.set()

    async def _put(self, event: RawEvent) -> None:
        await self._collector.add(event)

    async def _sweep(self) -> None:
        while True:
            await self._watch.sweep(self._streams.values(), self._gate.error)
            await asyncio.sleep(self.settings.sweep_s)

    async def _keep_list(self, tasks: asyncio.TaskGroup) -> None:
        """List the devices again and again; while ChirpStack is away, try whether it is back."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            began_at_s = loop.time()
            tries += 1
            try:
                found = await read_inventory(self.connection, self.inventory, self.clock)
            except SourceError as error:
                self._note_failure(error)
            else:
                self._note_listed()
                trouble = await self._scout(found) if self._gate.error is not None else None
                if trouble is not None:
                    self._gate.shut(trouble)
                else:
                    self._use(found, tasks)
                    self._listed_at_s = began_at_s
                    tries = 0
            await self._rest(tries)

    async def _rest(self, tries: int) -> None:
        """Wait for the next listing: a period, less when a stream asks for it; a pause while the gate is shut."""
        error = self._gate.error
        if error is not None:
            await self._rest_shut(self.settings.pause_s(tries, error))
            return
        self._asked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.connection.settings.refresh_s * random.uniform(0.8, 1)):  # noqa: S311 - jitter
                await self._asked.wait()
                shut = self._gate.error
                await asyncio.sleep(self.settings.pause_s(0, shut) if shut is not None else self.settings.soonest_s)

    async def _rest_shut(self, longest_s: float) -> None:
        """Wait, but not once there is a new key."""
        look_s = self.settings.look_s
        for _ in range(math.ceil(longest_s / look_s)):
            await asyncio.sleep(min(longest_s, look_s))
            if self.connection.key.changed():
                return

    async def _scout(self, found: Inventory) -> SourceError | None:
        """Find out whether streams hold: ChirpStack lists and opens them even while its Redis is away.

        Give what is wrong; where one device alone is in trouble, others are tried.
        """
        devices = list(found.devices.values())
        trouble: SourceError | None = None
        for device in random.sample(devices, min(_SCOUTS, len(devices))):
            try:
                if not await self.connection.sample(device.dev_eui, partial(_holds, sure_s=self.settings.sure_s)):
                    trouble = SourceUnavailable(f"{self.connection.settings.server} ends every stream at once")
                    continue
            except SourceError as error:
                trouble = error
                continue
            return None
        return trouble

    def _note_failure(self, error: SourceError) -> None:
        """Shut the gate; while streams flow on, nobody else says that the list is not to be had."""
        metrics.INVENTORY_FAILURES.labels(error.code).inc()
        if self._listing is None and self.open_streams():
            log.warning("ChirpStack's devices cannot be listed", action=error.action, code=error.code, why=str(error))
        self._listing = error
        self._gate.shut(error)

    def _note_listed(self) -> None:
        if self._listing is not None and self._watch.loss is None:
            log.info("ChirpStack's devices are listed again", action="resume")
        self._listing = None

    def _use(self, found: Inventory, tasks: asyncio.TaskGroup) -> None:
        """Take up new devices and drop those that are gone; nothing else is opened again."""
        self._say_refused(found)
        self._gate.open()
        for dev_eui in self._streams.keys() - found.devices.keys():
            self._drop(self._streams.pop(dev_eui))
        silent: list[DeviceStream] = []
        for dev_eui, device in found.devices.items():
            stream = self._streams.get(dev_eui)
            if stream is None:
                stream = self._streams[dev_eui] = DeviceStream(device, self)
                stream.task = tasks.create_task(stream.run(), name=f"stream {dev_eui}")
            elif stream.take_listing(device, self._listed_at_s):
                silent.append(stream)
        if len(found.devices) != len(self.inventory.devices) or not self.inventory.read_at_ns:
            self._say_listed(found)
        self.inventory = found
        metrics.INVENTORY_DEVICES.set(len(found.devices))
        metrics.INVENTORY_READ.set(found.read_at_ns / NS)
        if silent:
            _reopen(silent)

    def _say_refused(self, found: Inventory) -> None:
        before = self.inventory.refused
        for tenant in found.refused.keys() - before.keys():
            error = found.refused[tenant]
            log.warning("a tenant cannot be read", action=error.action, code=error.code, tenant=tenant, why=str(error))
        for tenant in before.keys() - found.refused.keys():
            log.info("a tenant is read again", action="resume", tenant=tenant)

    def _say_listed(self, found: Inventory) -> None:
        if found.devices:
            log.info("devices were listed", devices=len(found.devices), applications=len(found.applications))
            return
        log.warning(
            "ChirpStack lists no device; register some there, or see [chirpstack] tenants and whose key this is",
            action="wait",
            tenants=len(found.tenants),
            applications=len(found.applications),
        )

    def _drop(self, stream: DeviceStream) -> None:
        self._watch.forget(stream)
        if stream.task is not None:
            stream.task.cancel()


def _reopen(silent: Sequence[DeviceStream]) -> None:
    """Open streams again that brought nothing although their devices were heard."""
    log.info(
        "streams are silent although their devices were heard; "
        "see how many calls a proxy lets through on a connection (nginx: http2_max_concurrent_streams)",
        action="reopen",
        streams=len(silent),
        dev_euis=[stream.device.dev_eui for stream in silent[:_SHOWN]],
    )
    metrics.SILENT_STREAMS_REOPENED.inc(len(silent))
    for stream in silent:
        stream.reopen_silent()


async def _holds(stream: Stream, sure_s: float) -> bool:
    """Whether a stream brings something, or is silent but open for long enough."""
    try:
        async with asyncio.timeout(sure_s):
            return bool(await stream.read())
    except TimeoutError:
        return True


async def _follow(task: asyncio.Task[None]) -> None:
    """End as a task ends, and leave it alone when cancelled."""
    await asyncio.shield(task)


async def _nowhere(_events: Sequence[RawEvent]) -> None:
    """Accept nothing: the source does not run."""
