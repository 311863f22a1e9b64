"""UUIDs, EUIs and keys as ChirpStack reads them, with the words of its parsers where it cannot."""

import string
import uuid

from .answers import Refused, internal, invalid

_EUI = 8
_KEY = 16
_DEV_ADDR = 4
_HEX = frozenset(string.hexdigits)
_HYPHENS = 4
_SIMPLE = 32


def eui(text: str) -> str:
    """Read an EUI: 16 digits in either case; an empty text is the EUI of zeros."""
    return _hex(text, _EUI)


def key(text: str) -> str:
    """Read an AES key: 32 digits in either case; an empty text is the key of zeros."""
    return _hex(text, _KEY)


def dev_addr(text: str) -> str:
    """Read a DevAddr: 8 digits in either case; an empty text is the DevAddr of zeros."""
    return _hex(text, _DEV_ADDR)


def _hex(text: str, size: int) -> str:
    if not text:
        return "00" * size
    raw = text.encode()
    if len(raw) % 2:
        raise internal("Odd number of digits")
    if len(raw) != 2 * size:
        raise internal("Invalid string length")
    for at, letter in enumerate(raw):
        if chr(letter) not in _HEX:
            raise internal(f"Invalid character {chr(letter)!r} at position {at}")
    return text.lower()


def identifier(text: str) -> str:
    """Read a UUID, in any of the forms that Rust's parser takes."""
    body = text
    if text.startswith("urn:uuid:"):
        body = text.removeprefix("urn:uuid:")
    elif text.startswith("{") and text.endswith("}"):
        body = text[1:-1]
    try:
        if len(body) == _SIMPLE or (len(body) == _SIMPLE + _HYPHENS and body.count("-") == _HYPHENS):
            return str(uuid.UUID(body))
    except ValueError:
        pass
    raise _no_uuid(body)


def _no_uuid(text: str) -> Refused:
    for at, letter in enumerate(text):
        if letter != "-" and letter not in _HEX:
            return invalid(f"invalid character: found `{letter}` at {at}")
    hyphens = text.count("-")
    if not hyphens:
        return invalid(f"invalid length: found {len(text)}")
    return invalid(f"invalid group count: found {hyphens + 1}")
