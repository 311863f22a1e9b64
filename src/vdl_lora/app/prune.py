"""Prunes the journal by hand: alone, or through the service that runs."""

from collections.abc import Callable

from vdl_lora.errors import JournalBusy
from vdl_lora.interfaces import Pruned
from vdl_lora.journal.requests import ask_prune
from vdl_lora.settings import Settings

from .build import claims_of, open_journal


async def prune_journal(
    settings: Settings,
    before_ns: int,
    *,
    undelivered: bool = False,
    told: Callable[[Pruned], None] = lambda _pruned: None,
) -> Pruned:
    """Remove the bodies that arrived before a time; where the service runs, it does so, and `told` hears how far it is.

    Raises JournalError, and JournalBusy where another process than a service writes to the journal.
    """
    try:
        async with open_journal(settings) as journal:
            return await journal.prune(before_ns, undelivered=undelivered, claims=claims_of(settings))
    except JournalBusy:
        return await ask_prune(settings.journal.path, before_ns, undelivered=undelivered, told=told)
