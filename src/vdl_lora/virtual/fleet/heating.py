"""Heat and cold: a boiler's heating circuit, a kitchen's cold store. Pure."""

from dataclasses import dataclass

from .behaviour import Facts, Scene
from .signals import Stretch, follow
from .weather import temperature

_ROOM = 20.0
_NO_HEATING_FROM = 16.0


@dataclass(frozen=True, slots=True)
class HeatingCircuit:
    """The flow of a heating circuit: the colder outside, the hotter; less from `rests_h` to `wakes_h`, in °C."""

    hottest: float = 68.0
    set_back: float = 12.0
    wakes_h: float = 5.0
    rests_h: float = 21.0

    def facts(self, scene: Scene) -> Facts:
        """Give the temperature of the pipes, flow and return, and of the boiler room."""
        outside = temperature(scene)
        by_day = _ROOM + 4 + (self.hottest - _ROOM - 4) * min(max((_NO_HEATING_FROM - outside) / 23, 0.0), 1.0)
        by_night = max(_ROOM, by_day - self.set_back)
        day = (Stretch(self.wakes_h, by_night, 1.5), Stretch(self.rests_h, by_day, 0.6), Stretch(24.0, by_night, 1.5))
        flow = follow((day, day), scene.moment.hour) + 1.2 * scene.drift("burner", 0.4)
        back = _ROOM + (flow - _ROOM) * 0.72
        return {
            "air.temperature": _ROOM + 0.08 * (flow - _ROOM),
            "air.humidity": 38 + 4 * scene.drift("damp", 6),
            "probe.temperature probe_1": flow,
            "probe.temperature probe_2": back,
        }


@dataclass(frozen=True, slots=True)
class ColdStore:
    """A kitchen's refrigerator and freezer: they warm between two runs of the compressor and when opened; in °C."""

    keeps: float = 3.2
    freezes: float = -19.0
    busy_h: tuple[float, float] = (10.5, 14.0)

    def facts(self, scene: Scene) -> Facts:
        """Give the temperatures inside: probe 1 in the refrigerator, probe 2 in the freezer."""
        opened = self.busy_h[0] <= scene.moment.hour < self.busy_h[1]
        return {
            "probe.temperature probe_1": self.keeps + 0.7 * scene.drift("cold", 0.35) + (1.4 if opened else 0.0),
            "probe.temperature probe_2": self.freezes + 1.1 * scene.drift("frozen", 0.5) + (0.8 if opened else 0.0),
        }
