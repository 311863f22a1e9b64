"""A port of the loopback for a server that a test starts, kills and starts again."""

import fcntl
import os
import random
import socket
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

_BELOW_EPHEMERAL = range(20_000, 32_000)
"""Linux hands out ports from 32,768 on: a client that looks for a killed server there may be given its very port."""

_reserved: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, that no outgoing connection is given, and that no other test is given.

    It stays reserved until this process ends, against parallel test processes too: a server binds it later, or binds
    it again after a kill, so that a port may be free at this moment and yet belong to another test.
    """
    for port in random.sample(_BELOW_EPHEMERAL, len(_BELOW_EPHEMERAL)):
        if port not in _reserved and _reserve(port):
            _reserved.add(port)
            if _is_unused(port):
                return port
    raise AssertionError("no port of the loopback is free")


def _reserve(port: int) -> bool:
    """Lock the byte of a port in a file that all test processes of this user share; the system frees it at our end."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    return True


@cache
def _reservations() -> int:
    """Open the shared file, once: POSIX drops all locks of a process when it closes any descriptor of the file."""
    path = Path(tempfile.gettempdir()) / f"vdl-lora-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_unused(port: int) -> bool:
    with closing(socket.socket()) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
