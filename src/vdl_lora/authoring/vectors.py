"""Test vectors: what a payload must give, as TOML beside its decoder. Parsing and comparing only, no I/O.

```toml
[[vector]]
f_port = 85
hex = "01755C 0367 1001 046871"
what = "battery, temperature and humidity"
source = "the maker's user guide, 5.2"      # where it came from, and its licence
values = { "air.temperature" = 27.2 }       # `quantity` or `quantity@channel`
faults = { "probe.distance" = "no_sensor" }
samples = [{ at = 2022-10-12T08:02:38Z, values = { "air.temperature" = 27.2 } }]  # what has its own time
# or, where the frame cannot be read, a part of what is said then:
error = "bytes are due"
# a sample is a stored one, unless it says `stored = false`: a device's clock beside its current value
# optional: received_at = 2026-11-23T22:18:17Z, parameters = { period = 600 }, model = "EM300-TH"
# for a mapping of what ChirpStack decoded: object = { temperature = 27.2 }

[[downlink]]                                # what a maker's script must write, and read back where it can
f_port = 85
hex = "FF03 5802"
what = "report every ten minutes"
source = "the maker's user guide, 6.1"
data = { reportInterval = 600 }
# or, where it must refuse: error = "out of range"
```
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from vdl_lora.decoding import MAIN, Decoder, Fault, Frame, Item, Scalar
from vdl_lora.errors import DecodeError
from vdl_lora.hexadecimal import parse_hex
from vdl_lora.times import NS, nanoseconds

_READ = frozenset({"values", "faults", "samples"})
_TOP = _READ | {"f_port", "hex", "what", "source", "error", "received_at", "parameters", "model", "object"}
_DOWNLINK = frozenset({"f_port", "hex", "what", "source", "data", "error"})
_SAMPLE = frozenset({"at", "stored", "values", "faults"})

Key = tuple[int | None, str]
"""When it was measured (None: with the uplink) and `quantity` or `quantity@channel`."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One payload and what it must give; `not_stored` are the times that are the device's clock of now."""

    f_port: int
    payload: bytes
    what: str
    source: str
    values: Mapping[Key, Scalar]
    faults: Mapping[Key, str]
    not_stored: frozenset[int] = frozenset()
    error: str = ""
    received_at_ns: int = 0
    parameters: Mapping[str, float] = field(default_factory=dict[str, float])
    model: str = ""
    decoded: bytes = b""

    @property
    def frame(self) -> Frame:
        """The frame that it is about."""
        return Frame(self.f_port, self.payload, self.received_at_ns, self.parameters, self.decoded)


@dataclass(frozen=True, slots=True)
class DownlinkVector:
    """What a script is asked to send, and the frame that it must write, or a part of what it says where it refuses."""

    f_port: int
    payload: bytes
    what: str
    source: str
    data: Mapping[str, Any]
    error: str = ""


def parse(text: str) -> list[Vector]:
    """Read the vectors of a TOML file.

    Raises ValueError, naming the vector, where it is not of the form above.
    """
    return [_vector(number, table) for number, table in enumerate(_tables(text, "vector"), 1)]


def parse_downlinks(text: str) -> list[DownlinkVector]:
    """Read the downlinks of a TOML file.

    Raises ValueError, naming the downlink, where it is not of the form above.
    """
    return [_downlink(number, table) for number, table in enumerate(_tables(text, "downlink"), 1)]


def _tables(text: str, name: str) -> list[dict[str, Any]]:
    document = tomllib.loads(text)
    if others := document.keys() - {"vector", "downlink"}:
        raise ValueError(f"vectors stand under [[vector]] or [[downlink]], not under {', '.join(sorted(others))}")
    tables: list[dict[str, Any]] = document.get(name, [])
    return tables


def _downlink(number: int, table: dict[str, Any]) -> DownlinkVector:
    try:
        _refuse_others(table, _DOWNLINK, "a downlink")
        return DownlinkVector(
            f_port=table.get("f_port", 1) if "error" in table else table["f_port"],
            payload=parse_hex("" if "error" in table else table["hex"]),
            what=table["what"],
            source=table["source"],
            data=table["data"],
            error=table.get("error", ""),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"downlink {number}: {error}") from error
    except KeyError as error:
        raise ValueError(f"downlink {number}: it has no {error.args[0]}") from error


