"""`python -m bench [--short]`: measure every stage and print a table in Markdown."""

import platform
import sqlite3
import sys

from .stages import all_figures


def main() -> None:
    """Measure and print."""
    short = "--short" in sys.argv[1:]
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}\n")
    print("| what | median | goal | |")
    print("|---|---|---|---|")
    for figure in all_figures(short=short):
        sign = "≤" if figure.at_most else "≥"
        verdict = "" if figure.reached else "not reached"
        print(f"| {figure.name} | {figure.value:,.1f} {figure.unit} | {sign} {figure.goal:,.0f} | {verdict} |")


if __name__ == "__main__":
    main()
