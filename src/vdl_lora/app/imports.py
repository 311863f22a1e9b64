"""Takes events from files through the whole road, once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vdl_lora.errors import SinkRefused
from vdl_lora.interfaces import Sink
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.settings import Settings
from vdl_lora.sources import FileSource, Skipped

from .build import build_interpreter, build_sink, open_journal, open_knowledge
from .failure import one_error

_PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: events read and new, points delivered, lines that were no events."""

    events: int
    new: int
    quarantined: int
    skipped: Sequence[Skipped]


async def import_files(
    settings: Settings,
    paths: Sequence[Path],
    *,
    read: Callable[[int], None] = lambda _bytes: None,
    ahead: Callable[[int], None] = lambda _events: None,
) -> Imported:
    """Take the events of files into the journal and deliver the journal to the store, until nothing is ahead.

    `read` is told how many bytes were read, `ahead` how many events still wait.
    Raises ConfigError, JournalError, or SourceRefused where a file cannot be read.
    """
    with open_knowledge(settings) as knowledge:
        async with open_journal(settings) as journal:
            before = await journal.counts()
            source = FileSource(paths, read)
            sink = build_sink(settings)
            deliverer = Deliverer(journal, sink, build_interpreter(settings, knowledge), served=settings.served)
            showing = asyncio.create_task(_show_ahead(deliverer, ahead), name="progress")
            try:
                await _refuse_if_unusable(sink)
                await _while_delivering(source, Acceptor(journal, settings.served), deliverer)
                ahead(0)
            finally:
                showing.cancel()
                await sink.close()
                knowledge.close()  # a script that runs just now would hold up the deliverer's end
                await deliverer.close()
            after = await journal.counts()
    return Imported(
        source.events, after.events - before.events, after.quarantined - before.quarantined, tuple(source.skipped)
    )


async def _while_delivering(source: FileSource, accept: Acceptor, deliverer: Deliverer) -> None:
    """Run a source to its end while what it brings is delivered, then deliver the rest."""
    with one_error():
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(deliverer.run(), name="deliver")
            await source.run(accept)
            delivering.cancel()
    await deliverer.drain()


async def _refuse_if_unusable(sink: Sink) -> None:
    """Stop before anything is taken in, where a person waits and the store cannot be written at all."""
    for check in await sink.check():
        if not check.ok:
            raise SinkRefused(f"{check.words}; {check.advice}")


async def _show_ahead(deliverer: Deliverer, ahead: Callable[[int], None]) -> None:
    while True:
        ahead(deliverer.ahead)
        await asyncio.sleep(_PROGRESS_S)
