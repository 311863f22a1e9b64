"""`python -m bench.live idle|steady|bursts DEVICES SECONDS`: what the live road costs, in a process of its own.

ChirpStack is the virtual one, in another process; the store is the embedded one. Figures are printed as JSON.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog
import uvloop

from vdl_lora.app.service import Service, running
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.config import load
from vdl_lora.journal import JournalSettings
from vdl_lora.settings import MonitoringSettings, Settings
from vdl_lora.sinks import InfluxSettings, StoreSettings

from .figure import Figure

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_S = 0.05
_SETTLE_S = 5
_ARRIVE_S = 30


class Load:
    """The virtual ChirpStack's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self) -> dict[str, Any]:
        """Read a line."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        return dict(json.loads(await self._process.stdout.readline()))

    def turn(self) -> None:
        """Let the sensors send, or stop."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(b"\n")


@asynccontextmanager
async def loaded(devices: int, burst: int = 1) -> AsyncGenerator[tuple[Load, Settings]]:
    """Start a virtual ChirpStack with so many devices; give it and settings that reach it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", str(devices), str(burst), stdin=PIPE, stdout=PIPE
    )
    try:
        load_ = Load(process)
        said = await load_.hear()
        with tempfile.TemporaryDirectory() as folder:
            chirpstack = ChirpStackSettings(server=said["address"], api_key=said["api_key"])
            journal, store = Path(folder) / "journal.sqlite", Path(folder) / "points.sqlite"
            yield (
                load_,
                replace(
                    load(None),
                    chirpstack=chirpstack,
                    monitoring=MonitoringSettings(bind=""),
                    journal=JournalSettings(journal, reserve_bytes=0),
                    store=StoreSettings(store),
                ),
            )
    finally:
        process.terminate()
        await process.wait()


async def idle(devices: int, lasts_s: float) -> list[Figure]:
    """Measure what idle streams take: memory, the time to open them, CPU at rest."""
    async with loaded(devices) as (_, settings):
        before, began = memory(), time.monotonic()
        async with running(settings) as service:
            await all_open(service, devices)
            opened_s = time.monotonic() - began
            await asyncio.sleep(_SETTLE_S)
            each = (memory() - before) / devices / 1024
            cpu, at = time.process_time(), time.monotonic()
            await asyncio.sleep(lasts_s)
            share = (time.process_time() - cpu) / (time.monotonic() - at) * 100
    return [
        Figure(f"{devices:,} idle streams, memory of each", each, "KiB", 40),
        Figure(f"{devices:,} streams, time to open", opened_s, "s", 10),
        Figure(f"{devices:,} idle streams, CPU", share, "% of a core", 2),
    ]


async def steady(devices: int, lasts_s: float, influxdb: InfluxSettings | None = None) -> list[Figure]:
    """Measure an uplink of each device each second, and what memory does meanwhile."""
    measured = await _measure(devices, 1, lasts_s, influxdb)
    goal_us = 120 if influxdb else 110
    return [
        Figure(
            f"{devices:,} devices, an event a second each", measured.rate, "events/s", devices * 0.98, at_most=False
        ),
        Figure("CPU an event, coming one by one", measured.cpu_us, "µs", goal_us),
        Figure("memory after a quarter of that run", measured.early, "MiB", 250),
        Figure("memory at its end", measured.late, "MiB", 250),
        Figure(f"missing of {measured.emitted:,} events emitted", measured.missing, "events", 0),
    ]


async def bursts(devices: int, lasts_s: float, influxdb: InfluxSettings | None = None) -> list[Figure]:
    """Measure five uplinks of each device each second: two such bursts are what ChirpStack keeps at least."""
    measured = await _measure(devices, 5, lasts_s, influxdb)
    goal_us = 120 if influxdb else 110
    return [
        Figure(
            f"{devices:,} devices, five events a second each", measured.rate, "events/s", devices * 4.9, at_most=False
        ),
        Figure("CPU an event, coming five at a time", measured.cpu_us, "µs", goal_us),
        Figure(f"missing of {measured.emitted:,} events emitted", measured.missing, "events", 0),
    ]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Events a second, CPU of the whole process in µs an event, memory in MiB, events emitted and missing."""

    rate: float
    cpu_us: float
    early: float
    late: float
    emitted: int
    missing: int


async def _measure(devices: int, burst: int, lasts_s: float, influxdb: InfluxSettings | None) -> _Measured:
    async with (
        loaded(devices, burst) as (sensors, settings),
        running(replace(settings, influxdb=influxdb or settings.influxdb)) as service,
    ):
        await all_open(service, devices)
        sensors.turn()
        await asyncio.sleep(lasts_s / 4)
        early, before = memory(), await service.journal.depth()
        cpu, at = time.process_time(), time.monotonic()
        await asyncio.sleep(lasts_s * 3 / 4)
        after, spent, lasted = await service.journal.depth(), time.process_time() - cpu, time.monotonic() - at
        late = memory()
        sensors.turn()
        emitted = (await sensors.hear())["emitted"]
        missing = emitted - await arrived(service, emitted)
    events = after.events - before.events
    return _Measured(events / lasted, spent / events * 1e6, early / 2**20, late / 2**20, emitted, missing)


async def all_open(service: Service, devices: int) -> None:
    """Wait until every device's stream is open."""
    async with asyncio.timeout(60):
        while service.sources[0].open_streams() < devices:  # noqa: ASYNC110 - streams tell nobody
            await asyncio.sleep(_LOOK_S)


async def arrived(service: Service, emitted: int) -> int:
    """Wait until all events are in the journal and stored, or for some time; give how many are, our own not counted."""
    began = time.monotonic()
    while True:
        counts = await service.journal.counts()
        events = counts.events - counts.by_kind.get("own", 0)
        late = time.monotonic() - began > _ARRIVE_S
        if late or (events >= emitted and not any(each.waiting for each in counts.delivery)):
            return events
        await asyncio.sleep(1)


def memory(process: int | str = "self") -> int:
    """Give the bytes of memory that this process has, or another."""
    gc.collect()
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    measure = {"idle": idle, "steady": steady, "bursts": bursts}[sys.argv[1]]
    print(json.dumps([asdict(each) for each in uvloop.run(measure(int(sys.argv[2]), float(sys.argv[3])))]))
