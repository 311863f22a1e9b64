"""What a probe's reading becomes once an installation says what the probe looks at."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.decoding import Fault, Reading, reads
from vdl_lora.quantities import QUANTITIES, quantity


def becomes(probe: str, name: str, number: float, **parameters: float) -> float:
    """Give the value that a probe's reading becomes."""
    found = reads(probe, name, parameters).apply(Reading(quantity(probe), number))
    assert isinstance(found, Reading)
    assert quantity(name) is found.quantity
    return found.value


@pytest.mark.parametrize(
    ("expected", "probe", "name", "number", "parameters"),
    [
        (2.1, "probe.distance", "water.level", 1.1, {"mounting_height": 3.2}),
        (0.0, "probe.distance", "water.level", 3.2, {"mounting_height": 3.2}),
        (-0.5, "probe.distance", "water.level", 3.7, {"mounting_height": 3.2}),
        (1.588, "probe.distance", "water.level", 2.612, {"mounting_height": 4.2}),
        (-3.3, "probe.distance", "water.level", 1.1, {"mounting_height": -2.2}),
        (2.1, "probe.distance", "water.depth", 1.1, {"mounting_height": 3.2}),
        (0.0, "probe.distance", "waste.fill_level", 1.5, {"empty_distance": 1.5}),
        (100.0, "probe.distance", "waste.fill_level", 0.0, {"empty_distance": 1.5}),
        (50.0, "probe.distance", "waste.fill_level", 0.9, {"empty_distance": 1.5, "full_distance": 0.3}),
        (-20.0, "probe.distance", "waste.fill_level", 1.8, {"empty_distance": 1.5}),
        (123.4, "probe.pulses_total", "water_meter.volume", 1234, {"pulse_weight": 0.1}),
        (1000.3, "probe.pulses_total", "water_meter.volume", 3, {"pulse_weight": 0.1, "index_offset": 1000.0}),
        (12.34, "probe.pulses_total", "gas.volume", 1234, {"pulse_weight": 0.01}),
        (1234.0, "probe.pulses_total", "heat.energy", 1234, {"pulse_weight": 1.0}),
        (1.234, "probe.pulses_total", "electricity.energy_import", 1234, {"pulse_weight": 0.001}),
        (1.234, "probe.pulses_total", "electricity.energy_export", 1234, {"pulse_weight": 0.001}),
        (246.8, "probe.pulses_total", "weather.rain_total", 1234, {"pulse_weight": 0.2}),
        (0.0, "probe.current", "water.pressure", 4.0, {"at_low": 0.0, "at_high": 1000.0}),
        (1000.0, "probe.current", "water.pressure", 20.0, {"at_low": 0.0, "at_high": 1000.0}),
        (500.0, "probe.current", "water.pressure", 12.0, {"at_low": 0.0, "at_high": 1000.0}),
        (-31.25, "probe.current", "water.pressure", 3.5, {"at_low": 0.0, "at_high": 1000.0}),
        (-20.0, "probe.current", "air.temperature", 8.0, {"at_low": -40.0, "at_high": 40.0}),
        (7.0, "probe.voltage", "water.ph", 5.0, {"at_low": 0.0, "at_high": 14.0}),
        (3.3, "probe.voltage", "water.level", 3.3, {"at_low": 0.0, "at_high": 10.0}),
        (12.5, "probe.temperature", "water.temperature", 12.5, {}),
        (12.5, "probe.temperature", "air.temperature", 12.5, {}),
        (65.5, "probe.humidity", "air.humidity", 65.5, {}),
        (True, "probe.contact", "contact.open", False, {}),
        (False, "probe.contact", "contact.open", True, {}),
        (True, "probe.digital", "water.leak", True, {}),
        (7, "probe.pulses_delta", "presence.people_in_delta", 7, {}),
    ],
)
def test_a_probes_value_becomes_what_a_person_would_compute(
    expected: float, probe: str, name: str, number: float, parameters: dict[str, float]
):
    value = becomes(probe, name, number, **parameters)
    assert (type(expected), expected) == (type(value), value)


@given(st.integers(0, 30_000), st.integers(-10_000, 40_000))
def test_a_level_is_exact_in_mm(distance: int, height: int):
    expected = float(Fraction(height - distance, 1000))
    assert expected == becomes("probe.distance", "water.level", distance / 1000, mounting_height=height / 1000)


@given(st.integers(0, (1 << 32) - 1), st.integers(1, 10_000), st.integers(0, 10**9))
def test_a_volume_is_exact_in_litres(pulses: int, weight: int, index: int):
    expected = float(Fraction(pulses * weight + index, 1000))
    given_parameters = {"pulse_weight": weight / 1000, "index_offset": index / 1000}
    assert expected == becomes("probe.pulses_total", "water_meter.volume", pulses, **given_parameters)


LEVEL = reads("probe.distance", "water.level", {"mounting_height": 4.2})


def test_a_reading_keeps_its_channel_and_its_time():
    reading = Reading(quantity("probe.distance"), 1.2, "left", 5, stored=True)
    assert Reading(quantity("water.level"), 3.0, "left", 5, stored=True) == LEVEL.apply(reading)


def test_a_fault_becomes_a_fault_of_the_same_kind():
    fault = Fault(quantity("probe.distance"), "no_sensor", "raw value 0", "left", 5, stored=True)
    assert Fault(quantity("water.level"), "no_sensor", "raw value 0", "left", 5, stored=True) == LEVEL.apply(fault)


