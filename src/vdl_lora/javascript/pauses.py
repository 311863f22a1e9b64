"""Which codecs are refused for a while, since they were stopped again and again: one must not starve the others."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from vdl_lora.decoding.javascript import Script

PATIENCE: Final = 5
"""So many stops in a row bring the first pause; each one after it brings the next, twice as long."""

PATIENCE_S: Final = 0.75
"""So long may some stops in a row have taken together; what takes longer brings a pause before there are five."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
_MOST_DOUBLINGS = 16

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Stops:
    in_a_row: int = 0
    took_s: float = 0.0
    pauses: int = 0
    until_s: float = 0.0
    words: str = ""


class Pauses:
    """Counts stops in a row, by script; a mended script is another one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stops: dict[Script, _Stops] = {}

    def refusal(self, script: Script) -> str:
        """Say why a script is not called now; empty where it is."""
        stops = self._stops.get(script)
        left_s = stops.until_s - self._clock() if stops else 0
        if stops is None or left_s <= 0:
            return ""
        return (
            f"the codec was stopped {stops.in_a_row} times in a row and is not called for {left_s:.0f} s: {stops.words}"
        )

    def are_counted(self, script: Script) -> bool:
        """Tell whether the last call of a script was stopped."""
        return script in self._stops

    def stopped(self, script: Script, words: str, took_s: float = 0.0) -> None:
        """Count a stop, and how long it held up others."""
        with self._lock:
            stops = self._stops.setdefault(script, _Stops())
            stops.in_a_row += 1
            stops.took_s += took_s
            stops.words = words
            if stops.in_a_row < PATIENCE and (stops.in_a_row == 1 or stops.took_s < PATIENCE_S):
                return
            pause_s = min(FIRST_PAUSE_S * 2 ** min(stops.pauses, _MOST_DOUBLINGS), LONGEST_PAUSE_S)
            stops.pauses += 1
            stops.until_s = self._clock() + pause_s
        if stops.pauses == 1:
            log.warning(
                "a codec is stopped again and again; its frames are refused for a growing pause",
                action="wait",
                codec=script.name,
                why=words,
            )

    def worked(self, script: Script) -> None:
        """Forget its stops."""
        if script not in self._stops:
            return
        with self._lock:
            stops = self._stops.pop(script, _Stops())
        if stops.pauses:
            log.info("a codec answers again", action="resume", codec=script.name)
