"""The errors with which ChirpStack answers, with its texts. There is no PERMISSION_DENIED."""

from typing import Any

from .wire import Code

REDIS_GONE = "Error occurred while creating a new object" + ": Connection refused (os error 111)" * 3


class Refused(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """A call ends with this code and these details."""

    def __init__(self, code: Any, details: str = "") -> None:
        super().__init__(f"{code.name}: {details or 'no words'}")
        self.code = code
        self.details = details


def denied() -> Refused:
    """Say nothing: no right, a revoked key, or, for a tenant's key, an object of another's or of nobody's."""
    return Refused(Code.UNAUTHENTICATED)


def bad_token(words: str) -> Refused:
    """Say what is wrong with a token that is missing or none of ours."""
    return Refused(Code.UNAUTHENTICATED, words)


def not_found(what: str) -> Refused:
    """Say that the object does not exist, to whoever may see all objects."""
    return Refused(Code.NOT_FOUND, f"Object does not exist (id: {what})")


def invalid(words: str) -> Refused:
    """Say that the request is malformed."""
    return Refused(Code.INVALID_ARGUMENT, words)


def internal(words: str) -> Refused:
    """Give the database's or a parser's own words; the client's mistakes are among them."""
    return Refused(Code.INTERNAL, words)


def duplicate(*columns: str) -> Refused:
    """Say that a row with this key is there already, in SQLite's words."""
    return internal("UNIQUE constraint failed: " + ", ".join(columns))


def no_such_parent() -> Refused:
    """Say that a row refers to one that does not exist, in SQLite's words."""
    return internal("FOREIGN KEY constraint failed")
