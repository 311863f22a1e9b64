"""A child process that runs codecs: started, asked within a time, and ended; nothing that it says is trusted."""

import importlib.util
import os
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from vdl_lora.decoding.javascript import MAX_OUTPUT
from vdl_lora.errors import CodecStopped

from . import child
from .child import Limits

LIMITS: Final = Limits(
    time_ms=100,  # quickjs counts the CPU time of its process, in which one codec runs at a time
    memory=8 << 20,
    stack=256 << 10,
    output=MAX_OUTPUT,
    builtin_ms=250,  # beyond twice the time of a script: to be loaded, and to be called
    process_memory=192 << 20,
    process_cpu_s=120,
)
ANSWER_S: Final = 10.0
"""How long an answer may take, for machines that crawl; the kernel limits the CPU time."""

_AWAKE_S: Final = 60e-6
START_S: Final = 30.0
MAX_FRAME: Final = 256 << 10
"""Of what comes back: an answer's 64 Ki characters in UTF-8, and its errors and warnings."""

_HEAD: Final = struct.Struct(">I")
_NUMBER: Final = struct.Struct(">Q")
_MAX_WORDS: Final = 300
_FOLDER = Path(__file__).parent
_BEGIN: Final = ("shim.js", "buffer.js", "dates.js")
"""What contexts begin with: the shim, and what `child.EXTRAS` stand for."""

_SIGNALS: Final[dict[int, str]] = {
    signal.SIGPROF: "one of its calls of a built-in function does not end",
    signal.SIGXCPU: "its process used up its time",
}


class Worker:
    """A child; it answers one request at a time, and is ended by whatever it does wrong.

    Raises CodecStopped where it does not start.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.waited_s = 0.0
        """How long it was waited for: at least the CPU time that it used."""
        self._limits = limits
        try:
            self._process = _start(limits)
        except OSError as error:
            raise CodecStopped(f"the process for codecs does not start: {error}") from error
        streams = (self._process.stdin, self._process.stdout)
        if streams[0] is None or streams[1] is None:
            raise AssertionError("both are pipes")
        self._asks, self._tells = streams[0].fileno(), streams[1].fileno()
        for pipe in (self._asks, self._tells):
            os.set_blocking(pipe, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._tells, select.POLLIN)
        self._writable.register(self._asks, select.POLLOUT)
        try:
            begin = b"".join(_framed((_FOLDER / name).read_bytes()) for name in _BEGIN)
            ready = self._exchange(begin, START_S)
        except CodecStopped as error:
            raise CodecStopped(f"the process for codecs does not start: {error}") from error
        if ready[:1] != child.READY:
            self.end()
            raise CodecStopped("the process for codecs does not start as it should")
        self.missing = ready[1:].decode(errors="replace")
        """What of its confinement this system does not know; empty where nothing is missing."""

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_used_up(self) -> bool:
        """Whether it should be replaced, before its process reaches the limit of its CPU time."""
        return self.waited_s > self._limits.process_cpu_s / 2

    def ask(self, what: bytes, number: int, source: str, json: bytes = b"") -> bytes:
        """Ask about a script, whose source is sent where the child has not got it.

        Raises CodecStopped; the child is ended then.
        """
        head = _NUMBER.pack(number)
        request = _framed(what + head + json)
        answer = self._exchange(request, ANSWER_S)
        if answer == child.UNKNOWN:
            answer = self._exchange(_framed(child.SOURCE + head + source.encode()) + request, ANSWER_S)
        if answer[:1] == child.ANSWER:
            return answer[1:]
        self.end()
        if answer[:1] == child.STOPPED:
            raise CodecStopped(f"the codec was stopped: {answer[1:].decode(errors='replace')[:_MAX_WORDS]}")
        raise CodecStopped("the process for codecs gave no answer that can be read")

    def kill(self) -> None:
        """Kill its process, from any thread: whoever waits for its answer gets CodecStopped, and ends it."""
        self._process.kill()

    def end(self) -> None:
        """End it; it leaves nothing behind."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _exchange(self, request: bytes, within_s: float) -> bytes:
        began = time.monotonic()
        try:
            self._write(request, began + within_s)
            answer = self._read(began + within_s)
        except CodecStopped:
            self.end()
            raise
        except (OSError, EOFError):
            cause = self._cause()
            self.end()
            raise CodecStopped(f"the codec was stopped: {cause}") from None
        self.waited_s += time.monotonic() - began
        return answer

    def _write(self, request: bytes, until: float) -> None:
        rest = memoryview(request)
        while rest:
            try:
                rest = rest[os.write(self._asks, rest) :]
            except BlockingIOError:
                _wait(self._writable, until)

    def _read(self, until: float) -> bytes:
        answer, whole = b"", _HEAD.size
        while len(answer) < whole:
            _wait(self._readable, until)
            part = os.read(self._tells, MAX_FRAME)
            if not part:
                raise EOFError
            answer += part
            if len(answer) >= _HEAD.size:
                whole = _HEAD.size + _HEAD.unpack_from(answer)[0]
                if max(whole, len(answer)) > MAX_FRAME:
                    raise CodecStopped(f"the process for codecs gave more than {MAX_FRAME} bytes")
        if len(answer) > whole:
            raise CodecStopped("the process for codecs gave more than was asked for")
        return answer[_HEAD.size :]

    def _cause(self) -> str:
        """Say why it is no more; one that only stopped talking is given a moment to go."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "its process stopped talking"
        if code >= 0:
            return f"its process ended with {code}"
        return _SIGNALS.get(-code) or f"its process was ended by {signal.strsignal(-code) or -code}"


def _start(limits: Limits) -> "subprocess.Popen[bytes]":
    found = importlib.util.find_spec("_quickjs")
    if found is None or found.origin is None:
        raise FileNotFoundError("quickjs-ng is not installed")
    command = [sys.executable, "-I", "-S", "-B", child.__file__, str(Path(found.origin).parent), *map(str, limits)]
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={"TZ": "UTC0"},  # written so, it needs no file of time zones
        start_new_session=True,  # Ctrl-C at a terminal is for us, and what we still deliver needs its codecs
    )


def _framed(frame: bytes) -> bytes:
    return _HEAD.pack(len(frame)) + frame


def _wait(poll: select.poll, until: float) -> None:
    """Wait for a pipe, awake at first: to fall asleep and be woken takes longer than most answers."""
    now = time.monotonic()
    asleep = now + _AWAKE_S
    while now < asleep:
        if poll.poll(0):
            return
        now = time.monotonic()
    left_ms = (until - now) * 1000
    if left_ms <= 0 or not poll.poll(left_ms):
        raise CodecStopped("the codec was stopped: it does not answer")
