"""The HTTP integration: an event is posted once to each URL, one after another, and what fails is lost."""

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from . import pbjson
from .wire import application

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_LOOPBACK = re.compile(r"127(?:\.\d+){3}|localhost|::1")
_NO_AUTO = ("User-Agent", "Accept-Encoding")

_log = structlog.get_logger(__name__)


class Pusher:
    """Posts events; each is a task of its own, so their order is not kept. It posts to this machine only."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.posted = 0
        self.failed = 0

    def push(self, integration: Any, kind: str, message: Any) -> None:
        """Begin to post an event as an application's integration says."""
        task = asyncio.get_running_loop().create_task(self._push(integration, kind, message), name=f"push {kind}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until everything is posted or lost."""
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    async def close(self) -> None:
        """Drop what is not posted yet."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _push(self, integration: Any, kind: str, message: Any) -> None:
        as_json = integration.encoding == application.JSON
        try:
            body = pbjson.encode(message) if as_json else message.SerializeToString()
        except pbjson.NotJson:
            self._fail(kind, "the event holds a number that JSON has not")
            return
        headers = {
            **integration.headers,
            "Content-Type": "application/json" if as_json else "application/octet-stream",
        }
        for url in integration.event_endpoint_url.split(","):
            await self._post(url.strip(), kind, body, headers)

    async def _post(self, url: str, kind: str, body: bytes, headers: dict[str, str]) -> None:
        if not _LOOPBACK.fullmatch(urlsplit(url).hostname or ""):
            self._fail(kind, "the URL is none, or not on this machine")
            return
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=256)
            self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, skip_auto_headers=_NO_AUTO)
        try:
            async with self._session.post(
                url, params={"event": kind}, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.ok:
                    self.posted += 1
                else:
                    self._fail(kind, f"status {response.status}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._fail(kind, str(error) or type(error).__name__)

    def _fail(self, kind: str, words: str) -> None:
        self.failed += 1
        _log.info("push_lost", event_kind=kind, words=words)
