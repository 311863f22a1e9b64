"""Looks at a journal beside whoever writes to it, or before there is one: place, room, wholeness, writer, what waits.

It reads, and takes no lock: a service may start meanwhile.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from vdl_lora.errors import JournalError
from vdl_lora.files import cannot_write, free_bytes
from vdl_lora.interfaces import Check, Depth, Lag
from vdl_lora.wording import counted, duration, size

from .damage import PID_BYTES, REPAIR, SALVAGE, beside, look
from .reader import Reader
from .schema import APPLICATION_ID, MIGRATIONS, load_queries, meaning
from .sqlite import JournalReader, JournalSettings

LONGEST_CHECK_S = 20.0
"""How long the whole file is read to see that it is sound: some gigabytes of it."""

FEWEST_DAYS = 14
FEWEST_BYTES = 1 << 30
_NEAR = 0.95
_PROBLEMS = 3
_OPCODES = 10_000  # between two looks at the clock
_PROC = Path("/proc")
_T = TypeVar("_T")
_Q = load_queries()

_QUARANTINE: Final[Mapping[str, str]] = {
    "no_decoder": "set the device tag `decoder`, the tags `vendor` and `model`, or a rule in [decoders] rules",
    "payload": "compare the sensor's model and firmware with its decoder; `vdl-lora decode` tries a payload",
    "decoder_failed": "a decoder failed, which is its own fault: report it with the event, or mend the site's decoder",
    "engine": "see the codec: it takes too long or too much memory",
    "bad_message": "see what sends events here: ChirpStack v4 does not send these",
    "no_tenant": "see what sends events here: ChirpStack v4 always names a tenant",
    "not_served": "add their tenant to [chirpstack] tenants, or do not send its events here",
    "damaged": REPAIR,
    "points_refused": "the database's own words are in `vdl-lora journal quarantine`; often a field had another type",
}
_RETRIES: Final = "see what is said of the database here; the service tries again by itself, and nothing is lost"
_LOOK: Final = "`vdl-lora journal quarantine` lists them with their words"


async def check_journal(settings: JournalSettings) -> Sequence[Check]:
    """Say how the journal is."""
    path = settings.path.absolute()
    owner = await asyncio.to_thread(_owner, path)
    try:
        if owner is None:
            await asyncio.to_thread(_look, path)
        place = await asyncio.to_thread(_place, path)
        if not path.exists():
            return [place] if not place.ok else _before_the_first_start(path)
        async with JournalReader(path, max_bytes=settings.max_bytes) as journal:
            depth = await journal.depth()
    except JournalError as error:
        return [Check.failed("journal", error)]
    words = f"{path} has {counted(depth.events, 'event')} in {size(depth.bytes)}"
    journal_is = Check("journal", ok=True, words=words) if place.ok else place
    whole, quarantine = await asyncio.gather(_whole(path), _quarantine(path, depth))
    return [journal_is, _writer(owner), *_disk(depth), whole, *quarantine, *_delivery(depth.lags)]


def _before_the_first_start(path: Path) -> list[Check]:
    words = f"there is none at {path} yet: the service makes it when it first starts"
    return [Check("journal", ok=True, words=words), *_disk(Depth(0, 0, 0, disk_free=free_bytes(path)))]


def _look(path: Path) -> None:
    """Look as a service that starts does. Raises JournalError."""
    try:
        look(path, APPLICATION_ID, len(MIGRATIONS))
    except (sqlite3.Error, OSError) as error:
        raise meaning(error, path) if isinstance(error, sqlite3.Error) else JournalError(str(error)) from error


def _place(path: Path) -> Check:
    problem = cannot_write(path)
    if not problem:
        return Check("journal", ok=True, words=f"{path} can be written")
    words = f"{path} cannot be written by this user: {problem}"
    return Check("journal", ok=False, words=words, advice="name a path in [journal] that the service's user may write")


def _disk(depth: Depth) -> list[Check]:
    """Say how much room there is, and for how long."""
    checks: list[Check] = []
    free = depth.disk_free
    left = depth.days_left
    lasts = "" if left is None else f"; at {size(depth.daily or 0)} a day there is room for {duration(left * 86_400)}"
    if depth.limit is not None:
        checks.append(_limit(depth, depth.limit, lasts))
    if free is None:
        return checks
    words = f"{size(free)} are free{lasts if depth.limit is None else ''}"
    if free < FEWEST_BYTES or (left is not None and left < FEWEST_DAYS and depth.limit is None):
        advice = "free disk space, or set [journal] keep and max_size lower"
        return [*checks, Check("disk", ok=True, words=words, advice=advice, doubt="warning")]
    return [*checks, Check("disk", ok=True, words=words)]


def _limit(depth: Depth, limit: int, lasts: str) -> Check:
    words = f"it takes {size(depth.bytes)} of the {size(limit)} that it may{lasts}"
    if depth.bytes < _NEAR * limit:
        return Check("size", ok=True, words=words)
    waiting = sum(lag.waiting for lag in depth.lags)
    advice = "see why delivery waits, or raise [journal] max_size" if waiting else "raise [journal] max_size"
    return Check("size", ok=True, words=words, advice=f"{advice}: when it is full, the oldest goes", doubt="warning")


def _owner(path: Path) -> int | None:
    """Give the process that has the journal's lock open, as its file says; to try the lock could hold up a start."""
    lock = beside(path, ".lock")
    try:
        pid, wanted = int(lock.read_bytes()[:PID_BYTES]), lock.stat()
    except (OSError, ValueError):
        return None
    try:
        return pid if any(_is_same(each, wanted) for each in (_PROC / str(pid) / "fd").iterdir()) else None
    except PermissionError:  # another user's: what it runs everybody may see
        return pid if _is_ours(_command(pid)) else None
    except OSError:
        return None


