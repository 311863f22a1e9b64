"""What a probe's reading becomes once an installation says what the probe looks at."""

from collections.abc import Mapping

import pytest

from vdl_lora.decoding import Fault, Reading, Reads, Scalar, reads
from vdl_lora.quantities import quantity

METER = {"pulse_weight": 0.01, "index_offset": 12.5}


def become(rule: Reads, value: Scalar) -> Scalar:
    item = rule.apply(Reading(rule.probe, value, "input_1", 5, stored=True))
    assert isinstance(item, Reading)
    assert (item.quantity, item.channel, item.measured_at_ns, item.stored) == (rule.becomes, "input_1", 5, True)
    assert type(item.value).__name__ == rule.becomes.type
    return item.value


@pytest.mark.parametrize(
    ("probe", "becomes", "parameters", "value", "expected"),
    [
        ("probe.distance", "water.level", {"mounting_height": 4.2}, 2.612, 1.588),
        ("probe.distance", "water.level", {"mounting_height": 4.2}, 4.3, -0.1),
        ("probe.distance", "water.depth", {"mounting_height": 3.2}, 1.1, 2.1),
        ("probe.distance", "waste.fill_level", {"empty_distance": 1.5}, 1.5, 0.0),
        ("probe.distance", "waste.fill_level", {"empty_distance": 1.5}, 0.0, 100.0),
        ("probe.distance", "waste.fill_level", {"empty_distance": 1.5, "full_distance": 0.3}, 0.6, 75.0),
        ("probe.temperature", "water.temperature", {}, 12.5, 12.5),
        ("probe.temperature", "soil.temperature", {}, -0.5, -0.5),
        ("probe.humidity", "air.humidity", {}, 45.0, 45.0),
        ("probe.contact", "contact.open", {}, True, False),
        ("probe.digital", "contact.open", {}, True, True),
        ("probe.pulses_total", "water_meter.volume", METER, 655_377, 6566.27),
        ("probe.pulses_total", "weather.rain_total", {"pulse_weight": 0.2}, 3, 0.6),
        ("probe.current", "water.level", {"at_low": 0.0, "at_high": 10.0}, 4.0, 0.0),
        ("probe.current", "water.level", {"at_low": 0.0, "at_high": 10.0}, 12.0, 5.0),
        ("probe.current", "water.level", {"at_low": -1.0, "at_high": 9.0}, 20.0, 9.0),
        ("probe.voltage", "water.pressure", {"at_low": 0.0, "at_high": 1000.0}, 2.5, 250.0),
    ],
)
def test_a_probe_s_value_becomes_what_it_really_is(
    probe: str, becomes: str, parameters: Mapping[str, float], value: Scalar, expected: Scalar
):
    assert become(reads(probe, becomes, parameters), value) == expected


def test_a_fault_stays_a_fault_of_what_it_really_is():
    rule = reads("probe.distance", "water.level", {"mounting_height": 4.2})
    fault = Fault(quantity("probe.distance"), "too_near", "raw value 20", "main", 5, stored=True)
    assert Fault(quantity("water.level"), "too_near", "raw value 20", "main", 5, stored=True) == rule.apply(fault)


def test_what_another_probe_gives_stays_as_it_is():
    rule = reads("probe.distance", "water.level", {"mounting_height": 4.2})
    other = Reading(quantity("probe.temperature"), 12.5)
    assert rule.apply(other) is other


@pytest.mark.parametrize(
    ("probe", "becomes"),
    [
        ("probe.distance", "air.temperature"),
        ("probe.distance", "probe.temperature"),
        ("probe.temperature", "device.internal_temperature"),
        ("probe.pulses_total", "presence.occupied"),
    ],
)
def test_a_probe_cannot_become_everything(probe: str, becomes: str):
    with pytest.raises(ValueError, match=rf"{probe} cannot become {becomes}; it can become: .*\."):
        reads(probe, becomes, {})


def test_what_is_no_probe_becomes_nothing_else():
    with pytest.raises(ValueError, match=r"air.temperature cannot become soil.temperature; .*: nothing else"):
        reads("air.temperature", "soil.temperature", {})


def test_a_missing_parameter_is_named_with_its_unit():
    with pytest.raises(ValueError, match=r"probe.distance as water.level needs mounting_height in m: from the place"):
        reads("probe.distance", "water.level", {})


def test_a_parameter_below_its_least_value_is_refused():
    with pytest.raises(ValueError, match=r"pulse_weight is at least 0, not -0.01"):
        reads("probe.pulses_total", "water_meter.volume", {"pulse_weight": -0.01})


def test_a_container_whose_empty_is_its_full_is_refused():
    with pytest.raises(ValueError, match="nothing lies between empty and full"):
        reads("probe.distance", "waste.fill_level", {"empty_distance": 1.5, "full_distance": 1.5})


def test_an_unknown_quantity_is_refused():
    with pytest.raises(ValueError, match=r"there is no quantity 'water.levels'"):
        reads("probe.distance", "water.levels", {})
