"""A place of the fleet: a row of places.py. Values only."""

from dataclasses import dataclass

from .behaviour import Behaviour, Facts
from .models import MODELS

_LOW = 0.1
_FULL_V = 3.65
_SAGS_V = 0.7
_YEAR_H = 8766.0


@dataclass(frozen=True, slots=True)
class Application:
    """An application of ChirpStack, whose tenant it is, and what its devices are used for."""

    tenant: str
    name: str
    usage: str


@dataclass(frozen=True, slots=True)
class Battery:
    """A lithium battery: its level as the fleet begins, 1 is full, and how long it would last from full.

    Its voltage stays the same until it is nearly empty. `mains` is a device without one.
    """

    level: float = 0.93
    lasts_h: float = 6 * _YEAR_H
    mains: bool = False

    def level_at(self, age_h: float) -> float:
        """Give the level; at 0 the sensor is silent."""
        return 1.0 if self.mains else min(1.0, max(0.0, self.level - age_h / self.lasts_h))

    def facts(self, age_h: float) -> Facts:
        """Give what a sensor may tell about itself."""
        level = self.level_at(age_h)
        return {
            "device.battery_level": 100 * level,
            "device.battery_voltage": _FULL_V - _SAGS_V * max(0.0, 1 - level / _LOW),
            "device.battery_low": level < _LOW,
            "device.error": False,
            "device.tamper": False,
            "device.tilted": False,
            "probe.connected": True,
            "probe.interrupt": False,
        }


@dataclass(frozen=True, slots=True)
class Troubles:
    """What goes wrong with a sensor on purpose, each at every so many uplinks; 0 is never.

    It sends a frame that is cut short; ChirpStack's codec fails; it sends a frame twice; it loses its frame counter,
    ChirpStack refuses what it sends, and it joins again.
    """

    cut_short: int = 0
    codec_fails: int = 0
    repeats: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A sensor and where it stands; `number` makes its DevEUI.

    `walls` is what weakens its radio, in dB; `every_s` says otherwise than its model how often it sends. A sensor that
    is not `chosen` has no tag `decoder`, so that nothing tells how to decode it.
    """

    name: str
    commune: str
    site: str
    application: Application
    model: str
    number: int
    behaviour: Behaviour
    walls: float = 14.0
    every_s: float = 0.0
    battery: Battery = Battery()
    troubles: Troubles = Troubles()
    chosen: bool = True
    disabled: bool = False

    @property
    def dev_eui(self) -> str:
        """Its DevEUI: as its maker's begin, and its number."""
        oui = MODELS[self.model].oui
        return f"{oui}{self.number:0{16 - len(oui)}x}"

    @property
    def interval_s(self) -> float:
        """How long it is from frame to frame, in the fleet's own time."""
        return self.every_s or MODELS[self.model].every_s

    @property
    def tags(self) -> dict[str, str]:
        """The tags of its device in ChirpStack."""
        chosen = {"decoder": self.model} if self.chosen else {}
        return {"commune": self.commune, "site": self.site, "usage": self.application.usage, **chosen}
