"""A finding is made of an error without losing a word."""

import pytest

from vdl_lora.errors import SourceRefused
from vdl_lora.interfaces import Check


@pytest.mark.parametrize(
    ("text", "words", "advice"),
    [
        ("a is away; see b", "a is away", "see b"),
        ("a; b is away; see c", "a; b is away", "see c"),
        ("a is away; see b (it says: no; never)", "a is away (it says: no; never)", "see b"),
        ("a is away", "a is away", ""),
    ],
)
def test_what_stands_behind_the_last_semicolon_of_our_words_is_the_advice(text, words, advice):
    assert Check("a", ok=False, words=words, advice=advice) == Check.failed("a", SourceRefused(text))


def test_an_advice_that_is_given_leaves_the_words_whole():
    assert Check("a", ok=False, words="b; c", advice="d") == Check.failed("a", SourceRefused("b; c"), "d")


def test_a_state_is_one_word():
    assert "ok" == Check("a", ok=True, words="b").state
    assert "warning" == Check("a", ok=True, words="b", doubt="warning").state
    assert "unknown" == Check("a", ok=True, words="b", doubt="unknown").state
    assert "failed" == Check("a", ok=False, words="b", doubt="unknown").state
