"""What all commands share: results on stdout, everything else on stderr, JSON for scripts, exit codes."""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table

from vdl_lora import logs
from vdl_lora.config import find_file, load
from vdl_lora.errors import ConfigError, VdlLoraError
from vdl_lora.setting_types import Parsed
from vdl_lora.settings import Settings

_GAP = "  "
_LONGEST_WORD = 60

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        help="The configuration; without it $VDL_LORA_CONFIG, ./vdl-lora.toml, or the defaults.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def commands(name: str | None = None, description: str | None = None) -> typer.Typer:
    """Make the commands of a noun; with a name they are a group, without one there is a single command."""
    return typer.Typer(
        name=name,
        help=description,
        no_args_is_help=name is not None,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def settings_of(config: Path | None) -> Settings:
    """Load the settings of a command."""
    return load(find_file(config))


def parser_of(kind: Parsed) -> Callable[[Any], Any]:
    """Return the parser of an option whose text is written as in the configuration, with the same messages."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str):  # the default
            return value
        try:
            return kind.parse(value)
        except ValueError as error:
            raise typer.BadParameter(f"{value!r} {error}") from None

    return parse


def print_json(value: Any) -> None:
    """Print a result as one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_json_line(value: Any) -> None:
    """Print a result of many as one line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, console: Console = out) -> None:
    """Print rows under their columns' names.

    On a terminal, cells that do not fit are wrapped at spaces; only words of over 60 characters are broken. Into a pipe
    or a file each row is one line.
    """
    table = [[clean(cell) for cell in row] for row in (columns, *rows)]
    if console.is_terminal:
        console.print(_wrapped(table))
        return
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    for row in table:
        console.print(_GAP.join(map(set_cell_size, row, widths)).rstrip())


def _wrapped(table: Sequence[Sequence[str]]) -> Table:
    wrapped = Table(box=None, pad_edge=False, header_style="bold")
    for name, *cells in zip(*table, strict=True):
        longest = max(cell_len(word) for cell in (name, *cells) for word in cell.split(" "))
        wrapped.add_column(name, overflow="fold", min_width=min(longest, _LONGEST_WORD))
    for row in table[1:]:
        wrapped.add_row(*row)
    return wrapped


def clean(text: str) -> str:
    """Take out what would move a terminal's cursor: names of devices and words of servers are others'."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def say(words: str) -> None:
    """Tell a person something that is no result."""
    err.print(words)


def warn(lines: Iterable[str]) -> None:
    """Tell a person, a line each, what is wrong and does not stop this command."""
    for line in lines:
        say(f"warning: {line}")


def end(error: VdlLoraError) -> NoReturn:
    """Print what is wrong, on the next line what to do, and exit as the error asks."""
    kind, code, problems = "error", EXIT_FAILED, [error.message]
    if isinstance(error, ConfigError):
        kind, code, problems = "configuration", EXIT_CONFIG, list(error.problems) or problems
    for problem in problems:
        say(clean(f"{kind}: {problem}"))
    if error.advice:
        say(clean(f"  -> {error.advice}"))
    raise SystemExit(code)


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Log to stderr, in colour on a terminal and as JSON otherwise: warnings and worse, or what the level says."""
    logs.configure(level, sys.stderr, terminal=sys.stderr.isatty())
