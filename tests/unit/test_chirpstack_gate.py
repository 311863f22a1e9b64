"""The gate holds all back until it is open, the pace lets them through evenly, and pauses grow with jitter."""

import asyncio

import pytest

from vdl_lora.chirpstack import Gate, Pace, pause_s
from vdl_lora.chirpstack.gate import HELD_S, LONGEST_RETRY_S
from vdl_lora.errors import SourceRefused, SourceUnavailable

AWAY = SourceUnavailable("away")
REFUSED = SourceRefused("no right")


async def test_an_open_gate_holds_nobody():
    gate = Gate()
    async with asyncio.timeout(1):
        await gate.wait()
    assert gate.error is None


async def test_a_shut_gate_holds_all_until_it_opens_and_knows_the_last_reason():
    gate = Gate()
    gate.shut(AWAY)
    gate.shut(REFUSED)
    through = []

    async def want(number):
        await gate.wait()
        through.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(want(number))
        await asyncio.sleep(0.02)
        assert ([], REFUSED) == (through, gate.error)
        gate.open()
    assert ([0, 1, 2], None) == (through, gate.error)


async def test_the_pace_lets_only_so_many_through_in_a_second_and_the_first_at_once():
    pace = Pace(100)
    loop = asyncio.get_running_loop()
    began = loop.time()
    times = []

    async def want():
        await pace.wait()
        times.append(loop.time() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(21):
            tasks.create_task(want())
    assert times[0] < 0.01
    assert times[-1] >= 0.19
    assert all(sum(at <= end for at in times) <= end * 100 + 2 for end in (0.05, 0.1, 0.15))


async def test_the_pace_saves_nothing_up_in_quiet_times():
    pace = Pace(50)
    await pace.wait()
    await asyncio.sleep(0.2)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(4):
        await pace.wait()
    assert loop.time() - began >= 0.055


@pytest.mark.parametrize("tries", [0, 1, 2, 5, 50, 10_000])
def test_where_trying_helps_the_pause_doubles_up_to_a_bound(tries):
    most = min(0.5 * 2 ** min(tries, 16), LONGEST_RETRY_S)
    pauses = [pause_s(tries, AWAY) for _ in range(200)]
    assert most / 2 <= min(pauses)
    assert max(pauses) <= most
    assert max(pauses) - min(pauses) > most / 4, "without jitter all would come back at once"


def test_where_a_person_must_act_the_pause_is_long_from_the_start():
    pauses = [pause_s(tries, REFUSED) for tries in range(50)]
    assert HELD_S / 2 <= min(pauses)
    assert max(pauses) <= HELD_S
