"""When to come back: a gate that is shut while ChirpStack is away, and a pace at which everybody goes through."""

import asyncio

from vdl_lora.errors import SourceError
from vdl_lora.retry import retry_delay_s

LONGEST_RETRY_S = 30.0
HELD_S = 60.0
FIRST_S = 0.5


def pause_s(
    tries: int,
    error: SourceError,
    *,
    first_s: float = FIRST_S,
    longest_s: float = LONGEST_RETRY_S,
    held_s: float = HELD_S,
) -> float:
    """Return the pause before the next attempt, in seconds: long where a person must act, else growing with `tries`."""
    if error.action == "wait":
        return retry_delay_s(1, held_s, held_s)
    return retry_delay_s(tries + 1, first_s, longest_s)


class Gate:
    """Shut with the error that shut it, or open; `wait` holds back whoever wants through."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.error: SourceError | None = None

    def shut(self, error: SourceError) -> None:
        """Shut it; the last reason counts."""
        self.error = error
        self._open.clear()

    def open(self) -> None:
        """Let everybody through."""
        self.error = None
        self._open.set()

    async def wait(self) -> None:
        """Return when it is open."""
        await self._open.wait()


class Pace:
    """Lets at most `per_s` pass each second, evenly: nobody is stormed after an outage."""

    def __init__(self, per_s: float) -> None:
        self._every_s = 1 / per_s
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is our turn."""
        now = asyncio.get_running_loop().time()
        due = max(self._next, now)
        self._next = due + self._every_s
        if due > now:
            await asyncio.sleep(due - now)
