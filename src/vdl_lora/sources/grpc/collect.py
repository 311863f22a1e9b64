"""Gathers what all streams bring into batches, and hands these over; a journal that takes none holds them back."""

import asyncio
import time
from collections.abc import Callable

import structlog

from vdl_lora.errors import JournalError
from vdl_lora.events import RawEvent
from vdl_lora.interfaces import Accept

from .settings import DEFAULTS, GrpcSettings

BATCH = 500

GATHER_S = 0.1
"""The least time from one batch to the next, while the next fills; a commit costs as much as some events."""

Accepted = Callable[[], None]

log = structlog.get_logger(__name__)


class Collector:
    """Takes events one by one and gives them to `accept` in batches; `full` says why the journal takes none."""

    def __init__(self, accept: Accept, settings: GrpcSettings = DEFAULTS) -> None:
        self._accept = accept
        self._settings = settings
        self._events: list[tuple[RawEvent, Accepted | None]] = []
        self._bytes = 0
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False
        self.full: JournalError | None = None

    async def add(self, event: RawEvent, accepted: Accepted | None = None) -> None:
        """Take an event; waits while there are too many. `accepted` is called once it is durable."""
        settings = self._settings
        while len(self._events) >= settings.most_events or self._bytes >= settings.most_bytes:
            self._room.clear()
            await self._room.wait()
        self._events.append((event, accepted))
        self._bytes += len(event.body)
        self._some.set()

    async def run(self) -> None:
        """Hand batches over until `end`, and then what is left."""
        begun_s = 0.0
        while True:
            await self._some.wait()
            if len(self._events) < BATCH and not self._ending:
                await asyncio.sleep(max(begun_s + GATHER_S - time.monotonic(), 0))
            begun_s = time.monotonic()
            if batch := self._events[:BATCH]:
                await self._hand_over([event for event, _ in batch])
                self._drop(batch)
            if not self._events:
                if self._ending:
                    return
                self._some.clear()

    def _drop(self, batch: list[tuple[RawEvent, Accepted | None]]) -> None:
        """Forget what was handed over, and tell those who brought it."""
        del self._events[: len(batch)]
        self._bytes -= sum([len(event.body) for event, _ in batch])
        self._room.set()
        for _, accepted in batch:
            if accepted is not None:
                accepted()

    def end(self) -> None:
        """Let `run` end when it has handed over what there is."""
        self._ending = True
        self._some.set()

    async def _hand_over(self, events: list[RawEvent]) -> None:
        while True:
            try:
                await self._accept(events)
            except JournalError as error:
                if error.action == "stop":
                    raise
                if self.full is None or error.code != self.full.code:
                    log.warning(
                        "nothing is read while the journal takes no events",
                        action=error.action,
                        code=error.code,
                        why=str(error),
                    )
                self.full = error
                await asyncio.sleep(self._settings.full_s)
                continue
            if self.full is not None:
                log.info("the journal takes events again", action="resume")
            self.full = None
            return