def _is_same(file: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), wanted)
    except FileNotFoundError:  # it was closed meanwhile
        return False


def _command(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _is_ours(command: Sequence[str]) -> bool:
    return any(Path(part).name == "vdl-lora" or part == "vdl_lora.cli" for part in command)


def _writer(pid: int | None) -> Check:
    subject = "writer"
    if pid is None:
        return Check(subject, ok=True, words="nobody writes to it: the service does not run")
    command = _command(pid)
    if _is_ours(command):
        return Check(subject, ok=True, words=f"process {pid} writes to it, a vdl-lora")
    words = f"process {pid} writes to it: {' '.join(command[:2])}"
    advice = "end that program, or name another path in [journal]: the service cannot start beside it"
    return Check(subject, ok=False, words=words, advice=advice)


async def _whole(path: Path) -> Check:
    """Read the whole file for damage, for as long as that may take."""
    subject = "wholeness"
    try:
        found = await _read(path, _problems)
    except JournalError as error:
        return Check.failed(subject, error)
    if found is None:
        words = f"not all of it could be read within {LONGEST_CHECK_S:g} s; what was read is sound"
        return Check(subject, ok=True, words=words, doubt="unknown")
    if found == ["ok"]:
        return Check(subject, ok=True, words="every page of it is sound")
    return Check(subject, ok=False, words=f"it is damaged: {'; '.join(found)}", advice=SALVAGE)


def _problems(connection: sqlite3.Connection) -> list[str] | None:
    """Give what SQLite finds wrong, or that all is `ok`; None where the time does not suffice."""
    end_s = time.monotonic() + LONGEST_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > end_s, _OPCODES)
    try:
        return [str(row[0]) for row in connection.execute(f"pragma quick_check({_PROBLEMS})")]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)


async def _quarantine(path: Path, depth: Depth) -> list[Check]:
    if not depth.quarantined:
        return [Check("quarantine", ok=True, words="no event is in quarantine")]

    def count(connection: sqlite3.Connection) -> list[tuple[str, int]]:
        return [(str(code), int(number)) for code, number in connection.execute(_Q["count_quarantined"])]

    return [
        Check(
            f"quarantine {code}",
            ok=True,
            words=f"{counted(number, 'event')} could not be interpreted or written",
            advice=f"{_QUARANTINE[code]}; {_LOOK}" if code in _QUARANTINE else _LOOK,
            doubt="warning",
        )
        for code, number in await _read(path, count)
    ]


def _delivery(lags: Sequence[Lag]) -> list[Check]:
    """Say how much waits in all, and of each tenant that a database holds up why."""
    subject = "delivery"
    waiting = sum(lag.waiting for lag in lags)
    words = f"{counted(waiting, 'event')} still to be delivered" if waiting else "all that can be is delivered"
    return [Check(subject, ok=True, words=words)] + [_held(lag) for lag in lags if lag.state != "flowing"]


def _held(lag: Lag) -> Check:
    words = (
        f"{counted(lag.waiting, 'event')} of tenant {lag.tenant} waited when the service last tried {lag.sink}: "
        f"{lag.words}"
    )
    return Check("delivery", ok=True, words=words, advice=_RETRIES, doubt="warning")


async def _read(path: Path, run: Callable[[sqlite3.Connection], _T]) -> _T:
    reader = Reader(path, "journal-check", len(MIGRATIONS))
    try:
        return await reader.do(run)
    finally:
        await asyncio.to_thread(reader.close)
