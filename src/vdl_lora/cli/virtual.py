"""`vdl-lora virtual`: a virtual ChirpStack in a process of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from vdl_lora.terminal import commands
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.control import say_line, serve
from vdl_lora.virtual.fleet import DEMO_SPEED, Fleet

app = commands()


@app.command("virtual")
def virtual(  # noqa: PLR0913 - a command's options
    *,
    bind: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = "127.0.0.1:8080",
    history: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many events of a device are kept at least; 0 keeps none.")
    ] = 10,
    poll: Annotated[
        float, typer.Option(min=0.001, metavar="SECONDS", help="The pause between two reads of a stream.")
    ] = 1.0,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to keep everything, so that it survives a restart.", show_default=False
        ),
    ] = None,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Let it listen beyond this machine; its password is known to all.")
    ] = False,
    fleet: Annotated[
        bool, typer.Option("--fleet", help="Fill it with the sensors of the demonstration, and let them send.")
    ] = False,
    orders: Annotated[
        bool, typer.Option("--orders", help="Take orders as lines of JSON on stdin, and end when they end.")
    ] = False,
) -> None:
    """Run a virtual ChirpStack for tests and demonstrations, until Ctrl-C.

    When it is ready it prints one line of JSON: its address and the token of an admin key. It is empty, unless it is
    given orders or the fleet.

    Example: vdl-lora virtual --fleet
    """
    if fleet and state is not None:
        raise typer.BadParameter("the fleet begins anew each time; leave --state out", param_hint="--fleet")
    chirpstack = VirtualChirpStack(bind=bind, history=history, poll_s=poll, state=state, anywhere=anywhere)
    sensors = Fleet(chirpstack, speed=DEMO_SPEED) if fleet else None
    uvloop.run(serve(chirpstack, say_line, sys.stdin.buffer if orders else None, sensors))
