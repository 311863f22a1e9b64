"""A connection to one InfluxDB, and what its answers say: the one file that meets influxdb-client, which is untyped.

Bodies go through its async services and not through its WriteApi: that one compresses at level 9, at eight times the
cost, and reads answers of any length.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import msgspec

from vdl_lora.errors import ConfigError, SinkRefused, SinkUnavailable

MOST_OF_AN_ANSWER = 64 << 10

_MAX_WORDS = 500
_RAW: Final = {"_preload_content": False}

_OF_POINTS = re.compile(
    r"unable to parse|partial write|field type conflict|outside retention|beyond retention|dropped=[1-9]"
    r"|line protocol|max key length"
)
_OF_LIMITS = re.compile(r"max-(?:series|values)-per")


class Library(NamedTuple):
    """What is used of influxdb-client, which says that it is typed, and is not."""

    client: Any
    write_service: Any
    delete_service: Any


@cache
def library() -> Library:
    """Import influxdb-client where it is used: it takes a sixth of a second and 14 MB, and most commands need none."""
    from influxdb_client.client import influxdb_client_async  # noqa: PLC0415
    from influxdb_client.service import delete_service, write_service  # noqa: PLC0415

    untyped: Any = influxdb_client_async
    return Library(untyped.InfluxDBClientAsync, write_service.WriteService, delete_service.DeleteService)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the server's own words on one line, and how long it asks us to wait, in s.

    `code` is the word by which 2.x names its own refusals: an answer without one is of another server or version.
    `version` is what the server says that it is, `date` what its clock shows; `body` may hold tokens, and is never
    shown.
    """

    status: int
    words: str = ""
    retry_after_s: float | None = None
    code: str = ""
    version: str = ""
    date: str = ""
    body: bytes = field(default=b"", repr=False)

    @property
    def stored(self) -> bool:
        """Whether all was taken; a 201 is that of newer clusters, which say in it what they did not take."""
        return self.status == HTTPStatus.NO_CONTENT or (self.status == HTTPStatus.CREATED and not self.speaks_of_points)

    @property
    def done(self) -> bool:
        """Whether a call other than a write was done."""
        return self.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)

    @property
    def speaks_of_points(self) -> bool:
        """Whether points are refused for what they are."""
        return self.status in (201, 400, 422) and bool(_OF_POINTS.search(self.words)) and not self.speaks_of_limits

    @property
    def speaks_of_limits(self) -> bool:
        """Whether points are refused for a limit that an operator can raise."""
        return bool(_OF_LIMITS.search(self.words))

    @property
    def doubtful(self) -> bool:
        """Whether the body may be the cause although no word says so."""
        return self.status in (400, 413, 422, 500) and not self.speaks_of_limits


class _Said(msgspec.Struct):
    """An answer's body, in any version's form."""

    code: str | None = None
    message: str | None = None
    error: str | None = None
    error_message: str | None = None
    results: list["_Said"] | None = None
    data: list["_Said"] | None = None


class Connection:
    """A connection to one InfluxDB, opened anew when `token` gives another one.

    Every call raises SinkUnavailable where no whole answer comes, and SinkRefused where the server cannot be trusted.
    """

    def __init__(self, url: str, token: Callable[[], str], tls: ssl.SSLContext, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._tls = tls
        self._timeout_s = timeout_s
        self._said = ""
        self._client: Any = None
        self._library = library()

    async def write(self, org: str, bucket: str, data: bytes, *, gzip: bool = False) -> Answer:
        """Write lines, which are compressed where `gzip` says so."""
        more = {"content_encoding": "gzip", **_RAW} if gzip else _RAW
        service = self._library.write_service((await self._open()).api_client)
        return await self._answer(service.post_write_async(org, bucket, data, precision="ns", **more))

    async def delete(self, org: str, bucket: str, request: Mapping[str, str]) -> Answer:
        """Delete what a request names."""
        service = self._library.delete_service((await self._open()).api_client)
        return await self._answer(service.post_delete_async(dict(request), org=org, bucket=bucket, **_RAW))

    async def call(
        self,
        method: Literal["GET", "POST", "DELETE"],
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        most: int = MOST_OF_AN_ANSWER,
    ) -> Answer:
        """Make any other call, with a JSON body where there is one; read up to `most` bytes of its answer."""
        client = await self._open()
        asked = client.api_client.call_api(path, method, {}, list(query), {}, body=body and dict(body), **_RAW)
        return await self._answer(asked, most)

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> Any:
        token = self._token()
        if self._client is not None and token != self._said:
            await self.close()
        if self._client is None:
            self._said = token
            self._client = self._library.client(
                self.url,
                token,
                timeout=round(self._timeout_s * 1000),
                ssl_context=self._tls,
                allow_redirects=False,  # a redirected POST would become a GET, and be answered well
            )
        return self._client

    async def _answer(self, asked: Awaitable[Any], most: int = MOST_OF_AN_ANSWER) -> Answer:
        """Wait for an answer and read no more of it than one needs; the token never comes back in its words."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response: aiohttp.ClientResponse = await asked
                try:
                    body = await _read(response, most)
                finally:
                    response.release()
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            message = f"{self.url} cannot be trusted: {error}"
            raise SinkRefused(message, advice="see [influxdb] ca_file and url") from error
        except TimeoutError as error:
            raise SinkUnavailable(f"{self.url} does not answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = str(error) or type(error).__name__
            raise SinkUnavailable(f"{self.url} cannot be reached, or broke off: {what}") from error
        words, code = words_of(body)
        if self._said:
            words = words.replace(self._said, "***")
        headers = response.headers
        wait_s = retry_after(headers.get("Retry-After", ""))
        version, date = headers.get("X-Influxdb-Version", ""), headers.get("Date", "")
        return Answer(response.status, words, wait_s, code, version, date, body)


def tls_of(ca_file: Path | None, url: str) -> ssl.SSLContext:
    """Give whom we trust at an address: a CA's file, or else the system's; nobody where it is in clear.

    Raises ConfigError where the file holds no CA.
    """
    if ca_file is None and url.startswith("http:"):  # the system's take 60 ms to read
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(f"influxdb.ca_file: {ca_file} holds no certificate in PEM form") from error
    except OSError as error:
        raise ConfigError(f"influxdb.ca_file: {ca_file} cannot be read: {error.strerror}") from error


def words_of(body: bytes) -> tuple[str, str]:
    """Give what an answer says, on one line of bounded length, and the code that 2.x gives it.

    2.x writes {code, message}, 1.x {error} or {results: [{error}]}, 3 {error, data: [{error_message}]}.
    """
    try:
        found = msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _shortened(body.decode(errors="replace")), ""
    told = [found, *(found.results or [])[:1], *(found.data or [])[:1]]
    said = [words for each in told for words in (each.message, each.error, each.error_message) if words]
    return _shortened(": ".join(said)), found.code or ""


def retry_after(text: str) -> float | None:
    """Read a Retry-After, which is a number of seconds or a date; None where it is neither."""
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max((when.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read an answer up to a limit; of a good one without content, nothing."""
    if response.status == HTTPStatus.NO_CONTENT:
        return b""
    parts = bytearray()
    while len(parts) < most and (part := await response.content.read(most - len(parts))):
        parts += part
    return bytes(parts)


def _shortened(text: str) -> str:
    """Give a text on one line; of a long one its begin and its end, where parse errors say why."""
    line = " ".join(text.split())
    half = _MAX_WORDS // 2
    return line if len(line) <= _MAX_WORDS else f"{line[: half - 3]} … {line[-half:]}"
