"""What each stage of the road from event to store costs, in CPU time of this process."""

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vdl_lora.catalog import Rule
from vdl_lora.events import JournalEvent, envelope
from vdl_lora.interfaces import Accepted
from vdl_lora.journal import SqliteJournal
from vdl_lora.operations.knowledge import Interpreter, load_knowledge
from vdl_lora.points import line_protocol
from vdl_lora.settings import DecoderSettings, Settings

from .events import recorded, varied, write_file
from .figure import Figure

RUNS = 5
RULES = (
    Rule("milesight/em300-th", profile="Milesight EM300*"),
    Rule("axioma/qalcosonic-w1", profile="Axioma*"),
    Rule("dragino/ldds75", profile="Dragino LDDS75"),
)


def settings() -> Settings:
    """Give the defaults with rules for the recorded sensors."""
    return Settings(decoders=DecoderSettings(rules=RULES))


def cpu_us(run: Callable[[], object], count: int) -> float:
    """Give the CPU time of one of `count` repetitions in µs, the median of several runs."""
    taken: list[float] = []
    for _ in range(RUNS):
        gc.collect()
        begun = time.process_time_ns()
        run()
        taken.append((time.process_time_ns() - begun) / count / 1000)
    return statistics.median(taken)


def envelopes() -> Figure:
    """Measure envelope and identity over all recorded events."""
    events = recorded() * 200
    return Figure("envelope and identity", cpu_us(lambda: [envelope(event) for event in events], len(events)), "µs", 5)


def interpreting() -> Figure:
    """Measure an EM300-TH uplink, from body to line protocol."""
    chosen = settings()
    interpret = Interpreter(load_knowledge(chosen), chosen.points)
    raw = next(event for event in recorded() if event.kind == "up" and b"AXVcA2cQAQRocQ==" in event.body)
    read = envelope(raw)
    event = JournalEvent(
        1, raw.kind, raw.encoding, raw.body, raw.way, raw.arrived_at_ns, read.anchor_at_ns, read.anchor
    )
    count = 10_000

    def run() -> None:
        for _ in range(count):
            line_protocol(interpret(event).points)

    return Figure("interpret an EM300-TH uplink to line protocol", cpu_us(run, count), "µs", 20)


def journalling(folder: Path) -> list[Figure]:
    """Measure appends in batches of 500 with every index, the size on disk, and reading back."""
    count = 50_000
    accepted = [Accepted(raw, envelope(raw)) for raw in varied(count)]
    appends, sizes, reads = [], [], []
    for run in range(RUNS):
        path = folder / f"journal-{run}.sqlite"
        append, read = asyncio.run(_journal(path, accepted))
        appends.append(append)
        reads.append(read)
        sizes.append(path.stat().st_size / count)
    return [
        Figure("journal append, batches of 500", statistics.median(appends), "µs", 10),
        Figure("journal on disk", statistics.median(sizes), "bytes an event", 300),
        Figure("journal read, batches of 500", statistics.median(reads), "µs", 4),
    ]


async def _journal(path: Path, accepted: Sequence[Accepted]) -> tuple[float, float]:
    async with await SqliteJournal.open(path) as journal:
        begun = time.process_time_ns()
        for first in range(0, len(accepted), 500):
            await journal.append(accepted[first : first + 500])
        appended = time.process_time_ns() - begun
        begun = time.process_time_ns()
        read = 0
        for tenant in journal.tenants():
            cursor = await journal.cursor("bench", tenant)
            while (batch := await journal.read(cursor, 500)).events:
                read += len(batch.events)
                cursor = type(cursor)(cursor.id, "bench", tenant, "live", batch.through + 1)
        taken = time.process_time_ns() - begun
        if read != len(accepted):
            raise RuntimeError(f"{len(accepted)} events went in, {read} came out")
    return appended / len(accepted) / 1000, taken / len(accepted) / 1000


def importing(folder: Path, count: int = 200_000) -> list[Figure]:
    """Measure the whole command, wall clock and memory, as a process of its own."""
    file = folder / "events.jsonl"
    write_file(file, count)
    config = folder / "vdl-lora.toml"
    rules = "\n".join(f'  {{ profile = "{rule.profile}", decoder = "{rule.decoder}" }},' for rule in RULES)
    rates: list[float] = []
    peaks: list[float] = []
    for run in range(3):
        data = folder / str(run)
        config.write_text(
            f'[decoders]\nrules = [\n{rules}\n]\n[journal]\npath = "{data}/journal.sqlite"\n'
            f'[store]\npath = "{data}/points.sqlite"\n'
        )
        begun = time.monotonic()
        command = [sys.executable, "-m", "vdl_lora.cli", "journal", "import", "-c", str(config), str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"the import ended with {process.returncode}")
        rates.append(count / (time.monotonic() - begun))
        peaks.append(usage.ru_maxrss / 1024)
    return [
        Figure(f"import of {count} events to the store", statistics.median(rates), "events/s", 10_000, at_most=False),
        Figure("memory of that import", statistics.median(peaks), "MiB", 150),
    ]


def living(what: str, devices: int, lasts_s: float) -> list[Figure]:
    """Measure the live road in a process of its own, whose memory nobody else has used."""
    command = [sys.executable, "-m", "bench.live", what, str(devices), str(lasts_s)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own command
    return [Figure(**row) for row in json.loads(done.stdout)]


def one_of_tenants(tenants: int, lasts_s: float) -> list[Figure]:
    """Measure the events of one tenant beside idle ones, in a process of its own."""
    command = [sys.executable, "-m", "bench.tenants", str(tenants), str(lasts_s)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own command
    return [Figure(**row) for row in json.loads(done.stdout)]


def all_figures(*, short: bool) -> list[Figure]:
    """Measure everything, in files below a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="vdl-lora-bench-") as name:
        folder = Path(name)
        count = 20_000 if short else 200_000
        imports = importing(folder, count)  # first: a child's peak counts what its parent held when it was made
        live = [
            *living("idle", 10_000, 5 if short else 30),
            *living("bursts", 480, 20 if short else 60),
            *living("steady", 2_000, 20 if short else 120),
            *one_of_tenants(1, 10 if short else 30),
            *one_of_tenants(100, 10 if short else 30),
        ]
        return [envelopes(), interpreting(), *journalling(folder), *imports, *live]
