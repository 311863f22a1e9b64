"""Says once that a way was lost and once that it is back: in the log, and as own events in the journal.

When no stream is open any more, the way as a whole is lost, and single streams are not spoken of. They end one after
another then, so a single stream is lost only when it has been away for a while.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from vdl_lora import metrics
from vdl_lora.errors import SourceError
from vdl_lora.events import RawEvent, own_event
from vdl_lora.lorawan import WayBack, WayLost

from .stream import STATES, DeviceStream

_WAY = "grpc"
_SHOWN = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Loss:
    at_ns: int
    error: SourceError
    since_s: float


class Watch:
    """Watches the streams of one ChirpStack; `put` takes own events."""

    def __init__(
        self, server: str, put: Callable[[RawEvent], Awaitable[None]], clock: Callable[[], int], sure_s: float
    ) -> None:
        self._sure_s = sure_s
        self._server = server
        self._put = put
        self._clock = clock
        self._lost: dict[DeviceStream, _Loss] = {}
        self._said: set[DeviceStream] = set()
        self._whole: _Loss | None = None

    @property
    def loss(self) -> SourceError | None:
        """Why the way as a whole is lost; None while it is not."""
        return self._whole.error if self._whole is not None else None

    def lost(self, stream: DeviceStream, at_ns: int, error: SourceError) -> None:
        """Hear of a stream that ended at a time and is not open again."""
        self._lost.setdefault(stream, _Loss(at_ns, error, _now_s()))

    def forget(self, stream: DeviceStream) -> None:
        """Hear that a device is no longer listed: its stream is not missed."""
        self._lost.pop(stream, None)
        self._said.discard(stream)

    async def sweep(self, streams: Collection[DeviceStream], shut: SourceError | None) -> None:
        """Say what has changed since the last time; `shut` is why no stream may be opened now."""
        states = Counter(stream.state for stream in streams)
        for state in STATES:
            metrics.STREAMS.labels(state).set(states[state])
        if self._whole is not None:
            await self._see_whole_back(streams, shut)
        elif shut is not None and not states["open"]:
            await self._say_whole_lost(len(streams), shut)
        else:
            await self._say_single()
        metrics.WAY_UP.labels(_WAY).set(self._whole is None)

    async def _say_whole_lost(self, streams: int, error: SourceError) -> None:
        at_ns = min((loss.at_ns for loss in self._lost.values()), default=self._clock())
        self._whole = _Loss(at_ns, error, _now_s())
        log.warning("ChirpStack is lost", action=error.action, code=error.code, streams=streams, why=str(error))
        await self._put(own_event(self._loss(error, streams), at_ns))

    async def _see_whole_back(self, streams: Collection[DeviceStream], shut: SourceError | None) -> None:
        if shut is not None:
            self._say_refused(shut)
            return
        if streams and not any(map(self._is_back, streams)):
            return
        log.info("ChirpStack is back", action="resume", server=self._server)
        await self._put(own_event(WayBack(_WAY, self._server), self._clock()))
        self._whole = None
        self._lost.clear()  # they were lost with the whole, and come back one after another
        self._said.clear()

    def _say_refused(self, error: SourceError) -> None:
        """Say once what a person must do, where that shows only now: ChirpStack is there again, and refuses us."""
        if self._whole is None or error.action != "wait" or self._whole.error.action == "wait":
            return
        self._whole = _Loss(self._whole.at_ns, error, self._whole.since_s)
        log.warning("ChirpStack refuses us", action=error.action, code=error.code, why=str(error))

    async def _say_single(self) -> None:
        gone = [
            (stream, loss)
            for stream, loss in self._lost.items()
            if stream not in self._said and self._is_gone(stream, loss)
        ]
        back = [stream for stream in self._lost if self._is_back(stream)]
        said = [stream for stream in back if stream in self._said]
        self._said.update(stream for stream, _ in gone)
        for stream in back:
            self.forget(stream)
        if gone:
            error = gone[0][1].error
            streams = [stream for stream, _ in gone]
            log.warning("streams were lost", action=error.action, code=error.code, **_shown(streams), why=str(error))
        if said:
            log.info("streams are back", action="resume", **_shown(said))
        for stream, loss in gone:
            await self._put(_about(stream, self._loss(loss.error), loss.at_ns))
        for stream in said:
            await self._put(_about(stream, WayBack(_WAY, self._server), self._clock()))

    def _loss(self, error: SourceError, streams: int = 0) -> WayLost:
        return WayLost(_WAY, self._server, error.code, str(error), streams)

    def _is_back(self, stream: DeviceStream) -> bool:
        return stream.state == "open" and _now_s() - stream.opened_at_s >= self._sure_s

    def _is_gone(self, stream: DeviceStream, loss: _Loss) -> bool:
        return stream.state != "open" and _now_s() - loss.since_s >= self._sure_s


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _shown(streams: Sequence[DeviceStream]) -> dict[str, Any]:
    return {"streams": len(streams), "dev_euis": [stream.device.dev_eui for stream in streams[:_SHOWN]]}


def _about(stream: DeviceStream, content: WayLost | WayBack, at_ns: int) -> RawEvent:
    device = stream.device
    return own_event(content, at_ns, dev_eui=device.dev_eui, tenant_id=device.tenant_id)
