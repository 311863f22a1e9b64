"""The room that a journal has: its limit, the pages that are free in it, the log ahead of it, the reserve beside it."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from vdl_lora.errors import JournalFull
from vdl_lora.interfaces import Check

from .prune import STEP_S
from .reader import Reader
from .reserve import Reserve
from .schema import lacks_room
from .shares import NEAR, Aim
from .writer import Writer

LOG_BYTES: Final = 16 << 20
"""How large the log ahead may stay once what is in it is in the file: as large as it is before SQLite copies it."""

_FREE_PART = 16
"""This part of the file may be free pages: they are used again before it grows."""

_WORTH = 20
"""Pages; to give back fewer is not worth while."""

_FEWEST_PAGES, _MOST_PAGES = 20, 1_000
_LOOK_S = 60.0

STUCK: Final = Check(
    "journal size",
    ok=False,
    words="it is near its limit, and what could give room is still to be delivered",
    advice="see why delivery waits, or raise [journal] max_size",
)

log = structlog.get_logger(__name__)


class Pages(NamedTuple):
    """The pages of the file: how many there are, how many of them are free, and how many bytes one has."""

    all: int
    free: int
    size: int

    @property
    def used_bytes(self) -> int:
        """The bytes of those that are not free."""
        return (self.all - self.free) * self.size


class Room:
    """Watches how much room there is, and gives back what is free; `max_bytes` 0 means no limit of our own."""

    def __init__(self, path: Path, max_bytes: int, reserve: Reserve) -> None:
        self.reserve = reserve
        self.aim = Aim()
        self._path = path
        self.max_bytes = max_bytes
        self._step_pages = _FEWEST_PAGES
        self._looked_s = 0.0
        self._stuck = False

    async def is_near(self, reads: Reader) -> bool:
        """Tell whether it must make room: it has come near its limit, or events found none."""
        if not self.max_bytes:
            return False
        near = await self._above(reads, NEAR) > 0
        wanted = near or self.aim.missed
        if wanted:
            self.aim.begin(reached=await self.need(reads) == 0)
        self._stuck = self._stuck and near
        return wanted

    async def need(self, reads: Reader) -> int:
        """Say how many bytes it must still give."""
        return await self._above(reads, self.aim.enough)

    async def note(self, reads: Reader) -> None:
        """Take note of whether room was made: what is full of undelivered events cannot make any."""
        self._stuck = await self._above(reads, NEAR) > 0

    async def _above(self, reads: Reader, part: float) -> int:
        return max((await reads.do(_pages)).used_bytes - int(self.max_bytes * part), 0)

    def refuse_if_short(self) -> None:
        """Refuse events while what is left of the reserve's room is for deliveries; called by the writer's thread.

        Raises JournalFull.
        """
        if self.reserve.is_short():
            raise JournalFull(
                f"the disk of {self._path} is full, what is left is for deliveries",
                advice="free disk space or prune, then events flow again",
            )

    def relieve(self, error: sqlite3.Error, *, committing: bool) -> bool:
        """Give the reserve up where an error says that the disk is full; tell whether to try again.

        Called by the writer's thread. Pages are counted while a job runs and written when it is committed: so our own
        limit shows before the commit, and the disk's in it.
        """
        ours = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL and self.max_bytes and not committing
        if ours or not lacks_room(error, self._path):
            return False
        if not self.reserve.give_up():
            return False
        log.warning(
            "the disk is full; the reserve of the journal is given up for deliveries, soon no more events are taken",
            action="wait",
            journal=str(self._path),
            reserve_bytes=self.reserve.size,
            why=str(error),
        )
        return True

    async def tidy(self, reads: Reader, writer: Writer) -> None:
        """Give free pages and a long log back to the disk, and make the reserve again where there is room."""
        if await asyncio.to_thread(self.reserve.renew):
            log.info("the journal has its reserve", action="resume", reserve_bytes=self.reserve.size)
        pages = await reads.do(_pages)
        spare = 0 if self.reserve.given_up else pages.all // _FREE_PART
        given = pages.free > max(2 * spare, _WORTH)
        if given:
            await self.give_back(writer, spare, rest=True)
        length = self._log_bytes()
        due = self.reserve.given_up or time.monotonic() > self._looked_s + _LOOK_S
        if given or length > LOG_BYTES or (length and due):
            self._looked_s = time.monotonic()
            await asyncio.to_thread(self.shorten_log)

    async def give_back(self, writer: Writer, spare: int = 0, *, rest: bool = False) -> None:
        """Take free pages out of the file until so many are left, in steps that are short."""

        def step(connection: sqlite3.Connection) -> tuple[int, float]:
            began = time.monotonic()
            free = int(connection.execute("pragma freelist_count").fetchone()[0]) - spare
            for _ in range(min(free, self._step_pages)):
                connection.execute(
                    "pragma incremental_vacuum(1)"
                )  # asked for more, sqlite3 stops after one all the same
            return free - self._step_pages, time.monotonic() - began

        left = 1
        while left > 0:
            left, took_s = await writer.do(step)
            fit = int(self._step_pages * STEP_S / max(took_s, STEP_S / 2))
            self._step_pages = min(max(fit, _FEWEST_PAGES), _MOST_PAGES)
            await asyncio.sleep(took_s if rest else 0)

    def shorten_log(self) -> None:
        """Copy the log ahead into the file and cut it off, beside the writer; whoever reads just now puts it off."""
        with (
            suppress(sqlite3.OperationalError),  # the disk is full, or somebody is in the way: it is tried again
            closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection,
        ):
            connection.execute("pragma wal_checkpoint(passive)")  # most of it, while the writer goes on
            connection.execute("pragma wal_checkpoint(truncate)")

    def state(self) -> Sequence[Check]:
        """Say what is wrong."""
        found: list[Check] = []
        if self.reserve.given_up:
            words = f"the disk of {self._path} is full, and the reserve of the journal is given up"
            found.append(Check("disk", ok=False, words=words, advice="free disk space; the reserve is then made again"))
        if self._stuck:
            found.append(STUCK)
        return found

    def _log_bytes(self) -> int:
        path = self._path.with_name(self._path.name + "-wal")
        return path.stat().st_size if path.exists() else 0


def _pages(connection: sqlite3.Connection) -> Pages:
    asked = ("page_count", "freelist_count", "page_size")
    return Pages(*(int(connection.execute(f"pragma {name}").fetchone()[0]) for name in asked))
