"""Tokens of the virtual ChirpStack are refused in the words of the real one, which checks the signature first."""

import jwt
import pytest

from vdl_lora.events import NS
from vdl_lora.virtual import Refused
from vdl_lora.virtual.tokens import NOBODY, Caller, caller_of, sign

SECRET = b"0123456789abcdef0123456789abcdef"
OTHER_SECRET = SECRET[::-1]
NOW_NS = 1_795_480_000 * NS
DAY_NS = 86_400 * NS
CLAIMS = {"aud": "chirpstack", "iss": "chirpstack", "sub": "1", "typ": "key"}


def caller(token: str, now_ns: int = NOW_NS) -> Caller:
    """Whose token it is."""
    return caller_of(SECRET, f"Bearer {token}", now_ns)


def without(claim: str) -> dict[str, str]:
    """All claims but one."""
    return {name: value for name, value in CLAIMS.items() if name != claim}


def test_token_of_a_key_never_expires():
    assert Caller("key", "1") == caller(sign(SECRET, "key", "1", NOW_NS), NOW_NS + 10_000 * DAY_NS)


def test_token_of_a_user_expires_after_a_day_of_the_servers_own_clock():
    token = sign(SECRET, "user", "1", 0)
    assert Caller("user", "1") == caller(token, DAY_NS)
    with pytest.raises(Refused) as refused:
        caller(token, DAY_NS + NS)
    assert "ExpiredSignature" == refused.value.details


def test_call_without_metadata_is_nobodys():
    assert NOBODY == caller_of(SECRET, None, NOW_NS)


@pytest.mark.parametrize(
    ("token", "details"),
    [
        ("", "InvalidToken"),
        ("my-key", "InvalidToken"),
        ("a.b.c", "InvalidToken"),
        (sign(OTHER_SECRET, "key", "1", NOW_NS), "InvalidSignature"),
        (jwt.encode(without("aud"), OTHER_SECRET, "HS256"), "InvalidSignature"),
        (jwt.encode(CLAIMS, SECRET * 2, "HS512"), "InvalidAlgorithm"),
        (jwt.encode(CLAIMS, None, "none"), "InvalidAlgorithm"),
        (jwt.encode({**CLAIMS, "aud": "other"}, SECRET, "HS256"), "InvalidAudience"),
        (jwt.encode(without("sub"), SECRET, "HS256"), "InvalidToken"),
        (jwt.encode(without("typ"), SECRET, "HS256"), "InvalidToken"),
    ],
)
def test_token_that_is_none_of_ours_is_refused_in_chirpstacks_words(token: str, details: str):
    with pytest.raises(Refused) as refused:
        caller(token)
    assert ("UNAUTHENTICATED", details) == (refused.value.code.name, refused.value.details)


@pytest.mark.parametrize("header", ["", "Bearer", "bearer x", "Basic x", "Bearer x y"])
def test_metadata_of_another_form_are_refused(header: str):
    with pytest.raises(Refused) as refused:
        caller_of(SECRET, header, NOW_NS)
    assert "authorization metadata must be in format 'Bearer <TOKEN>" == refused.value.details
