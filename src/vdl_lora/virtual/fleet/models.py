"""How each model reports: its decoder, its fPort, how often, and which quantities in which order of the frame.

A model is a row; what is odd about one is a function that gives its items.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from msgspec.structs import replace

from vdl_lora.decoding import MAIN, Item, Reading
from vdl_lora.quantities import quantity
from vdl_lora.times import NS

from .behaviour import Facts
from .timeline import HOUR_S

_STEP_HOLDS = 65.5
"""What an hour may add in the meter's log, in m³."""


class View(Protocol):
    """What a sensor sees when it makes a frame."""

    @property
    def f_cnt(self) -> int:
        """The frame's number."""
        ...

    @property
    def at_ns(self) -> int:
        """When it is sent, by the clock."""
        ...

    @property
    def every_s(self) -> float:
        """How long it is from frame to frame, by the clock."""
        ...

    @property
    def now(self) -> Facts:
        """What there is to be measured."""
        ...

    def then(self, at_ns: int) -> Facts:
        """Give what there was at an earlier time of the clock."""
        ...


Says = Callable[[View], Iterable[Item]]


def _no_parameters(_every_s: float) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class Model:
    """A sensor model as it is set up here; `oui` begins its DevEUIs, `profile` is its profile's name in ChirpStack.

    `parameters` gives those that its decoder must be told, for devices that send every so many s by the clock.
    """

    decoder: str
    profile: str
    oui: str
    f_port: int
    every_s: float
    says: Says
    parameters: Callable[[float], Mapping[str, float]] = _no_parameters


def frame(*names: str) -> Says:
    """Give the items of a frame that holds these quantities, each with its channel behind a space if it has one."""
    wanted = [(name, quantity(name.partition(" ")[0]), name.partition(" ")[2] or MAIN) for name in names]

    def says(view: View) -> Iterable[Item]:
        return [Reading(what, view.now[name], channel) for name, what, channel in wanted]

    return says


def in_rounds(*frames: Says) -> Says:
    """Give the items of each frame in its turn."""
    return lambda view: frames[view.f_cnt % len(frames)](view)


_QALCOSONIC_FRAME = frame(
    "device.battery_low",
    "device.error",
    "water_meter.dry_alarm",
    "water_meter.leak_alarm",
    "water_meter.backflow_alarm",
    "water_meter.freeze_alarm",
    "water_meter.burst_alarm",
    "device.tamper",
    "water_meter.volume",
)


def qalcosonic(view: View) -> Iterable[Item]:
    """Give status and index by the meter's clock, then the indexes of the last 15 full hours.

    The log is left out where an hour added more litres than 16 bits hold, as an hour of a fast fleet may.
    """
    now_s = view.at_ns // NS
    for item in _QALCOSONIC_FRAME(view):
        yield replace(item, measured_at_ns=now_s * NS)
    hour_s = now_s - now_s % HOUR_S
    stamps = [(hour_s - back * HOUR_S) * NS for back in range(14, -1, -1)]
    volume = quantity("water_meter.volume")
    log = [Reading(volume, view.then(stamp)[volume.name], MAIN, stamp, stored=True) for stamp in stamps]
    if all(after.value - before.value < _STEP_HOLDS for before, after in pairwise(log)):
        yield from log


def sampling(every_s: float) -> Mapping[str, float]:
    """Give how an Adeunis TEMP is set up: two new samples a frame, and the oldest is one of the frame before.

    The period is a multiple of 2 s.
    """
    return {"period": max(2.0, 2.0 * round(every_s / 4)), "repeats": 1.0}


def adeunis(view: View) -> Iterable[Item]:
    """Give three samples of both probes, the newest first."""
    period_ns = round(sampling(view.every_s)["period"] * NS)
    yield Reading(quantity("device.battery_low"), view.now["device.battery_low"])
    for back in range(3):
        at_ns = view.at_ns - back * period_ns
        facts = view.then(at_ns) if back else view.now
        for probe in ("probe_1", "probe_2"):
            value = facts[f"probe.temperature {probe}"]
            yield Reading(quantity("probe.temperature"), value, probe, at_ns if back else None, stored=back > 0)


_BATTERY = "device.battery_level"
_ELSYS_ROOM = ("air.temperature", "air.humidity", "air.illuminance", "air.motion_count_delta")
_TEMPERATURE, _HUMIDITY, _VOLTAGE = map(frame, ("air.temperature", "air.humidity", "device.battery_voltage"))

# fmt: off
_ROWS = (
    Model("milesight/em300-th", "Milesight EM300-TH", "24e124136d", 85, 600,
          frame(_BATTERY, "air.temperature", "air.humidity")),
    Model("milesight/am307", "Milesight AM307", "24e124707d", 85, 600,
          frame(_BATTERY, "air.temperature", "air.humidity", "presence.occupied", "air.light_level", "air.co2",
                "air.iaq_rating", "air.pressure")),
    Model("milesight/em310-udl", "Milesight EM310-UDL", "24e124713c", 85, 1800,
          frame(_BATTERY, "probe.distance", "device.tilted")),
    Model("milesight/em500-udl", "Milesight EM500-UDL", "24e124138b", 85, 900, frame(_BATTERY, "probe.distance")),
    Model("elsys/ers", "ELSYS ERS", "a81758fffe", 5, 900, frame(*_ELSYS_ROOM, "device.battery_voltage")),
    Model("elsys/ers-co2", "ELSYS ERS CO2", "a81758fffe", 5, 600,
          frame(*_ELSYS_ROOM, "air.co2", "device.battery_voltage")),
    Model("elsys/ers-sound", "ELSYS ERS Sound", "a81758fffe", 5, 600,
          frame(*_ELSYS_ROOM, "device.battery_voltage", "air.sound_peak", "air.sound_level")),
    Model("axioma/qalcosonic-w1", "Axioma Qalcosonic W1", "70b3d5fa0e", 100, 1800, qalcosonic),
    Model("dragino/ldds75", "Dragino LDDS75", "a84041c5d1", 2, 1200,
          frame("device.battery_voltage", "probe.distance", "probe.interrupt", "probe.temperature",
                "probe.connected")),
    Model("adeunis/temp", "Adeunis TEMP", "0018b21000", 1, 1200, adeunis, sampling),
    Model("watteco/th", "Watteco TH", "70b3d5e75e", 125, 600,
          in_rounds(_TEMPERATURE, _HUMIDITY, _TEMPERATURE, _VOLTAGE)),
    Model("watteco/pulse-sens-o", "Watteco Pulse Sens'O", "70b3d5e75e", 125, 1200,
          frame("probe.pulses_total input_1")),
)
# fmt: on

MODELS = {row.decoder: row for row in _ROWS}
