"""One device's stream: opens it, reads it, and comes back when it has ended."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal, Protocol, get_args

from vdl_lora import metrics
from vdl_lora.chirpstack import BusyRetries, Connection, ListedDevice, Stream
from vdl_lora.errors import SourceBusy, SourceError, SourceUnavailable
from vdl_lora.events import RawEvent

from .settings import GrpcSettings

State = Literal["waiting", "opening", "open", "refused"]
STATES: Final = get_args(State)

_KNOWN = 64
_LONGEST_WORD = 64
_PATIENCE = 2
_MOST_PATIENCE = 64


class Keeper(Protocol):
    """What a stream needs of the source that keeps it."""

    connection: Connection
    opening: asyncio.Semaphore
    clock: Callable[[], int]
    settings: GrpcSettings

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
    """The stream of a device, for as long as ChirpStack lists it; `opened_at_s` is a time of the loop's clock."""

    __slots__ = (
        "_brought_at_s",
        "_due_since_s",
        "_keeper",
        "_known",
        "_late",
        "_ours",
        "_patience",
        "_stream",
        "device",
        "opened_at_s",
        "state",
        "task",
    )

    def __init__(self, device: ListedDevice, keeper: Keeper) -> None:
        self._keeper = keeper
        self._known: dict[int, None] = {}
        self._stream: Stream | None = None
        self.device = device
        self.state: State = "waiting"
        self.task: asyncio.Task[None] | None = None
        self.opened_at_s = 0.0
        self._brought_at_s = 0.0
        self._due_since_s = 0.0
        self._late = 0
        self._ours = False
        self._patience = _PATIENCE

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        loop, settings = asyncio.get_running_loop(), self._keeper.settings
        tries = 0
        ended_at_ns = 0
        busy: BusyRetries | None = None
        while True:
            await self._keeper.pass_gate(self, ended_at_ns)
            error = await self._live()
            metrics.STREAM_ENDS.labels(error.code).inc()
            open_s = loop.time() - self.opened_at_s if self.state == "open" else 0.0
            self.state = "refused" if error.action == "wait" else "waiting"
            if open_s >= settings.sure_s:
                ended_at_ns, busy = 0, None  # that end is over
            if isinstance(error, SourceBusy):
                busy = busy or BusyRetries(self._keeper.connection.settings.busy_s)
                if (delay_s := busy.delay_s()) is not None:
                    await asyncio.sleep(delay_s)
                    continue
            busy = None
            if open_s >= settings.healthy_s or (open_s and self._ours):
                tries = 0
                ended_at_ns = self._keeper.clock()
                await asyncio.sleep(random.uniform(0, settings.at_once_s))  # noqa: S311 - jitter, no secret
                continue
            self._keeper.lost(self, ended_at_ns or self._keeper.clock(), error)
            ended_at_ns = 0
            await asyncio.sleep(settings.pause_s(tries, error))
            tries += 1

    def take_listing(self, device: ListedDevice, before_s: float) -> bool:
        """Take the device as it is listed now; say whether the stream is silent, and was for long enough to reopen it.

        `before_s` is when the listing before this one began: where the device was heard since, something new must
        have come since too. No clock of ChirpStack's or of Redis's is asked for that. A stream that stays silent when
        it is opened again is given twice as long: its ChirpStack may keep no history.
        """
        heard = device.last_seen_at_ns != self.device.last_seen_at_ns
        self.device = device
        if self.state != "open":
            self._due_since_s = 0.0
        elif not self._due_since_s and heard:
            self._due_since_s, self._late = before_s, 0
        if self._brought_at_s >= self._due_since_s:
            self._due_since_s = 0.0
            return False
        self._late += 1
        return self._late >= self._patience

    def reopen_silent(self) -> None:
        """End the call of a stream that is silent, so that a new one begins."""
        self._due_since_s = 0.0
        self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._ours = True
        self._cancel()

    async def _live(self) -> SourceError:
        """Open the stream and read it to its end; give what it ended with."""
        connection = self._keeper.connection
        self._ours = False
        lane = connection.lane()
        try:
            async with self._keeper.opening:
                self.state = "opening"
                began_at_s = asyncio.get_running_loop().time()
                self._stream = await connection.stream(self.device.dev_eui, lane)
            self.state = "open"
            self.opened_at_s = began_at_s  # when ChirpStack accepted it, a proxy may have told late
            with connection.understood(f"stream the events of {self.device.dev_eui}"):
                await self._read(self._stream)
        except SourceError as error:
            return error
        finally:
            self._cancel()
            self._stream = None
            lane.streams -= 1
        return SourceUnavailable(f"{connection.settings.server} ended the stream of {self.device.dev_eui}")

    async def _read(self, stream: Stream) -> None:
        """Hand over each LogItem that is not known: each time it opens, the stream brings the whole history again.

        An item is known by its id and body, and only after its event was accepted. Ids alone never tell what is new:
        a clock of Redis may go back.
        """
        keeper, loop = self._keeper, asyncio.get_running_loop()
        while item := await stream.read():
            item_id, body = item.id, item.body  # protobuf makes them anew each time they are asked for
            known = hash((item_id, body))
            if known not in self._known:
                kind = item.description[:_LONGEST_WORD]
                event = RawEvent(kind, "json", body, "grpc", keeper.clock(), item_id[:_LONGEST_WORD])
                self._brought_at_s, self._patience = math.inf, _PATIENCE  # it is not silent, it is we who hold it back
                await keeper.take(event, partial(self._remember, known))
                self._brought_at_s = loop.time()
                del event
            del item, item_id, body  # nothing is held while the next one is waited for: in 1,000 streams that is 4 MB

    def _cancel(self) -> None:
        if self._stream is not None:
            self._stream.cancel()

    def _remember(self, known: int) -> None:
        self._known[known] = None
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
