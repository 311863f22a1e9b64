"""Points into InfluxDB through its v2 write path, a bucket per tenant; what each answer means, and what it is worth.

Only 204 and 201 say that points are stored. The words of an answer decide whether it speaks of points; where they do
not, or the answer is 500, a witness does: a line that was accepted before and is written again. A body that fails while
its witness is accepted is halved, and a line that does so time and again is at fault itself.
"""

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from vdl_lora.addresses import check_url
from vdl_lora.errors import ConfigError, PointsRefused, SinkError, SinkRefused, SinkUnavailable
from vdl_lora.interfaces import Check, Sink
from vdl_lora.points import Point, line_protocol
from vdl_lora.secret import SecretFile
from vdl_lora.setting_types import SLUG, OptionalPath, OptionalSlug, Setting, Url, duration
from vdl_lora.times import NS

from .influxdb_wire import Answer, Connection, library, tls_of

LONGEST_WAIT_S = 300.0
"""A Retry-After beyond this is not believed."""

MOST_OF_A_BODY = 1 << 20
"""The most that is written at once, in bytes before they are compressed: nginx takes no larger body by default, and a
slow line carries it within the time that an answer may take. 500 ordinary uplinks are a third of it."""

DOUBTS = 5
"""How often a line is answered 500 while its witness is accepted, before it counts as the fault's cause: a server that
fails now and then must not cost an event."""

HALVING_DOUBTS = 2
"""How often a body of several lines is: it is only halved, which costs some writes more and never an event."""

ALONE_TRIES = 10
"""How often a line is answered 500 while only an empty body is accepted, for there is no witness: see `alone_s`."""

_CANDIDATES = 8

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_ADVICE: Mapping[int, str] = {
    401: "check the token: [influxdb] token_file, or token_file of the tenant",
    403: "give the token the right to write this bucket, or name a token that has it in token_file",
    404: "create the bucket, as `vdl-lora influxdb provision` does, or correct [influxdb] bucket, org or url",
    413: "let it take larger bodies (nginx: client_max_body_size); a single line is too large for it",
}
_UNKNOWN_CALL = (400, 404, 405, 501)
_NO_DATABASE = "database not found"  # 1.x says so with 200
_GARBLED = "correct [influxdb] url: another server or a proxy answers there"


@dataclass(frozen=True, slots=True)
class InfluxTenant:
    """What a tenant is called in tags, and what is its own in InfluxDB; what is empty is as for all."""

    bucket: Annotated[str, Setting("its bucket; empty: as [influxdb] bucket says")] = ""
    token_file: Annotated[OptionalPath, Setting("a file with its own token; empty: that of [influxdb]")] = None
    slug: Annotated[OptionalSlug, SLUG] = ""


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """InfluxDB 2.x, 3 Core, 1.8 or later, or another 1.x behind a v2 path. A token that can only write is enough.

    `tenants` are those of the configuration, by id. `alone_s` is how long a line that nothing can speak for or against
    is tried.
    """

    url: Annotated[Url, Setting("such as http://127.0.0.1:8086; empty: the embedded store")] = ""
    org: Annotated[str, Setting("the organization; 2.x needs it")] = ""
    bucket: Annotated[
        str, Setting("a template: {tenant} is the id, {slug} what tags call it; in 1.x database/retention-policy")
    ] = "{tenant}"
    token_file: Annotated[
        OptionalPath,
        Setting(
            "a file that holds the token, in 1.x user:password; "
            "the token itself stands in no configuration, but may in VDL_LORA_INFLUXDB__TOKEN"
        ),
    ] = None
    token: Annotated[str, Setting("the token itself", secret=True)] = field(default="", repr=False)
    timeout_s: Annotated[
        float, duration("1s", "1h"), Setting("how long an answer may take (s, min)", name="timeout")
    ] = 10
    ca_file: Annotated[OptionalPath, Setting("the CA that vouches for its certificate; empty: the system's")] = None
    gzip: Annotated[bool, Setting("whether bodies are compressed")] = True
    tenants: Mapping[str, InfluxTenant] = field(default_factory=dict[str, InfluxTenant])
    alone_s: float = 600.0


