"""`python -m bench.influxdb writes|drain|live|delay|rest COUNT [SECONDS]`: the road to a real InfluxDB engine.

It is Debian's influxd behind Debian's nginx, as the tests start it. Figures are printed as JSON.
"""

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from asyncio.subprocess import DEVNULL
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
import uvloop

from tests.ports import free_port
from tests.real import Engine, running_engine
from vdl_lora.app.build import build_sinks
from vdl_lora.app.service import COLLECT, running
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.events import JournalEvent, envelope
from vdl_lora.interfaces import Accepted, EventFilter
from vdl_lora.interpret import Interpretation
from vdl_lora.journal import SqliteJournal
from vdl_lora.operations.knowledge import Interpreter, load_knowledge
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.points import Point, line_protocol
from vdl_lora.sinks import InfluxSettings, InfluxSink

from .events import varied
from .figure import Figure
from .live import all_open, bursts, loaded, memory, steady
from .stages import settings

BATCH = 500
BUCKET = "bench"
_RUNS = 5


@contextmanager
def engine() -> Generator[tuple[Engine, InfluxSettings]]:
    """Start an engine with a bucket; give it and settings that write there."""
    with tempfile.TemporaryDirectory(prefix="vdl-lora-bench-") as folder, running_engine(Path(folder)) as made:
        made.ask(f'create database "{BUCKET}"')
        yield made, InfluxSettings(url=made.url, bucket=BUCKET)


async def writes(count: int) -> list[Figure]:
    """Measure what comes after `interpret`: lines, a body, its way to the engine, and the answer."""
    with engine() as (_, influxdb):
        found = interpreted(count)
        sink = InfluxSink(influxdb)
        taken: list[float] = []
        for _run in range(_RUNS):
            begun = time.process_time()
            for first in range(0, count, BATCH):
                points = [point for each in found[first : first + BATCH] for point in each.points]
                await sink.write("bench", points, line_protocol(points))
            taken.append((time.process_time() - begun) / count * 1e6)
        await sink.close()
    return [Figure("points of an event to acknowledged by influxd", statistics.median(taken), "µs", 12)]


def interpreted(count: int) -> list[Interpretation]:
    """Give what so many varied events give."""
    chosen = settings()
    interpret = Interpreter(load_knowledge(chosen), chosen.points)
    found: list[Interpretation] = []
    for raw in varied(count):
        read = envelope(raw)
        found.append(
            interpret(
                JournalEvent(
                    1, raw.kind, raw.encoding, raw.body, raw.way, raw.arrived_at_ns, read.anchor_at_ns, read.anchor
                )
            )
        )
    return found


async def drain(count: int) -> list[Figure]:
    """Measure how fast a backlog reaches the engine, and what memory does meanwhile."""
    with engine() as (made, influxdb), tempfile.TemporaryDirectory() as folder:
        chosen = replace(settings(), influxdb=influxdb)
        async with await SqliteJournal.open(Path(folder) / "journal.sqlite") as journal:
            events = varied(count)
            while batch := [Accepted(raw, envelope(raw)) for raw in islice(events, BATCH)]:
                await journal.append(batch)
            [sink] = build_sinks(chosen)
            deliverer = Deliverer(journal, sink, Interpreter(load_knowledge(chosen), chosen.points))
            before, begun = memory(), time.monotonic()
            draining = asyncio.create_task(deliverer.drain(), name="drain")
            most = before
            while not draining.done():
                await asyncio.wait([draining], timeout=0.5)
                most = max(most, memory())
            lasted = time.monotonic() - begun
            await draining
            await deliverer.close()
            await sink.close()
        stored = made.count("lorawan_uplink", "f_cnt", BUCKET)
    return [
        Figure(f"backlog of {count:,} events to influxd", count / lasted, "events/s", 15_000, at_most=False),
        Figure("memory that it grew by meanwhile", (most - before) / 2**20, "MiB", 50),
        Figure("uplinks that the engine has then", stored, "rows", stored, at_most=False),
    ]


