"""Of several errors none is lost: each is logged with its traceback, and the first is raised."""

import pytest
from structlog.testing import capture_logs

from vdl_lora.errors import JournalFull, SinkRefused
from vdl_lora.operations.failure import log_errors, one_error


def raised(error):
    """An error with a traceback that names this function."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_single_error_is_raised_and_not_logged():
    error = raised(JournalFull())
    with capture_logs() as logs, pytest.raises(JournalFull) as caught, one_error():
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [error])])
    assert caught.value is error
    assert [] == logs


def test_every_error_of_a_group_is_logged_before_the_first_is_raised():
    errors = [raised(SinkRefused("no")), raised(KeyError("a")), raised(JournalFull())]
    with capture_logs() as logs, pytest.raises(SinkRefused), one_error():
        raise ExceptionGroup("tasks", [errors[0], ExceptionGroup("more", errors[1:])])
    assert errors == [line["exc_info"] for line in logs]
    assert ["1 of 3", "2 of 3", "3 of 3"] == [line["error"] for line in logs]
    assert {"error"} == {line["log_level"] for line in logs}


def test_logged_error_has_its_traceback(capsys):
    log_errors(ExceptionGroup("tasks", [raised(KeyError("a")), raised(ValueError("b"))]))
    said = capsys.readouterr().out
    assert 2 == said.count("in raised")
    assert "KeyError: 'a'" in said
    assert "ValueError: b" in said
