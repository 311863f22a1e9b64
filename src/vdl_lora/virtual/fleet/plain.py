"""Plain sensors for benchmarks: as many as are wanted, all of one model, whose days cost next to nothing."""

from dataclasses import dataclass

from .behaviour import Facts, Scene
from .place import Application, Place
from .territory import COMMUNES

BENCH = Application("Banc d’essai", "Capteurs simples", "essai")  # noqa: RUF001 - French's apostrophe

_FIRST = 0x100000


@dataclass(frozen=True, slots=True)
class Steady:
    """A place where the temperature only follows the hour."""

    def facts(self, scene: Scene) -> Facts:
        """Give a temperature and a humidity."""
        return {"air.temperature": 15 + scene.moment.hour / 4, "air.humidity": 50.0}


def plain(count: int, every_s: float = 600.0) -> tuple[Place, ...]:
    """Give so many places of an EM300-TH, spread over the communes, each sending every so many s."""
    communes = tuple(COMMUNES)
    return tuple(
        Place(
            name=f"Capteur {number + 1}",
            commune=communes[number % len(communes)],
            site="banc",
            application=BENCH,
            model="milesight/em300-th",
            number=_FIRST + number,
            behaviour=Steady(),
            every_s=every_s,
        )
        for number in range(count)
    )
