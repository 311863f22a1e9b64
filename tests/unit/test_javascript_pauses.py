"""A script that is stopped again and again is refused for pauses that double; an answer forgets them."""

from vdl_lora.decoding.javascript import Script
from vdl_lora.javascript.pauses import FIRST_PAUSE_S, LONGEST_PAUSE_S, PATIENCE, PATIENCE_S, Pauses

SCRIPT = Script("bad", "function Decoder() { for (;;); }")


class Clock:
    def __init__(self):
        self.now_s = 1_000.0

    def __call__(self):
        return self.now_s


def stopped(pauses, times):
    for _ in range(times):
        pauses.stopped(SCRIPT, "too slow")


def pause_s(pauses, clock):
    """How long it is refused from now on."""
    began_s = clock.now_s
    while pauses.refusal(SCRIPT):
        clock.now_s += 0.5
    return clock.now_s - began_s


def test_fewer_stops_bring_no_pause():
    pauses = Pauses(Clock())
    stopped(pauses, PATIENCE - 1)
    assert "" == pauses.refusal(SCRIPT)


def test_the_pause_is_said_with_the_reason_and_doubles_up_to_its_longest():
    clock = Clock()
    pauses = Pauses(clock)
    stopped(pauses, PATIENCE)
    assert f"the codec was stopped {PATIENCE} times in a row and is not called for 1 s: too slow" == pauses.refusal(
        SCRIPT
    )
    found = [pause_s(pauses, clock)]
    for _ in range(30):
        stopped(pauses, 1)
        found.append(pause_s(pauses, clock))
    assert [FIRST_PAUSE_S * 2**n for n in range(9)] == found[:9]
    assert {LONGEST_PAUSE_S} == set(found[9:])


def test_an_answer_forgets_all_stops():
    clock = Clock()
    pauses = Pauses(clock)
    stopped(pauses, PATIENCE - 1)
    pauses.worked(SCRIPT)
    stopped(pauses, PATIENCE - 1)
    assert "" == pauses.refusal(SCRIPT)
    stopped(pauses, 1)
    pauses.worked(SCRIPT)
    assert "" == pauses.refusal(SCRIPT)


def test_another_script_and_a_mended_one_are_not_refused():
    pauses = Pauses(Clock())
    stopped(pauses, PATIENCE)
    assert ["", ""] == [pauses.refusal(Script("good", SCRIPT.source)), pauses.refusal(Script("bad", "mended"))]


def test_stops_that_take_long_bring_a_pause_sooner_but_never_the_first_of_them():
    clock = Clock()
    pauses = Pauses(clock)
    pauses.stopped(SCRIPT, "too slow", 10 * PATIENCE_S)
    assert "" == pauses.refusal(SCRIPT)
    pauses.stopped(SCRIPT, "too slow", 0.1)
    assert FIRST_PAUSE_S == pause_s(pauses, clock)
    pauses.stopped(SCRIPT, "too slow", 0.1)
    assert 2 * FIRST_PAUSE_S == pause_s(pauses, clock)


def test_it_is_known_whether_the_last_call_was_stopped():
    pauses = Pauses(Clock())
    assert not pauses.are_counted(SCRIPT)
    stopped(pauses, 1)
    assert pauses.are_counted(SCRIPT)
    pauses.worked(SCRIPT)
    assert not pauses.are_counted(SCRIPT)
