"""What a general-purpose probe's reading becomes once an installation says what the probe looks at. Pure.

A rule names the probe's quantity, what it becomes, and the parameters that the installation gives for it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from vdl_lora.quantities import QUANTITIES, Quantity, quantity

from .reading import Fault, Item, Parameter, Reading, Scalar

MOUNTING_HEIGHT = Parameter("mounting_height", "m", "from the place's declared zero up to the probe")
EMPTY_DISTANCE = Parameter("empty_distance", "m", "from the probe to the bottom of the empty container", minimum=0.0)
FULL_DISTANCE = Parameter("full_distance", "m", "from the probe to the level called full", 0.0, 0.0)
PULSE_WEIGHT = Parameter("pulse_weight", "the quantity's unit", "what one pulse stands for", minimum=0.0)
INDEX_OFFSET = Parameter("index_offset", "the quantity's unit", "the meter's index when the pulse counter was 0", 0.0)
AT_LOW = Parameter("at_low", "the quantity's unit", "the value at the lower end of the signal (4 mA, 0 V)")
AT_HIGH = Parameter("at_high", "the quantity's unit", "the value at the upper end of the signal (20 mA, 10 V)")

_Convert = Callable[[Scalar, Mapping[str, float]], Scalar]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a probe's value becomes another quantity."""

    convert: _Convert
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Reads:
    """An installation's word that one quantity of its device is really another, with the parameters it takes."""

    probe: Quantity
    becomes: Quantity
    rule: Rule
    parameters: Mapping[str, float]

    def apply(self, item: Item) -> Item:
        """Give the reading or fault as what it really is; others pass unchanged."""
        if item.quantity is not self.probe:
            return item
        if isinstance(item, Fault):
            return Fault(self.becomes, item.code, item.detail, item.channel, item.measured_at_ns, item.stored)
        value = item.value
        if math.isfinite(value):
            value = self.rule.convert(value, self.parameters)
        if self.becomes.type == "float":
            value = float(value)
        return Reading(self.becomes, value, item.channel, item.measured_at_ns, item.stored)


def reads(probe: str, becomes: str, parameters: Mapping[str, float]) -> Reads:
    """Declare what a probe's quantity really is at an installation.

    Raises ValueError, in words for who writes the installation, where there is no such rule or a parameter is missing.
    """
    source, target = quantity(probe), quantity(becomes)
    rule = _rule(source, target)
    if rule is None:
        possible = ", ".join(name for name in QUANTITIES if name != probe and _rule(source, QUANTITIES[name]))
        raise ValueError(f"{probe} cannot become {becomes}; it can become: {possible or 'nothing else'}")
    given = {each.name: parameters.get(each.name, each.default) for each in rule.parameters}
    missing = [each for each in rule.parameters if given[each.name] is None]
    if missing:
        wanted = "; ".join(f"{each.name} in {each.unit}: {each.about}" for each in missing)
        raise ValueError(f"{probe} as {becomes} needs {wanted}")
    known = {name: value for name, value in given.items() if value is not None}
    for each in rule.parameters:
        if not math.isfinite(known[each.name]):
            raise ValueError(f"{each.name} is a number in {each.unit}, not {known[each.name]:g}")
        if each.minimum is not None and known[each.name] < each.minimum:
            raise ValueError(f"{each.name} is at least {each.minimum:g}, not {known[each.name]:g}")
    if rule is _FILL and known["empty_distance"] == known["full_distance"]:
        raise ValueError("empty_distance and full_distance are the same: nothing lies between empty and full")
    return Reads(source, target, rule, known)


def _rule(probe: Quantity, becomes: Quantity) -> Rule | None:
    if probe.measurement != "probe" or becomes.measurement in ("probe", "device"):
        return None
    named = _NAMED.get((probe.name, becomes.name))
    if named is not None:
        return named
    if probe.name in _SIGNALS and becomes.type == "float" and becomes.kind == "gauge":
        return _SIGNALS[probe.name]
    if (probe.unit, probe.type, probe.kind) == (becomes.unit, becomes.type, becomes.kind):
        return _SAME
    return None


def _difference(value: Scalar, given: Mapping[str, float]) -> Scalar:
    return float(_exact(given["mounting_height"]) - _exact(value))


def _fill(value: Scalar, given: Mapping[str, float]) -> Scalar:
    empty, full = _exact(given["empty_distance"]), _exact(given["full_distance"])
    return float((empty - _exact(value)) / (empty - full) * 100)


def _pulses(value: Scalar, given: Mapping[str, float]) -> Scalar:
    return float(int(value) * _exact(given["pulse_weight"]) + _exact(given["index_offset"]))


def _signal(low: int, high: int) -> _Convert:
    def convert(value: Scalar, given: Mapping[str, float]) -> Scalar:
        share = (_exact(value) - low) / (high - low)
        at_low = _exact(given["at_low"])
        return float(at_low + share * (_exact(given["at_high"]) - at_low))

    return convert


def _exact(value: Scalar) -> Fraction:
    """Give a number as the decimal that a person reads, so that 3.2 - 1.1 is 2.1."""
    return Fraction(repr(float(value)))


_SAME = Rule(lambda value, _given: value)
_HEIGHT = Rule(_difference, (MOUNTING_HEIGHT,))
_FILL = Rule(_fill, (EMPTY_DISTANCE, FULL_DISTANCE))
_PULSES = Rule(_pulses, (PULSE_WEIGHT, INDEX_OFFSET))
_SIGNALS = {
    "probe.current": Rule(_signal(4, 20), (AT_LOW, AT_HIGH)),
    "probe.voltage": Rule(_signal(0, 10), (AT_LOW, AT_HIGH)),
}
_NAMED: Mapping[tuple[str, str], Rule] = {
    ("probe.distance", "water.level"): _HEIGHT,
    ("probe.distance", "water.depth"): _HEIGHT,
    ("probe.distance", "waste.fill_level"): _FILL,
    ("probe.contact", "contact.open"): Rule(lambda value, _given: not value),
    ("probe.pulses_total", "water_meter.volume"): _PULSES,
    ("probe.pulses_total", "gas.volume"): _PULSES,
    ("probe.pulses_total", "heat.energy"): _PULSES,
    ("probe.pulses_total", "electricity.energy_import"): _PULSES,
    ("probe.pulses_total", "electricity.energy_export"): _PULSES,
    ("probe.pulses_total", "weather.rain_total"): _PULSES,
}
