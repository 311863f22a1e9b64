"""The gRPC server: finds a service's method by its name, reads the caller, turns Refused into an answer."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vdl_lora.errors import ConfigError

from .answers import Refused
from .lock import DatabaseLock
from .parsing import eui
from .services.base import Service
from .streams import Streams
from .tokens import Caller, caller_of
from .wire import aio, generic_handler, methods, stream_handler, unary_handler

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_LOOPBACK = re.compile(r"(?:127(?:\.\d+){3}|localhost|\[::1\]):\d+")
_WITHOUT_DATABASE = frozenset({"Settings"})
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two servers on one port is a mistake
    ("grpc.http2.max_ping_strikes", 0),  # ChirpStack's server counts no pings
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_send_message_length", -1),
)


class Server:
    """A server on one address; it can be started once."""

    def __init__(
        self,
        services: Mapping[str, Service],
        streams: Streams,
        lock: DatabaseLock,
        secret: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._streams = streams
        self._lock = lock
        self._server = aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers(
            [generic_handler(f"api.{name}Service", self._handlers(name, service)) for name, service in services.items()]
        )

    async def start(self, bind: str, *, anywhere: bool = False) -> str:
        """Listen, and give the address, with the port where none (0) was asked for.

        Raises ConfigError where the address is taken, or leaves this machine without `anywhere`.
        """
        if not anywhere and not _LOOPBACK.fullmatch(bind):
            raise ConfigError(f"{bind} is not on the loopback interface: the virtual ChirpStack listens there only")
        try:
            port = self._server.add_insecure_port(bind)
        except RuntimeError as error:
            raise ConfigError(f"{bind} cannot be listened on: it may be in use") from error
        await self._server.start()
        return f"{bind.rpartition(':')[0]}:{port}"

    async def stop(self, grace_s: float | None = None) -> None:
        """End all calls, after a grace where one is given; ChirpStack itself gives none."""
        await self._server.stop(grace_s)

    def _handlers(self, name: str, service: Service) -> dict[str, Any]:
        handlers: dict[str, Any] = {}
        for method, request, streaming in methods(name):
            if streaming:
                if method == "StreamDeviceEvents":
                    handlers[method] = stream_handler(self._stream(service), request.FromString, _serialise)
                continue
            word = _CAPITAL.sub("_", method).lower()
            call = getattr(service, "list_" if word == "list" else word, None)
            if call is not None:
                answer = self._unary(call, without_database=method in _WITHOUT_DATABASE)
                handlers[method] = unary_handler(answer, request.FromString, _serialise)
        return handlers

    def _unary(
        self, call: Callable[[Any, Caller], Any], *, without_database: bool
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, context: Any) -> Any:
            try:
                caller = self._caller(context)
                if not without_database:
                    await self._lock.enter()
                return call(request, caller)
            except Refused as refused:
                await context.abort(refused.code, refused.details)

        return answer

    def _stream(self, service: Service) -> Callable[[Any, Any], Awaitable[None]]:
        async def answer(request: Any, context: Any) -> None:
            try:
                caller = self._caller(context)
                await self._lock.enter()
                service.may.read(caller, service.tenant_of_device(eui(request.dev_eui)))
                await self._streams.run(request.dev_eui, context)
            except Refused as refused:
                await context.abort(refused.code, refused.details)

        return answer

    def _caller(self, context: Any) -> Caller:
        header: str | None = None
        with contextlib.suppress(TypeError):
            header = dict(context.invocation_metadata()).get("authorization")
        return caller_of(self._secret, header, self._clock())


def _serialise(message: Any) -> bytes:
    return bytes(message.SerializeToString())
