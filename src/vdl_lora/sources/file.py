"""Events from files that others kept, one JSON object a line.

Four forms of a line are known by their keys:

- `log_item` and `at`: a LogItem of InternalService.StreamDeviceEvents; a line with `end` is passed over;
- `path`, `headers` and `body` or `body_base64`: a POST of the HTTP integration;
- `topic` and `payload` or `payload_base64`: a message of the MQTT integration;
- `kind`, `encoding`, `way`, `arrived_at` and `body` or `body_base64`: our own export.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import msgspec

from vdl_lora.errors import BadMessage, SourceRefused
from vdl_lora.events import Encoding, RawEvent, format_time, parse_time
from vdl_lora.interfaces import Accept, Check, KeptEvent, Source

MAX_LINE = 16 << 20
"""The longest line in bytes: an event of 1 MiB is far below, however it is written."""

_BATCH = 500
_MICROSECOND = 1_000
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that is no event: where it is and why."""

    path: Path
    line: int
    reason: str


class _LogItem(msgspec.Struct):
    id: str
    description: str
    body: str


class _Line(msgspec.Struct):
    """A line of any form."""

    at: float = 0.0
    log_item: _LogItem | None = None
    end: str | None = None
    path: str | None = None
    headers: dict[str, str] = {}
    topic: str | None = None
    payload: str | None = None
    payload_base64: str | None = None
    kind: str | None = None
    encoding: Encoding | None = None
    way: str = ""
    arrived_at: str = ""
    mark: str = ""
    body: str | None = None
    body_base64: str | None = None


_LINE = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class FileSource(Source):
    """Reads files to their end; `progress` is told after each batch how many bytes were read.

    A line that is no event is skipped and named in `skipped`; the rest goes on.
    """

    name = "files"

    paths: Sequence[Path]
    progress: Callable[[int], None] = lambda _bytes: None
    events: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])

    async def run(self, accept: Accept) -> None:
        """Hand over the events of all files, in their order.

        Raises SourceRefused where a file cannot be read.
        """
        for path in self.paths:
            try:
                file = path.open("rb")
            except OSError as error:
                raise _unreadable(path, error) from error
            with file:
                await self._run_file(path, file, accept)

    def state(self) -> Sequence[Check]:
        """Say how far it is."""
        words = f"{self.events} events are read, {len(self.skipped)} lines are skipped"
        return [Check(self.name, ok=True, words=words)]

    async def check(self) -> Sequence[Check]:
        """Say which files are there."""
        return [
            Check(str(path), ok=path.is_file(), words="a file" if path.is_file() else "no file", advice="name a file")
            for path in self.paths
        ]

    async def _run_file(self, path: Path, file: BinaryIO, accept: Accept) -> None:
        line = 0
        while True:
            try:
                events, read, line, done = await asyncio.to_thread(self._batch, path, file, line)
            except OSError as error:
                raise _unreadable(path, error) from error
            if events:
                await accept(events)
                self.events += len(events)
            self.progress(read)
            if done:
                return

    def _batch(self, path: Path, file: BinaryIO, line: int) -> tuple[list[RawEvent], int, int, bool]:
        events: list[RawEvent] = []
        read = 0
        while len(events) < _BATCH:
            text = file.readline(MAX_LINE)
            if not text:
                return events, read, line, True
            line += 1
            read += len(text)
            if len(text) == MAX_LINE and not text.endswith(b"\n"):
                read += self._skip_rest(file)
                self.skipped.append(Skipped(path, line, f"longer than {MAX_LINE} bytes"))
                continue
            try:
                event = parse_line(text)
            except BadMessage as error:
                self.skipped.append(Skipped(path, line, str(error)))
                continue
            if event is not None:
                events.append(event)
        return events, read, line, False

    @staticmethod
    def _skip_rest(file: BinaryIO) -> int:
        skipped = 0
        while text := file.readline(MAX_LINE):
            skipped += len(text)
            if text.endswith(b"\n"):
                break
        return skipped


def _unreadable(path: Path, error: OSError) -> SourceRefused:
    return SourceRefused(f"{path} cannot be read: {error.strerror or error}")


def parse_line(text: bytes) -> RawEvent | None:
    """Read one line; None where it is empty or tells the end of a stream.

    Raises BadMessage where it is of no known form.
    """
    if not text.strip():
        return None
    try:
        line = _LINE.decode(text)
        if line.log_item is not None:
            item = line.log_item
            return RawEvent(item.description, "json", _bytes(item.body), "grpc", _ns(line.at), item.id)
        if line.path is not None:
            return _posted(line, line.path)
        if line.topic is not None:
            return _published(line, line.topic)
        if line.kind is not None:
            return _exported(line, line.kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadMessage(f"not a line of a known form: {error}") from error
    if line.end is not None:
        return None
    raise BadMessage("not a line of a known form: none of log_item, path, topic, kind is there")


def export_line(event: KeptEvent) -> bytes:
    """Write an event, read with its body, as a line of our own export."""
    line: dict[str, str] = {
        "kind": event.kind,
        "encoding": event.encoding,
        "way": next(iter(event.ways)),
        "arrived_at": format_time(event.arrived_at_ns),
        "mark": event.log_item,
    }
    body = event.body or b""
    try:
        line["body"] = body.decode()
    except UnicodeDecodeError:
        line["body_base64"] = base64.b64encode(body).decode()
    return msgspec.json.encode(line) + b"\n"


def _posted(line: _Line, path: str) -> RawEvent:
    kind = parse_qs(urlsplit(path).query).get("event", [""])[0]
    if not kind:
        raise BadMessage("the path of this POST names no event")
    headers = {name.lower(): value for name, value in line.headers.items()}
    protobuf = headers.get("content-type", "").startswith("application/octet-stream")
    body = _body(line.body, line.body_base64)
    return RawEvent(kind, "protobuf" if protobuf else "json", body, "http", _ns(line.at))


def _published(line: _Line, topic: str) -> RawEvent:
    parts = topic.split("/")
    if len(parts) < 2 or parts[-2] != "event":  # noqa: PLR2004 - event/<kind>
        raise BadMessage(f"{topic[:80]!r} is no topic of events")
    encoding: Encoding = "protobuf" if line.payload is None else "json"
    return RawEvent(parts[-1], encoding, _body(line.payload, line.payload_base64), "mqtt", _ns(line.at))


def _exported(line: _Line, kind: str) -> RawEvent:
    if line.encoding is None or not line.way:
        raise BadMessage("a line of our own export names kind, encoding, way and arrived_at")
    body = _body(line.body, line.body_base64)
    return RawEvent(kind, line.encoding, body, line.way, parse_time(line.arrived_at), line.mark)


def _body(text: str | None, encoded: str | None) -> bytes:
    if text is not None:
        return _bytes(text)
    if encoded is None:
        raise BadMessage("the event has no body")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise BadMessage(f"its body is no base64: {error}") from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _ns(seconds: float) -> int:
    """Give a recorder's clock, which is good to the microsecond, in ns; now, where the line does not tell it.

    Raises ValueError where 64 bits do not hold it.
    """
    if seconds <= 0:
        return time.time_ns()
    at_ns = round(seconds * 1_000_000) * _MICROSECOND
    if at_ns >= _INT64:
        raise ValueError(f"`at` is in seconds since 1970; {seconds:g} is beyond what 64 bits of ns hold")
    return at_ns
