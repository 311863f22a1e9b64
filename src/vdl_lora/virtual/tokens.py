"""JSON Web Tokens as ChirpStack signs them: HS256, `aud` chirpstack, `typ` key or user; only a user's expires."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

import msgspec

from vdl_lora.times import NS

from .answers import bad_token

_HEADER = b'{"typ":"JWT","alg":"HS256"}'
_DAY_S = 86_400
_PARTS = 3

CallerKind = Literal["key", "user", "nobody"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a call carries; nobody's where it carries none."""

    kind: CallerKind
    id: str = ""


NOBODY = Caller("nobody")


class _Header(msgspec.Struct):
    alg: str


class _Claims(msgspec.Struct):
    aud: str
    sub: str
    typ: CallerKind
    exp: int | None = None


def sign(secret: bytes, kind: CallerKind, subject: str, now_ns: int) -> str:
    """Make the token of an API key or of a user who logs in now."""
    claims: dict[str, str | int] = {"aud": "chirpstack", "iss": "chirpstack", "sub": subject, "typ": kind}
    if kind == "user":
        claims["exp"] = now_ns // NS + _DAY_S
    text = f"{_encode(_HEADER)}.{_encode(msgspec.json.encode(claims))}"
    return f"{text}.{_signature(secret, text)}"


def caller_of(secret: bytes, header: str | None, now_ns: int) -> Caller:
    """Read the metadata `authorization`; without it the caller is nobody."""
    if header is None:
        return NOBODY
    scheme, space, token = header.partition(" ")
    if scheme != "Bearer" or not space or " " in token:
        raise bad_token("authorization metadata must be in format 'Bearer <TOKEN>")
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise bad_token("InvalidToken")
    try:
        header_of = msgspec.json.decode(_decode(parts[0]), type=_Header)
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
        raise bad_token("InvalidToken") from None
    if header_of.alg != "HS256":
        raise bad_token("InvalidAlgorithm")
    if not hmac.compare_digest(parts[2].encode(), _signature(secret, f"{parts[0]}.{parts[1]}").encode()):
        raise bad_token("InvalidSignature")
    claims = msgspec.json.decode(_decode(parts[1]), type=_Claims)
    if claims.aud != "chirpstack":
        raise bad_token("InvalidAudience")
    if claims.exp is not None and claims.exp < now_ns // NS:
        raise bad_token("ExpiredSignature")
    return Caller(claims.typ, claims.sub)


def _signature(secret: bytes, text: str) -> str:
    return _encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
