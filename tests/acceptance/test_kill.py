"""An import that is killed at random moments, and then finished, leaves what an undisturbed one leaves."""

import asyncio
import base64
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
from contextlib import closing
from pathlib import Path

import pytest
from chirpstack_api.integration import integration_pb2 as pb
from google.protobuf import json_format

from vdl_lora.interfaces import EventFilter
from vdl_lora.journal import JournalReader

RECORDED = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
SOAK = os.environ.get("VDL_LORA_SOAK") == "1"
EVENTS, KILLS = (20_000, 20) if SOAK else (6_000, 6)
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
            posted = line["topic"].endswith("/event/up") and number % 5 == 0
            file.write(json.dumps(as_post(line) if posted else line) + "\n")


def as_post(line: dict) -> dict:
    """Give an uplink as the HTTP integration posts it in protobuf."""
    body = json_format.Parse(line["payload"], pb.UplinkEvent()).SerializeToString()
    return {
        "at": line["at"],
        "path": "/?event=up",
        "headers": {"content-type": "application/octet-stream"},
        "body_base64": base64.b64encode(body).decode(),
    }


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
    """Read every event of the journal with its body, and what each sink's receipts say of it."""

    async def read() -> list[tuple]:
        async with JournalReader(folder / "data" / "journal.sqlite") as journal:
            events = [event async for event in journal.events(EventFilter(), bodies=True)]
            receipts = [await journal.receipts(event.position) for event in events]
        return [
            (event.kind, event.dev_eui, event.event_at_ns, event.anchor_at_ns, event.mark, event.body, said)
            for event, found in zip(events, receipts, strict=True)
            for said in [[(sink, receipt.decoder, receipt.declaration, receipt.lines) for sink, receipt in found]]
        ]

    return asyncio.run(read())


def wait_until_writing(folder: Path, process: subprocess.Popen, since_ns: int) -> None:
    """Wait until the process writes to its journal, or has ended; nobody opens the file meanwhile."""
    log = folder / "data" / "journal.sqlite-wal"
    while process.poll() is None and not (log.exists() and log.stat().st_size and log.stat().st_mtime_ns > since_ns):
        time.sleep(0.005)


def left_over(folder: Path) -> int:
    """Give how many events are not yet in the journal or not yet delivered, and see that both files are whole."""
    left = EVENTS
    for name in ("journal", "points"):
        path = folder / "data" / f"{name}.sqlite"
        if path.exists():
            with closing(sqlite3.connect(path)) as file:
                assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
                if name == "journal" and file.execute("pragma user_version").fetchone() != (0,):
                    [[kept]] = file.execute("select count(*) from event")
                    ahead = (
                        "select count(*) from event e join cursor c on c.tenant = e.tenant where e.position >= c.next"
                    )
                    [[waiting]] = file.execute(ahead)
                    left = EVENTS - kept + waiting
    return left


@pytest.mark.long
def test_an_import_killed_at_random_moments_loses_and_doubles_nothing(tmp_path):
    events = tmp_path / "events.jsonl"
    write_events(events, EVENTS)
    calm, killed = site(tmp_path / "calm"), site(tmp_path / "killed")
    process = begin(calm, events)
    output, _ = process.communicate(timeout=300)
    assert (0, EVENTS) == (process.returncode, json.loads(output)["new"])

    chance = random.Random(11)  # noqa: S311 - moments to kill at
    left = []
    for _ in range(KILLS):
        since_ns = time.time_ns()
        process = begin(killed, events)
        wait_until_writing(killed, process, since_ns)
        time.sleep(chance.uniform(0, 0.4))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        if process.wait(30) == -signal.SIGKILL:  # it did not end by itself just then
            left.append(left_over(killed))
        process.stdout.close()
    assert len(left) >= KILLS // 2, "runs ended before they were killed"
    assert any(0 < each < EVENTS for each in left), "no run was killed in the middle of its work"
    process = begin(killed, events)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0

    kept = journalled(killed)
    assert EVENTS == len(kept) == len({event[:3] + event[5:6] for event in kept})
    assert all(len(said) == 1 for *_, said in kept)
    assert journalled(calm) == kept
    expected, found = stored(calm), stored(killed)
    assert {view: len(rows) for view, rows in expected.items()} == {view: len(rows) for view, rows in found.items()}
    assert expected == found
