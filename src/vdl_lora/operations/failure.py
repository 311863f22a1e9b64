"""What went wrong together, as the one error that a command tells."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def one_error() -> Generator[None]:
    """Raise the first error of a task group instead of the group."""
    try:
        yield
    except ExceptionGroup as group:
        raise _first(group) from None


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]
