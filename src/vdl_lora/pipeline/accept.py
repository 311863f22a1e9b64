"""Accepting events: reads their envelope, keeps them in the journal, and returns only then."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import get_args

from vdl_lora import metrics
from vdl_lora.errors import BadMessage
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Accepted, Journal
from vdl_lora.lorawan import EventKind
from vdl_lora.mark import Mark

_KINDS = frozenset(get_args(EventKind))


class Acceptor:
    """Takes events over from every source; `served` names the tenants that are served, none for all of them."""

    def __init__(self, journal: Journal, served: Collection[str] = ()) -> None:
        self._journal = journal
        self._served = frozenset(served)

    async def __call__(self, events: Sequence[RawEvent]) -> None:
        """Keep events durably; whatever they are, they are kept.

        Raises JournalFull where there is no room, JournalUnavailable where the disk fails: then the source must not
        acknowledge, and tries again.
        """
        accepted = [self._accepted(raw) for raw in events]
        new = await self._journal.append(accepted)
        _count(accepted, new)

    def _accepted(self, raw: RawEvent) -> Accepted:
        read = envelope(raw)
        if read.problem:
            return Accepted(raw, read, Mark("envelope", BadMessage.code, read.problem[:500]))
        if not read.tenant_id and read.kind != "own":
            words = "the event names no tenant, so nobody delivers it; see what sent it: ChirpStack v4 always names one"
            return Accepted(raw, read, Mark("accept", "no_tenant", words))
        if self._served and read.tenant_id and read.tenant_id not in self._served:
            words = f"the tenant {read.tenant_id} is not served here; add it to [chirpstack] tenants"
            return Accepted(raw, read, Mark("accept", "not_served", words))
        return Accepted(raw, read)


def _count(accepted: Sequence[Accepted], new: int) -> None:
    outcomes = Counter(
        (event.envelope.kind, event.raw.way, "quarantined" if event.mark else "accepted") for event in accepted
    )
    for (kind, way, outcome), count in outcomes.items():
        metrics.EVENTS.labels(kind if kind in _KINDS else "unknown", way, outcome).inc(count)
    metrics.COPIES.inc(len(accepted) - new)
