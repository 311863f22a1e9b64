"""A virtual ChirpStack in a process of its own: what it prints when it is ready, and orders by lines of JSON.

An order names a method of VirtualChirpStack in `do`; the rest are its arguments, `payload` in hexadecimal:
`{"do": "up", "dev_eui": "24e124136b500042", "payload": "01755c", "f_port": 85}`. Each is answered by one line: what
the method gives in `answer`, or what is wrong in `error`.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import msgspec

from .answers import Refused
from .bodies import Heard
from .chirpstack import VirtualChirpStack
from .fleet import Fleet

ORDERS = frozenset(
    {
        "add_tenant",
        "add_application",
        "add_profile",
        "add_device",
        "delete_device",
        "add_key",
        "revoke_key",
        "set_http",
        "count_in_groups",
        "join",
        "up",
        "status",
        "txack",
        "ack",
        "log",
        "redis_fails",
        "redis_recovers",
        "lock_database",
        "counts",
    }
)
_LINE = 1 << 20


async def serve(
    chirpstack: VirtualChirpStack,
    say: Callable[[dict[str, Any]], None],
    orders: BinaryIO | None,
    fleet: Fleet | None = None,
) -> None:
    """Run until SIGINT or SIGTERM, or until the orders end; a fleet is registered before it is said to be ready."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, ended.set)
    if fleet is not None:
        fleet.register()
    async with chirpstack:
        say({"address": chirpstack.address, "admin_key": chirpstack.admin_key})
        waiting: list[asyncio.Task[Any]] = [loop.create_task(ended.wait(), name="wait for a signal")]
        if orders is not None:
            waiting.append(loop.create_task(_obey(chirpstack, say, orders), name="obey orders"))
        if fleet is not None:
            waiting.append(loop.create_task(fleet.run(), name="fleet"))
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for task in done:
            task.result()


def say_line(value: dict[str, Any]) -> None:
    """Print one line of JSON at once."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


async def _obey(chirpstack: VirtualChirpStack, say: Callable[[dict[str, Any]], None], orders: BinaryIO) -> None:
    reader = asyncio.StreamReader(limit=_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), orders
    )
    try:
        while line := await reader.readline():
            say(obey(chirpstack, line))
    finally:
        transport.close()


def obey(chirpstack: VirtualChirpStack, line: bytes) -> dict[str, Any]:
    """Do what a line orders, and give the answer."""
    try:
        arguments = msgspec.json.decode(line, type=dict[str, Any])
        name = arguments.pop("do", "")
        if name not in ORDERS:
            return {"error": f"{name!r} is no order; there are {', '.join(sorted(ORDERS))}"}
        if "payload" in arguments:
            arguments["payload"] = bytes.fromhex(arguments["payload"])
        if "heard" in arguments:
            arguments["heard"] = msgspec.convert(arguments["heard"], list[Heard])
        answer = getattr(chirpstack, name)(**arguments)
    except Refused as refused:
        return {"error": str(refused)}
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"answer": msgspec.to_builtins(answer)}
