"""`python -m bench.javascript [--long]`: measure makers' codecs in their processes, on the wall clock.

Also how long declared sensors wait for the store while scripts are decoded beside them.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from vdl_lora.catalog import Catalog, Entry
from vdl_lora.decoding.codecs import JavaScript, mapped_decoder
from vdl_lora.decoding.javascript import Script, Uplinked
from vdl_lora.decoding.mapping import parse
from vdl_lora.discovery import discover
from vdl_lora.events import RawEvent
from vdl_lora.installations import Installations
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.javascript import QuickJs
from vdl_lora.journal import SqliteJournal
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.points import Point
from vdl_lora.sinks import SqliteSink

from .events import recorded
from .figure import Figure

RUNS = 5
UPLINKED = Uplinked(bytes.fromhex("01755C03671001046871"), 85, 1_795_503_129_000_000_000)
SOURCE = """
function decodeUplink(input) {
  var bytes = input.bytes, data = {};
  for (var i = 0; i < bytes.length; ) {
    var channel = bytes[i++], type = bytes[i++];
    if (channel === 1 && type === 0x75) data.battery = bytes[i++];
    else if (channel === 3 && type === 0x67) data.temperature = (bytes[i++] | ((bytes[i++] << 24) >> 16)) / 10;
    else if (channel === 4 && type === 0x68) data.humidity = bytes[i++] / 2;
    else return { errors: ["unknown channel " + channel] };
  }
  return { data: data };
}
"""
MAPPING = """
vendor = "Bench"
models = ["X1"]
codec = "x1.js"

[reads]
battery = "device.battery_level"
temperature = "air.temperature"
humidity = "air.humidity"
"""
DECLARED_A_TICK, SCRIPTS_A_TICK, TICK_S = 10, 3, 0.01
OTHER_TENANT = "d4868998-3583-4175-88e4-730c52450028"
FRESH = Script("fresh", SOURCE)
KEPT = Script("kept", SOURCE, reusable=True)


def wall_us(run: Callable[[], object], count: int) -> float:
    """Give the time of one of `count` repetitions in µs, the median of several runs."""
    taken: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for _ in range(count):
            run()
        taken.append((time.perf_counter() - begun) / count * 1e6)
    return statistics.median(taken)


def starting() -> Figure:
    """Measure the start of a child, up to its first answer."""
    taken: list[float] = []
    for _ in range(2 * RUNS):
        engine = QuickJs()
        begun = time.perf_counter()
        engine.decode(FRESH, UPLINKED)
        taken.append((time.perf_counter() - begun) * 1e3)
        engine.close()
    return Figure("a process for codecs starts and answers", statistics.median(taken), "ms", 100)


def decoding() -> list[Figure]:
    """Measure calls in a context of their own and in a kept one."""
    engine = QuickJs()
    fresh = wall_us(lambda: engine.decode(FRESH, UPLINKED), 300)
    kept = wall_us(lambda: engine.decode(KEPT, UPLINKED), 3_000)
    engine.close()
    return [
        Figure("JavaScript codec in a fresh context", fresh, "µs", 1_000),
        Figure("JavaScript codec in a kept context", kept, "µs", 60),
    ]


def lasting(count: int) -> Figure:
    """Measure by how much both processes grow while they decode, half of it in fresh contexts."""
    engine = QuickJs()

    def decode(times: int) -> int:
        for number in range(times):
            engine.decode(KEPT if number % 2 else FRESH, UPLINKED)
        return sum(resident(process) for process in ("self", *engine.processes))

    before = decode(1_000)
    grown = (decode(count) - before) / 1024
    engine.close()
    return Figure(f"memory that {count} decodes add", grown, "KiB", 1_024)


class Timed(SqliteSink):
    """The embedded store; notes when the uplinks of declared sensors were written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written: dict[int, float] = {}
        self.scripts = 0

    async def write(self, tenant: str, points: Sequence[Point], lines: str | None = None) -> None:
        """Write, and note it."""
        await super().write(tenant, points, lines)
        now = time.perf_counter()
        for point in points:
            if point.measurement == "lorawan_uplink" and tenant != OTHER_TENANT:
                self.written[int(point.fields["f_cnt"])] = now
            self.scripts += point.measurement == "air" and tenant == OTHER_TENANT