def _vector(number: int, table: dict[str, Any]) -> Vector:
    try:
        _check(table)
        samples: list[dict[str, Any]] = table.get("samples", [])
        values = _of_type(table.get("values", {}), (bool, int, float), None)
        faults = _of_type(table.get("faults", {}), (str,), None)
        not_stored: set[int] = set()
        for sample in samples:
            _refuse_others(sample, _SAMPLE, "a sample")
            at_ns = nanoseconds(sample["at"])
            values |= _of_type(sample.get("values", {}), (bool, int, float), at_ns)
            faults |= _of_type(sample.get("faults", {}), (str,), at_ns)
            if not sample.get("stored", True):
                not_stored.add(at_ns)
        return Vector(
            f_port=table["f_port"],
            payload=parse_hex(table["hex"]),
            what=table["what"],
            source=table["source"],
            values=values,
            faults=faults,
            not_stored=frozenset(not_stored),
            error=table.get("error", ""),
            received_at_ns=nanoseconds(table["received_at"]) if "received_at" in table else 0,
            parameters=table.get("parameters", {}),
            model=table.get("model", ""),
            decoded=msgspec.json.encode(table["object"]) if "object" in table else b"",
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"vector {number}: {error}") from error
    except KeyError as error:
        raise ValueError(f"vector {number}: it has no {error.args[0]}") from error


def _check(table: dict[str, Any]) -> None:
    _refuse_others(table, _TOP, "a vector")
    if ("error" in table) == bool(_READ & table.keys()):
        raise ValueError("it names either an error, or values, faults or samples")


def _refuse_others(table: dict[str, Any], known: frozenset[str], what: str) -> None:
    others = table.keys() - known
    if others:
        raise ValueError(f"{', '.join(sorted(others))} is no key of {what}")


def _of_type(table: dict[str, Any], types: tuple[type, ...], at_ns: int | None) -> dict[Key, Any]:
    for key, wanted in table.items():
        if type(wanted) not in types:
            raise ValueError(f"{key} cannot be {wanted!r}")
    return {(at_ns, key): wanted for key, wanted in table.items()}


def differences(decoder: Decoder, vector: Vector) -> list[str]:
    """Decode the vector's payload and say, a line each, what is not as it must be; nothing where all is."""
    try:
        items = decoder.decode(vector.frame)
    except DecodeError as error:
        if vector.error and vector.error in str(error):
            return []
        return [f"expected {vector.error or 'readings'!r}, got the error: {error}"]
    if vector.error:
        return [f"expected the error {vector.error!r}, got {len(items)} readings and faults"]
    values = {_key(item): item.value for item in items if not isinstance(item, Fault)}
    faults = {_key(item): item.code for item in items if isinstance(item, Fault)}
    wrongly = {_key(item): item.stored for item in items if item.stored != _is_stored(item, vector)}
    return [
        *_compare(vector.values, values),
        *_compare(vector.faults, faults),
        *(f"{_say(key)}: must {'not ' if stored else ''}be a stored sample" for key, stored in wrongly.items()),
    ]


def _is_stored(item: Item, vector: Vector) -> bool:
    return item.measured_at_ns is not None and item.measured_at_ns not in vector.not_stored


def _key(item: Item) -> Key:
    name = item.quantity.name
    return item.measured_at_ns, name if item.channel == MAIN else f"{name}@{item.channel}"


def _compare(expected: Mapping[Key, Scalar | str], found: Mapping[Key, Scalar | str]) -> list[str]:
    missing = {key: want for key, want in expected.items() if key not in found}
    lines = [f"{_say(key)}: expected {want!r}, got nothing" for key, want in missing.items()]
    for key, got in found.items():
        if key not in expected:
            lines.append(f"{_say(key)}: expected nothing, got {got!r}")
        elif not _same(expected[key], got):
            lines.append(f"{_say(key)}: expected {expected[key]!r}, got {got!r}")
    return lines


def _same(want: Scalar | str, got: Scalar | str) -> bool:
    if isinstance(want, bool) or isinstance(got, bool) or isinstance(want, str) or isinstance(got, str):
        return want is got or (isinstance(want, str) and want == got)
    return math.isclose(want, got, rel_tol=1e-12, abs_tol=1e-12)


def _say(key: Key) -> str:
    at_ns, name = key
    return name if at_ns is None else f"{name} at {datetime.fromtimestamp(at_ns / NS, UTC).isoformat()}"
