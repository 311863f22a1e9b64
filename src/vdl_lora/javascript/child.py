"""The process that codecs run in: no file, no network, little memory, few system calls; it imports nothing of ours.

It is started by its path, with the folder of quickjs and its limits as arguments, and asked over its standard input.
A frame is its length in four bytes, then what it is in one, then a script's number in eight, then the rest. The first
are what contexts begin with: the shim, and then what only codecs need that name the words of EXTRAS.
"""

import ctypes
import importlib
import os
import resource
import signal
import struct
import sys
from types import ModuleType
from typing import Final, NamedTuple, Protocol, TypeVar, cast

SOURCE, FRESH, KEPT, PROBLEM = b"S", b"F", b"K", b"P"
READY, ANSWER, STOPPED, UNKNOWN = b"R", b"A", b"X", b"?"
EXTRAS: Final = ("Buffer", "toLocale")

_HEAD: Final = struct.Struct(">I")
_STDIN, _STDOUT = 0, 1
_MAX_SOURCES = 64
_MAX_KEPT = 16
_AT_START = '{"recvTime":0}'
"""The clock of a kept context while its script is evaluated: its first frame must not show in the others."""

_OUT_OF_MEMORY = b"it needs more memory than it may have"
_STOPS: Final = {"InternalError: interrupted": b"it needs more time than it may have"}
_STOPS.update(dict.fromkeys(("InternalError: out of memory", "null"), _OUT_OF_MEMORY))

_SYSTEM_CALLS: Final = {  # source: the kernel's tables, arch/x86/entry/syscalls and include/uapi/asm-generic/unistd.h
    # read, write, exit, exit_group; brk, mmap, munmap, mremap, mprotect, madvise; futex, clock_gettime, gettimeofday,
    # setitimer; and what signals need: rt_sigprocmask, rt_sigreturn, restart_syscall
    "x86_64": (0xC000003E, (0, 1, 60, 231, 12, 9, 11, 25, 10, 28, 202, 228, 96, 38, 14, 15, 219)),
    "aarch64": (0xC00000B7, (63, 64, 93, 94, 214, 222, 215, 216, 226, 233, 98, 113, 169, 103, 135, 139, 128)),
}
_SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 4, 22, 38
_SECCOMP_FILTER = 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050001  # refused: the call says EPERM
_NR_AT, _ARCH_AT = 0, 4

_T = TypeVar("_T")


class Limits(NamedTuple):
    """What a script may use, and then what the process may: times in ms or s of CPU, sizes in bytes."""

    time_ms: int
    memory: int
    stack: int
    output: int
    builtin_ms: int
    process_memory: int
    process_cpu_s: int


class Called(Protocol):
    """The one function of the shim."""

    def __call__(self, step: str, json: str = "", /) -> str:
        """Do a step."""
        ...


class Context(Protocol):
    """What is used of a context of quickjs; each has a heap of its own."""

    def eval(self, code: str, /) -> object:
        """Evaluate a script."""
        ...

    def set_time_limit(self, limit: float, /) -> None:
        """Limit the CPU time of each call, in seconds."""
        ...

    def set_memory_limit(self, limit: int, /) -> None:
        """Limit the heap, in bytes."""
        ...

    def set_max_stack_size(self, limit: int, /) -> None:
        """Limit the stack, in bytes."""
        ...


class Codecs:
    """The scripts that are known by a number, and the contexts that are kept for some; the longest unused goes."""

    def __init__(self, quickjs: ModuleType, limits: Limits, shim: str, extras: dict[str, str]) -> None:
        self._context = cast("type[Context]", quickjs.Context)
        self._error = cast("type[Exception]", quickjs.JSException)
        self._limits = limits
        self._shim = f"{shim.rstrip()}({limits.output})"
        self._extras = extras
        self._sources: dict[bytes, str] = {}
        self._kept: dict[bytes, Called] = {}

    def answer(self, request: bytes) -> bytes:
        """Do what a frame asks; a source is only kept, and has no answer."""
        what, number, rest = request[:1], request[1:9], request[9:].decode()
        if what == SOURCE:
            _keep(self._sources, number, rest, _MAX_SOURCES)
            return b""
        source = self._sources.get(number)
        if source is None:
            return UNKNOWN
        _keep(self._sources, number, source, _MAX_SOURCES)
        try:
            return self._run(what, number, source, rest)
        except self._error as error:
            self._kept.pop(number, None)
            words, _ = _words(error)
            return STOPPED + _STOPS.get(words, words.encode())

    def _run(self, what: bytes, number: bytes, source: str, json: str) -> bytes:
        call = self._kept.get(number) if what == KEPT else None
        if call is None:
            context, call = self._begun()
            for word, extra in self._extras.items():
                if word in source:
                    context.eval(extra)
            call("prepare", json if what == FRESH else _AT_START)
            try:
                context.eval(source)
            except self._error as error:
                words, line = _words(error)
                if words in _STOPS:
                    raise
                return ANSWER + call("failed", words + line).encode()
        if what == PROBLEM:
            return ANSWER + call("problem").encode()
        if what == KEPT:
            _keep(self._kept, number, call, _MAX_KEPT)
        answer = call("answer", json)
        if not answer:
            self._kept.pop(number, None)
            return STOPPED + _OUT_OF_MEMORY
        return ANSWER + answer.encode()

    def _begun(self) -> tuple[Context, Called]:
        context = self._context()
        context.set_max_stack_size(self._limits.stack)
        context.set_memory_limit(self._limits.memory)
        context.set_time_limit(self._limits.time_ms / 1000)
        return context, cast("Called", context.eval(self._shim))


