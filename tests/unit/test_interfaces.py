"""A check of an error has its message and its advice."""

from vdl_lora.errors import SinkUnavailable, SourceRefused
from vdl_lora.interfaces import Check


def test_failed_check_takes_message_and_advice_of_the_error():
    error = SourceRefused("a (it says: b; c)", advice="see d; or e")
    assert Check("x", ok=False, words="a (it says: b; c)", advice="see d; or e") == Check.failed("x", error)


def test_failed_check_without_advice_has_that_of_the_class():
    check = Check.failed("x", SinkUnavailable("503: <style>a{b:c; color: red}</style>"))
    assert "503: <style>a{b:c; color: red}</style>" == check.words
    assert SinkUnavailable.default_advice == check.advice


def test_a_state_is_one_word():
    assert "ok" == Check("a", ok=True, words="b").state
    assert "warning" == Check("a", ok=True, words="b", doubt="warning").state
    assert "unknown" == Check("a", ok=True, words="b", doubt="unknown").state
    assert "failed" == Check("a", ok=False, words="b", doubt="unknown").state