async def live(devices: int, lasts_s: float) -> list[Figure]:
    """Measure the whole road from ChirpStack to the engine, coming five at a time and one by one."""
    with engine() as (_, influxdb):
        return [
            *await bursts(max(devices // 4, 1), lasts_s, influxdb),
            *await steady(devices, lasts_s, influxdb),
        ]


async def delay(devices: int, lasts_s: float) -> list[Figure]:
    """Measure how long an event takes from its time at ChirpStack to the engine's answer, and our part of it."""
    with engine() as (_, influxdb):
        async with loaded(devices) as (sensors, chosen), running(replace(chosen, influxdb=influxdb)) as service:
            await all_open(service, devices)
            whole, ours = await _delays(service.sinks[0], service.journal, sensors, lasts_s)
    return [
        Figure(f"event of {devices:,} devices to queryable, p99", _p99(whole), "ms", 1300),
        Figure("our part of it, p99", _p99(ours), "ms", 200),
        Figure("our part of it, median", statistics.median(ours), "ms", 200),
    ]


async def _delays(sink: Any, journal: SqliteJournal, sensors: Any, lasts_s: float) -> tuple[list[float], list[float]]:
    """Note when the engine acknowledged each uplink; give the delays since it was sent and since it arrived, in ms."""
    done: dict[tuple[str, int], int] = {}
    write = sink.write

    async def noted(tenant: str, points: Sequence[Point], lines: str | None = None) -> None:
        await write(tenant, points, lines)
        now = time.time_ns()
        for point in points:
            if point.measurement == "lorawan_uplink":
                done[dict(point.tags)["dev_eui"], point.at_ns] = now

    sink.write = noted
    sensors.turn()
    await asyncio.sleep(lasts_s)
    sensors.turn()
    await sensors.hear()
    await asyncio.sleep(3)
    whole: list[float] = []
    ours: list[float] = []
    async for event in journal.events(EventFilter(kind="up")):
        at_ns = done.get((event.dev_eui, event.event_at_ns))
        if at_ns is not None:
            whole.append((at_ns - event.event_at_ns) / 1e6)
            ours.append((at_ns - event.arrived_at_ns) / 1e6)
    return whole, ours


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def rest(devices: int) -> list[Figure]:
    """Measure the memory of `vdl-lora run`, a process of its own, when each device was heard once or twice."""
    with engine() as (_, influxdb), tempfile.TemporaryDirectory() as folder:
        async with loaded(devices) as (sensors, chosen):
            port = free_port()
            _configure(Path(folder), chosen.chirpstack, influxdb, port)
            service = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vdl_lora.cli", "run", cwd=folder, stderr=DEVNULL
            )
            try:
                async with asyncio.timeout(60):
                    while await asyncio.to_thread(_open_streams, port) < devices:  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(1)
                sensors.turn()
                await asyncio.sleep(2)
                sensors.turn()
                await sensors.hear()
                await asyncio.sleep(10)
                taken = memory(service.pid)
            finally:
                service.terminate()
                await service.wait()
    return [Figure(f"the service at rest with {devices:,} devices", taken / 1e6, "MB", 140)]


def _configure(folder: Path, chirpstack: ChirpStackSettings, influxdb: InfluxSettings, port: int) -> None:
    """Write the configuration of a service, and its key."""
    (folder / "vdl-lora.toml").write_text(
        f'[chirpstack]\nserver = "{chirpstack.target}"\napi_key_file = "key"\n'
        f'[influxdb]\nurl = "{influxdb.url}"\nbucket = "{influxdb.bucket}"\n'
        f'[monitoring]\nbind = "127.0.0.1:{port}"\n[journal]\nreserve = ""\n',
        encoding="utf-8",
    )
    (folder / "key").write_text(chirpstack.api_key, encoding="utf-8")


def _open_streams(port: int) -> float:
    """Ask a service how many streams are open; 0 where it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith('vdl_lora_streams{state="open"}'))


def main(what: str, *numbers: str) -> None:
    """Measure one thing and print its figures."""
    measure: Any = {"writes": writes, "drain": drain, "live": live, "delay": delay, "rest": rest}[what]
    count, *seconds = numbers
    figures: list[Figure] = uvloop.run(measure(int(count), *map(float, seconds)))
    print(json.dumps([asdict(each) for each in figures]))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    gc.set_threshold(*COLLECT)  # as the service does
    main(*sys.argv[1:])
