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

The pipeline reads `action`, pages and scripts read `code`, people read `message` and `advice`. A class describes itself
in its docstring and `default_advice`: they hold where an error is raised without a message.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

Action = Literal["retry", "wait", "halve", "quarantine", "stop"]


class VdlLoraError(Exception):
    """Something went wrong in vdl_lora.

    `message` states what is wrong, with the value; a server's own text belongs there. `advice` states what to do, and
    may be empty. As text an error is both: "message; advice".
    """

    action: ClassVar[Action] = "stop"
    code: ClassVar[str] = "error"
    default_advice: ClassVar[str] = "read the log lines before this one"

    def __init__(self, message: str = "", *, advice: str = "") -> None:
        self.message = message or self.meaning()
        self.advice = advice or ("" if message else self.default_advice)
        super().__init__(self.message)

    @classmethod
    def meaning(cls) -> str:
        """Return what the class stands for: the first line of its docstring, without the period."""
        return (cls.__doc__ or cls.code).partition("\n")[0].removesuffix(".")

    def __str__(self) -> str:
        """Return the message with the advice behind it."""
        return f"{self.message}; {self.advice}" if self.advice else self.message


class ConfigError(VdlLoraError):
    """The configuration is wrong."""

    code = "config"
    default_advice = "correct the keys named here and start again"

    def __init__(self, message: str = "", problems: Sequence[str] = (), *, advice: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__(message or "\n".join(problems), advice=advice)


class SourceError(VdlLoraError):
    """Events cannot be taken in."""

    action: ClassVar[Action] = "retry"
    code = "source"
    default_advice = "see which source it is and why"


class SourceUnavailable(SourceError):
    """The source does not answer."""

    code = "source_unavailable"
    default_advice = "see that it runs and can be reached; it is tried again by itself"


class SourceBusy(SourceUnavailable):
    """The source was busy and did nothing of what was asked."""

    code = "source_busy"
    default_advice = "wait: it is asked again by itself"


class SourceRefused(SourceError):
    """The source refuses us."""

    action: ClassVar[Action] = "wait"
    code = "source_refused"
    default_advice = "check its key and rights, then it goes on by itself"


class BadMessage(SourceError):
    """What arrived is no event."""

    action: ClassVar[Action] = "quarantine"
    code = "bad_message"
    default_advice = "see what sends it; it is kept in quarantine as it came"


class DecodeError(VdlLoraError):
    """The payload was not decoded."""

    action: ClassVar[Action] = "quarantine"
    code = "decode"
    default_advice = "see the event in quarantine"


class NoDecoder(DecodeError):
    """No decoder is chosen."""

    code = "no_decoder"
    default_advice = "set the device tag `decoder`, the tags `vendor` and `model`, or a rule in [decoders] rules"


class PayloadError(DecodeError):
    """The bytes are not what the sensor's datasheet describes."""

    code = "payload"
    default_advice = "compare the model and its firmware"


class CodecStopped(DecodeError):
    """The codec was stopped by its limits, in a fresh process too."""

    action: ClassVar[Action] = "retry"
    code = "engine"
    default_advice = "mend the script: its events wait in quarantine"


class JournalError(VdlLoraError):
    """The journal cannot be used."""

    code = "journal"
    default_advice = "run `vdl-lora journal status` and read what it says"


class JournalFull(JournalError):
    """The journal cannot take more."""

    action: ClassVar[Action] = "wait"
    code = "journal_full"
    default_advice = "free disk space or prune it, then events flow again by themselves"


class JournalUnavailable(JournalError):
    """The disk of the journal fails."""

    action: ClassVar[Action] = "retry"
    code = "journal_unavailable"
    default_advice = "check the disk: the service tries again by itself, and nothing is lost"


class JournalBusy(JournalError):
    """Another process writes to this journal."""

    code = "journal_busy"
    default_advice = "stop it, or give this one a file of its own"


class JournalTooNew(JournalError):
    """The journal was written by a newer vdl_lora."""

    code = "journal_too_new"
    default_advice = "install that version or a later one"


class JournalCorrupt(JournalError):
    """The journal's file is damaged."""

    code = "journal_corrupt"
    default_advice = "leave it as it is, and run `vdl-lora journal salvage` or restore a backup"


class SinkError(VdlLoraError):
    """Points cannot be written."""

    action: ClassVar[Action] = "retry"
    code = "sink"
    default_advice = "see which sink it is and why"


class SinkUnavailable(SinkError):
    """The database does not answer."""

    code = "sink_unavailable"
    default_advice = "see that it runs and can be reached; it is tried again by itself, and nothing is lost"


class SinkRefused(SinkError):
    """The database refuses us."""

    action: ClassVar[Action] = "wait"
    code = "sink_refused"
    default_advice = "check the token, the bucket and its rights, then it goes on by itself"


class PointsRefused(SinkError):
    """The database refuses some points."""

    action: ClassVar[Action] = "halve"
    code = "points_refused"
    default_advice = "read its own text in `vdl-lora journal quarantine`; often a field had another type"
