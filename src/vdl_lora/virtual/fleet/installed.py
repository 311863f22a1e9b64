"""What ChirpStack cannot say of the fleet's places, as a file of installations: what a probe looks at, and parameters.

Pure. The form is the one that vdl_lora.installations reads.
"""

import json
from collections.abc import Iterable, Mapping

from vdl_lora.decoding import slug

from .heating import ColdStore
from .models import MODELS
from .place import Place
from .waste import Container
from .water import Meter, River


def installations(places: Iterable[Place], speed: float = 1.0) -> str:
    """Give the TOML of all places that need an entry; a faster fleet samples faster too."""
    entries: list[str] = []
    for place in places:
        reads, parameters = _looks_at(place)
        parameters = {**parameters, **MODELS[place.model].parameters(place.interval_s / speed)}
        if reads or parameters:
            entries.append(_entry(place, reads, parameters))
    return "\n".join(entries)


def _looks_at(place: Place) -> tuple[Mapping[str, str], Mapping[str, float]]:
    match place.behaviour:
        case River(mounting_height=height):
            return {"probe.distance": "water.level"}, {"mounting_height": height}
        case Container(empty_distance=empty, full_distance=full):
            return {"probe.distance": "waste.fill_level"}, {"empty_distance": empty, "full_distance": full}
        case Meter(pulse_weight=weight, fitted_at=index) if place.model == "watteco/pulse-sens-o":
            return {"probe.pulses_total": "water_meter.volume"}, {"pulse_weight": weight, "index_offset": index}
        case ColdStore():
            return {"probe.temperature": "air.temperature"}, {}
        case _:
            return {}, {}


def _entry(place: Place, reads: Mapping[str, str], parameters: Mapping[str, float]) -> str:
    lines = ["[[installation]]", f'dev_eui = "{place.dev_eui}"', f'place = "{slug(place.name)}"']
    if reads:
        lines.append(f"reads = {_inline(reads)}")
    if parameters:
        lines.append(f"parameters = {_inline(parameters)}")
    return "\n".join([*lines, ""])


def _inline(table: Mapping[str, str] | Mapping[str, float]) -> str:
    """Write an inline table; names and texts here are such that TOML and JSON quote them alike."""
    return "{ " + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items()) + " }"
