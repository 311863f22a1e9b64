"""Rooms: people come and go by the timetable, the heating is set back at night. Pure.

CO₂ is a balance of what people breathe out and what the air changes: source, for the 12 L/h of a child and 18 L/h of an
adult who sits, and for some 0.6 air changes an hour of a closed room, common engineering practice.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .behaviour import Facts, Scene
from .signals import Stretch, follow
from .timeline import Moment
from .weather import daylight, pressure, season_temperature, temperature

Timetable = Mapping[int, tuple[tuple[float, float], ...]]
"""For each day of the week, Monday is 0, the hours from and to which a room is used."""

_Plan = Callable[[int, Moment], list[Stretch]]

_LESSONS = ((8.5, 10.25), (10.5, 12.0), (13.5, 15.0), (15.25, 16.25))
_OFFICE = ((8.75, 12.25), (13.75, 17.5))
SCHOOL: Timetable = dict.fromkeys((0, 1, 3, 4), _LESSONS)
CANTEEN: Timetable = dict.fromkeys((0, 1, 3, 4), ((11.75, 13.5),))
OFFICE: Timetable = dict.fromkeys(range(5), _OFFICE)
COUNCIL: Timetable = {0: ((18.5, 21.0),), 2: ((14.0, 16.0),), 4: ((10.0, 11.5),)}
CLUBS: Timetable = {
    **dict.fromkeys(range(5), ((17.0, 21.5),)),
    2: ((14.0, 21.0),),
    5: ((9.0, 23.0),),
    6: ((10.0, 18.0),),
}
LIBRARY: Timetable = {2: ((14.0, 18.0),), 4: ((16.0, 19.0),), 5: ((10.0, 12.5),)}

_OUTSIDE_PPM = 420.0
_CLOSED = 0.6
_AIRED = 3.0
"""Air changes an hour, of a room that is closed and of one whose windows are open in a break."""
_BREAK_H = 2.0
_FELT_DAYS = 3
_WARMS_IN_H = 1.1
_COOLS_IN_H = 14.0
_LIGHTS_LX = 380.0
_LIGHT_LEVELS = (5, 50, 100, 500, 2000)


@dataclass(frozen=True, slots=True)
class Room:
    """A heated room: how many use it when, its size in m³, and the temperatures in °C that its heating keeps."""

    timetable: Timetable
    people: int
    volume: float
    breath: float = 18.0
    """What one of them breathes out, in L of CO₂ an hour."""
    comfort: float = 20.0
    night: float = 16.5
    heats_before_h: float = 2.5

    def facts(self, scene: Scene) -> Facts:
        """Give the air, the light and whether somebody is there."""
        moment = scene.moment
        here = self._share(scene)
        co2 = _OUTSIDE_PPM + follow(self._days(moment, self._breathed), moment.hour) * (1 + 0.1 * scene.drift("co2", 5))
        warmth = follow(self._days(moment, self._heated), moment.hour)
        lux = 250 * daylight(moment) + (_LIGHTS_LX if here else 0.0)
        return {
            "air.temperature": warmth + 0.6 * here + 0.25 * scene.drift("warmth", 3),
            "air.humidity": 41 + 0.6 * temperature(scene) + 0.004 * (co2 - _OUTSIDE_PPM) + 3 * scene.drift("damp", 6),
            "air.co2": co2 + 8 * scene.drift("noise", 0.2),
            "air.pressure": pressure(scene),
            "air.illuminance": lux,
            "air.motion_count_delta": round(
                here * min(scene.window_h, 1.0) * 90 * (1 + 0.4 * scene.drift("move", 0.5))
            ),
            "air.iaq_rating": min(5.0, 1 + (co2 - _OUTSIDE_PPM) / 900 + 0.2 * scene.drift("smell", 2)),
            "air.light_level": bisect_right(_LIGHT_LEVELS, lux),
            "air.sound_level": 34 + 28 * here + 4 * scene.drift("sound", 0.3),
            "air.sound_peak": 48 + 34 * here + 8 * scene.drift("peak", 0.3),
            "presence.occupied": here > 0,
        }

    def _share(self, scene: Scene) -> float:
        """Give how many of the people are there, from 0 to 1."""
        hours = self.timetable.get(scene.moment.weekday, ())
        there = any(begins <= scene.moment.hour < ends for begins, ends in hours)
        return 0.9 + 0.1 * scene.drift("people", 4) if there else 0.0

    def _days(self, moment: Moment, plan: _Plan) -> list[list[Stretch]]:
        """Plan the day and those before it from which something may be left: a house takes a week-end to cool."""
        return [plan((moment.weekday - back) % 7, moment) for back in range(_FELT_DAYS, -1, -1)]

    def _breathed(self, weekday: int, _moment: Moment) -> list[Stretch]:
        """Plan the CO₂ above the outside's, in ppm."""
        hours = self.timetable.get(weekday, ())
        full = self.people * self.breath / self.volume / _CLOSED * 1000
        plan: list[Stretch] = []
        for number, (begins, ends) in enumerate(hours):
            pause = number > 0 and begins - hours[number - 1][1] <= _BREAK_H
            plan += (Stretch(begins, 0.0, 1 / (_AIRED if pause else _CLOSED)), Stretch(ends, full, 1 / _CLOSED))
        return [*plan, Stretch(24.0, 0.0, 1 / _CLOSED)]

    def _heated(self, weekday: int, moment: Moment) -> list[Stretch]:
        """Plan the temperature: up before people come, then slowly down; in summer the house is warmer than both."""
        floats_at = season_temperature(moment) + 4
        rest = Stretch(24.0, max(self.night, floats_at), _COOLS_IN_H)
        hours = self.timetable.get(weekday, ())
        if not hours:
            return [rest]
        begins = max(hours[0][0] - self.heats_before_h, 0.0)
        return [
            rest._replace(until_h=begins),
            Stretch(hours[-1][1], max(self.comfort, floats_at), _WARMS_IN_H),
            rest,
        ]
