"""`vdl-lora doctor`: what is wrong, and what to do about it."""

import asyncio
import logging
import shutil
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vdl_lora.app.build import open_site
from vdl_lora.config import find_file, load
from vdl_lora.interfaces import CheckState
from vdl_lora.operations.diagnosis import Finding, diagnose
from vdl_lora.settings import Settings
from vdl_lora.terminal import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    clean,
    commands,
    err,
    log_to_stderr,
    out,
    print_json,
)
from vdl_lora.wording import counted

_MARKS: dict[CheckState, tuple[str, str, str]] = {
    "ok": ("✔", "ok", "green"),
    "unknown": ("?", "??", "cyan"),
    "warning": ("!", "!!", "yellow"),
    "failed": ("✘", "no", "bold red"),
}
_WIDEST = 100
_SUBJECTS = 22


app = commands()


@app.command("doctor")
def doctor(
    *,
    config: ConfigOption = None,
    devices: Annotated[
        bool, typer.Option("--devices", help="Name every device with its decoder, instead of counting them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at every connection and right, at the journal and the store, and say what to do where something is wrong.

    It changes nothing, and may run beside the service, without it, and before its first start; it takes a minute at
    most. The exit code is 0, 1 where something failed, and 78 where the configuration is wrong. A line begins with ✔
    where all is well, ! where a person should see to it, ? where it is not known, and ✘ where something failed; what
    to do stands below it, behind an arrow.

    Example: vdl-lora doctor -c vdl-lora.toml, or, for what failed: vdl-lora doctor --json | jq '.[] | select(.state ==
    "failed")'
    """
    log_to_stderr(logging.CRITICAL)  # what a decoder's file has wrong is a finding here
    file = find_file(config)
    settings = load(file)
    begun = time.monotonic()
    findings = asyncio.run(_diagnose(settings, file, each_device=devices))
    if as_json:
        print_json([_finding(each) for each in findings])
    else:
        _print_page(findings, time.monotonic() - begun)
    if code := exit_code(findings):
        raise typer.Exit(code)


def exit_code(findings: Sequence[Finding]) -> int:
    """Give the exit code: what a person should see to, or what is not known, is no failure."""
    return EXIT_FAILED if any(not each.check.ok for each in findings) else 0


async def _diagnose(settings: Settings, file: Path | None, *, each_device: bool) -> Sequence[Finding]:
    """Look, and show on a terminal who is still looked at."""
    async with open_site(settings, file) as site:
        if not err.is_terminal:
            return await diagnose(site, each_device=each_device)
        with err.status("looking") as status:

            def show(still: Sequence[str]) -> None:
                status.update(f"looking at {', '.join(still)}")

            return await diagnose(site, show, each_device=each_device)


def _finding(finding: Finding) -> dict[str, str]:
    check = finding.check
    return {
        "group": finding.group,
        "subject": check.subject,
        "state": check.state,
        "words": check.words,
        "advice": check.advice,
    }


def _print_page(findings: Sequence[Finding], took_s: float) -> None:
    for group, of_group in groupby(findings, key=lambda each: each.group):
        out.print(Text(group, style="bold"))
        for each in of_group:
            for line in _lines(each):
                out.print(line)
        out.print()
    out.print(_summary(findings, took_s))


def _lines(finding: Finding) -> Iterator[Text]:
    """Give a finding's lines: its mark, what it is about, how it is; what to do is indented below."""
    check = finding.check
    mark, plain, style = _MARKS[check.state]
    mark = mark if _can_print("✔✘→") else plain
    before = f"  {mark} {clean(check.subject):<{_SUBJECTS}} "
    first, *rest = _wrapped(clean(check.words), before)
    yield Text.assemble(("  " + mark, style), first[len(mark) + 2 :])
    yield from map(Text, rest)
    if check.advice:
        arrow = " " * len(f"  {mark} ") + ("→ " if _can_print("→") else "-> ")
        yield from (Text(line, style=style) for line in _wrapped(clean(check.advice), arrow))


def _wrapped(text: str, before: str) -> list[str]:
    """Break a text into lines on a terminal, all indented as the first; elsewhere a line stays whole."""
    if not out.is_terminal:
        return [before + text]
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.wrap(
        text, width, initial_indent=before, subsequent_indent=" " * len(before), break_on_hyphens=False
    ) or [before]


def _summary(findings: Sequence[Finding], took_s: float) -> Text:
    states = Counter(each.check.state for each in findings)
    begin = f"{counted(len(findings), 'finding')} in {took_s:.1f} s: "
    told: tuple[tuple[CheckState, str], ...] = (
        ("failed", "failed"),
        ("warning", "to see to"),
        ("unknown", "not known"),
    )
    parts = [f"{states[state]} {words}" for state, words in told if states[state]]
    if not states["failed"] and not states["warning"]:
        parts.insert(0, "all is well")
    return Text.assemble(begin, (", ".join(parts), _MARKS["failed" if states["failed"] else "ok"][2]))


def _can_print(text: str) -> bool:
    try:
        text.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
