"""The service's process: signals, log and settings around the rooms, and what a service does not need is not here."""

import asyncio
import logging
import os
import pickle
import signal
import sys
from contextlib import suppress

import structlog
import uvloop

from vdl_lora.app.service import run_service
from vdl_lora.errors import VdlLoraError
from vdl_lora.settings import Settings

from . import logs
from .heaps import give_back, keep_heaps_small

END_S = 10.0
"""An orderly end takes no longer; what is not delivered by then is in the journal."""

_INTERRUPTED = 130

log = structlog.get_logger(__name__)


def replace_process(settings: Settings) -> None:
    """Become a process that runs the service with these settings, and has imported nothing else.

    It keeps the process's id and files. The settings go through memory that has no name, since secrets may be in them.
    Where the system gives no such memory, or lets nothing be executed, this returns.
    """
    with suppress(AttributeError, OSError):
        handle = os.memfd_create("settings", 0)
        os.write(handle, pickle.dumps(settings))
        os.execv(sys.executable, [sys.executable, "-P", "-m", f"{__package__}.process", str(handle)])  # noqa: S606 - no shell


def handed_over(handle: int) -> Settings:
    """Read the settings that `replace_process` wrote."""
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        found: Settings = pickle.load(file)  # noqa: S301 - our own, from before this process was replaced
    return found


def serve(settings: Settings) -> None:
    """Run the service until a signal ends it."""
    keep_heaps_small()
    logs.configure(logging.INFO, sys.stderr, terminal=sys.stderr.isatty())
    logs.hide(settings.chirpstack.api_key, settings.influxdb.token)
    try:
        uvloop.run(_run(settings))
    except VdlLoraError as error:
        from .terminal import end  # noqa: PLC0415 - with all that a service does not need

        end(error)
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


async def _run(settings: Settings) -> None:
    giving_back = asyncio.create_task(give_back(), name="give memory back")
    await run_service(settings, stop_on_signals(END_S))
    giving_back.cancel()


def stop_on_signals(end_s: float) -> asyncio.Event:
    """Give an event that the first SIGINT or SIGTERM sets; a second one, or an end that takes longer, is the end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            _end_at_once("ended at once", number)
        stop.set()
        loop.call_later(end_s, _end_at_once, "the end took too long", number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    return stop


def _end_at_once(why: str, number: int) -> None:
    """Leave without closing anything: the journal needs no closing."""
    log.warning(why, action="stop")
    os._exit(128 + number)
