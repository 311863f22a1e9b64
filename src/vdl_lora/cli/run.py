"""`vdl-lora run`: the service."""

import asyncio
import logging
import os
import signal

import structlog
import uvloop

from vdl_lora.app import run_service
from vdl_lora.config import Settings

from .logs import hide
from .terminal import ConfigOption, log_to_stderr, settings_of

END_S = 10.0
"""An orderly end takes no longer; what is not delivered by then is in the journal."""

log = structlog.get_logger(__name__)


def run(*, config: ConfigOption = None) -> None:
    """Run the service: take events from ChirpStack, keep them, decode them, store their values.

    It logs to stderr, in colour on a terminal and as JSON otherwise. Ctrl-C or SIGTERM ends it in order, within ten
    seconds; a second one ends it at once. Either way nothing is lost: what was accepted is in the journal.

    Example: vdl-lora config example > vdl-lora.toml, name your ChirpStack there, then vdl-lora run -c vdl-lora.toml
    """
    log_to_stderr(logging.INFO)
    settings = settings_of(config)
    hide(settings.chirpstack.api_key, settings.influxdb.token)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    await run_service(settings, stop_on_signals(END_S))


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
