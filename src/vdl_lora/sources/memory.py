"""A source in memory: the public fake of Source."""

from collections.abc import Sequence

from vdl_lora.events import RawEvent
from vdl_lora.interfaces import Accept, Check, Source


class MemorySource(Source):
    """Hands over given events, one batch after another, and counts what was accepted."""

    name = "memory"

    def __init__(self, events: Sequence[RawEvent], batch: int = 100) -> None:
        self.events = events
        self.batch = batch
        self.accepted = 0

    async def run(self, accept: Accept) -> None:
        """Hand over all events."""
        for first in range(0, len(self.events), self.batch):
            batch = self.events[first : first + self.batch]
            await accept(batch)
            self.accepted += len(batch)

    def state(self) -> Sequence[Check]:
        """Say how many events were accepted."""
        return [Check(self.name, ok=True, words=f"{self.accepted} of {len(self.events)} events are accepted")]

    async def check(self) -> Sequence[Check]:
        """Say how many events there are."""
        return [Check("memory", ok=True, words=f"{len(self.events)} events")]
