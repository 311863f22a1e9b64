"""Whether a server can be reached: its name, TCP, TLS and its certificate, HTTP/2, each only after the one before.

It does by hand what libraries do behind one error, so that the step that fails is the one that is told.
"""

import asyncio
import errno
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from vdl_lora.files import open_to_all
from vdl_lora.interfaces import Check
from vdl_lora.wording import duration

MOST_SKEW_S = 10.0
"""How far two clocks may differ before it is a person's business: an event's time is only doubted beyond 60 s."""

EXPIRES_SOON_S = 21 * 86_400
STEP_S = 5.0

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # RFC 9113, 3.4: no settings
_FRAME_HEAD = 9
_SETTINGS = 4
_MOST_STREAMS = 3
_SETTING = 6
_DAY_S = 86_400
_EXPIRED, _EARLY, _OTHER_NAME = 10, 9, (62, 64)  # OpenSSL's X509_V_ERR_*
_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is; `tls` is whom we trust, None for a server in clear, `where` the key of the configuration.

    `calls` is how many there may be at once on a connection of HTTP/2, 0 where that is not spoken.
    """

    host: str
    port: int
    where: str
    tls: ssl.SSLContext | None = None
    calls: int = 0


async def reach(server: Server) -> Sequence[Check]:
    """Try each step, and say how it went; the last one is the first that failed."""
    found: list[Check] = []
    for step, wanted in (
        (_name, not _is_address(server.host)),
        (_tcp, True),
        (_tls, server.tls is not None),
        (_http2, server.calls > 0),
    ):
        if wanted:
            found.append(await step(server))
            if not found[-1].ok:
                break
    return found


def host_and_port(target: str) -> tuple[str, int]:
    """Take `host:port` apart, where the host may be an IPv6 address in brackets."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def clock_check(whose: str, date: str, our_s: float) -> Check:
    """Compare our clock with the date in an answer's headers."""
    try:
        their_s = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Check(
            "clock", ok=True, words=f"the answers of {whose} carry no date to compare ours with", doubt="unknown"
        )
    skew_s = our_s - their_s - 0.5  # a date is cut to its second
    if abs(skew_s) <= MOST_SKEW_S:
        return Check("clock", ok=True, words=f"that of {whose} and ours agree to within {MOST_SKEW_S:g} s")
    words = f"ours is {duration(abs(skew_s))} {'ahead of' if skew_s > 0 else 'behind'} that of {whose}"
    return Check("clock", ok=True, words=words, advice="set both by NTP", doubt="warning")


async def _name(server: Server) -> Check:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_S):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        words = f"no DNS server told within {STEP_S:g} s where {server.host} is"
        return Check("name", ok=False, words=words, advice="see this machine's DNS")
    except (OSError, UnicodeError) as error:
        words = f"{server.host} is not known: {getattr(error, 'strerror', None) or error}"
        advice = f"see the host in {server.where}, and this machine's DNS"
        return Check("name", ok=False, words=words, advice=advice)
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    return Check("name", ok=True, words=f"{server.host} is {addresses}")


async def _tcp(server: Server) -> Check:
    begun = time.monotonic()
    where = f"{server.host}:{server.port}"
    try:
        async with _connected(server, None):
            took_ms = (time.monotonic() - begun) * 1000
    except TimeoutError:
        words = f"{where} does not answer within {STEP_S:g} s"
        advice = "see whether the machine is on, and the firewalls between us"
        return Check("TCP", ok=False, words=words, advice=advice)
    except OSError as error:
        if error.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(error):  # of several addresses
            words, advice = f"nothing listens at {where}", f"see whether it runs, and host and port in {server.where}"
            return Check("TCP", ok=False, words=words, advice=advice)
        words = f"{where} cannot be connected to: {error.strerror or error}"
        advice = "see the network of this machine, and the firewalls between us"
        return Check("TCP", ok=False, words=words, advice=advice)
    return Check("TCP", ok=True, words=f"{where} takes connections, in {took_ms:.0f} ms")


async def _tls(server: Server) -> Check:
    """Say which certificate it shows, and until when; where it is not good, why not."""
    try:
        async with _connected(server, server.tls) as (_, writer):
            return _certificate(writer.get_extra_info("peercert") or {})
    except ssl.SSLCertVerificationError as error:
        return _untrusted(server, error)
    except ssl.SSLError as error:
        words = f"{server.host}:{server.port} does not speak TLS: {error.reason or error}"
        advice = f"write {server.where} without https:// if the server itself listens there"
        return Check("TLS", ok=False, words=words, advice=advice)
    except (OSError, TimeoutError) as error:
        words = f"{server.host}:{server.port} breaks the TLS handshake off: {error or 'no answer'}"
        advice = f"see whether a server with TLS listens there, and {server.where}"
        return Check("TLS", ok=False, words=words, advice=advice)


