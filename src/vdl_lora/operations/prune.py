"""Prunes the journal by hand: alone, or through the service that runs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from vdl_lora.errors import JournalBusy
from vdl_lora.interfaces import Claims, Pruned, ServiceJournal
from vdl_lora.journal.requests import ask_prune


async def prune_journal(  # noqa: PLR0913 - the journal, what goes, and who is told
    path: Path,
    open_journal: Callable[[], AbstractAsyncContextManager[ServiceJournal]],
    before_ns: int,
    *,
    claims: Claims,
    undelivered: bool = False,
    told: Callable[[Pruned], None] = lambda _pruned: None,
) -> Pruned:
    """Remove the bodies that arrived before a time; where the service runs, it does so, and `told` hears how far it is.

    Raises JournalError, and JournalBusy where another process than a service writes to the journal.
    """
    try:
        async with open_journal() as journal:
            return await journal.prune(before_ns, undelivered=undelivered, claims=claims)
    except JournalBusy:
        return await ask_prune(path, before_ns, undelivered=undelivered, told=told)
