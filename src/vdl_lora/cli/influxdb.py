"""`vdl-lora influxdb provision`: buckets, and tokens that can only write them."""

import asyncio
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vdl_lora.logs import hide
from vdl_lora.operations.provision import ByHand, Step, by_hand, look, provision
from vdl_lora.setting_types import duration
from vdl_lora.settings import Settings
from vdl_lora.sinks.influxdb_operator import SHORTEST_RETENTION_S, Server
from vdl_lora.terminal import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    clean,
    commands,
    out,
    parser_of,
    print_json,
    say,
    settings_of,
)
from vdl_lora.wording import exact_duration

TOKEN_VARIABLE = "VDL_LORA_OPERATOR_TOKEN"  # noqa: S105 - its name

_STATES = {"would_make": "would make"}

app = commands("influxdb", "Prepare an InfluxDB for the service.")


@app.callback()
def group() -> None:
    """Prepare an InfluxDB for the service."""  # with a callback, a group of one command is still a group


@app.command("provision")
def provision_command(
    *,
    config: ConfigOption = None,
    retention_s: Annotated[
        int | None,
        typer.Option(
            "--retention",
            parser=parser_of(duration(exact_duration(SHORTEST_RETENTION_S), example="730d", zero="none")),
            metavar="TIME",
            help="How long buckets keep points, such as 730d, or none: for ever. Without it new ones do so for ever.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="A file with the operator's token.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a bucket for each tenant, and tokens that can only write, each in the file that the configuration names.

    It asks for an operator's token, or an all-access one of the organization, and keeps it nowhere. Scripts give it in
    --token-file, in $VDL_LORA_OPERATOR_TOKEN, or on stdin. Tenants are those of the configuration, and those of
    ChirpStack where it names none and the buckets' names depend on them.

    It may be run again at any time: what is there stays as it is, and where that is not what was asked for it says so,
    and the exit code is 1. A token's file that it wrote itself is written anew once its token cannot write any more.

    InfluxDB 1.x and 3 have no such calls. For them it prints what to run there, and asks for no token.

    Example: vdl-lora influxdb provision -c vdl-lora.toml --retention 730d --dry-run
    """
    settings = settings_of(config)
    hide(settings.chirpstack.api_key, settings.influxdb.token)
    server, needs = asyncio.run(look(settings))
    printed = by_hand(settings, server, needs, retention_s or 0)
    if printed is not None:
        _print_by_hand(_about(settings, server), printed, as_json=as_json)
        return
    token = _operator_token(token_file)
    hide(token)
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        if not as_json:
            _print_step(step)

    try:
        asyncio.run(provision(settings, needs, token, retention_s=retention_s, dry_run=dry_run, told=tell))
    finally:  # what was made before InfluxDB refused or went away is told as well
        if as_json:
            print_json({**_about(settings, server), "dry_run": dry_run, "steps": [asdict(each) for each in steps]})
    if not all(step.ok for step in steps):
        raise typer.Exit(EXIT_FAILED)


def _about(settings: Settings, server: Server) -> dict[str, Any]:
    return {"url": settings.influxdb.url, "version": server.version, "generation": server.generation}


def _print_by_hand(about: dict[str, Any], printed: ByHand, *, as_json: bool) -> None:
    if as_json:
        print_json({**about, "by_hand": printed.lines, "words": printed.words})
        return
    say(printed.words)
    for line in printed.lines:
        out.print(clean(line))


def _print_step(step: Step) -> None:
    state = _STATES.get(step.state, step.state)
    out.print(clean(f"{state:<10} {step.what} {step.name}: {step.words}"))
    if step.advice:
        out.print(clean(f"{'':<10} -> {step.advice}"))


def _operator_token(file: Path | None) -> str:
    """Take the operator's token from where a script puts it, or ask for it without showing it."""
    if file is not None:
        token, where = _text_of(file), "--token-file"
    elif TOKEN_VARIABLE in os.environ:
        token, where = os.environ[TOKEN_VARIABLE], TOKEN_VARIABLE
    elif not sys.stdin.isatty():
        token, where = sys.stdin.readline(), "stdin"
    else:
        token, where = typer.prompt("Operator's token of InfluxDB", hide_input=True, err=True), "what was typed"
    token = token.strip()
    if not (token and token.isascii() and token.isprintable() and " " not in token):
        raise typer.BadParameter("holds no token: one word of letters, digits and signs", param_hint=where)
    return token


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}", param_hint="--token-file") from error
