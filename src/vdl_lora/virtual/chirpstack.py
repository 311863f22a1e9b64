"""The virtual ChirpStack as tests, the demo and benchmarks hold it: starts, stops and fails on demand."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import msgspec

from vdl_lora.errors import ConfigError

from .emitter import EVENT, Emitting
from .history import Entry, EntryId, Histories
from .lock import DatabaseLock
from .model import Database
from .push import Pusher
from .registry import ADMIN, Registering, Services
from .server import Server
from .state import Forgetful, Record, StateFile
from .streams import Streams
from .wire import internal


class VirtualChirpStack(Registering, Emitting):
    """A ChirpStack in this process; `async with` starts and stops it.

    `history` is per_device_event_log_max_history (0: no history, all streams stay silent), `poll_s` the pause between
    two reads of a stream, `clock` ChirpStack's and Redis's clock in ns since 1970. With `state` it keeps its database
    and its histories in a file, and takes them from there.
    """

    def __init__(  # noqa: PLR0913 - what its configuration file would say
        self,
        *,
        bind: str = "127.0.0.1:0",
        history: int = 10,
        poll_s: float = 1.0,
        state: Path | None = None,
        clock: Callable[[], int] = time.time_ns,
        anywhere: bool = False,
    ) -> None:
        self._bind = bind
        self._anywhere = anywhere
        self._file = StateFile(state) if state is not None else None
        self.state = self._file or Forgetful()
        self.clock = clock
        self.emitted = Counter()
        self.database = Database(self.state, self._now)
        self.histories = Histories(history, self._now)
        self.streams = Streams(self.histories, poll_s)
        self.lock = DatabaseLock()
        self.pusher = Pusher()
        self.services = Services(self.database)
        self._server: Server | None = None
        self._load()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()
        await self.close()

    # ------------------------------------------------------------------ running

    @property
    def address(self) -> str:
        """Where it listens, `host:port`; it keeps the port when it is started again."""
        return self._bind

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self) -> None:
        """Listen.

        Raises ConfigError where the address is taken, or is not on this machine.
        """
        if self._server is not None:
            return
        server = Server(self.services.by_name, self.streams, self.lock, self.database.secret, self._now)
        self._bind = await server.start(self._bind, anywhere=self._anywhere)
        self._server = server

    async def stop(self, grace_s: float | None = None) -> None:
        """Stop listening and drop all calls, as ChirpStack does when it ends; with a grace, wait for them first."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)

    async def close(self) -> None:
        """Let go of everything; its state stays in its file."""
        await self.pusher.close()
        if self._file is not None:
            self._file.close()

    def redis_fails(self) -> None:
        """Let Redis be gone: at their next read all streams end with INTERNAL, and events go to no history."""
        self.histories.gone = True

    def redis_recovers(self) -> None:
        """Let Redis be back, with all it had."""
        self.histories.gone = False

    def lock_database(self, *, share: float = 0.0, calls: int = 0, wait_s: float = 0.0) -> None:
        """Answer the next `calls` and then a share (0 to 1) of all with INTERNAL "database is locked".

        So does a ChirpStack on SQLite, now and then, to calls of any kind; it has waited `wait_s` for the lock before.
        A call that was answered so has changed nothing. Without arguments the database is free again.
        """
        self.lock.set(share, calls, wait_s)

    def _now(self) -> int:
        return self.clock()

    def _load(self) -> None:
        """Take everything from the file, and make what a new installation has."""
        if self._file is not None:
            try:
                for record in self._file.load():
                    self._restore(record)
            except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
                raise ConfigError(f"the state file of the virtual ChirpStack cannot be read: {error}") from error
        if not len(self.database.tenants):
            self.database.seed()
        if not self._admin_id():
            request = internal.CreateApiKeyRequest()
            request.api_key.name, request.api_key.is_admin = ADMIN, True
            self.services.internal.create_api_key(request, self._admin)
        if self._file is not None:
            self._file.open(self._records)

    def _restore(self, record: Record) -> None:
        if record[0] == EVENT:
            _, key, ms, seq, kind, body = record
            self.histories.restore(key, Entry(EntryId(ms, seq), kind, body))
        elif not self.database.restore(record):
            raise ConfigError(f"the state file holds a record of a kind that is not known here: {record[0]!r}")

    def _records(self) -> Iterable[Record]:
        yield from self.database.records()
        for key, entry in self.histories.entries():
            yield (EVENT, key, *entry.id, entry.kind, entry.body)
