"""Addresses as the configuration writes them: `host:port`, `https://host`, URLs. Pure: no name is looked up.

Each function raises ValueError with a message whose subject is the address; the message never repeats it.
"""

import ipaddress
import re

HIGHEST_PORT = 65_535

_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\s\[\]]*\]|[^\s:/?#@\[\]]+)(?::(?P<port>[0-9]{1,18}))?")
_PATH = re.compile(r"[\w./~-]*")
_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_LONGEST_NAME = 253
_HTTPS_PORT = 443
_SCHEMES = ("http", "https")

_NO_SERVER = "is not a server; write host:port, such as 127.0.0.1:8080, or https://host for a proxy"
_NO_BIND = "is not an address to listen on; write host:port, such as 127.0.0.1:8091"
_NO_URL = "is not a URL; write http://host:8086, without user, password or query"


def parse_server(text: str) -> tuple[str, bool]:
    """Return `host:port` of a server, and whether it is reached by TLS, as it is configured."""
    scheme, _, rest = text.partition("://") if "://" in text else ("http", "", text)
    if scheme not in _SCHEMES:
        raise ValueError(_NO_SERVER)
    tls = scheme == "https"
    host, port = _host_and_port(rest.removesuffix("/"), _NO_SERVER, needs_port=not tls)
    _refuse_port_0(port)
    return f"{host}:{port or _HTTPS_PORT}", tls


def parse_bind(text: str) -> tuple[str, int]:
    """Return host and port to listen on; the host of an IPv6 address has no brackets, port 0 means any free port."""
    host, port = _host_and_port(text, _NO_BIND, needs_port=True)
    return host.strip("[]"), port or 0


def check_url(text: str) -> None:
    """Refuse what is not an http or https URL, or has a user, a password, a query or a fragment."""
    scheme, _, rest = text.partition("://")
    authority, _, path = rest.partition("/")
    if scheme not in _SCHEMES or _PATH.fullmatch(path) is None:
        raise ValueError(_NO_URL)
    _, port = _host_and_port(authority, _NO_URL, needs_port=False)
    _refuse_port_0(port)


def _host_and_port(text: str, usage: str, *, needs_port: bool) -> tuple[str, int | None]:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or (needs_port and found["port"] is None):
        raise ValueError(usage)
    host, port = found["host"], None if found["port"] is None else int(found["port"])
    _check_host(host)
    if port is not None and port > HIGHEST_PORT:
        raise ValueError(f"has port {port}; the highest port is {HIGHEST_PORT}")
    return host, port


def _refuse_port_0(port: int | None) -> None:
    if port == 0:
        raise ValueError("has port 0, on which no server listens; write the port of the server")


def _check_host(host: str) -> None:
    name = host.removesuffix(".")
    labels = name.split(".")
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
        elif labels[-1].isdecimal():  # no domain ends in a number, so it can only be an address
            ipaddress.IPv4Address(host)
        elif len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
            raise ValueError  # noqa: TRY301 - as ipaddress does
    except ValueError:
        raise ValueError("has a host that is neither a name nor an IP address; correct it") from None
