"""The lock on the database of a SQLite build: which calls are answered "database is locked"."""

import asyncio
import random

from .answers import internal

LOCKED = "database is locked"


class DatabaseLock:
    """Lets calls through to the database, or refuses a share of them, or the next ones; `refused` counts the refusals.

    ChirpStack waits for a lock (a second by default) before it answers: `wait_s`.
    """

    def __init__(self) -> None:
        self._share = 0.0
        self._calls = 0
        self._wait_s = 0.0
        self.refused = 0

    def set(self, share: float, calls: int, wait_s: float) -> None:
        """Refuse the next `calls`, and then a share (0 to 1) of all.

        Raises ValueError where a number is out of its range.
        """
        if not (0 <= share <= 1 and calls >= 0 and wait_s >= 0):
            raise ValueError("share must be from 0 to 1, and calls and wait_s must not be negative")
        self._share, self._calls, self._wait_s = share, calls, wait_s

    async def enter(self) -> None:
        """Return where a call finds the database free.

        Raises Refused else: the call has done nothing then.
        """
        if self._calls:
            self._calls -= 1
        elif random.random() >= self._share:  # noqa: S311 - no secret
            return
        self.refused += 1
        await asyncio.sleep(self._wait_s)
        raise internal(LOCKED)
