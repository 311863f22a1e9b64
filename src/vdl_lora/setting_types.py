"""How a settings dataclass declares the keys of its section: `Setting`, and the types that their values have. Pure.

A field that is a key of the configuration is annotated with `Setting`; name, type and default are the dataclass's own:

    refresh_s: Annotated[int, duration("5s", "7d"), Setting("how often devices are listed", name="refresh")] = 60

`config` reads files and the environment by these declarations, and writes the example, the schema and the manual.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

from .addresses import check_url, parse_bind, parse_server
from .wording import exact_duration, exact_size, parse_duration, parse_size

EXAMPLE_ID = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
LONGEST = "36500d"  # a century; in ns, a time that long ago still fits 64 bits

_T = TypeVar("_T")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the configuration: what it is for, and its name where the field's has a unit in it.

    `example` is shown in sections of which there may be many. A secret may be in the environment, never in the file.
    """

    description: str
    name: str = ""
    example: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value that the file writes as another type; `parse` raises ValueError with a message whose subject is the key.

    `write` is the inverse of `parse`, for defaults.
    """

    parse: Callable[[Any], Any]
    write: Callable[[Any], Any] = str
    written: Any = str


class Declared(NamedTuple):
    """A key as a dataclass declares it: its field's name, type and default, which is MISSING where it is required."""

    field: str
    type: Any
    default: Any
    setting: Setting


def declared(settings: type) -> Mapping[str, Declared]:
    """Return the keys of a settings dataclass by name, in order; a field that is a section needs no `Setting`.

    Other fields, and dataclasses without any key, are no part of the configuration.
    """
    found: dict[str, Declared] = {}
    hints = get_type_hints(settings, include_extras=True)
    for each in fields(settings):
        hint = hints[each.name]
        setting = mark(hint, Setting)
        if setting is None and is_section(hint) and declared(hint):
            setting = Setting(first_paragraph(hint))
        if setting is not None:
            default = each.default if each.default_factory is MISSING else each.default_factory()
            found[setting.name or each.name] = Declared(each.name, hint, default, setting)
    return found


def mark(hint: Any, kind: type[_T]) -> _T | None:
    """Return what annotates a type, of one kind; None where nothing does."""
    return next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, kind)), None)


def is_section(hint: Any) -> bool:
    """Whether a type is a dataclass that declares keys."""
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return False
    return any(mark(each, Setting) for each in get_type_hints(hint, include_extras=True).values())


def first_paragraph(settings: type) -> str:
    """Return what the docstring of a settings dataclass says of its section; later paragraphs are for developers."""
    return cleandoc(settings.__doc__ or "").partition("\n\n")[0]


def duration(
    least: str = "0s",
    most: str = LONGEST,
    *,
    example: str = "400d",
    units: tuple[str, ...] = ("s", "min", "h", "d"),
    zero: str | None = None,
) -> Parsed:
    """Return the type of a duration in s within bounds; the text `zero` means 0 whatever the bounds."""
    return _amount(partial(parse_duration, units=units), exact_duration, (least, most), example, zero)


def size(least: str, most: str = "100TB", *, example: str = "20GB") -> Parsed:
    """Return the type of a size in bytes within bounds; an empty text means 0 whatever the bounds."""
    return _amount(parse_size, exact_size, (least, most), example, "")


def checked(check: Callable[[str], object], *, may_be_empty: bool = False) -> Parsed:
    """Return the type of a text that is kept as it is written; `check` raises ValueError where it is wrong."""

    def parse(text: str) -> str:
        if text or not may_be_empty:
            check(text)
        return text

    return Parsed(parse)


def _amount(
    read: Callable[[str], float],
    write: Callable[[Any], str],
    bounds: tuple[str, str],
    example: str,
    zero: str | None,
) -> Parsed:
    least, most = bounds
    least_number, most_number = read(least), read(most)  # now, so that a wrong bound fails where it is declared

    def parse(text: str) -> float:
        if text == zero:
            return 0
        try:
            number = read(text)
        except ValueError as error:
            raise ValueError(f"{error}, such as {example}") from None
        if number < least_number:
            raise ValueError(f"must be at least {least}")
        if number > most_number:
            raise ValueError(f"must be at most {most}")
        return number

    return Parsed(parse, lambda number: zero if zero is not None and not number else write(number))


def _check_slug(text: str) -> None:
    if not _SLUG.fullmatch(text):
        raise ValueError("is not a slug; write lower-case letters, digits, - and _, at most 63 of them")


def _check_id(text: str) -> None:
    if not _UUID.fullmatch(text):
        raise ValueError(f"is not an id as ChirpStack shows it, such as {EXAMPLE_ID}")


Id = Annotated[str, checked(_check_id)]
Slug = Annotated[str, checked(_check_slug)]
OptionalSlug = Annotated[str, checked(_check_slug, may_be_empty=True)]
Server = Annotated[str, checked(parse_server)]
Bind = Annotated[str, checked(parse_bind, may_be_empty=True)]
Url = Annotated[str, checked(check_url, may_be_empty=True)]
OptionalPath = Annotated[Path | None, Parsed(lambda text: Path(text) if text else None, lambda path: str(path or ""))]

SLUG = Setting("the tag's value instead of the id; changing it begins new series", example="grand-chambord")
