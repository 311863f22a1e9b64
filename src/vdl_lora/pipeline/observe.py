"""Observing: reads every few seconds how deep the journal is and how far delivery is behind, for the metrics."""

import asyncio
import time
from collections.abc import Callable
from typing import get_args

import structlog

from vdl_lora import metrics
from vdl_lora.errors import JournalCorrupt, JournalError
from vdl_lora.events import NS
from vdl_lora.interfaces import DeliveryState, Depth, History

EVERY_S = 5.0

_SHARE = 100  # of the time: a long backlog takes longer to count, and is then counted less often

log = structlog.get_logger(__name__)


async def observe(history: History, every_s: float = EVERY_S, *, clock: Callable[[], int] = time.time_ns) -> None:
    """Keep the metrics of the journal true until cancelled; while it cannot be read, they stand still.

    Raises JournalCorrupt: what is damaged is read by nobody else, perhaps, and does not mend.
    """
    lost = False
    while True:
        began = time.monotonic()
        try:
            depth = await history.depth()
        except JournalCorrupt:
            raise
        except JournalError as error:
            if not lost:
                log.warning(
                    "the metrics of the journal stand still", action=error.action, code=error.code, why=str(error)
                )
            lost = True
        else:
            if lost:
                log.info("the metrics of the journal go on", action="resume")
            lost = False
            _show(depth, clock())
        await asyncio.sleep(max(every_s, (time.monotonic() - began) * _SHARE))


def _show(depth: Depth, now_ns: int) -> None:
    metrics.JOURNAL_EVENTS.set(depth.events)
    metrics.JOURNAL_QUARANTINED.set(depth.quarantined)
    metrics.JOURNAL_BYTES.set(depth.bytes)
    metrics.JOURNAL_LIMIT.set(depth.limit or 0)
    metrics.JOURNAL_RESERVE.set(depth.reserve)
    metrics.JOURNAL_DAILY.set(depth.daily or 0)
    if depth.disk_free is not None:
        metrics.JOURNAL_DISK_FREE.set(depth.disk_free)
    metrics.JOURNAL_READ.set(now_ns / NS)
    for gauge in (metrics.DELIVERY_WAITING, metrics.DELIVERY_LAG, metrics.DELIVERY_STATE):
        gauge.clear()  # a tenant that is gone leaves no line
    longest_s = 0.0
    for lag in depth.lags:
        seconds = max(now_ns - lag.oldest_at_ns, 0) / NS if lag.oldest_at_ns is not None else 0.0
        longest_s = max(longest_s, seconds)
        metrics.DELIVERY_WAITING.labels(lag.sink, lag.tenant).set(lag.waiting)
        metrics.DELIVERY_LAG.labels(lag.sink, lag.tenant).set(seconds)
        for state in get_args(DeliveryState):
            metrics.DELIVERY_STATE.labels(lag.sink, lag.tenant, state).set(state == lag.state)
    metrics.JOURNAL_OLDEST_WAITING.set(longest_s)
