"""The command line: joins the nouns, and turns errors into words and exit codes."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vdl_lora.app.heaps import keep_heaps_small
from vdl_lora.errors import VdlLoraError
from vdl_lora.terminal import end, log_to_stderr

_INTERRUPTED = 130

_NOUNS = ("run", "demo", "doctor", "decode", "decoders", "journal", "influxdb", "config", "virtual")
"""The commands, each a module of this package: one is imported when it is called, or listed by --help."""


class _Nouns(TyperGroup):
    """A group whose commands are imported one by one: a service holds for years all that it has imported."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Give the names of all commands."""
        return list(_NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        """Import a command; None where there is none of this name."""
        if cmd_name not in _NOUNS:
            return None
        command = typer.main.get_command(import_module(f".{cmd_name}", __package__).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="vdl-lora",
    cls=_Nouns,
    help="Takes LoRaWAN events from ChirpStack, decodes them, and stores every value once.\n\n"
    "Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 not done, 2 wrong usage, "
    "78 wrong configuration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's signature
    if wanted:
        typer.echo(f"vdl-lora {version('vdl_lora')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Prepare what every command needs."""
    log_to_stderr()


def main() -> None:
    """Run the command of the command line."""
    keep_heaps_small()
    try:
        app()
    except VdlLoraError as error:
        end(error)
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except BrokenPipeError:
        # whoever read our output has enough of it, as in `vdl-lora journal events | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
