"""The connection to one ChirpStack: channels, and the key that goes with every call."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, TypeVar

from vdl_lora.addresses import parse_server
from vdl_lora.errors import ConfigError, SourceBusy, SourceError, SourceRefused, SourceUnavailable
from vdl_lora.lorawan import DevEUI
from vdl_lora.retry import retry_delay_s
from vdl_lora.secret import SecretFile, parse_secret
from vdl_lora.setting_types import Id, OptionalPath, Server, Setting, duration

from . import wire
from .answers import meaning

CALL_S = 20.0
OPEN_S = 30.0
HEADERS_S = 0.5
"""How long a stream waits for ChirpStack's headers once it is connected: nginx with TLS holds them back until the first
event, so a stream that has none by then counts as open."""

MAX_MESSAGE = 16 << 20
"""The largest answer in bytes; an event beyond 1 MiB is quarantined, one beyond this ends its stream."""

STREAMS_PER_CHANNEL = 100
"""nginx allows 128 calls on a connection by default, and lets further ones wait without a word."""

_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),  # an idle stream carries no bytes, so neither side would notice a dead peer
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.use_local_subchannel_pool", 1),  # or all channels to one address would share one connection
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),  # the gate paces us; a channel that sulks longer would only hide it
    ("grpc.enable_retries", 0),
    ("grpc.http2.bdp_probe", 0),  # it pings to learn how wide to open a window that ten events a second never fill
)
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 1.0
_BEARER = "Bearer "
_NO_KEY = "it has characters that no key has"
_COPY_AGAIN = "copy the key again, on one line"
_CREATE_ONE = "create an API key in ChirpStack, read-only is enough, and name its file"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ChirpStackSettings:
    """Where ChirpStack is, and the API key that we use there: a read-only one is enough.

    `busy_s` is for how long a call is repeated while ChirpStack answers that its database is locked.
    """

    server: Annotated[Server, Setting("host:port of ChirpStack itself, or https://host of a proxy before it")] = (
        "127.0.0.1:8080"
    )
    api_key_file: Annotated[
        OptionalPath,
        Setting(
            "a file that holds the key, such as /run/secrets/chirpstack; "
            "the key itself stands in no configuration, but may in VDL_LORA_CHIRPSTACK__API_KEY"
        ),
    ] = None
    api_key: Annotated[str, Setting("the key itself", secret=True)] = field(default="", repr=False)
    ca_file: Annotated[OptionalPath, Setting("the CA that vouches for a proxy's certificate; empty: the system's")] = (
        None
    )
    refresh_s: Annotated[
        float, duration("5s", "7d"), Setting("how often the devices are listed (s, min, h)", name="refresh")
    ] = 60
    tenants: Annotated[tuple[Id, ...], Setting("ids of the tenants that are served; none: all of them")] = ()
    busy_s: float = 10.0

    @property
    def target(self) -> str:
        """The server as gRPC takes it, `host:port`."""
        return parse_server(self.server)[0]

    @property
    def tls(self) -> bool:
        """Whether the server is reached by TLS."""
        return parse_server(self.server)[1]


class Key:
    """The API key; that of a file is read again when the file changes.

    Raises ConfigError where the settings hold neither a key nor a file, or a key that is none: they cannot change.
    """

    def __init__(self, settings: ChirpStackSettings) -> None:
        self._file = SecretFile(settings.api_key_file, _BEARER) if settings.api_key_file is not None else None
        self._key = ""
        self._metadata: wire.Metadata = ()
        try:
            self._use(parse_secret(settings.api_key, _BEARER))
        except ValueError as error:
            raise ConfigError(f"chirpstack.api_key: {_NO_KEY}", advice=_COPY_AGAIN) from error
        if self._file is None and not self._key:
            raise ConfigError("chirpstack.api_key_file: is missing", advice=_CREATE_ONE)

    def metadata(self) -> wire.Metadata:
        """Return what every call carries. Raises SourceRefused where the file holds no usable key."""
        if self._file is not None:
            self._use(self._read(self._file))
        return self._metadata

    def changed(self) -> bool:
        """Whether the file has changed since it was last read."""
        return self._file is not None and self._file.changed()

    def _use(self, key: str) -> None:
        """Make the metadata of a key once: each open stream holds it."""
        if key != self._key:
            self._key, self._metadata = key, (("authorization", _BEARER + key),)

    def _read(self, file: SecretFile) -> str:
        try:
            key = file.read()
        except OSError as error:
            raise SourceRefused(f"[chirpstack] api_key_file: {file.path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            message = f"[chirpstack] api_key_file: {file.path} holds no API key, for {_NO_KEY}"
            raise SourceRefused(message, advice=_COPY_AGAIN) from error
        if not key:
            message = f"no API key: {file.path} is empty"
            raise SourceRefused(message, advice="set [chirpstack] api_key_file to a file that holds one")
        return key


class Understood:
    """Turns whatever a call ends with into a SourceError; a class, for each open stream holds one: 0.8 KB less."""

    __slots__ = ("_doing", "_server")

    def __init__(self, server: str, doing: str) -> None:
        self._server = server
        self._doing = doing

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise the SourceError that an error means, if it is one of a call's."""
        if error is not None and (meant := self._meaning(error)) is not None:
            raise meant from error

    def _meaning(self, error: BaseException) -> SourceError | None:
        asked = f"{self._server} was asked to {self._doing}"
        if isinstance(error, wire.CallFailed):
            return meaning(*wire.code_and_details(error), server=self._server, doing=self._doing)
        if isinstance(error, wire.Garbled):
            return SourceRefused(f"{asked}, and answers what no ChirpStack v4 does", advice="see [chirpstack] server")
        if isinstance(error, TimeoutError):
            return SourceUnavailable(f"{asked}, and does not answer in time", advice="see how busy it is")
        if wire.was_broken_off(error):
            return SourceUnavailable(f"{asked}, and broke it off", advice="it is asked again")
        return None


