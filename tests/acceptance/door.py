"""A door before a database: it lets writes through and notes them, or holds them up, refuses them, cuts them off."""

import http.client
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qs, urlsplit

from tests.ports import free_port

_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: what is closed so is reset, as where a machine goes away."""

_POLL_S = 0.01


class Write(NamedTuple):
    """A body that the database acknowledged, as it came: gzip; and when that was."""

    bucket: str
    body: bytes
    at_ns: int

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return zlib.decompress(self.body, zlib.MAX_WBITS | 16).decode().splitlines()


class Request(BaseHTTPRequestHandler):
    """One write on its way. A trouble is told of it, and lets it through, answers it or cuts it off."""

    protocol_version = "HTTP/1.1"
    body = b""

    def do_POST(self) -> None:
        """Take a write."""
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self._server.meet(self)

    def pass_on(self) -> None:
        """Let it through."""
        self.answer(*self.forward())

    def forward(self) -> tuple[int, dict[str, str], bytes]:
        """Let the database have it, and give what it answers."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._server.behind, timeout=60)) as connection:
            connection.request("POST", self.path, self.body, dict(self.headers))
            found = connection.getresponse()
            content = found.read()
        if found.status == HTTPStatus.NO_CONTENT:
            [bucket] = parse_qs(urlsplit(self.path).query)["bucket"]
            self._server.writes.append(Write(bucket, self.body, time.time_ns()))
        return found.status, dict(found.getheaders()), content

    def answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        """Answer it."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def cut_inside(self) -> None:
        """Let the database have half of it, and cut both connections."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        with closing(socket.create_connection(("127.0.0.1", self._server.behind))) as connection:
            connection.sendall(f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body[: len(self.body) // 2])
        self.cut()

    def cut(self, said: bytes = b"") -> None:
        """Say so much of an answer and cut the connection, in order or not."""
        self.wfile.write(said)
        if random.random() < 0.5:  # noqa: S311 - both happen
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    @property
    def _server(self) -> "_Server":
        return cast("_Server", self.server)


Trouble = Callable[[Request], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, door: "Door") -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.behind = door.behind
        self.writes = door.writes
        self.meet = door.meet
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        with suppress(OSError):  # without the shutdown of socketserver, for a reset must stay one
            request.close()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that are cut: that is what it is for."""

    def cut_all(self) -> None:
        """Cut what is open."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Door:
    """A door before the server at a port; `writes` is what that server acknowledged, in its order."""

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.writes: list[Write] = []
        self.met = 0
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._trouble: tuple[Trouble, int] | None = None
        self._number = 0
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Let in who knocks."""
        self._server = _Server(self._port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cut all connections, and let nobody in."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.cut_all()
            self._thread.join(20)
            self._server.server_close()
            self._server = None

    def meet(self, request: Request) -> None:
        """Let a request meet what there is."""
        with self._lock:
            trouble, every = self._trouble or (Request.pass_on, 1)
            self._number += 1
            unlucky = self._trouble is not None and self._number % every == 0
            self.met += unlucky
        if unlucky:
            trouble(request)
        else:
            request.pass_on()

    @contextmanager
    def trouble(self, trouble: Trouble, every: int = 1) -> Generator[None]:
        """Let every so manieth request meet a trouble; `met` counts those that did."""
        self.met, self._number, self._trouble = 0, 0, (trouble, every)
        try:
            yield
        finally:
            self._trouble = None

    def flap(self, times: int, chance: random.Random, longest_s: float) -> None:
        """Close and open, each for a random time."""
        for _ in range(times):
            self.close()
            time.sleep(chance.uniform(0, longest_s))
            self.open()
            time.sleep(chance.uniform(0, longest_s))


def late(by_s: float) -> Trouble:
    """Let it through, and hold the answer back."""

    def meet(request: Request) -> None:
        answer = request.forward()
        time.sleep(by_s)
        request.answer(*answer)

    return meet


def too_many(wait: Callable[[], str]) -> Trouble:
    """Answer 429 with a Retry-After."""

    def meet(request: Request) -> None:
        said = b'{"code":"too many requests","message":"the limit of this organization is reached"}'
        request.answer(429, {"Retry-After": wait()}, said)

    return meet


def broken(request: Request) -> None:
    """Answer 500 as 2.x does, without having written."""
    request.answer(500, {}, b'{"code":"internal error","message":"an internal error has occurred"}')


def cut_inside_the_answer(request: Request) -> None:
    """Let it through, and cut the connection inside the answer: it is written, and nobody hears so."""
    request.forward()
    request.cut(b"HTTP/1.1 204 No Con")


def cut_inside_the_request(request: Request) -> None:
    """Cut the connections while the request comes."""
    request.cut_inside()
