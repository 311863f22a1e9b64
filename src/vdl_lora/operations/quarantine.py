"""Events in quarantine as people look at them: with what ChirpStack's log says of its codec, whichever came first."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol, cast

import msgspec

from vdl_lora.decoding.codecs import NOT_DECODED
from vdl_lora.errors import BadMessage
from vdl_lora.events import NS, Encoding, parse
from vdl_lora.interfaces import EventFilter, KeptEvent
from vdl_lora.lorawan import AnyEvent, Log, Uplink

_CODE = "UPLINK_CODEC"
_AROUND_NS = 3600 * NS
"""ChirpStack's clock, which times its log, and a gateway's, which may time the uplink, differ by less."""


class Kept(Protocol):
    """A journal that events are read from."""

    def events(self, which: EventFilter, *, bodies: bool = False) -> AsyncIterator[KeptEvent]:
        """Give events in the order of the journal."""
        ...


async def with_logged_words(journal: Kept, events: AsyncIterator[KeptEvent]) -> AsyncIterator[KeptEvent]:
    """Give events, which were read with their bodies; to those that ChirpStack decoded nothing of it adds why."""
    async for event in events:
        if event.mark is not None and event.mark.words.startswith(NOT_DECODED):
            words = await _logged(journal, event)
            mark = msgspec.structs.replace(event.mark, words=f"{NOT_DECODED}: {words}") if words else event.mark
            yield replace(event, mark=mark)
        else:
            yield event


async def _logged(journal: Kept, event: KeptEvent) -> str:
    """Give what the log event of an uplink says; empty where there is none."""
    uplink = _read(event)
    if not isinstance(uplink, Uplink) or not uplink.deduplication_id:
        return ""
    at_ns = event.event_at_ns
    which = EventFilter(dev_eui=event.dev_eui, kind="log", from_ns=at_ns - _AROUND_NS, until_ns=at_ns + _AROUND_NS)
    async for each in journal.events(which, bodies=True):
        log = _read(each)
        if (
            isinstance(log, Log)
            and log.code == _CODE
            and log.context.get("deduplication_id") == uplink.deduplication_id
        ):
            return " ".join(log.description.split())
    return ""


def _read(event: KeptEvent) -> AnyEvent | None:
    if event.body is None:
        return None
    try:
        return parse(event.kind, cast("Encoding", event.encoding), event.body)
    except BadMessage:
        return None
