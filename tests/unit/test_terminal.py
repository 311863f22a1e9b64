"""Tables of results: a line a row into a pipe, and no broken id on a terminal."""

import io
import re

import pytest
from rich.console import Console

from vdl_lora.terminal import print_table

COLUMNS = ("id", "vendor", "quantities")
ROWS = [
    ["milesight/em300-th", "Milesight", "air.temperature, air.humidity, device.battery_level, water.leak"],
    ["dragino/ldds75", "Dragino", ""],
]


def printed(columns, rows, width=80, *, terminal=False):
    """Give the lines of a table, printed as the commands do."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, soft_wrap=True, color_system=None)
    print_table(columns, rows, console=console)
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).splitlines()


def test_row_into_a_pipe_is_one_aligned_line():
    assert printed(COLUMNS, ROWS, width=20) == [
        "id                  vendor     quantities",
        "milesight/em300-th  Milesight  air.temperature, air.humidity, device.battery_level, water.leak",
        "dragino/ldds75      Dragino",
    ]


def test_cell_with_a_newline_into_a_pipe_stays_in_its_line():
    assert printed(["a", "b"], [["x\ny", "1\t2"]]) == ["a    b", "x y  1 2"]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_terminal_of_any_width_breaks_no_word(width):
    words = {word for line in printed(COLUMNS, ROWS, width, terminal=True) for word in line.split()}
    assert {word for row in (COLUMNS, *ROWS) for cell in row for word in cell.split()} == words


def test_terminal_wraps_quantities_behind_commas():
    lines = printed(COLUMNS, ROWS, 60, terminal=True)
    assert len(lines) > 3
    assert all(len(line) <= 60 for line in lines)


def test_terminal_breaks_a_word_that_is_longer_than_sixty_characters():
    lines = printed(["code", "detail"], [["unknown_record", "f7" * 100]], 80, terminal=True)
    assert max(map(len, lines)) <= 80


def test_table_without_rows_has_its_header():
    assert printed(["a", "b"], []) == ["a  b"]
    assert [line.split() for line in printed(["a", "b"], [], terminal=True)] == [["a", "b"]]