class InfluxSink(Sink):
    """Writes each tenant's points into its bucket.

    An answer that speaks of points is PointsRefused, so that they are found by halving. So is, after some tries, a
    500 that only this body gets. What no witness can tell is tried again. A single line, with nothing accepted for its
    tenant since the start, has no witness: it is refused once it was tried for `alone_s` while the bucket took an empty
    body each time. Others wait behind it then, and are witnesses to each other, so that this happens to one line.
    Raises ConfigError where the url, the bucket's template or the CA's file is none.
    """

    name = "influxdb"

    def __init__(self, settings: InfluxSettings) -> None:
        validate(settings)
        self.settings = settings
        self._lanes: dict[str, _Lane] = {}
        self._tls = tls_of(settings.ca_file, settings.url)
        library()  # imported now, while nobody waits

    async def write(self, tenant: str, points: Sequence[Point], lines: str | None = None) -> None:
        """Write all points of a tenant, or raise one SinkError; after a Retry-After, wait for its end first."""
        body = (line_protocol(points) if lines is None else lines).encode()
        if not body:
            return
        lane = self._lane(tenant)
        await lane.wait()
        for piece in pieces(body, lane.most):
            await self._write(lane, piece, body)

    async def erase(self, tenant: str, points: Sequence[Point], stays: Sequence[Point] | None = None) -> None:
        """Delete the rows of these points, then write `stays`; 1.x is asked in InfluxQL.

        InfluxDB deletes a row whole, and a token that can only write cannot read what else is in it. So without `stays`
        nothing is deleted. Where nothing can be, the points are named in a SinkRefused.
        """
        if not points:
            return
        if stays is None:
            raise _by_hand("InfluxDB deletes whole rows, and what stays in them is not known here", points)
        lane = self._lane(tenant)
        await lane.wait()
        lane.witness = b""
        rows = {(each.measurement, each.tags, each.at_ns): each for each in points}
        for number, row in enumerate(rows):
            if not await self._delete(lane, *row):
                raise _by_hand(f"{lane.url} has no way to delete", list(rows.values())[number:])
        await self.write(tenant, stays)

    async def check(self, tenants: Mapping[str, str] | None = None) -> Sequence[Check]:
        """Try all that delivery needs: the server, its version and clock, each tenant's bucket, the tokens."""
        from .influxdb_check import check_influxdb  # noqa: PLC0415 - a service that is not checked need not hold it

        return await check_influxdb(self.settings, tenants or {}, self.check_buckets)

    async def check_buckets(self, tenants: Iterable[str] = ()) -> Sequence[Check]:
        """Say of these tenants, and of those that it knows, whether their bucket can be written, by writing nothing."""
        known = sorted({*self._lanes, *self.settings.tenants, *tenants})
        if not known:
            return [await self._check_ping()]
        return await asyncio.gather(*map(self._check, known))

    async def close(self) -> None:
        """Close all connections."""
        for lane in self._lanes.values():
            await lane.close()
        self._lanes.clear()

    def _lane(self, tenant: str) -> "_Lane":
        if tenant not in self._lanes:
            self._lanes[tenant] = _Lane(self.settings, tenant, self._tls)
        return self._lanes[tenant]

    async def _check(self, tenant: str) -> Check:
        subject = f"influxdb {tenant}"
        lane = self._lane(tenant)
        try:
            answer = await lane.post(b"")
            if not answer.stored:
                raise _meaning(answer, lane)
        except SinkError as error:
            return Check.failed(subject, error)
        return Check(subject, ok=True, words=f"bucket {lane.bucket} can be written")

    async def _check_ping(self) -> Check:
        lane = _Lane(self.settings, "", self._tls)
        try:
            answer = await lane.ping()
        except SinkError as error:
            return Check("influxdb", ok=False, words=error.message, advice="see [influxdb] url and that it runs")
        finally:
            await lane.close()
        if not answer.done or answer.words:  # no InfluxDB says anything there; a proxy's page does
            return Check("influxdb", ok=False, words=f"{self.settings.url} answers {answer.status}", advice=_GARBLED)
        return Check("influxdb", ok=True, words=f"{self.settings.url} answers; no tenant has written yet")

    async def _write(self, lane: "_Lane", body: bytes, whole: bytes) -> None:
        """Write a body, which is a part of a whole: in smaller parts where it is too large."""
        answer = await lane.post(body)
        halves = halve(body) if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else None
        if answer.stored:
            lane.accepted(body)
        elif halves is not None:
            lane.most = len(body) // 2
            for half in halves:
                await self._write(lane, half, whole)
        elif answer.speaks_of_points or (answer.doubtful and await self._is_at_fault(lane, body, whole, answer)):
            raise PointsRefused(answer.words or f"answers {answer.status} to these points, and not to others")
        else:
            raise lane.refused(answer)

    async def _is_at_fault(self, lane: "_Lane", body: bytes, whole: bytes, answer: Answer) -> bool:
        """Whether others are accepted where this body is not: at once for a refusal, each of some times for a 500."""
        is_error = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
        if not await self._has_witness(lane, whole):
            return is_error and not lane.witness and body == whole and await self._is_alone(lane, body)
        lane.doubts = lane.doubts + 1 if lane.doubted == body else 1
        lane.doubted = body
        enough = HALVING_DOUBTS if halve(body) else DOUBTS
        return lane.doubts >= (enough if is_error else 1)

    async def _is_alone(self, lane: "_Lane", body: bytes) -> bool:
        """Whether a single line fails for long while all else is well, as far as an empty body can tell."""
        if halve(body) or not (await lane.post(b"")).stored:
            lane.alone = b""
            return False
        now = time.monotonic()
        if lane.alone != body:
            lane.alone, lane.alone_since_s, lane.alone_tries = body, now, 0
        lane.alone_tries += 1
        return lane.alone_tries >= ALONE_TRIES and now - lane.alone_since_s >= self.settings.alone_s

    async def _has_witness(self, lane: "_Lane", body: bytes) -> bool:
        """Write a line again that was accepted, or else look for one in this body."""
        if lane.witness:
            answer = await lane.post(lane.witness)
            if answer.stored:
                return True
            if answer.speaks_of_points:  # by now it is older than the bucket's retention
                lane.witness = b""
            return False
        lines = body.splitlines(keepends=True)
        for line in lines[:: max(len(lines) // _CANDIDATES, 1)] if len(lines) > 1 else ():
            if (await lane.post(line)).stored:
                lane.witness = line
                return True
        return False

    async def _delete(self, lane: "_Lane", measurement: str, tags: Sequence[tuple[str, str]], at_ns: int) -> bool:
        """Delete a row as 2.x does it, else as 1.x does; False where the server knows neither."""
        answer = await lane.delete(predicate(measurement, tags), at_ns)
        if answer.status in _UNKNOWN_CALL and not answer.code:
            if answer.status != HTTPStatus.NOT_FOUND:  # VictoriaMetrics, which would answer a statement well
                return False
            answer = await lane.query(delete_statement(measurement, tags, at_ns))
            if answer.done and _NO_DATABASE in answer.words:
                raise SinkRefused(f"{lane.url} answers for bucket {lane.bucket}: {answer.words}", advice=_ADVICE[404])
            if answer.status in _UNKNOWN_CALL or (answer.done and answer.words):
                return False
        if not answer.done:
            raise lane.refused(answer)
        return True


class _Lane:
    """The way to one tenant's bucket: its connection, and what was learned on it."""

    def __init__(self, settings: InfluxSettings, tenant: str, tls: ssl.SSLContext) -> None:
        own = settings.tenants.get(tenant, InfluxTenant())
        self.bucket = bucket_of(settings, tenant)
        self.most = MOST_OF_A_BODY
        self.not_before_s = 0.0
        self.witness = b""
        self.doubted, self.doubts = b"", 0
        self.alone, self.alone_since_s, self.alone_tries = b"", 0.0, 0
        self._org = settings.org
        self._gzip = settings.gzip
        token = Token(settings.token, own.token_file or settings.token_file)
        self._connection = Connection(settings.url, token.read, tls, settings.timeout_s)

    @property
    def url(self) -> str:
        """Where it leads to."""
        return self._connection.url

    def accepted(self, body: bytes) -> None:
        """Keep the last line: nothing that was written later lies on it, so writing it again changes nothing."""
        self.witness = body[body.rfind(b"\n", 0, -1) + 1 :]
        self.doubted, self.doubts = b"", 0
        self.alone = b""

    async def wait(self) -> None:
        """Wait for as long as the server asked us to."""
        await asyncio.sleep(max(self.not_before_s - time.monotonic(), 0))

    def refused(self, answer: Answer) -> SinkError:
        """Give the error that an answer is, and mind how long it asks us to wait."""
        if answer.retry_after_s is not None:
            self.not_before_s = time.monotonic() + min(answer.retry_after_s, LONGEST_WAIT_S)
        return _meaning(answer, self)

    async def post(self, body: bytes) -> Answer:
        """Write lines. Raises SinkError where no whole answer comes."""
        gzip = self._gzip and bool(body)
        return await self._connection.write(self._org, self.bucket, compressed(body) if gzip else body, gzip=gzip)

    async def delete(self, which: str, at_ns: int) -> Answer:
        """Delete one row: start and stop are both included."""
        when = rfc3339(at_ns)
        request = {"start": when, "stop": when, "predicate": which}
        return await self._connection.delete(self._org, self.bucket, request)

    async def query(self, statement: str) -> Answer:
        """Run an InfluxQL statement of 1.x; its errors are in the words."""
        return await self._connection.call("POST", "/query", [("db", self.bucket.partition("/")[0]), ("q", statement)])

    async def ping(self) -> Answer:
        """Ask whether there is an InfluxDB."""
        return await self._connection.call("GET", "/ping")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


class Token:
    """A token; that of a file is read again when the file changes."""

    def __init__(self, token: str, file: Path | None) -> None:
        self._file = SecretFile(file) if file is not None else None
        self._token = token.strip()

    def read(self) -> str:
        """Return the token, empty where none is configured. Raises SinkRefused where the file holds none."""
        if self._file is None:
            return self._token
        path = self._file.path
        try:
            token = self._file.read()
        except OSError as error:
            message = f"token_file: {path} cannot be read: {error.strerror}"
            raise SinkRefused(message, advice="let us read it") from error
        except UnicodeDecodeError as error:
            raise SinkRefused(f"token_file: {path} is no text", advice="write the token into it") from error
        except ValueError:
            token = ""
        if not token:
            raise SinkRefused(f"token_file: {path} holds no token", advice="write the token into it, on one line")
        return token


def validate(settings: InfluxSettings) -> None:
    """Check what can be checked without asking anybody. Raises ConfigError where it cannot be right."""
    try:
        check_url(settings.url)
    except ValueError as error:
        raise ConfigError(f"influxdb.url: {error}") from error
    tls_of(settings.ca_file, settings.url)
    for tenant in ("", *settings.tenants):
        bucket_of(settings, tenant)


def bucket_of(settings: InfluxSettings, tenant: str) -> str:
    """Give the bucket of a tenant. Raises ConfigError where the template names something else."""
    own = settings.tenants.get(tenant, InfluxTenant())
    known = {"tenant": tenant, "slug": own.slug or tenant}
    template = own.bucket or settings.bucket
    unknown = [name for name in _TEMPLATE.findall(template) if name not in known]
    if unknown or not template:
        raise ConfigError(
            f"influxdb.bucket: {template!r} is no bucket", advice="name one; it may hold {tenant} and {slug}"
        )
    return _TEMPLATE.sub(lambda found: known[found[1]], template)


def compressed(body: bytes) -> bytes:
    """Give a body as gzip at level 1: a higher one costs eight times as much for a few bytes less."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return deflate.compress(body) + deflate.flush()


def halve(body: bytes) -> tuple[bytes, bytes] | None:
    """Cut a body between two lines near its middle; None where it is one line."""
    middle = len(body) // 2
    cut = body.rfind(b"\n", 0, middle) + 1 or body.find(b"\n", middle) + 1
    return (body[:cut], body[cut:]) if 0 < cut < len(body) else None


def pieces(body: bytes, most: int) -> list[bytes]:
    """Cut a body into pieces of whole lines, none longer than `most` unless it is one line."""
    halves = halve(body) if len(body) > most else None
    return [body] if halves is None else [piece for half in halves for piece in pieces(half, most)]


def predicate(measurement: str, tags: Sequence[tuple[str, str]]) -> str:
    """Name exactly one series, by its measurement and every tag."""
    return " AND ".join([f"{key}={_name(value)}" for key, value in (("_measurement", measurement), *tags)])


def delete_statement(measurement: str, tags: Sequence[tuple[str, str]], at_ns: int) -> str:
    """Delete one row of one series, in InfluxQL."""
    which = " AND ".join([f"{_name(key)} = {_text(value)}" for key, value in tags])
    return f"DELETE FROM {_name(measurement)} WHERE {which} AND time = {at_ns}"  # noqa: S608 - quoted names


def rfc3339(at_ns: int) -> str:
    """Write a time with its nanoseconds."""
    seconds, rest = divmod(at_ns, NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _by_hand(why: str, points: Sequence[Point]) -> SinkRefused:
    """Name the points that a person must erase."""
    named = [f"{','.join(each.fields)} of {_series(each)} at {each.at_ns}" for each in points]
    return SinkRefused(why, advice=f"erase by hand: {'; '.join(named)}")


def _meaning(answer: Answer, lane: _Lane) -> SinkError:
    message = f"{lane.url} answers {answer.status} for bucket {lane.bucket}" + (
        f": {answer.words}" if answer.words else ""
    )
    if answer.speaks_of_limits:
        return SinkRefused(message, advice="raise that limit of the database")
    if answer.status in _ADVICE:
        return SinkRefused(message, advice=_ADVICE[answer.status])
    if answer.status in (408, 425, 429) or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SinkUnavailable(message)
    return SinkRefused(message, advice=_GARBLED)


def _name(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _series(point: Point) -> str:
    return point.measurement + "".join(f",{name}={value}" for name, value in point.tags)
