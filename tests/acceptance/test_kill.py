"""An import that is killed at random moments, and then finished, leaves what an undisturbed one leaves."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
SOAK = os.environ.get("VDL_LORA_SOAK") == "1"
EVENTS, KILLS = (20_000, 20) if SOAK else (6_000, 6)
START_S = 0.5
CONFIG = """
[decoders]
rules = [
  { profile = "Milesight EM300*", decoder = "milesight/em300-th" },
  { profile = "Axioma*", decoder = "axioma/qalcosonic-w1" },
  { profile = "Dragino LDDS75", decoder = "dragino/ldds75" },
]
"""


def write_events(path: Path, count: int) -> None:
    """Write the recorded events again and again, each time with ids, times and counters of their own."""
    chance = random.Random(5)  # noqa: S311 - test data
    originals = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            line = dict(originals[number % len(originals)])
            fresh = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_795_472_297 + number))
            body = re.sub(r'"(deduplicationId|queueItemId)":"[0-9a-f-]{36}"', rf'"\1":"{fresh}"', line["payload"])
            body = re.sub(r'"(time|gwTime|nsTime)":"[^"]+"', rf'"\1":"{moment}.{number % 1000:03d}+00:00"', body)
            line["payload"] = re.sub(r'"fCnt":\d+', f'"fCnt":{number // 45}', body)
            line["at"] = 1_795_472_298 + number
            file.write(json.dumps(line) + "\n")


def begin(folder: Path, events: Path) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")}
    command = [sys.executable, "-m", "vdl_lora.cli", "journal", "import", "--json", str(events)]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE)


def site(folder: Path) -> Path:
    folder.mkdir()
    (folder / "vdl-lora.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def stored(folder: Path) -> dict[str, list]:
    """Read every view of the store: its rows in the order of their values."""
    store = sqlite3.connect(f"file:{folder}/data/points.sqlite?mode=ro", uri=True)
    views = [name for (name,) in store.execute("select name from sqlite_schema where type = 'view' order by name")]
    rows = {}
    for view in views:
        cursor = store.execute(f'select * from "{view}"')  # noqa: S608 - a name of the store
        names = [column[0] for column in cursor.description]
        rows[view] = sorted(json.dumps(dict(sorted(zip(names, row, strict=True)))) for row in cursor)
    store.close()
    return rows


def journalled(folder: Path) -> list[tuple]:
    journal = sqlite3.connect(f"file:{folder}/data/journal.sqlite?mode=ro", uri=True)
    rows = journal.execute(
        "select hex(identity), event_at_ns, kind, anchor_at_ns, code, words from event order by 1, 2"
    ).fetchall()
    journal.close()
    return rows


def test_an_import_killed_at_random_moments_loses_and_doubles_nothing(tmp_path):
    events = tmp_path / "events.jsonl"
    write_events(events, EVENTS)
    calm, killed = site(tmp_path / "calm"), site(tmp_path / "killed")
    begun = time.monotonic()
    process = begin(calm, events)
    output, _ = process.communicate(timeout=300)
    took_s = time.monotonic() - begun
    assert (0, EVENTS) == (process.returncode, json.loads(output)["new"])

    chance = random.Random(11)  # noqa: S311 - moments to kill at
    interrupted = 0
    for _ in range(KILLS):
        process = begin(killed, events)
        time.sleep(chance.uniform(START_S, max(took_s, START_S + 0.2)))
        interrupted += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
    process = begin(killed, events)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert interrupted, "no run was killed before its end"

    kept = journalled(killed)
    assert EVENTS == len(kept) == len({row[:2] for row in kept})
    assert journalled(calm) == kept
    expected, found = stored(calm), stored(killed)
    assert {view: len(rows) for view, rows in expected.items()} == {view: len(rows) for view, rows in found.items()}
    assert expected == found
