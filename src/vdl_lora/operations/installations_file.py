"""Reads the installations' file again when it changes, while the service runs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from vdl_lora.catalog import Catalog
from vdl_lora.errors import ConfigError
from vdl_lora.installations import Installations
from vdl_lora.interfaces import Check, Component

from .knowledge import Interpreter, check_installations, read_installations

EVERY_S = 5.0

log = structlog.get_logger(__name__)


class InstallationsFile(Component[[]]):
    """The component that replaces an interpreter's installations by those of a file, each time that it changes.

    A file with a mistake changes nothing: the installations before it stay in use, and `state` says what is wrong.
    """

    name = "installations"

    def __init__(self, path: Path, catalog: Catalog, interpreter: Interpreter, every_s: float = EVERY_S) -> None:
        self._path = path
        self._catalog = catalog
        self._interpreter = interpreter
        self._every_s = every_s
        self._stamp = _stamp(path)
        self._problem = ""

    async def run(self) -> None:
        """Look every few seconds whether the file has changed, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            stamp = await asyncio.to_thread(_stamp, self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                await self._replace()

    def state(self) -> Sequence[Check]:
        """Say what is wrong with the file, where its newest version is not in use."""
        if not self._problem:
            return ()
        advice = "correct it; until then the installations before that change stay in use"
        return [Check(self.name, ok=False, words=self._problem, advice=advice)]

    async def _replace(self) -> None:
        try:
            installations = await asyncio.to_thread(self._read)
        except ConfigError as error:
            self._problem = str(error)
            log.exception("the installations' file is wrong; the former installations stay in use", why=self._problem)
            return
        self._problem = ""
        self._interpreter.installations = installations
        log.info("installations were read again", action="reload", installations=sum(1 for _ in installations))

    def _read(self) -> Installations:
        installations = read_installations(self._path)
        check_installations(self._catalog, installations)
        return installations


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Give what changes with a file; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