def serve(codecs: Codecs, limits: Limits) -> None:
    """Answer until nobody asks any more.

    No interrupt reaches a built-in function of the engine, so each request has a time after which the kernel ends us.
    """
    longest_s = limits.builtin_ms / 1000
    while request := read_frame():
        signal.setitimer(signal.ITIMER_PROF, longest_s)
        answer = codecs.answer(request)
        if answer:
            write_frame(answer)


def read_frame() -> bytes:
    """Read a frame; empty at the end."""
    head = _read(_HEAD.size)
    return _read(_HEAD.unpack(head)[0]) if len(head) == _HEAD.size else b""


def write_frame(frame: bytes) -> None:
    """Write a frame."""
    rest = memoryview(_HEAD.pack(len(frame)) + frame)
    while rest:
        rest = rest[os.write(_STDOUT, rest) :]


def _read(size: int) -> bytes:
    part = os.read(_STDIN, size)
    if len(part) == size or not part:
        return part
    parts = [part]
    size -= len(part)
    while size and (part := os.read(_STDIN, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts) if not size else b""


def _keep(kept: dict[bytes, _T], number: bytes, what: _T, most: int) -> None:
    kept.pop(number, None)
    kept[number] = what
    if len(kept) > most:
        del kept[next(iter(kept))]


def _words(error: Exception) -> tuple[str, str]:
    words, _, where = str(error).partition("\n")
    line = where.partition("<input>:")[2].partition(":")[0]
    return words, f" (line {line})" if line.isdecimal() else ""


def confine(limits: Limits) -> list[str]:
    """Give up what a codec must not have; name what this system does not let us give up."""
    missing: list[str] = []
    for name, most in (
        ("RLIMIT_AS", limits.process_memory),
        ("RLIMIT_CPU", limits.process_cpu_s),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 0),
    ):
        try:
            what = getattr(resource, name)
            set_before = resource.getrlimit(what)[1]
            limit = most if set_before == resource.RLIM_INFINITY else min(most, set_before)
            resource.setrlimit(what, (limit, limit))
        except (AttributeError, ValueError, OSError):
            missing.append(name)
    if not _refuse_system_calls():
        missing.append("seccomp")
    return missing


def _refuse_system_calls() -> bool:
    arch, allowed = _SYSTEM_CALLS.get(os.uname().machine, (0, ()))
    if not allowed or sys.platform != "linux" or sys.maxsize < 1 << 32:
        return False
    last = len(allowed) + 2  # the index of the instruction that refuses; the one after it allows
    program = [(_LOAD, 0, 0, _ARCH_AT), (_EQUAL, 0, last - 2, arch), (_LOAD, 0, 0, _NR_AT)]
    program += [(_EQUAL, last - at, 0, number) for at, number in enumerate(allowed, start=2)]
    program += [(_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOWED)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    filtered = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None).prctl
    number = ctypes.c_ulong
    prctl(_SET_DUMPABLE, number(0), number(0), number(0), number(0))
    prctl(_SET_NO_NEW_PRIVS, number(1), number(0), number(0), number(0))
    at = number(ctypes.addressof(filtered))
    return bool(prctl(_SET_SECCOMP, number(_SECCOMP_FILTER), at, number(0), number(0)) == 0)


def main() -> None:
    """Begin, give up what codecs must not have, say so, and serve."""
    sys.path.append(sys.argv[1])
    limits = Limits(*map(int, sys.argv[2:]))
    quickjs = importlib.import_module("_quickjs")  # what the package quickjs wraps, which also starts threads
    codecs = Codecs(quickjs, limits, read_frame().decode(), {word: read_frame().decode() for word in EXTRAS})
    missing = confine(limits)
    write_frame(READY + ",".join(missing).encode())
    serve(codecs, limits)


if __name__ == "__main__":
    code = 1
    try:
        main()
        code = 0
    finally:
        os._exit(code)  # what Python would tidy up needs system calls that are given up
