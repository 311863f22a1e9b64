"""One virtual sensor: what it sends, frame after frame, and what goes wrong with it. No I/O, no clock.

The same place, seed and timeline give the same frames.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from vdl_lora.decoding import Decoder, Item, Reading
from vdl_lora.virtual.bodies import Heard

from .behaviour import Facts, Scene
from .models import MODELS
from .place import Place
from .radio import FREQUENCIES, LEAST_SNR, radio
from .timeline import HOUR_S, Timeline

STATUS_EVERY = 24
"""After so many uplinks a device tells its margin and its battery."""

_JITTER = 0.02
_AGAIN_S = 3.0
_REJOINS_S = 20.0
_FIRST_F_CNT = (200, 30_000)
_WHOLE_BATTERY = 254
_CODEC_ERROR = "JS error: TypeError: cannot read property 'toFixed' of undefined"


@dataclass(frozen=True, slots=True)
class Past:
    """What each sensor sends of the time before the beginning: at most so many uplinks, over so many s."""

    uplinks: int = 0
    span_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sending:
    """A frame that a sensor sent, and who heard it: nobody, where it was lost.

    A join has no payload. `status` is a DevStatusAns in the frame, `codec_error` what the profile's codec will say.
    """

    dev_eui: str
    at_ns: int
    kind: Literal["up", "join"] = "up"
    payload: bytes = b""
    f_port: int = 0
    f_cnt: int = 0
    dr: int = 5
    frequency: int = FREQUENCIES[0]
    heard: tuple[Heard, ...] = ()
    decoded: Mapping[str, Any] | None = None
    codec_error: str = ""
    status: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """What a sensor sees when it makes a frame."""

    sensor: "Sensor"
    timeline: Timeline
    age_s: float
    f_cnt: int
    now: Facts

    @property
    def at_ns(self) -> int:
        """When it is sent, by the clock."""
        return self.timeline.at_ns(self.age_s)

    @property
    def every_s(self) -> float:
        """How long it is from frame to frame, by the clock."""
        return self.sensor.place.interval_s / self.timeline.speed

    def then(self, at_ns: int) -> Facts:
        """Give what there was at an earlier time of the clock."""
        return self.sensor.facts(self.timeline, self.timeline.age_s(at_ns))


class Sensor:
    """A sensor at its place, with the decoder that it encodes with."""

    def __init__(self, place: Place, decoder: Decoder, seed: int = 1) -> None:
        self.place = place
        self.decoder = decoder
        self.seed = seed
        self.dev_eui = place.dev_eui
        self.model = MODELS[place.model]
        self.radio = radio(f"{seed} {self.dev_eui}", place.commune, place.walls)

    def facts(self, timeline: Timeline, age_s: float, window_s: float = 0.0) -> Facts:
        """Give everything that could be measured at its place; deltas count from `window_s` before."""
        moment = timeline.moment(age_s)
        scene = Scene(self.seed, self.dev_eui, moment, window_s / HOUR_S)
        return {**self.place.battery.facts(moment.age_h), **self.place.behaviour.facts(scene)}

    def sendings(self, timeline: Timeline, past: Past | None = None) -> Iterator[Sending]:
        """Give all frames in their order, those of the past first, until the battery is empty.

        What goes wrong on purpose goes wrong after the beginning only, for of the past ChirpStack takes only uplinks.
        """
        dice = random.Random(f"{self.seed} {self.dev_eui}")  # noqa: S311 - a game
        troubles = self.place.troubles
        f_cnt = dice.randrange(*_FIRST_F_CNT)
        number = 0
        for at_s, window_s in self._ages(dice, past or Past()):
            if self.place.battery.level_at(at_s / HOUR_S) <= 0:
                return
            age_s = at_s
            number += age_s > 0
            if _is_due(troubles.restarts, number):
                yield self._up(self._view(timeline, age_s, window_s, 0), dice)
                yield Sending(self.dev_eui, timeline.at_ns(age_s + _AGAIN_S), "join")
                age_s, f_cnt = age_s + _REJOINS_S, 0
            sending = self._up(self._view(timeline, age_s, window_s, f_cnt), dice)
            sending = self._troubled(sending, number, age_s)
            yield sending
            if _is_due(troubles.repeats, number):
                yield replace(sending, at_ns=timeline.at_ns(age_s + _AGAIN_S), heard=self.radio.send(dice), status=None)
            f_cnt += 1

    def _ages(self, dice: random.Random, past: Past) -> Iterator[tuple[float, float]]:
        """Give when it sends, as ages, and how long it counted since the frame before."""
        every_s = self.place.interval_s
        phase_s = dice.random() * every_s
        uplinks = min(past.uplinks, int(past.span_s / every_s))
        stride_s = past.span_s / uplinks if uplinks else every_s
        for back in range(uplinks, 0, -1):
            yield phase_s - back * stride_s, stride_s
        number = 0
        while True:
            yield phase_s + every_s * (number + _JITTER * dice.random()), every_s
            number += 1

    def _view(self, timeline: Timeline, age_s: float, window_s: float, f_cnt: int) -> _View:
        return _View(self, timeline, age_s, f_cnt, self.facts(timeline, age_s, window_s))

    def _up(self, view: _View, dice: random.Random) -> Sending:
        items = list(self.model.says(view))
        troubles = self.place.troubles
        return Sending(
            dev_eui=self.dev_eui,
            at_ns=view.at_ns,
            payload=self.decoder.encode(self.model.f_port, items, view.at_ns),
            f_port=self.model.f_port,
            f_cnt=view.f_cnt,
            dr=self.radio.dr,
            frequency=dice.choice(FREQUENCIES),
            heard=self.radio.send(dice),
            decoded=_decoded(items) if troubles.codec_fails else None,
        )

    def _troubled(self, sending: Sending, number: int, age_s: float) -> Sending:
        """Give what becomes of the frame of this number, from 1: what is wrong with it, or the device's status."""
        troubles = self.place.troubles
        if _is_due(troubles.cut_short, number):
            return replace(sending, payload=sending.payload[:-1])
        if _is_due(troubles.codec_fails, number):
            return replace(sending, decoded=None, codec_error=_CODEC_ERROR)
        if _is_due(STATUS_EVERY, number) and sending.heard:
            return replace(sending, status=(self._margin(sending), self._battery(age_s)))
        return sending

    def _margin(self, sending: Sending) -> int:
        """Give by how many dB the network heard it; the answer has 6 bits for it."""
        best = max(each.snr for each in sending.heard)
        return min(max(int(best - LEAST_SNR[sending.dr]), -32), 31)

    def _battery(self, age_s: float) -> int:
        """Give the battery as a DevStatusAns does: 0 on external power, else 1 to 254."""
        battery = self.place.battery
        return 0 if battery.mains else max(1, round(battery.level_at(age_s / HOUR_S) * _WHOLE_BATTERY))


def _is_due(every: int, number: int) -> bool:
    return every > 0 and number > 0 and number % every == 0


def _decoded(items: list[Item]) -> dict[str, Any]:
    """Give what a codec would make of a frame."""
    return {item.quantity.field: item.value for item in items if isinstance(item, Reading)}
