"""The pages of the manual as tests read them: the blocks of code, in their order, and what of an output is the same."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"\bas `([\w.-]+)`")
_HEADING = re.compile(r"^#+ (?P<title>.*)$", re.MULTILINE)
_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_MASKS = (
    (re.compile(r"eyJ[\w.…-]+"), "KEY"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"-?\d+(?:\.\d+)?"), "0"),
    (re.compile(r"[ \t]+"), " "),
)


class Block(NamedTuple):
    """A block of code: its language, its text, the heading above it, and the file that it is to be written into.

    The sentence before a block says "as `NAME`" where it is a file.
    """

    language: str
    text: str
    heading: str
    named: str


def blocks(page: str) -> list[Block]:
    """Give all blocks of a page, which is named by its path from the root of the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = [(found.start(), found["title"]) for found in _HEADING.finditer(_BLOCK.sub(_blank, text))]
    return [
        Block(
            found["language"],
            found["text"],
            [title for at, title in headings if at < found.start()][-1],
            _named(text[: found.start()].rstrip().rpartition("\n\n")[2]),
        )
        for found in _BLOCK.finditer(text)
    ]


def _named(before: str) -> str:
    found = _FILE.search(before)
    return found[1] if found is not None else ""


def shape(output: str) -> list[str]:
    """Give the lines of an output without what differs each time: numbers, ids, keys, colours, the width of columns."""
    text = _SEQUENCES.sub("", output)
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _blank(found: re.Match[str]) -> str:
    """Blank a block out, where a comment looks like a heading."""
    return re.sub(r"[^\n]", " ", found[0])
