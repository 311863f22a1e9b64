"""The command line: joins the nouns, and turns errors into words and exit codes."""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from vdl_lora.errors import VdlLoraError

from . import config, decode, decoders, demo, doctor, influxdb, journal, run, virtual
from .heaps import keep_heaps_small
from .terminal import end, log_to_stderr

_INTERRUPTED = 130

app = typer.Typer(
    name="vdl-lora",
    help="Takes LoRaWAN events from ChirpStack, decodes them, and stores every value once.\n\n"
    "Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 not done, 2 wrong usage, "
    "78 wrong configuration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("decode")(decode.decode)
app.add_typer(decoders.app)
app.add_typer(journal.app)
app.add_typer(influxdb.app)
app.add_typer(config.app)
app.command("virtual")(virtual.virtual)


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
