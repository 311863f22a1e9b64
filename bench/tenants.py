"""`python -m bench.tenants TENANTS SECONDS`: what ten events a second of one tenant cost beside tenants that are idle.

Journal, delivery, the embedded store and upkeep run as in the service; each event is appended alone. Prints JSON.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import msgspec
import structlog
import uvloop

from vdl_lora.app.service import COLLECT
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Claims
from vdl_lora.journal import SqliteJournal
from vdl_lora.operations.knowledge import Interpreter, load_knowledge
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.pipeline.keep import JournalUpkeep, KeepSettings
from vdl_lora.pipeline.observe import JournalObserver
from vdl_lora.sinks import SqliteSink

from .events import varied
from .figure import Figure
from .stages import settings

RATE = 10
_SETTLE_S = 3.0
_YEAR_S = 365 * 86_400


async def one_of(tenants: int, lasts_s: float) -> Figure:
    """Measure the CPU of this process while one of so many tenants has events; each of the others had one before."""
    gc.set_threshold(*COLLECT)
    chosen = settings()
    interpret = Interpreter(load_knowledge(chosen), chosen.points)
    with tempfile.TemporaryDirectory(prefix="vdl-lora-bench-") as folder:
        sink = SqliteSink(Path(folder) / "points.sqlite")
        async with await SqliteJournal.open(Path(folder) / "journal.sqlite") as journal:
            deliverer = Deliverer(journal, sink, interpret)
            accept = Acceptor(journal)
            events = _events(tenants, round(lasts_s * RATE))
            await accept([next(events) for _ in range(tenants)])
            await deliverer.drain()
            tasks = [
                asyncio.create_task(deliverer.run()),
                asyncio.create_task(JournalObserver(journal).run()),
                asyncio.create_task(
                    JournalUpkeep(journal, Claims(frozenset({sink.name})), KeepSettings(_YEAR_S)).run()
                ),
            ]
            await asyncio.sleep(_SETTLE_S)
            cpu, began = time.process_time(), time.monotonic()
            for number, event in enumerate(events, 1):
                await accept([event])
                await asyncio.sleep(began + number / RATE - time.monotonic())
            share = (time.process_time() - cpu) / (time.monotonic() - began) * 100
            await _stored(journal)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await deliverer.close()
        await sink.close()
    noun = "tenant" if tenants == 1 else "tenants"
    return Figure(f"CPU at {RATE} events/s of one tenant, {tenants} {noun}", share, "% of a core", 4)


def _events(tenants: int, count: int) -> Iterator[RawEvent]:
    """Yield one event of each tenant, then `count` events of the first."""
    now_ns = time.time_ns()
    for number, event in enumerate(varied(tenants + count, start_ns=now_ns)):
        old = envelope(event).tenant_id.encode()
        new = str(uuid.UUID(int=number if number < tenants else 0)).encode()
        yield msgspec.structs.replace(event, body=event.body.replace(old, new), arrived_at_ns=now_ns)


async def _stored(journal: SqliteJournal) -> None:
    async with asyncio.timeout(10):
        while any(each.waiting for each in (await journal.depth()).lags):  # noqa: ASYNC110 - a journal signals no commit
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    print(json.dumps([asdict(uvloop.run(one_of(int(sys.argv[1]), float(sys.argv[2]))))]))
