"""The engine: decodes with a few child processes, each for one codec at a time, and with a second try for a stop."""

import itertools
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import structlog

from vdl_lora.decoding.javascript import MAX_OUTPUT, MAX_SCRIPT, Answer, Downlink, Script, Uplinked, Wanted
from vdl_lora.errors import CodecStopped, ConfigError, PayloadError

from . import child
from .child import Limits
from .pauses import Pauses
from .worker import LIMITS, Worker

WORKERS = 2
MAX_CALL = 64 << 10
"""The longest call in bytes, as JSON: a frame of LoRaWAN has 242, variables are a few words."""

_MAX_NUMBERED = 4096
_NS_IN_MS = 1_000_000

log = structlog.get_logger(__name__)


class _Downlinked(msgspec.Struct, rename="camel"):
    """What the shim writes of a downlink."""

    f_port: int
    bytes: list[int]


class _Answered(msgspec.Struct):
    """What the shim writes."""

    errors: list[str] = []
    warnings: list[str] = []
    data: msgspec.Raw = msgspec.Raw()


_read_answer = msgspec.json.Decoder(_Answered).decode
_read_downlink = msgspec.json.Decoder(_Downlinked).decode
_write_call = msgspec.json.Encoder().encode


class _Seat:
    """A place for a child, which is started when it is needed."""

    __slots__ = ("worker",)

    def __init__(self) -> None:
        self.worker: Worker | None = None

    def end(self) -> None:
        """End its child; the next one starts when it is needed."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.end()


class QuickJs:
    """Runs codecs in quickjs-ng, in at most so many children; an `Engine`.

    With `require_confinement` every call raises ConfigError where the system cannot confine a child.
    """

    def __init__(
        self,
        workers: int = WORKERS,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
        *,
        require_confinement: bool = False,
    ) -> None:
        self.missing = ""
        self._require_confinement = require_confinement
        self._limits = limits
        self._clock = clock
        self._pauses = Pauses(clock)
        self._seats: queue.LifoQueue[_Seat] = queue.LifoQueue()  # the last used first: others need not be started
        self._all = [_Seat() for _ in range(workers)]
        for seat in self._all:
            self._seats.put(seat)
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._next_number = itertools.count(1)
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """The process ids of the children that run."""
        return [worker.pid for seat in self._all if (worker := seat.worker)]

    def problem(self, script: Script) -> str:
        """Say what makes a script none that can be run; empty where it can."""
        if words := _unfit(script):
            return words
        try:
            with self._seat() as seat:
                answer = self._ask(seat, child.PROBLEM, script)
        except CodecStopped as error:
            return str(error)
        return "; ".join(answer.errors)

    def decode(self, script: Script, uplinked: Uplinked) -> Answer:
        """Call a codec, once more where it is stopped.

        Raises CodecStopped where a limit or the end of its process stopped it both times, or once and the call before
        too, or it is refused for a pause; PayloadError where the script or the call is none that can be run.
        """
        return self._called(script, child.KEPT if script.reusable else child.FRESH, _call(uplinked))

    def encode_downlink(self, script: Script, wanted: Wanted) -> Downlink:
        """Let a codec write a downlink.

        Raises what `decode` raises, and PayloadError with the codec's words where it writes none.
        """
        call = {"fPort": wanted.f_port, "data": wanted.data, "recvTime": wanted.at_ns // _NS_IN_MS}
        call |= {"call": "encodeDownlink", "variables": wanted.variables}
        answer = self._called(script, child.FRESH, _written(call))
        if answer.errors:
            raise PayloadError(f"the codec says: {'; '.join(answer.errors)}")
        try:
            written = _read_downlink(answer.data)
            return Downlink(written.f_port, bytes(written.bytes))
        except ValueError as error:
            raise CodecStopped(f"the process for codecs gave no downlink that can be read: {error}") from error

    def decode_downlink(self, script: Script, frame: Downlink, at_ns: int = 0) -> Answer:
        """Let a codec read a downlink, as `decode` does an uplink; few can."""
        call: dict[str, Any] = {"call": "decodeDownlink", "bytes": list(frame.payload), "fPort": frame.f_port}
        return self._called(script, child.FRESH, _written({**call, "recvTime": at_ns // _NS_IN_MS, "variables": {}}))

    def _called(self, script: Script, what: bytes, call: bytes) -> Answer:
        if words := _unfit(script):
            raise PayloadError(f"the codec cannot be run: {words}")
        if words := self._pauses.refusal(script):
            raise CodecStopped(words)
        with self._seat() as seat:
            answer = self._tried(seat, what, script, call)
        self._pauses.worked(script)
        return answer

    def close(self) -> None:
        """Kill the children and return at once: a codec that is called just now is stopped, and so are later calls."""
        with self._lock:
            self._closed = True
            running = [worker for seat in self._all if (worker := seat.worker)]
        for worker in running:
            worker.kill()
        self._end_free()

    def _end_free(self) -> None:
        """End the children that nobody calls; a caller ends its own."""
        free: list[_Seat] = []
        with suppress(queue.Empty):
            while True:
                free.append(self._seats.get_nowait())
        for seat in free:
            seat.end()
            self._seats.put(seat)  # whoever waits for one is refused then

    @contextmanager
    def _seat(self) -> Generator[_Seat]:
        seat = self._seats.get()
        try:
            yield seat
        except BaseException:
            seat.end()
            raise
        finally:
            self._seats.put(seat)
            if self._closed:
                self._end_free()

    def _tried(self, seat: _Seat, what: bytes, script: Script, call: bytes) -> Answer:
        """Ask, and again in a new process; only once where that did not help the last time either."""
        tries = 1 if self._pauses.are_counted(script) else 2
        begun = self._clock()
        while True:
            self._ready(seat)  # that no process starts is no fault of the codec
            tries -= 1
            try:
                return self._ask(seat, what, script, call)
            except CodecStopped as error:
                if not tries:
                    self._pauses.stopped(script, str(error), self._clock() - begun)
                    raise

    def _ready(self, seat: _Seat) -> Worker:
        if seat.worker is not None and seat.worker.is_used_up:
            seat.end()
        if seat.worker is None and not self._closed:
            seat.worker = Worker(self._limits)
            self._check_confinement(seat.worker.missing)
        with self._lock:  # a child that was started while the engine closed is not known to `close`
            if seat.worker is None or self._closed:
                raise CodecStopped("the engine of codecs is closed")
        return seat.worker

    def _ask(self, seat: _Seat, what: bytes, script: Script, call: bytes = b"") -> Answer:
        worker = self._ready(seat)
        try:
            content = worker.ask(what, self._number(script.source), script.source, call)
            answer = _read_answer(content)
        except CodecStopped:
            seat.end()
            raise
        except (msgspec.DecodeError, RecursionError) as error:
            seat.end()
            raise CodecStopped(f"the process for codecs gave no answer that can be read: {error}") from error
        data = bytes(answer.data)
        if len(data) > MAX_OUTPUT:
            return Answer(errors=(f"the answer has {len(data)} bytes, at most {MAX_OUTPUT} are taken",))
        return Answer(data, tuple(answer.errors), tuple(answer.warnings))

    def _number(self, source: str) -> int:
        number = self._numbers.get(source)
        if number is None:
            with self._lock:
                if len(self._numbers) >= _MAX_NUMBERED:
                    self._numbers.clear()
                number = self._numbers.setdefault(source, next(self._next_number))
        return number

    def _check_confinement(self, missing: str) -> None:
        if missing and self._require_confinement:
            raise ConfigError(
                f"javascript.require_confinement: the process of scripts cannot be confined for want of {missing}",
                advice="run it on a Linux kernel with seccomp, on x86-64 or 64-bit ARM, or set the key to false",
            )
        if missing and not self.missing:
            log.warning("codecs run less confined than they could be", action="continue", missing=missing)
        self.missing = missing


def _unfit(script: Script) -> str:
    if not script.source.strip():
        return "it is empty"
    if len(script.source) > MAX_SCRIPT:
        return f"it has {len(script.source)} bytes or more, at most {MAX_SCRIPT} are taken"
    try:
        size = len(script.source.encode())
    except UnicodeEncodeError:
        return "it is no text"
    if size > MAX_SCRIPT:
        return f"it has {size} bytes, at most {MAX_SCRIPT} are taken"
    return "it is no text" if "\0" in script.source else ""


def _call(uplinked: Uplinked) -> bytes:
    return _written(
        {
            "bytes": list(uplinked.payload),
            "fPort": uplinked.f_port,
            "recvTime": uplinked.received_at_ns // _NS_IN_MS,
            "variables": uplinked.variables,
        }
    )


def _written(call: Mapping[str, Any]) -> bytes:
    json = _write_call(call)
    if len(json) > MAX_CALL:
        raise PayloadError(f"payload and variables have {len(json)} bytes as JSON, at most {MAX_CALL} are taken")
    return json