def test_other_quantities_pass_unchanged():
    for item in (Reading(quantity("probe.temperature"), 5.0), Fault(quantity("device.battery_voltage"), "no_sensor")):
        assert item is LEVEL.apply(item)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["water.level", "waste.fill_level"])
def test_what_is_no_number_stays_none(name: str, number: float):
    rule = reads("probe.distance", name, {"mounting_height": 4.2, "empty_distance": 1.5})
    found = rule.apply(Reading(quantity("probe.distance"), number))
    assert (name, repr(number)) == (found.quantity.name, repr(found.value))


# ---------------------------------------------------------------- declared wrongly


def refusal(probe: str, name: str, **parameters: float) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        reads(probe, name, parameters)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "probe", "name", "parameters"),
    [
        (["mounting_height in m", "from the place's declared zero"], "probe.distance", "water.level", {}),
        (["mounting_height"], "probe.distance", "water.depth", {"mounting_heigth": 4.2}),
        (["empty_distance in m"], "probe.distance", "waste.fill_level", {"full_distance": 0.3}),
        (["pulse_weight"], "probe.pulses_total", "water_meter.volume", {"index_offset": 1.0}),
        (["at_low", "at_high"], "probe.current", "water.pressure", {}),
        (["at_high"], "probe.voltage", "water.pressure", {"at_low": 0.0}),
    ],
)
def test_a_parameter_that_is_missing_is_named_with_its_unit_and_what_it_is(
    words: list[str], probe: str, name: str, parameters: dict[str, float]
):
    said = refusal(probe, name, **parameters)
    assert said.startswith(f"{probe} as {name} needs ")
    assert [] == [word for word in words if word not in said]
    assert not {"full_distance", "index_offset"} & set(said.replace(":", " ").split())


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        ("probe.distance", "air.temperature"),
        ("probe.distance", "probe.temperature"),
        ("probe.temperature", "device.internal_temperature"),
        ("probe.contact", "water_meter.volume"),
        ("probe.pulses_delta", "water_meter.volume"),
        ("probe.current", "water_meter.volume"),
        ("probe.current", "water.leak"),
        ("air.temperature", "water.temperature"),
        ("water.level", "probe.distance"),
        ("probe.distance", "probe.distance"),
    ],
)
def test_what_cannot_become_something_is_refused_with_what_it_can_become(probe: str, name: str):
    said = refusal(probe, name)
    assert said.startswith(f"{probe} cannot become {name}; it can become: ")
    possible = said.partition("it can become: ")[2].split(", ")
    assert ["nothing else"] == possible if not probe.startswith("probe.") else possible
    assert {"probe", "device"}.isdisjoint(each.partition(".")[0] for each in possible)


@pytest.mark.parametrize(
    ("problem", "probe", "name"),
    [
        ("'probe.distanc'; near it: probe.distance", "probe.distanc", "water.level"),
        ("'level'", "probe.distance", "level"),
    ],
)
def test_a_quantity_that_is_not_there_is_named(problem: str, probe: str, name: str):
    assert f"there is no quantity {problem}" in refusal(probe, name)


@pytest.mark.parametrize(
    ("word", "probe", "name", "parameters"),
    [
        ("empty_distance", "probe.distance", "waste.fill_level", {"empty_distance": -1.5}),
        ("full_distance", "probe.distance", "waste.fill_level", {"empty_distance": 1.5, "full_distance": -0.1}),
        ("pulse_weight", "probe.pulses_total", "gas.volume", {"pulse_weight": -0.1}),
        ("pulse_weight", "probe.pulses_total", "gas.volume", {"pulse_weight": math.nan}),
        ("mounting_height", "probe.distance", "water.level", {"mounting_height": math.nan}),
        ("mounting_height", "probe.distance", "water.level", {"mounting_height": math.inf}),
        ("at_low", "probe.current", "water.pressure", {"at_low": -math.inf, "at_high": 1.0}),
    ],
)
def test_a_parameter_that_cannot_be_is_named(word: str, probe: str, name: str, parameters: dict[str, float]):
    assert word in refusal(probe, name, **parameters)


def test_a_container_whose_full_level_is_its_bottom_is_refused():
    said = refusal("probe.distance", "waste.fill_level", empty_distance=1.5, full_distance=1.5)
    assert "full_distance" in said
    assert "empty_distance" in said


PROBES = [each for each in QUANTITIES.values() if each.measurement == "probe"]
PARAMETERS = {
    **dict.fromkeys(("mounting_height", "empty_distance", "pulse_weight", "at_high"), 3.0),
    **dict.fromkeys(("full_distance", "index_offset", "at_low"), 0.0),
}


@pytest.mark.parametrize("probe", PROBES, ids=lambda each: each.name)
def test_whatever_a_probe_can_become_has_the_type_of_its_quantity(probe: object):
    values = {"float": 5.0, "int": 5, "bool": True}
    becomes = []
    for name, target in QUANTITIES.items():
        try:
            rule = reads(probe.name, name, PARAMETERS)
        except ValueError as error:
            if "cannot become" not in str(error):
                raise
            continue
        value = rule.apply(Reading(probe, values[probe.type])).value
        assert type(values[target.type]) is type(value), name
        becomes.append(name)
    assert bool(becomes) is (probe.name != "probe.interrupt"), "it says why a frame was sent, nothing of a place"
