"""Rates and remaining times of delivery, and how a terminal, a script and a pipe are shown them."""

import math

from rich.console import Console

from vdl_lora.interfaces import Depth, Lag
from vdl_lora.operations.delivery_progress import Follower, Pace
from vdl_lora.terminal.delivery_view import document, line, table


def depth(events, *waiting):
    """A journal with so many events, of which so many wait for each tenant."""
    lags = [Lag("store", f"t{number}", each, "flowing", "", None) for number, each in enumerate(waiting)]
    return Depth(events=events, quarantined=0, bytes=0, lags=lags)


def test_first_look_has_no_rate():
    view = Follower().see(depth(10, 5), 0, 0.0)
    assert (None, None, 5) == (view.arriving, view.whole.rate, view.whole.waiting)
    assert view.whole.left_s is None


def test_rate_and_remaining_time_of_two_looks():
    follower = Follower()
    follower.see(depth(100, 60, 40), 0, 0.0)
    view = follower.see(depth(110, 50, 20), 0, 2.0)
    assert (5.0, 15.0) == (view.arriving, view.whole.rate)
    assert math.isclose(70 / 15, view.whole.left_s)
    assert [5.0, 10.0] == [flow.rate for _, flow in view.each]


def test_backlog_that_does_not_shrink_has_no_end():
    follower = Follower()
    follower.see(depth(100, 50), 0, 0.0)
    view = follower.see(depth(100, 50), 0, 1.0)
    assert view.whole.left_s is None
    assert "no end in sight" in line(view)


def test_nothing_waiting_takes_no_time():
    assert 0.0 == Follower().see(depth(3, 0), 0, 0.0).whole.left_s


def test_rate_is_smoothed_over_seconds():
    pace = Pace()
    pace.see(0.0, 100)
    assert 10.0 == pace.see(1.0, 90)
    assert 10.0 < pace.see(2.0, 0) < 30.0


def test_progress_begins_anew_when_all_was_delivered():
    follower = Follower()
    for at_s, waiting in ((0.0, 100), (1.0, 0), (2.0, 8)):
        view = follower.see(depth(100, waiting), 0, at_s)
    assert 8 == view.whole.most


def test_json_document_names_each_tenant():
    shown = document(Follower().see(depth(10, 5, 0), 1_000_000_000, 0.0))
    assert ("1970-01-01T00:00:01Z", 10, 5) == (shown["at"], shown["events"], shown["waiting"])
    assert [("t0", 5), ("t1", 0)] == [(each["tenant"], each["waiting"]) for each in shown["delivery"]]


def test_line_names_tenants_that_do_not_flow():
    lag = Lag("store", "t", 3, "held", "401: check the token", None)
    view = Follower().see(Depth(events=3, quarantined=0, bytes=0, lags=[lag]), 0, 0.0)
    assert line(view).endswith("store t is held: 401: check the token")


def test_table_shows_as_many_rows_as_fit():
    console = Console(width=120, record=True, force_terminal=False)
    console.print(table(Follower().see(depth(60, *range(1, 11)), 0, 0.0), 4))
    text = console.export_text()
    assert ["t9", "t8", "t7", "t6"] == [word for word in text.split() if word.startswith("t") and word[1:].isdecimal()]
    assert "and 6 more" in text
