"""A port of the loopback for a server that a test starts, kills and starts again."""

import random
import socket
from contextlib import closing

_BELOW_EPHEMERAL = range(20_000, 32_000)
"""Linux hands out ports from 32,768 on: a client that looks for a killed server there may be given its very port."""


def free_port() -> int:
    """Give a port that nobody listens on, and that no outgoing connection is given."""
    for port in random.sample(_BELOW_EPHEMERAL, 100):
        with closing(socket.socket()) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port of the loopback is free")
