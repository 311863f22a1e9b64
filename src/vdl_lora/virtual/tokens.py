"""JSON Web Tokens as ChirpStack signs them: HS256, `aud` chirpstack, `typ` key or user; only a user's expires."""

from dataclasses import dataclass
from typing import Any, Literal

import jwt

from vdl_lora.times import NS

from .answers import bad_token

_AUDIENCE = "chirpstack"
_ALGORITHM = "HS256"
_DAY_S = 86_400

CallerKind = Literal["key", "user", "nobody"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a call carries; nobody's where it carries none."""

    kind: CallerKind
    id: str = ""


NOBODY = Caller("nobody")


def sign(secret: bytes, kind: CallerKind, subject: str, now_ns: int) -> str:
    """Make the token of an API key or of a user who logs in now."""
    claims: dict[str, str | int] = {"aud": _AUDIENCE, "iss": "chirpstack", "sub": subject, "typ": kind}
    if kind == "user":
        claims["exp"] = now_ns // NS + _DAY_S
    return jwt.encode(claims, secret, _ALGORITHM)


def caller_of(secret: bytes, header: str | None, now_ns: int) -> Caller:
    """Read the metadata `authorization`; without it the caller is nobody. Raises Refused in ChirpStack's words."""
    if header is None:
        return NOBODY
    scheme, space, token = header.partition(" ")
    if scheme != "Bearer" or not space or " " in token:
        raise bad_token("authorization metadata must be in format 'Bearer <TOKEN>")
    claims = _claims(secret, token)
    if claims.get("exp", now_ns // NS) < now_ns // NS:  # by this server's clock, which may stand elsewhere
        raise bad_token("ExpiredSignature")
    return Caller(claims["typ"], claims["sub"])


def _claims(secret: bytes, token: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            secret,
            [_ALGORITHM],
            audience=_AUDIENCE,
            options={"verify_exp": False, "require": ["aud", "sub", "typ"]},
        )
    except jwt.InvalidSignatureError:
        raise bad_token("InvalidSignature") from None
    except jwt.InvalidAlgorithmError:
        raise bad_token("InvalidAlgorithm") from None
    except jwt.InvalidAudienceError:
        raise bad_token("InvalidAudience") from None
    except jwt.InvalidTokenError:
        raise bad_token("InvalidToken") from None
