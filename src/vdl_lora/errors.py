"""The errors of vdl_lora; each says what the pipeline must do next.

VdlLoraError
├── ConfigError             stop         all problems at once, exit 78
├── SourceError
│   ├── SourceUnavailable   retry
│   │   └── SourceBusy      retry        soon
│   ├── SourceRefused       wait
│   └── BadMessage          quarantine
├── DecodeError
│   ├── NoDecoder           quarantine
│   ├── PayloadError        quarantine
│   └── CodecStopped        retry        then quarantine
├── JournalError            stop
│   ├── JournalFull         wait         sources stop acknowledging
│   ├── JournalUnavailable  retry        sources stop acknowledging
│   ├── JournalBusy         stop
│   ├── JournalTooNew       stop
│   └── JournalCorrupt      stop
└── SinkError
    ├── SinkUnavailable     retry
    ├── SinkRefused         wait
    └── PointsRefused       halve

The pipeline reads `action`, pages and scripts read `code`, people read the message: by default the docstring.
"""

from collections.abc import Sequence
from inspect import cleandoc
from typing import ClassVar, Literal

Action = Literal["retry", "wait", "halve", "quarantine", "stop"]


class VdlLoraError(Exception):
    """Something went wrong in vdl_lora; the log lines before this one say what."""

    action: ClassVar[Action] = "stop"
    code: ClassVar[str] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or cleandoc(type(self).__doc__ or self.code))


class ConfigError(VdlLoraError):
    """The configuration is wrong; correct the keys named here and start again."""

    code = "config"

    def __init__(self, message: str = "", problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message or "\n".join(problems))


class SourceError(VdlLoraError):
    """Events cannot be taken in; see which source it is and why."""

    action: ClassVar[Action] = "retry"
    code = "source"


class SourceUnavailable(SourceError):
    """The source does not answer; it is tried again by itself."""

    code = "source_unavailable"


class SourceBusy(SourceUnavailable):
    """The source was busy and did nothing of what was asked; it is asked again by itself."""

    code = "source_busy"


class SourceRefused(SourceError):
    """The source refuses us; check its key and rights, then it goes on by itself."""

    action: ClassVar[Action] = "wait"
    code = "source_refused"


class BadMessage(SourceError):
    """What arrived is no event; it is kept in quarantine as it came."""

    action: ClassVar[Action] = "quarantine"
    code = "bad_message"


class DecodeError(VdlLoraError):
    """The payload was not decoded; the event is kept in quarantine."""

    action: ClassVar[Action] = "quarantine"
    code = "decode"


class NoDecoder(DecodeError):
    """No decoder is chosen; set the device tag `decoder`, the tags `vendor` and `model`, or a rule."""

    code = "no_decoder"


class PayloadError(DecodeError):
    """The bytes are not what the sensor's datasheet describes; compare the model and its firmware."""

    code = "payload"


class CodecStopped(DecodeError):
    """The codec was stopped by its limits, in a fresh process too; mend the script: its events wait in quarantine."""

    action: ClassVar[Action] = "retry"
    code = "engine"


class JournalError(VdlLoraError):
    """The journal cannot be used; run `vdl-lora journal status` and read what it says."""

    code = "journal"


class JournalFull(JournalError):
    """The journal cannot take more; free disk space or prune it, and events flow again by themselves."""

    action: ClassVar[Action] = "wait"
    code = "journal_full"


class JournalUnavailable(JournalError):
    """The disk of the journal fails; check the disk, the service tries again by itself and nothing is lost."""

    action: ClassVar[Action] = "retry"
    code = "journal_unavailable"


class JournalBusy(JournalError):
    """Another process writes to this journal; stop it, or give this one a file of its own."""

    code = "journal_busy"


class JournalTooNew(JournalError):
    """The journal was written by a newer vdl_lora; install that version or a later one."""

    code = "journal_too_new"


class JournalCorrupt(JournalError):
    """The journal's file is damaged; set it aside and keep it, then restore a backup."""

    code = "journal_corrupt"


class SinkError(VdlLoraError):
    """Points cannot be written; see which sink it is and why."""

    action: ClassVar[Action] = "retry"
    code = "sink"


class SinkUnavailable(SinkError):
    """The database does not answer; it is tried again by itself and nothing is lost."""

    code = "sink_unavailable"


class SinkRefused(SinkError):
    """The database refuses us; check the token, the bucket and its rights, then it goes on by itself."""

    action: ClassVar[Action] = "wait"
    code = "sink_refused"


class PointsRefused(SinkError):
    """The database refuses some points; they are found by halving and quarantined with its words."""

    action: ClassVar[Action] = "halve"
    code = "points_refused"
