"""The one thread that writes to a journal: it gathers jobs and commits them together."""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vdl_lora.errors import JournalError

from .schema import meaning

GROUP = 500
"""Events of a commit; more wait for the next."""

LIGHT_S, HEAVY_S = 0.005, 0.020
"""How long a commit waits for more events: when few came the last time, and when many did."""

_HEAVY = 50

Run = Callable[[sqlite3.Connection], Any]


class Relieve(Protocol):
    """Makes room after an error, where it can."""

    def __call__(self, error: sqlite3.Error, *, committing: bool) -> bool:
        """Tell whether what failed may be tried again."""
        ...


@dataclass(slots=True)
class _Job:
    run: Run
    weight: int
    done: asyncio.Future[Any]


class Writer(threading.Thread):
    """Runs jobs in its own thread, in order, several in a commit.

    `undo` reads again what jobs keep in mind, before the next commit after a rollback. `relieve` may make room after
    an error, in a job or in its commit, and tells whether to try once more. `report` is called with the outcome of
    each group: None, or the error of the job that failed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        undo: Callable[[], None],
        relieve: Relieve | None = None,
        report: Callable[[Exception | None], None] = lambda _error: None,
    ) -> None:
        super().__init__(name="journal-writer", daemon=True)
        self._connection = connection
        self._path = path
        self._undo = undo
        self._relieve = relieve
        self._report = report
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._heavy = False
        self._stale = False
        self._committing = False
        self._door = threading.Lock()
        self._closed = False

    async def do(self, run: Run, weight: int = 0) -> Any:
        """Run a job and return its result after the commit that holds it.

        `weight` is how many events it appends: only those wait for company. Raises what the job raises, or the
        JournalError that SQLite's error means; then nothing of the job is kept. A job whose caller is cancelled is
        run all the same. Once the writer is stopped, every job is refused.
        """
        done: asyncio.Future[Any] = self._loop.create_future()
        with self._door:
            if self._closed:
                raise JournalError(f"the journal {self._path} is closed")
            self._jobs.put(_Job(run, weight, done))
        return await asyncio.shield(done)

    def stop(self) -> None:
        """Finish the jobs at hand and end the thread."""
        with self._door:
            self._closed = True
            self._jobs.put(None)
        self.join()

    def run(self) -> None:
        """Gather and commit until told to stop."""
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group, last = self._gather(job)
            self._commit(group)
            if last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """Gather what is there, and wait a little for more where only few events are."""
        group, weight = [first], first.weight
        deadline = time.monotonic() + (HEAVY_S if self._heavy else LIGHT_S)
        while weight < GROUP:
            left = deadline - time.monotonic() if weight else 0.0
            try:
                job = self._jobs.get(timeout=left) if left > 0 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
            weight += job.weight
        self._heavy = weight >= _HEAVY
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        try:
            if self._stale:
                self._undo()
                self._stale = False
            results = self._transaction(group)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
            self._stale = True
            if self._is_relieved(error):
                self._commit(group)
            elif len(group) > 1:
                for job in group:
                    self._commit([job])
            else:
                said = self._said(error)
                self._report(said)
                self._tell([(group[0].done, said)])
            return
        self._report(None)
        self._tell([(job.done, result) for job, result in zip(group, results, strict=True)])

    def _is_relieved(self, error: Exception) -> bool:
        if self._relieve is None or not isinstance(error, sqlite3.Error):
            return False
        return self._relieve(error, committing=self._committing)

    def _transaction(self, group: list[_Job]) -> list[Any]:
        connection = self._connection
        self._committing = False
        connection.execute("begin immediate")
        try:
            results = [job.run(connection) for job in group]
            self._committing = True
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return results

    def _said(self, error: Exception) -> Exception:
        return meaning(error, self._path) if isinstance(error, sqlite3.Error | OSError) else error

    def _tell(self, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        def tell() -> None:
            for future, result in results:
                if future.cancelled():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                    future.exception()  # a caller that was cancelled does not ask
                else:
                    future.set_result(result)

        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop is closed: nobody waits any more, and the commit stands
            return
