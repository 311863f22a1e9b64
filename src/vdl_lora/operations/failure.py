"""Errors of a task group: every one is logged with its traceback, and the first is raised for a command to report."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@contextmanager
def one_error() -> Generator[None]:
    """Raise the first error of a task group instead of the group; where it has several, log all of them before."""
    try:
        yield
    except ExceptionGroup as group:
        first, *others = _errors(group)
        if others:
            log_errors(group)
        raise first from None


def log_errors(group: ExceptionGroup[Any]) -> None:
    """Log each error of a group with its traceback."""
    errors = list(_errors(group))
    for number, error in enumerate(errors, 1):
        action = getattr(error, "action", "stop")
        log.error("a task failed", action=action, error=f"{number} of {len(errors)}", exc_info=error)


def _errors(error: Exception) -> Iterator[Exception]:
    """Yield the errors of a group and of the groups in it, or the error itself."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for each in error.exceptions:  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        yield from _errors(each)  # pyright: ignore[reportUnknownArgumentType]
