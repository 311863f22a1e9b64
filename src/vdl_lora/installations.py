"""Which device stood where, from when to when, as what: parsing of its file, and a pure look-up.

A table of TOML, or a row of CSV:

```toml
[[installation]]
dev_eui = "a84041c5d1827fed"
from = 2026-03-01T08:00:00Z            # both optional: always
until = 2027-03-01T08:00:00Z
place = "cosson-bracieux"              # a stable id; the DevEUI where it is left out
decoder = "dragino/ldds75"             # beats the device's own tags
reads = { "probe.distance" = "water.level" }
parameters = { mounting_height = 4.2 }
tags = { commune = "Bracieux" }
```

In CSV the columns are `dev_eui`, `from`, `until`, `place`, `decoder` and, as many as are needed,
`reads:probe.distance`, `parameter:mounting_height`, `tag:commune`; `,` or `;` between them; a decimal comma is read.
"""

import csv
import io
import math
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

import msgspec

from vdl_lora.decoding import Reads, reads
from vdl_lora.errors import ConfigError
from vdl_lora.lorawan import DevEUI
from vdl_lora.times import nanoseconds

ALWAYS_FROM = -(1 << 63)
ALWAYS_UNTIL = (1 << 63) - 1

_LARGEST = 1e300
_COLUMNS = ("dev_eui", "from", "until", "place", "decoder")
_GROUPS = {"reads": "reads", "parameter": "parameters", "tag": "tags"}
_KEYS = frozenset({*_COLUMNS, *_GROUPS.values()})


@dataclass(frozen=True, slots=True)
class Installation:
    """A device at a place, from `from_ns` to just before `until_ns`."""

    dev_eui: str
    from_ns: int = ALWAYS_FROM
    until_ns: int = ALWAYS_UNTIL
    place: str = ""
    decoder: str = ""
    reads: tuple[Reads, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict[str, float])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


class Installations:
    """All installations, looked up by device and time.

    Raises ConfigError where two of one device overlap.
    """

    def __init__(self, entries: Iterable[Installation] = ()) -> None:
        self._of: dict[str, tuple[list[int], list[Installation]]] = {}
        for entry in sorted(entries, key=lambda each: (each.dev_eui, each.from_ns)):
            starts, found = self._of.setdefault(entry.dev_eui, ([], []))
            starts.append(entry.from_ns)
            found.append(entry)
        problems = [problem for _, found in self._of.values() for problem in _overlaps(found)]
        if problems:
            raise ConfigError(problems=problems)

    def at(self, dev_eui: str, at_ns: int) -> Installation | None:
        """Give the installation of a device at a time, None where there is none."""
        known = self._of.get(dev_eui)
        if known is None:
            return None
        starts, found = known
        index = bisect_right(starts, at_ns) - 1
        return found[index] if index >= 0 and at_ns < found[index].until_ns else None

    def __iter__(self) -> Iterator[Installation]:
        return (entry for _, found in self._of.values() for entry in found)


def _overlaps(entries: Iterable[Installation]) -> Iterator[str]:
    """Name each entry of one device, in the order of their beginnings, that begins before an earlier one ends."""
    before: Installation | None = None
    for after in entries:
        if before is not None and before.until_ns > after.from_ns:
            yield (
                f"{after.dev_eui}: the installation at {after.place or 'no named place'} begins before the one at "
                f"{before.place or 'no named place'} ends"
            )
        if before is None or after.until_ns > before.until_ns:
            before = after


def parse_installations(text: str, form: str) -> list[Installation]:
    """Read the installations of a file; `form` is `toml` or `csv`.

    Raises ConfigError with every mistake, each with its entry and what would be right.
    """
    tables = _csv_rows(text) if form == "csv" else _toml_tables(text)
    found: list[Installation] = []
    problems: list[str] = []
    for where, table in tables:
        try:
            found.append(_installation(_table_of_row(table) if form == "csv" else table))
        except (ValueError, TypeError) as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise ConfigError(problems=problems)
    return found


def _toml_tables(text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(problems=[f"not TOML: {error}"]) from error
    try:
        tables = msgspec.convert(document.pop("installation", []), list[dict[str, Any]])
    except msgspec.ValidationError as error:
        words = "each installation begins with [[installation]], in two pairs of brackets"
        raise ConfigError(problems=[words]) from error
    if document:
        raise ConfigError(problems=[f"only [[installation]] stands in this file, not {', '.join(sorted(document))}"])
    return [(f"installation {number}", table) for number, table in enumerate(tables, 1)]


def _csv_rows(text: str) -> list[tuple[str, dict[Any, Any]]]:
    head = text.partition("\n")[0]
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    rows = csv.DictReader(lines, delimiter=";" if ";" in head else ",", strict=True)
    try:
        return [(f"line {rows.line_num}", row) for row in rows]
    except csv.Error as error:
        raise ConfigError(problems=[f"line {rows.line_num + 1}: not CSV: {error}"]) from error


def _table_of_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for column, cell in row.items():
        if column is None:
            raise ValueError(f"there are more cells than columns, the first is {cell[0]!r}; quote a decimal comma")
        if cell is None or not cell.strip():
            continue
        group, _, name = column.strip().partition(":")
        if name and group in _GROUPS:
            table.setdefault(_GROUPS[group], {})[name] = _cell(group, cell.strip())
        elif not name and group in _COLUMNS:
            table[group] = cell.strip()
        else:
            columns = (*_COLUMNS, *(f"{each}:..." for each in _GROUPS))
            raise ValueError(f"{column.strip()} is no column of an installation; the columns are {', '.join(columns)}")
    return table


def _cell(group: str, text: str) -> str | float:
    """Give a parameter's number; what is none stays as it is, and is refused with its name."""
    if group != "parameter":
        return text
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _installation(table: Mapping[str, Any]) -> Installation:
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no key of an installation; the keys are {', '.join(sorted(_KEYS))}")
    parameters = {name: _number(name, given) for name, given in _group(table, "parameters").items()}
    from_ns, until_ns = _time(table, "from", ALWAYS_FROM), _time(table, "until", ALWAYS_UNTIL)
    if from_ns >= until_ns:
        raise ValueError("`until` is not after `from`")
    return Installation(
        dev_eui=DevEUI.parse(str(table.get("dev_eui", ""))),
        from_ns=from_ns,
        until_ns=until_ns,
        place=_text("place", table.get("place", "")),
        decoder=_text("decoder", table.get("decoder", "")),
        reads=tuple(reads(probe, str(becomes), parameters) for probe, becomes in _group(table, "reads").items()),
        parameters=parameters,
        tags={name: _text(f"the tag {name}", given) for name, given in _group(table, "tags").items()},
    )


def _group(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    group: Any = table.get(key, {})
    if not isinstance(group, dict):
        raise TypeError(f"`{key}` is a table such as {key} = {{ name = ... }}")
    return cast("dict[str, Any]", group)


def _number(name: str, given: Any) -> float:
    number = given if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
    if not -_LARGEST <= number <= _LARGEST:
        raise ValueError(f"the parameter {name} is a number, not {str(given)[:40]!r}")
    return float(number)


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{name} is a text in quotes, not {given!r}")
    return given


def _time(table: Mapping[str, Any], key: str, default: int) -> int:
    if key not in table:
        return default
    given = table[key]
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise ValueError(f"`{key}` is a time such as 2026-03-01T08:00:00Z, not {given!r}") from None
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day, tzinfo=UTC)
    if isinstance(given, datetime):
        return nanoseconds(given)
    raise ValueError(f"`{key}` is a time such as 2026-03-01T08:00:00Z, not {given!r}")