def _certificate(peer: Mapping[str, Any]) -> Check:
    until_s = ssl.cert_time_to_seconds(peer["notAfter"])
    left_s = until_s - time.time()
    words = (
        f"the certificate of {', '.join(_names(peer)) or 'no name'}, by {_issuer(peer)}, "
        f"is good until {time.strftime('%Y-%m-%d', time.gmtime(until_s))}, {left_s / _DAY_S:.0f} more days"
    )
    if left_s < EXPIRES_SOON_S:
        advice = "renew it on that server, and see why that does not happen by itself"
        return Check("TLS", ok=True, words=words, advice=advice, doubt="warning")
    return Check("TLS", ok=True, words=words)


def _names(peer: Mapping[str, Any]) -> list[str]:
    return [str(value) for _, value in peer.get("subjectAltName", ())]


def _issuer(peer: Mapping[str, Any]) -> str:
    """Give who signed it, by the most telling part of the name."""
    parts = {key: value for part in peer.get("issuer", ()) for key, value in part}
    return str(parts.get("commonName") or parts.get("organizationName") or "nobody who is named")


def _untrusted(server: Server, error: ssl.SSLCertVerificationError) -> Check:
    name = f"the certificate of {server.host}:{server.port}"
    section = server.where.partition("]")[0] + "]"
    if error.verify_code == _EXPIRED:
        words, advice = f"{name} has expired", "renew it on that server"
    elif error.verify_code == _EARLY:
        words, advice = f"{name} is not valid yet", "see the clocks of both machines"
    elif error.verify_code in _OTHER_NAME:
        words, advice = f"{name} is for another name: {error.verify_message}", f"use its name in {server.where}"
    else:
        words = f"nobody whom we trust vouches for {name}: {error.verify_message}"
        advice = f"name its CA in {section} ca_file"
    return Check("TLS", ok=False, words=words, advice=advice)


async def _http2(server: Server) -> Check:
    """Say whether it speaks HTTP/2, and how many calls it lets through on a connection."""
    try:
        async with asyncio.timeout(STEP_S), _connected(server, server.tls) as (reader, writer):
            writer.write(_PREFACE)
            await writer.drain()
            head = await reader.readexactly(_FRAME_HEAD)
            if head[3] == _SETTINGS and _is_agreed(writer):
                return _settings(server, await reader.readexactly(int.from_bytes(head[:3], "big")))
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass
    if server.tls is not None:
        words = f"{server.host}:{server.port} speaks HTTPS without HTTP/2, which gRPC needs"
        advice = "turn HTTP/2 on in the proxy (nginx: http2 on)"
    else:
        words = f"what listens at {server.host}:{server.port} speaks no HTTP/2, which gRPC needs"
        advice = f"see host and port in {server.where}, and write https:// for a proxy"
    return Check("HTTP/2", ok=False, words=words, advice=advice)


def _is_agreed(writer: asyncio.StreamWriter) -> bool:
    """Whether the TLS handshake has agreed on HTTP/2, as gRPC insists; in clear there is none to do so."""
    tls = writer.get_extra_info("ssl_object")
    return tls is None or tls.selected_alpn_protocol() == "h2"


def _settings(server: Server, payload: bytes) -> Check:
    """Read the server's settings: pairs of a number of 16 bits and a value of 32."""
    settings = {
        int.from_bytes(payload[at : at + 2], "big"): int.from_bytes(payload[at + 2 : at + _SETTING], "big")
        for at in range(0, len(payload), _SETTING)
    }
    most = settings.get(_MOST_STREAMS)
    if most is None:
        return Check("HTTP/2", ok=True, words="spoken, with any number of calls on a connection")
    words = f"spoken, with up to {most} calls on a connection"
    if most < server.calls:
        advice = f"let the proxy take {server.calls} or more (nginx: http2_max_concurrent_streams)"
        return Check(
            "HTTP/2", ok=True, words=f"{words}: some of our streams would stay silent", advice=advice, doubt="warning"
        )
    return Check("HTTP/2", ok=True, words=words)


@asynccontextmanager
async def _connected(server: Server, context: ssl.SSLContext | None) -> AsyncGenerator[_Stream]:
    async with asyncio.timeout(STEP_S):
        stream = await asyncio.open_connection(
            server.host, server.port, ssl=context, server_hostname=server.host if context else None
        )
    try:
        yield stream
    finally:
        stream[1].close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(STEP_S):
                await stream[1].wait_closed()


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def check_secret(subject: str, file: Path | None) -> list[Check]:
    """Warn where every user of this machine may read or change the file of a secret."""
    if file is None or not open_to_all(file):
        return []
    words = f"every user of this machine may read {file.absolute()}"
    return [Check(subject, ok=True, words=words, advice=f"run `chmod o= {file.absolute()}`", doubt="warning")]


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    return host == "localhost" or (_is_address(host) and bool(ipaddress.ip_address(host).is_loopback))
