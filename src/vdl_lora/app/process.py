"""The process of the service: signals, log and memory around its components."""

import asyncio
import logging
import os
import signal
import sys

import structlog
import uvloop

from vdl_lora import logs
from vdl_lora.settings import Settings

from .heaps import give_back, keep_heaps_small
from .service import run_service

END_S = 10.0
"""An orderly end takes no longer; what is not delivered by then is in the journal."""

_INTERRUPTED = 130

log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Run the service until a signal ends it."""
    keep_heaps_small()
    logs.configure(logging.INFO, sys.stderr, terminal=sys.stderr.isatty())
    logs.hide(settings.chirpstack.api_key, settings.influxdb.token)
    try:
        uvloop.run(_run(settings))
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
