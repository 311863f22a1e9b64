"""Why an event is in quarantine. A value that storage and interpretation share; it stands below both."""

import msgspec

from vdl_lora.errors import VdlLoraError

_LONGEST_REASON = 500


class Mark(msgspec.Struct, frozen=True):
    """Why an event is in quarantine: at which stage, with which code, in words; `sink` is the one that refuses it."""

    stage: str
    code: str
    words: str
    sink: str = ""


def mark_of(stage: str, error: VdlLoraError) -> Mark:
    """Give the mark of an event that failed with this error."""
    return Mark(stage, error.code, str(error)[:_LONGEST_REASON])
