"""Observing: reads every few seconds how deep the journal is and how far delivery is behind, for the metrics."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import get_args

import structlog

from vdl_lora import metrics
from vdl_lora.errors import JournalCorrupt, JournalError
from vdl_lora.events import NS
from vdl_lora.interfaces import Check, Component, DeliveryState, Depth, History

EVERY_S = 5.0

_SHARE = 100  # of the time: a long backlog takes longer to count, and is then counted less often

log = structlog.get_logger(__name__)


class JournalObserver(Component[[]]):
    """The component that keeps the metrics of a journal true; `clock` gives the time in ns since 1970."""

    name = "journal metrics"

    def __init__(self, history: History, every_s: float = EVERY_S, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._history = history
        self._every_s = every_s
        self._clock = clock
        self._error: JournalError | None = None

    async def run(self) -> None:
        """Read the journal's figures until cancelled; while it cannot be read, the metrics stand still.

        Raises JournalCorrupt: what is damaged is read by nobody else, perhaps, and does not mend.
        """
        while True:
            began = time.monotonic()
            try:
                depth = await self._history.depth()
            except JournalCorrupt:
                raise
            except JournalError as error:
                if self._error is None:
                    log.warning(
                        "the metrics of the journal stand still", action=error.action, code=error.code, why=str(error)
                    )
                self._error = error
            else:
                if self._error is not None:
                    log.info("the metrics of the journal go on", action="resume")
                self._error = None
                _show(depth, self._clock())
            await asyncio.sleep(max(self._every_s, (time.monotonic() - began) * _SHARE))

    def state(self) -> Sequence[Check]:
        """Say why the metrics stand still, where they do."""
        return [Check.failed(self.name, self._error)] if self._error is not None else []


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
