"""Imports events from files: into the journal, and on into every sink, once."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from vdl_lora.errors import SinkRefused
from vdl_lora.interfaces import ServiceJournal, Sink
from vdl_lora.interpret import PointSettings
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer
from vdl_lora.sources import FileSource, Skipped

from .failure import one_error
from .knowledge import Interpreter, Knowledge

_PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: events read and new, points delivered, lines that were no events."""

    events: int
    new: int
    quarantined: int
    skipped: Sequence[Skipped]


async def import_files(  # noqa: PLR0913 - the components, what is read, and who is told
    journal: ServiceJournal,
    sinks: Sequence[Sink],
    knowledge: Knowledge,
    points: PointSettings,
    paths: Sequence[Path],
    *,
    served: Collection[str] = (),
    read: Callable[[int], None] = lambda _bytes: None,
    ahead: Callable[[int], None] = lambda _events: None,
) -> Imported:
    """Take the events of files into the journal and deliver the journal to the sinks, until nothing is ahead.

    In the end the scripts of `knowledge` run no more. `served` names the tenants that are served, none for all; `read`
    is told how many bytes were read, `ahead` how many events still wait.
    Raises ConfigError, JournalError, or SourceRefused where a file cannot be read.
    """
    before = await journal.counts()
    source = FileSource(paths, read)
    interpret = Interpreter(knowledge, points)
    deliverers = [Deliverer(journal, sink, interpret, served=served) for sink in sinks]
    showing = asyncio.create_task(_show_ahead(deliverers, ahead), name="progress")
    try:
        await _refuse_if_unusable(sinks)
        await _while_delivering(source, Acceptor(journal, served), deliverers)
        ahead(0)
    finally:
        showing.cancel()
        knowledge.close()  # a script that runs just now would hold up the deliverers' end
        for each in deliverers:
            await each.close()
    after = await journal.counts()
    return Imported(
        source.events, after.events - before.events, after.quarantined - before.quarantined, tuple(source.skipped)
    )


async def _while_delivering(source: FileSource, accept: Acceptor, deliverers: Sequence[Deliverer]) -> None:
    """Run a source to its end while what it brings is delivered, then deliver the rest."""
    with one_error():
        async with asyncio.TaskGroup() as tasks:
            delivering = [tasks.create_task(each.run(), name=each.name) for each in deliverers]
            await source.run(accept)
            for task in delivering:
                task.cancel()
    for each in deliverers:
        await each.drain()


async def _refuse_if_unusable(sinks: Sequence[Sink]) -> None:
    """Stop before anything is taken in, where a person waits and a sink cannot be written at all."""
    for sink in sinks:
        for check in await sink.check():
            if not check.ok:
                raise SinkRefused(check.words, advice=check.advice)


async def _show_ahead(deliverers: Sequence[Deliverer], ahead: Callable[[int], None]) -> None:
    while True:
        ahead(max(each.ahead for each in deliverers))
        await asyncio.sleep(_PROGRESS_S)
