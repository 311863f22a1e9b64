"""What the integration tests share: made-up events, and both journals."""

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from vdl_lora.events import NS, RawEvent, envelope, format_time
from vdl_lora.interfaces import Accepted, Batch, Cursor, EventFilter, KeptEvent
from vdl_lora.journal import JournalReader, MemoryJournal, SqliteJournal
from vdl_lora.mark import Mark

AT_NS = 1_795_472_297 * NS
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
OTHER_TENANT = "d4868998-3583-4175-88e4-730c52450028"
APPLICATION = "a6836afa-af54-427c-813b-9a6d03df07f3"
DEV_EUI = "24e124136b500042"

AnyJournal = MemoryJournal | SqliteJournal


@dataclass(frozen=True, slots=True)
class Events:
    """Makes events that differ by a number, and looks into journals."""

    tenant: str = TENANT
    other_tenant: str = OTHER_TENANT
    dev_eui: str = DEV_EUI
    at_ns: int = AT_NS

    def up(
        self,
        number: int,
        *,
        tenant: str = TENANT,
        dev_eui: str = DEV_EUI,
        data: bytes = b"\x01\x75\x5c",
        **of_raw: object,
    ) -> RawEvent:
        """An uplink; each number is an event of its own, a second after the one before."""
        body = {
            "deduplicationId": f"up-{number}",
            "time": format_time(self.at_ns + number * NS),
            "deviceInfo": {
                "tenantId": tenant,
                "applicationId": APPLICATION,
                "deviceProfileName": "Milesight EM300-TH",
                "deviceName": f"device of event {number}",
                "devEui": dev_eui,
                "tags": {"commune": "Bauzy", "decoder": "milesight/em300-th"},
            },
            "fCnt": number,
            "fPort": 85,
            "data": data,
        }
        raw = RawEvent("up", "json", msgspec.json.encode(body), "http", self.at_ns + number * NS)
        return msgspec.structs.replace(raw, **of_raw)

    def ups(self, first: int, last: int, *, tenant: str = TENANT, **of_raw: object) -> list[RawEvent]:
        """The uplinks of a span of numbers, both ends included."""
        return [self.up(number, tenant=tenant, **of_raw) for number in range(first, last + 1)]

    @staticmethod
    def unreadable(text: str = "{", **of_raw: object) -> RawEvent:
        """A body without an envelope."""
        raw = RawEvent("up", "json", text.encode(), "http", AT_NS)
        return msgspec.structs.replace(raw, **of_raw)

    @staticmethod
    def accepted(events: Sequence[RawEvent], mark: Mark | None = None) -> list[Accepted]:
        """Events on their way into a journal; those without an envelope are marked, as the acceptor marks them."""
        found: list[Accepted] = []
        for raw in events:
            read = envelope(raw)
            found.append(Accepted(raw, read, Mark("envelope", "bad_message", read.problem) if read.problem else mark))
        return found

    async def append(self, journal: AnyJournal, *events: RawEvent, mark: Mark | None = None) -> int:
        """Append events as the acceptor does."""
        return await journal.append(self.accepted(events, mark))

    @staticmethod
    async def kept(
        journal: AnyJournal | JournalReader, which: EventFilter | None = None, *, bodies: bool = False
    ) -> list[KeptEvent]:
        """The events that a journal shows."""
        return [event async for event in journal.events(which or EventFilter(), bodies=bodies)]

    @staticmethod
    def numbers(batch: Batch) -> list[int]:
        """Which numbers the events of a batch were made with."""
        return [int(msgspec.json.decode(event.body)["fCnt"]) for event in batch.events]

    @staticmethod
    async def walk(journal: AnyJournal, cursor: Cursor, limit: int = 500) -> Cursor:
        """Commit all that a cursor has ahead, as if it were delivered."""
        while (batch := await journal.read(cursor, limit)).through >= cursor.next:
            cursor = await journal.commit(cursor, batch.through)
            if cursor.end is not None and cursor.next >= cursor.end:
                break
        return cursor


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether the long counts are wanted."""
    return bool(os.environ.get("VDL_LORA_SOAK"))


@pytest.fixture(scope="session")
def events() -> Events:
    """A maker of events."""
    return Events()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "journal.sqlite"


class ForgetfulJournal(SqliteJournal):
    """A journal in a file that holds nothing in memory, so that all is read back."""

    async def read(self, cursor: Cursor, limit: int) -> Batch:
        """Read the next events of a cursor from the file."""
        self._fresh.clear(self._last)
        return await super().read(cursor, limit)


@pytest.fixture(params=["memory", "sqlite", "sqlite from its file"])
async def journal(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AnyJournal]:
    """A new journal of each kind."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    opened = await (SqliteJournal if request.param == "sqlite" else ForgetfulJournal).open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def forgetful_journal(path: Path) -> AsyncIterator[SqliteJournal]:
    """A new journal in a file that reads everything back from it."""
    opened = await ForgetfulJournal.open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_journal(path: Path) -> AsyncIterator[SqliteJournal]:
    """A new journal in a file."""
    opened = await SqliteJournal.open(path)
    yield opened
    await opened.close()
