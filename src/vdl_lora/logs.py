"""The log: one form for our lines and those of the libraries, in colour on a terminal, JSON otherwise, never a secret.

What is secret is told by its name or by its look: an authorization, a password in a URL, a JWT such as ChirpStack's
keys are. What has neither is told with `hide`.
"""

import logging
import os
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import Processor

MASK: Final = "***"

MAX_TEXT = 2_000
MAX_TRACEBACK = 20_000

_MAX_DEPTH = 6
_SHORTEST_HIDDEN = 6  # a shorter one would be found within words
_TRACEBACKS = ("exception", "stack")

_NAMES = (
    r"(?:api[ _-]?key|(?:app|nwk)[ _-]?s?[ _-]?key|[_-]key|(?-i:[a-z]S?Key)|token|passw(?:or)?d|passphrase|secret"
    r"|authorization|credential|cookie)s?"
)
_SECRET_NAME = re.compile(_NAMES + "$", re.IGNORECASE)
_LOOKS: Final = (
    # https://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{MASK}@"),
    # api_key='...', "token": "...", Authorization: Bearer ..., ('authorization', '...')
    (
        re.compile(
            rf"""({_NAMES}(?:["']?\s*[:=]\s*|["'],\s*(?:value=)?))"""
            r"""(?:(?:bearer|basic|token)\s+)?(?:b?"[^"\n]*"?|b?'[^'\n]*'?|[^\s,;&)}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b((?:token|basic)\s+)[\w.~+/=-]{16,}", re.IGNORECASE), rf"\1{MASK}"),
    # a JWT, whole or cut; a private key
    (re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"), MASK),
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_hidden: set[str] = set()


def hide(*secrets: str) -> None:
    """Mask these values wherever they stand from now on."""
    _hidden.update(secret for secret in secrets if len(secret) >= _SHORTEST_HIDDEN)


def configure(level: int, stream: TextIO, *, terminal: bool) -> None:
    """Write what is at least of this level to a stream: our lines, the libraries', warnings, the last traceback."""
    lines = _Lines(stream)
    chain = _chain(terminal=terminal)
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
    )
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each, _Handler)]
    root.addHandler(_Handler(lines, chain))
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _chain(*, terminal: bool) -> list[Processor]:
    """Give what a line goes through; tracebacks are plain, for a rich one shows the values of variables."""
    chain: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask,
    ]
    if not terminal:
        return [*chain, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in os.environ, exception_formatter=structlog.dev.plain_traceback
    )
    return [*chain, _show_controls, console]


def mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask every secret of a line, and cut what is too long."""
    for name, value in event.items():
        event[name] = _masked(name, value, MAX_TRACEBACK if name in _TRACEBACKS else MAX_TEXT)
    return event


def _masked(name: str, value: Any, most: int, depth: int = _MAX_DEPTH) -> Any:
    if _SECRET_NAME.search(name) and not (value is None or isinstance(value, bool)):
        return MASK
    if value is None or isinstance(value, int | float):
        return value
    if depth and isinstance(value, Mapping):
        pairs = [(_text(key), each) for key, each in cast("Mapping[object, Any]", value).items()]
        return {key: _masked(key, each, most, depth - 1) for key, each in pairs}
    if depth and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        if len(items) == 2 and _SECRET_NAME.search(_text(items[0])):  # noqa: PLR2004 - a pair, as in metadata
            return [_text(items[0]), MASK]
        return [_masked("", each, most, depth - 1) for each in items]
    return _masked_text(_text(value), most)


def _masked_text(text: str, most: int) -> str:
    for secret in _hidden:
        text = text.replace(secret, MASK)
    cut = len(text) > most
    text = text[:most]
    for look, shown in _LOOKS:
        text = look.sub(shown, text)
    return text + "…" if cut else text


def _text(value: Any) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - whatever cannot be shown, the line is
        return f"<{type(value).__name__}>"


def _show_controls(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Show control characters by their code: a device's name moves no cursor and begins no line."""
    for name, value in event.items():
        if isinstance(value, str):
            parts = value.split("\n") if name in _TRACEBACKS else [value]
            event[name] = "\n".join(_CONTROL.sub(lambda found: ascii(found[0])[1:-1], part) for part in parts)
    return event


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger().critical("this is a mistake of vdl_lora, please report it", exc_info=(kind, error, trace))


class _Lines:
    """Writes whole lines; that nobody reads them any more is no reason to stop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        """Write a line."""
        with self._lock, suppress(OSError, ValueError):  # broken, or closed
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    """Takes the records of the libraries through the same chain."""

    def __init__(self, lines: _Lines, chain: list[Processor]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *chain],
                foreign_pre_chain=[structlog.stdlib.add_logger_name],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; where its arguments do not fit its words, where it came from."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a mistake in what is logged must not end what it is about
            where = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
            line = self.format(
                logging.makeLogRecord({**where, "msg": f"a record of {record.pathname} cannot be shown"})
            )
        self._lines.msg(line)