def uplinks(decoder: str, tenant: str = "") -> Iterator[RawEvent]:
    """Give uplinks for ever, made of a recorded one, each with a number."""
    original = next(event for event in recorded() if event.kind == "up" and b'"fPort":5' in event.body)
    body: dict[str, Any] = json.loads(original.body)
    info: dict[str, Any] = body["deviceInfo"]
    info["tags"]["decoder"] = decoder
    info["tenantId"] = tenant or info["tenantId"]
    body |= {"fPort": UPLINKED.f_port, "data": "AXVcA2cQAQRocQ=="}
    number = 0
    while True:
        body |= {"deduplicationId": f"{decoder} {number}", "fCnt": number}
        info["devEui"] = f"24e124136b{number % 500:06x}"
        content = json.dumps(body, ensure_ascii=False).encode()
        yield RawEvent("up", original.encoding, content, original.way, time.time_ns())
        number += 1


async def delays_ms(script: Script | None, seconds: float, folder: Path) -> list[float]:
    """Give how long each of 1,000 declared uplinks a second takes to be stored, beside 300 of a script or alone."""
    with closing(QuickJs()) as engine:
        entries = list(discover().entries())
        if script is not None:
            decoder = mapped_decoder(parse(MAPPING), JavaScript(script, engine, {}))
            entries.append(Entry("bench/x1", "X1", decoder, "0"))
        how = partial(interpret, catalog=Catalog(entries), installations=Installations(), settings=PointSettings())
        journal = await SqliteJournal.open(folder / "journal.sqlite")
        sink = Timed(folder / "points.sqlite")
        deliverer = Deliverer(journal, sink, how)
        accept = Acceptor(journal, frozenset())
        declared, scripts = uplinks("milesight/em300-th"), uplinks("bench/x1", OTHER_TENANT)
        sent: dict[int, float] = {}
        delivering = asyncio.create_task(deliverer.run())
        ticks = int(seconds / TICK_S)
        begun = time.perf_counter()
        for tick in range(ticks):
            batch = [next(declared) for _ in range(DECLARED_A_TICK)]
            if script is not None:
                batch += [next(scripts) for _ in range(SCRIPTS_A_TICK)]
            sent |= dict.fromkeys(range(tick * DECLARED_A_TICK, (tick + 1) * DECLARED_A_TICK), time.perf_counter())
            await accept(batch)
            await asyncio.sleep(max(begun + (tick + 1) * TICK_S - time.perf_counter(), 0))
        wanted = ticks * SCRIPTS_A_TICK if script is not None else 0
        async with asyncio.timeout(60):
            while len(sink.written) < len(sent) or sink.scripts < wanted:  # noqa: ASYNC110 - a sink tells nobody
                await asyncio.sleep(0.05)
        delivering.cancel()
        await asyncio.wait([delivering])
        await deliverer.close()
        await sink.close()
        await journal.close()
    return [(sink.written[number] - at) * 1000 for number, at in sent.items()]


def beside(seconds: float) -> list[Figure]:
    """Measure what 300 uplinks a second of a script add to the delay of 1,000 declared ones, by kind of context."""
    found: dict[str, list[float]] = {}
    for name, script in (("alone", None), ("kept", KEPT), ("fresh", FRESH)):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = sorted(asyncio.run(delays_ms(script, seconds, Path(folder))))
    figures: list[Figure] = []
    for words, at in (("half", 0.5), ("99 %", 0.99)):
        alone = _at(found["alone"], at)
        figures.append(Figure(f"1,000 declared uplinks/s alone: {words} are stored within", alone, "ms", 250))
        for name in ("kept", "fresh"):
            what = f"the same beside 300 JavaScript uplinks/s in {name} contexts: added to {words}"
            figures.append(Figure(what, _at(found[name], at) - alone, "ms", 10))
    return figures


def _at(values: Sequence[float], part: float) -> float:
    return values[int(len(values) * part)]


def resident(process: str | int) -> int:
    """Give the resident memory of a process in bytes."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def all_figures(*, short: bool) -> list[Figure]:
    """Measure everything."""
    return [starting(), *decoding(), lasting(10_000 if short else 200_000), *beside(5 if short else 30)]


def main() -> None:
    """Measure and print."""
    print("| what | median | goal | |")
    print("|---|---|---|---|")
    for figure in all_figures(short="--long" not in sys.argv[1:]):
        verdict = "" if figure.reached else "not reached"
        print(f"| {figure.name} | {figure.value:,.1f} {figure.unit} | ≤ {figure.goal:,.0f} | {verdict} |")


if __name__ == "__main__":
    main()
