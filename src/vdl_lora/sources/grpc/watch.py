"""Says once that a way was lost and once that it is back: in the log, and as own events in the journal.

When no stream is open any more, the way as a whole is lost, and single streams are not spoken of.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from vdl_lora import metrics
from vdl_lora.errors import SourceError
from vdl_lora.events import RawEvent, own_event

from .stream import STATES, DeviceStream

SURE_S = 2.0
"""A stream is back when it has been open for so long: ChirpStack opens streams even while its Redis is away."""

_WAY = "grpc"
_SHOWN = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Loss:
    at_ns: int
    error: SourceError


class Watch:
    """Watches the streams of one ChirpStack; `put` takes own events."""

    def __init__(self, server: str, put: Callable[[RawEvent], Awaitable[None]], clock: Callable[[], int]) -> None:
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
        self._lost.setdefault(stream, _Loss(at_ns, error))

    def forget(self, stream: DeviceStream) -> None:
        """Hear that a device is no longer listed: its stream is not missed."""
        self._lost.pop(stream, None)
        self._said.discard(stream)

    async def sweep(self, streams: Collection[DeviceStream], shut: SourceError | None) -> None:
        """Say what has changed since the last time; `shut` is why no stream may be opened now."""
        states = Counter(stream.state for stream in streams)
        for state in STATES:
            metrics.STREAMS.labels(state).set(states[state])
        metrics.WAY_UP.labels(_WAY).set(self._whole is None)
        if self._whole is not None:
            await self._see_whole_back(streams, shut)
        elif shut is not None and not states["open"]:
            await self._say_whole_lost(len(streams), shut)
        else:
            await self._say_single()

    async def _say_whole_lost(self, streams: int, error: SourceError) -> None:
        at_ns = min((loss.at_ns for loss in self._lost.values()), default=self._clock())
        self._whole = _Loss(at_ns, error)
        log.warning("ChirpStack is lost", action=error.action, code=error.code, streams=streams, why=str(error))
        await self._put(own_event("way_lost", at_ns, {**self._detail(error), "streams": str(streams)}))

    async def _see_whole_back(self, streams: Collection[DeviceStream], shut: SourceError | None) -> None:
        if shut is not None or (streams and not any(map(_is_back, streams))):
            return
        log.info("ChirpStack is back", action="resume", server=self._server)
        await self._put(own_event("way_back", self._clock(), {"way": _WAY, "server": self._server}))
        self._whole = None
        self._lost.clear()  # they were lost with the whole, and come back one after another
        self._said.clear()

    async def _say_single(self) -> None:
        new = [stream for stream in self._lost if stream not in self._said]
        if new:
            error = self._lost[new[0]].error
            log.warning(
                "streams were lost",
                action=error.action,
                code=error.code,
                streams=len(new),
                dev_euis=[stream.device.dev_eui for stream in new[:_SHOWN]],
                why=str(error),
            )
        for stream in new:
            loss = self._lost[stream]
            self._said.add(stream)
            await self._put(_about(stream, "way_lost", loss.at_ns, self._detail(loss.error)))
        back = [stream for stream in self._lost if _is_back(stream)]
        for stream in back:
            self.forget(stream)
            await self._put(_about(stream, "way_back", self._clock(), {"way": _WAY, "server": self._server}))
        if back:
            euis = [stream.device.dev_eui for stream in back[:_SHOWN]]
            log.info("streams are back", action="resume", streams=len(back), dev_euis=euis)

    def _detail(self, error: SourceError) -> Mapping[str, str]:
        return {"way": _WAY, "server": self._server, "code": error.code, "words": str(error)}


def _is_back(stream: DeviceStream) -> bool:
    return stream.state == "open" and asyncio.get_running_loop().time() - stream.opened_at_s >= SURE_S


def _about(stream: DeviceStream, about: str, at_ns: int, detail: Mapping[str, str]) -> RawEvent:
    device = stream.device
    return own_event(about, at_ns, detail, dev_eui=device.dev_eui, tenant_id=device.tenant_id)
