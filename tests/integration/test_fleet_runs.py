"""A fleet that runs: what it emits is what ChirpStack emits, at the clock's own time."""

import asyncio
import time
from contextlib import suppress

from vdl_lora.events import NS, RawEvent, envelope
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.fleet import PLACES, Fleet

from .live import until


async def run(fleet: Fleet, for_s: float) -> None:
    """Let a fleet run for a time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s):
            await fleet.run()


async def test_what_the_fleet_counts_is_what_chirpstack_emitted() -> None:
    chirpstack = VirtualChirpStack(history=10)
    fleet = Fleet(chirpstack, speed=20_000)
    fleet.register()
    await run(fleet, 1.6)
    assert {"up", "log", "join", "status"} == fleet.emitted.keys()
    assert chirpstack.counts() == fleet.emitted


async def test_no_event_is_of_the_future_and_live_ones_are_of_now() -> None:
    chirpstack = VirtualChirpStack(history=1000)
    fleet = Fleet(chirpstack, speed=3600, past_s=0)
    fleet.register()
    began_at_ns = time.time_ns()
    await run(fleet, 1.0)
    entries = [entry for _, entry in chirpstack.histories.entries()]
    assert entries
    for entry in entries:
        read = envelope(RawEvent(entry.kind, "protobuf", entry.body, "grpc", began_at_ns, str(entry.id)))
        assert began_at_ns - NS < read.event_at_ns <= entry.id.ms * 1_000_000 + 999_999
        assert abs(read.event_at_ns - read.anchor_at_ns) < NS


async def test_a_whole_day_lies_there_at_once() -> None:
    chirpstack = VirtualChirpStack(history=50)
    fleet = Fleet(chirpstack, speed=60)
    fleet.register()
    enabled = sum(not place.disabled for place in PLACES)
    running = asyncio.create_task(fleet.run())
    try:  # for at most 20 s, in which each place sends twice or so besides
        await until(lambda: fleet.emitted["up"] > enabled * 35, 20)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_what_comes_too_late_is_lost_on_the_air() -> None:
    slept_ns = 0
    chirpstack = VirtualChirpStack(history=1000, clock=lambda: time.time_ns() + slept_ns)
    fleet = Fleet(chirpstack, speed=1200, past_s=0)
    fleet.register()
    running = asyncio.create_task(run(fleet, 1.8), name="the fleet")
    await asyncio.sleep(0.9)
    before = fleet.emitted.total()
    slept_ns = 120 * NS
    await running
    assert 5 < before
    assert before < fleet.emitted.total() < 500, "120 s at this speed are 1,800 frames"
