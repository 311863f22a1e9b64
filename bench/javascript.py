"""`python -m bench.javascript [--long]`: measure makers' codecs in their process, on the wall clock."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vdl_lora.decoding.javascript import Script, Uplinked
from vdl_lora.javascript import QuickJs

from .figure import Figure

RUNS = 5
UPLINKED = Uplinked(bytes.fromhex("01755C03671001046871"), 85, 1_795_503_129_000_000_000)
SOURCE = """
function decodeUplink(input) {
  var bytes = input.bytes, data = {};
  for (var i = 0; i < bytes.length; ) {
    var channel = bytes[i++], type = bytes[i++];
    if (channel === 1 && type === 0x75) data.battery = bytes[i++];
    else if (channel === 3 && type === 0x67) data.temperature = (bytes[i++] | ((bytes[i++] << 24) >> 16)) / 10;
    else if (channel === 4 && type === 0x68) data.humidity = bytes[i++] / 2;
    else return { errors: ["unknown channel " + channel] };
  }
  return { data: data };
}
"""
FRESH = Script("fresh", SOURCE)
KEPT = Script("kept", SOURCE, reusable=True)


def wall_us(run: Callable[[], object], count: int) -> float:
    """Give the time of one of `count` repetitions in µs, the median of several runs."""
    taken: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for _ in range(count):
            run()
        taken.append((time.perf_counter() - begun) / count * 1e6)
    return statistics.median(taken)


def starting() -> Figure:
    """Measure the start of a child, up to its first answer."""
    taken: list[float] = []
    for _ in range(2 * RUNS):
        engine = QuickJs()
        begun = time.perf_counter()
        engine.decode(FRESH, UPLINKED)
        taken.append((time.perf_counter() - begun) * 1e3)
        engine.close()
    return Figure("a process for codecs starts and answers", statistics.median(taken), "ms", 100)


def decoding() -> list[Figure]:
    """Measure calls in a context of their own and in a kept one."""
    engine = QuickJs()
    fresh = wall_us(lambda: engine.decode(FRESH, UPLINKED), 300)
    kept = wall_us(lambda: engine.decode(KEPT, UPLINKED), 3_000)
    engine.close()
    return [
        Figure("JavaScript codec in a fresh context", fresh, "µs", 1_000),
        Figure("JavaScript codec in a kept context", kept, "µs", 60),
    ]


def lasting(count: int) -> Figure:
    """Measure by how much both processes grow while they decode, half of it in fresh contexts."""
    engine = QuickJs()

    def decode(times: int) -> int:
        for number in range(times):
            engine.decode(KEPT if number % 2 else FRESH, UPLINKED)
        return sum(resident(process) for process in ("self", *engine.processes))

    before = decode(1_000)
    grown = (decode(count) - before) / 1024
    engine.close()
    return Figure(f"memory that {count} decodes add", grown, "KiB", 1_024)


def resident(process: str | int) -> int:
    """Give the resident memory of a process in bytes."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def all_figures(*, short: bool) -> list[Figure]:
    """Measure everything."""
    return [starting(), *decoding(), lasting(10_000 if short else 200_000)]


def main() -> None:
    """Measure and print."""
    print("| what | median | goal | |")
    print("|---|---|---|---|")
    for figure in all_figures(short="--long" not in sys.argv[1:]):
        verdict = "" if figure.reached else "not reached"
        print(f"| {figure.name} | {figure.value:,.1f} {figure.unit} | ≤ {figure.goal:,.0f} | {verdict} |")


if __name__ == "__main__":
    main()
