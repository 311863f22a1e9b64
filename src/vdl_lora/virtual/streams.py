"""StreamDeviceEvents: the loop that hands a device's history to one client.

ChirpStack reads ten entries after the last it sent, sends them, sleeps a second, and reads again. Here the same
seconds pass, but a stream whose history has nothing new is not woken for them.
"""

import asyncio
from typing import Any

import structlog

from .answers import REDIS_GONE, internal
from .history import FIRST, Histories, event_key
from .items import log_item
from .pbjson import NotJson

_COUNT = 10

_log = structlog.get_logger(__name__)


class Streams:
    """The open streams of a server."""

    def __init__(self, histories: Histories, poll_s: float) -> None:
        self._histories = histories
        self._poll_s = poll_s
        self.open = 0
        self.opened = 0

    async def run(self, dev_eui: str, context: Any) -> None:
        """Send headers at once, then a device's history and all that comes to it, for as long as the client listens.

        `dev_eui` is the text of the request: the key is made from it as it is written.
        """
        key = event_key(dev_eui)
        woken = asyncio.Event()
        tell = woken.set
        self._histories.watch(key, tell)
        self.open += 1
        self.opened += 1
        try:
            await context.send_initial_metadata(())
            await self._loop(key, woken, context)
        finally:
            self.open -= 1
            self._histories.unwatch(key, tell)

    async def _loop(self, key: str, woken: asyncio.Event, context: Any) -> None:
        loop = asyncio.get_running_loop()
        last = FIRST
        while True:
            if self._histories.gone:
                raise internal(REDIS_GONE)
            entries = self._histories.after(key, last, _COUNT)
            for entry in entries:
                last = entry.id
                try:
                    item = log_item(entry)
                except NotJson:
                    _log.warning("event_without_json", key=key, id=str(entry.id))
                    continue
                await context.write(item)
            read_at = loop.time()
            while not self._histories.new(key, last):
                woken.clear()
                await woken.wait()
            waited = loop.time() - read_at
            polls = max(1, -(-waited // self._poll_s))
            await asyncio.sleep(read_at + polls * self._poll_s - loop.time())