class BusyRetries:
    """Bounds how long something is repeated that ends with SourceBusy each time."""

    __slots__ = ("_failures", "_longest_s", "_until_s")

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._failures = 0
        self._until_s = 0.0

    def delay_s(self) -> float | None:
        """Return the delay before the next attempt, in seconds; None once the time since the first failure is over."""
        now_s = asyncio.get_running_loop().time()
        if not self._failures:
            self._until_s = now_s + self._longest_s
        self._failures += 1
        delay_s = retry_delay_s(self._failures, _FIRST_RETRY_S, _LONGEST_RETRY_S)
        return delay_s if now_s + delay_s <= self._until_s else None


class Connection:
    """The channels to one ChirpStack: one for calls, and for streams as many as they need.

    Raises ConfigError where the CA's file cannot be read, or where there is no key.
    """

    def __init__(self, settings: ChirpStackSettings) -> None:
        self.settings = settings
        self.key = Key(settings)
        self._ca = _read_ca(settings.ca_file) if settings.tls else None
        self._calls = self._open()
        self._lanes: list[Lane] = []

    async def call(self, method: str, request: Any, doing: str) -> Any:
        """Call a method, such as `TenantService.List`; `doing` says what for, in an operator's words.

        A call that is answered "database is locked" is repeated for `busy_s`, one that writes too: SQLite refused its
        transaction, which changed nothing. Methods that create have one transaction. DeviceService.Activate and
        Deactivate have two, of which the first may be done; both can be repeated. No other answer is repeated here,
        because none proves that a write was not done.

        Raises SourceError: SourceBusy where the database stayed locked.
        """

        async def once() -> Any:
            metadata = self.key.metadata()
            with self.understood(doing):
                return await wire.call(self._calls, method, request, metadata, CALL_S)

        return await self._while_busy(once)

    async def headers(self) -> dict[str, str]:
        """Ask for what needs no key, and give the answer's headers: so it shows what stands there.

        Raises SourceError.
        """
        with self.understood("answer"):
            return await wire.headers(self._calls, CALL_S)

    async def reflected(self, symbol: str) -> dict[str, list[str]] | None:
        """Give the messages of the file that declares a symbol, with their fields; None without gRPC's reflection."""
        try:
            return await wire.reflected(self._calls, symbol, CALL_S)
        except wire.CallFailed:
            return None

    def trust(self) -> ssl.SSLContext | None:
        """Give whom we trust, as Python's ssl takes it; None where ChirpStack is spoken to in clear."""
        if not self.settings.tls:
            return None
        context = ssl.create_default_context(cadata=self._ca.decode("ascii", "ignore") if self._ca else None)
        context.set_alpn_protocols(["h2", "http/1.1"])  # the second, so that a server without the first still answers
        return context

    async def stream(self, dev_eui: DevEUI, lane: "Lane") -> wire.Stream:
        """Open a device's stream on a lane, and return when ChirpStack has accepted it, or may have.

        Raises SourceError.
        """
        stream = wire.stream_device_events(lane.channel, dev_eui, self.key.metadata())
        try:
            with self.understood(f"stream the events of {dev_eui}"):
                async with asyncio.timeout(OPEN_S):
                    while not await _has_headers(stream) and not wire.is_connected(lane.channel):
                        pass
                    if stream.done():  # it was refused; what it reads says so
                        await stream.read()
        except BaseException:
            stream.cancel()
            raise
        return stream

    async def sample(self, dev_eui: DevEUI, read: Callable[[wire.Stream], Awaitable[_T]]) -> _T:
        """Open a device's stream, return what `read` makes of it, and end it; all again while the database is locked.

        Raises SourceError.
        """

        async def once() -> _T:
            lane = self.lane()
            try:
                stream = await self.stream(dev_eui, lane)
                try:
                    with self.understood(f"stream the events of {dev_eui}"):
                        return await read(stream)
                finally:
                    stream.cancel()
            finally:
                lane.streams -= 1

        return await self._while_busy(once)

    async def _while_busy(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat something while it ends with SourceBusy, for `busy_s` at most."""
        retries = BusyRetries(self.settings.busy_s)
        while True:
            try:
                return await once()
            except SourceBusy:
                delay_s = retries.delay_s()
                if delay_s is None:
                    raise
            await asyncio.sleep(delay_s)

    def understood(self, doing: str) -> "Understood":
        """Turn whatever a call ends with into a SourceError; `doing` says what for, in an operator's words."""
        return Understood(self.settings.server, doing)

    def lane(self) -> "Lane":
        """Give the channel with the fewest streams, for one more; it must be left when the stream has ended."""
        lane = min(self._lanes, key=attrgetter("streams"), default=None)
        if lane is None or lane.streams >= STREAMS_PER_CHANNEL:
            lane = Lane(self._open())
            self._lanes.append(lane)
        lane.streams += 1
        return lane

    async def close(self) -> None:
        """Close all channels and end their calls."""
        for lane in self._lanes:
            await lane.channel.close()
        await self._calls.close()

    def _open(self) -> wire.Channel:
        return wire.open_channel(self.settings.target, tls=self.settings.tls, ca=self._ca, options=_OPTIONS)


@dataclass(slots=True)
class Lane:
    """A channel that carries streams."""

    channel: wire.Channel
    streams: int = 0


async def _has_headers(stream: wire.Stream) -> bool:
    """Wait a little for a stream's headers, and say whether they came."""
    try:
        async with asyncio.timeout(HEADERS_S):
            await stream.initial_metadata()
    except TimeoutError:
        return False
    return True


def _read_ca(file: Path | None) -> bytes | None:
    """Read whom we trust; without a file the system's, or, where it has none, those that gRPC brings along."""
    if file is None:
        return next((each.read_bytes() for each in _system_ca() if each.is_file()), None)
    try:
        ssl.create_default_context(cafile=str(file))
        return file.read_bytes()
    except ssl.SSLError as error:
        raise ConfigError(f"chirpstack.ca_file: {file} holds no certificate in PEM form") from error
    except OSError as error:
        raise ConfigError(f"chirpstack.ca_file: {file} cannot be read: {error.strerror}") from error


def _system_ca() -> Generator[Path]:
    """Give the files where OpenSSL, and Debian beside the folder that OpenSSL uses there, keep all in one."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        yield Path(paths.cafile)
    if paths.capath:
        yield Path(paths.capath) / "ca-certificates.crt"
