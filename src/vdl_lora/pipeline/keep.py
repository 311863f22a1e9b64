"""Upkeep: the journal stays within its bounds by itself, by age and by size, while events come and go."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from vdl_lora import metrics
from vdl_lora.errors import JournalBusy, JournalError
from vdl_lora.events import NS
from vdl_lora.interfaces import Check, Claims, Component, Pruned, Upkeep

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """How long bodies are kept, how often is looked for room, and how often for what has grown old, in s."""

    keep_s: int
    every_s: float = 1.0
    old_every_s: float = 600.0


class JournalUpkeep(Component[[]]):
    """The component that keeps a journal within its bounds; `clock` gives the time in ns since 1970."""

    name = "journal"

    def __init__(
        self, journal: Upkeep, claims: Claims, settings: KeepSettings, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._journal = journal
        self._claims = claims
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Prune and tidy until cancelled; while the journal is full or busy, or its disk fails, try again.

        Raises any other JournalError.
        """
        journal, claims, settings = self._journal, self._claims, self._settings
        said = ""
        due_s = time.monotonic()
        while True:
            try:
                await journal.tidy()
                _say("hand", await journal.carry_out(claims))
                _say("size", await journal.make_room(claims))
                if time.monotonic() >= due_s:
                    _say("age", await journal.prune_old(self._clock() - settings.keep_s * NS, claims))
                    due_s = time.monotonic() + settings.old_every_s
            except JournalError as error:
                if error.action == "stop" and not isinstance(error, JournalBusy):
                    raise
                if error.code != said:
                    log.warning("journal maintenance failed", action="retry", code=error.code, why=str(error))
                said = error.code
            else:
                if said:
                    log.info("journal maintenance works again", action="resume")
                said = ""
            await asyncio.sleep(settings.every_s)

    def state(self) -> Sequence[Check]:
        """Say what is wrong with the journal's room."""
        return self._journal.state()


def _say(reason: str, pruned: Pruned) -> None:
    if pruned:
        log.info(
            "the journal was pruned",
            action="prune",
            reason=reason,
            bodies=pruned.bodies,
            events=pruned.events,
            receipts=pruned.receipts,
        )
    metrics.JOURNAL_PRUNED.labels(reason).inc(pruned.bodies)
