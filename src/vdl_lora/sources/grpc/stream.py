"""One device's stream: opens it, reads it, and comes back when it has ended."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal, Protocol, get_args

from vdl_lora import metrics
from vdl_lora.chirpstack import Connection, ListedDevice, Stream, pause_s
from vdl_lora.errors import SourceError, SourceUnavailable
from vdl_lora.events import RawEvent

State = Literal["waiting", "opening", "open", "refused"]
STATES: Final = get_args(State)

HEALTHY_S = 10.0
"""A stream that was open for so long is opened again at once and without a word: proxies cut idle ones."""

_KNOWN = 64
_LONGEST_WORD = 64
_AT_ONCE_S = 0.5
_DIGITS = 15
_MS = 1_000_000
_LATE_NS = 10_000_000_000


class Keeper(Protocol):
    """What a stream needs of the source that keeps it."""

    connection: Connection
    opening: asyncio.Semaphore
    clock: Callable[[], int]

    async def pass_gate(self, stream: "DeviceStream", ended_at_ns: int) -> None:
        """Return when it is a stream's turn to open; `ended_at_ns` is 0 where it is not known to be missed."""
        ...

    def take(self, event: RawEvent, accepted: Callable[[], None]) -> Awaitable[None]:
        """Take an event over; wait while there is no room."""
        ...

    def lost(self, stream: "DeviceStream", at_ns: int, error: SourceError) -> None:
        """Hear that a stream ended at a time, and that it could not be had again at once."""
        ...


class DeviceStream:
    """The stream of a device, for as long as ChirpStack lists it.

    `newest_ms` is the time in the id of its newest LogItem, `seen_at_ns` when the device had last been seen as the
    stream opened.
    """

    __slots__ = ("_keeper", "_known", "_stream", "device", "newest_ms", "opened_at_s", "seen_at_ns", "state", "task")

    def __init__(self, device: ListedDevice, keeper: Keeper) -> None:
        self._keeper = keeper
        self._known: list[int] = []
        self._stream: Stream | None = None
        self.device = device
        self.state: State = "waiting"
        self.task: asyncio.Task[None] | None = None
        self.opened_at_s = 0.0
        self.seen_at_ns = 0
        self.newest_ms = 0

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        loop = asyncio.get_running_loop()
        tries = 0
        ended_at_ns = 0
        while True:
            await self._keeper.pass_gate(self, ended_at_ns)
            error = await self._live()
            metrics.STREAM_ENDS.labels(error.code).inc()
            healthy = self.state == "open" and loop.time() - self.opened_at_s >= HEALTHY_S
            self.state = "refused" if error.action == "wait" else "waiting"
            if healthy:
                tries = 0
                ended_at_ns = self._keeper.clock()
                await asyncio.sleep(random.uniform(0, _AT_ONCE_S))  # noqa: S311 - jitter, no secret
                continue
            self._keeper.lost(self, ended_at_ns or self._keeper.clock(), error)
            ended_at_ns = 0
            await asyncio.sleep(pause_s(tries, error))
            tries += 1

    def reopen(self) -> None:
        """End the call, so that a new one begins."""
        if self._stream is not None:
            self._stream.cancel()

    def is_behind(self) -> bool:
        """Whether the device was heard after the stream opened, and the stream has brought nothing of that time."""
        seen_at_ns = self.device.last_seen_at_ns
        return self.state == "open" and seen_at_ns > self.seen_at_ns and self.newest_ms * _MS < seen_at_ns - _LATE_NS

    async def _live(self) -> SourceError:
        """Open the stream and read it to its end; give what it ended with."""
        connection = self._keeper.connection
        lane = connection.lane()
        try:
            async with self._keeper.opening:
                self.state = "opening"
                self._stream = await connection.stream(self.device.dev_eui, lane)
            self.state = "open"
            self.opened_at_s = asyncio.get_running_loop().time()
            self.seen_at_ns = self.device.last_seen_at_ns
            with connection.understood(f"stream the events of {self.device.dev_eui}"):
                await self._read(self._stream)
        except SourceError as error:
            return error
        finally:
            self.reopen()
            self._stream = None
            lane.streams -= 1
        return SourceUnavailable(f"{connection.settings.server} ended the stream of {self.device.dev_eui}")

    async def _read(self, stream: Stream) -> None:
        """Hand over each LogItem that is not known: each time it opens, the stream brings the whole history again.

        An item is known by its id and body, and only after its event was accepted. Ids alone never tell what is new:
        a clock of Redis may go back.
        """
        keeper = self._keeper
        while item := await stream.read():
            known = hash((item.id, item.body))
            if known in self._known:
                continue
            event = RawEvent(
                item.description[:_LONGEST_WORD],
                "json",
                item.body.encode(),
                "grpc",
                keeper.clock(),
                item.id[:_LONGEST_WORD],
            )
            self._note_time(item.id)
            await keeper.take(event, partial(self._remember, known))

    def _remember(self, known: int) -> None:
        self._known.append(known)
        if len(self._known) > _KNOWN:
            del self._known[0]

    def _note_time(self, item_id: str) -> None:
        ms, _, _ = item_id.partition("-")
        if ms.isascii() and ms.isdigit() and len(ms) <= _DIGITS:
            self.newest_ms = int(ms)
