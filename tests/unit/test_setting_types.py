"""The types of configuration keys: bounds, texts that mean zero, and what declares a key."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from vdl_lora.setting_types import OptionalPath, Setting, declared, duration, is_section, mark, size
from vdl_lora.terminal import parser_of


def test_bounds_are_both_included():
    kind = duration("100ms", "60min", units=("ms", "s", "min"))
    assert [0.1, 3600] == [kind.parse("100ms"), kind.parse("60min")]
    for text, problem in (("99ms", "must be at least 100ms"), ("61min", "must be at most 60min")):
        with pytest.raises(ValueError, match=problem):
            kind.parse(text)


def test_bound_in_a_unit_that_is_not_taken_fails_at_its_declaration():
    with pytest.raises(ValueError, match="is not a duration"):
        duration("1s", "1h", units=("s",))


def test_text_for_zero_is_taken_below_the_least_and_written():
    retention, limit = duration("1h", zero="none"), size("1MB")
    assert (0, 0) == (retention.parse("none"), limit.parse(""))
    assert ("none", "", "1h") == (retention.write(0), limit.write(0), retention.write(3600))
    with pytest.raises(ValueError, match="must be at least 1h"):
        retention.parse("0s")


def test_option_is_read_as_a_key_with_the_same_message():
    kind = duration("1s", example="20s")
    parse = parser_of(kind)
    assert (90, 5.0) == (parse("90s"), parse(5.0))
    with pytest.raises(ValueError, match="is not a duration") as raised:
        kind.parse("soon")
    with pytest.raises(typer.BadParameter, match="'soon' is not a duration") as refused:
        parse("soon")
    assert f"'soon' {raised.value}" == str(refused.value)


def test_field_is_a_key_only_with_a_setting():
    @dataclass(frozen=True, slots=True)
    class BrokerSettings:
        """Where the broker is.

        For developers.
        """

        host: Annotated[str, Setting("its name")]
        wait_s: Annotated[int, duration(), Setting("how long", name="wait")] = 60
        inner: int = 3

    @dataclass(frozen=True, slots=True)
    class Whole:
        broker: BrokerSettings
        count: int = 0

    assert ["host", "wait"] == list(declared(BrokerSettings))
    assert ("wait_s", 60) == (declared(BrokerSettings)["wait"].field, declared(BrokerSettings)["wait"].default)
    assert {"broker": "Where the broker is."} == {
        name: key.setting.description for name, key in declared(Whole).items()
    }
    assert [True, False] == [is_section(BrokerSettings), is_section(Whole)]
    assert mark(OptionalPath, Setting) is None
