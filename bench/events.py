"""Events to measure with: the recorded ones, again and again, each with identity, times and values of its own."""

import json
import random
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from vdl_lora.events import RawEvent, format_time
from vdl_lora.sources import parse_line

RECORDINGS = Path(__file__).parent.parent / "tests" / "data" / "recordings"
_SPACING_NS = 50_000_000
_ID = re.compile(rb'"(deduplicationId|queueItemId)":"[0-9a-f-]{36}"')
_EUI = re.compile(rb'"devEui":"[0-9a-f]{12}([0-9a-f]{4})"')
_TIME = re.compile(rb'"(time|gwTime|nsTime)":"[^"]+"')
_F_CNT = re.compile(rb'"fCnt":\d+')
_UPLINK_ID = re.compile(rb'"uplinkId":\d+')


def recorded() -> list[RawEvent]:
    """Give the events of the recorded MQTT file, once each."""
    lines = (RECORDINGS / "mqtt.jsonl").read_bytes().splitlines()
    return [event for line in lines if (event := parse_line(line)) is not None]


def varied(count: int, seed: int = 1, start_ns: int = 1_795_472_297_000_000_000) -> Iterator[RawEvent]:
    """Give `count` events made of the recorded ones; the same seed gives the same events."""
    chance = random.Random(seed)  # noqa: S311 - data to measure with
    originals = recorded()
    for number in range(count):
        original = originals[number % len(originals)]
        yield _vary(original, start_ns + number * _SPACING_NS, number, chance)


def _vary(event: RawEvent, at_ns: int, number: int, chance: random.Random) -> RawEvent:
    stamp = format_time(at_ns + chance.randrange(1_000_000)).replace("Z", "+00:00").encode()
    fresh = str(uuid.UUID(int=chance.getrandbits(128), version=4)).encode()
    body = _ID.sub(rb'"\1":"' + fresh + b'"', event.body)
    body = _TIME.sub(rb'"\1":"' + stamp + b'"', body)
    body = _F_CNT.sub(b'"fCnt":%d' % (number // 45), body)
    body = _UPLINK_ID.sub(b'"uplinkId":%d' % chance.getrandbits(31), body)
    body = _EUI.sub(rb'"devEui":"24e124136b%02x\1"' % (number // 45 % 40), body)
    return RawEvent(event.kind, event.encoding, body, event.way, at_ns + 200_000_000)


def write_file(path: Path, count: int) -> None:
    """Write varied events as lines of the MQTT form."""
    with path.open("wb") as file:
        for event in varied(count):
            topic = f"application/a/device/d/event/{event.kind}"
            line = {"at": event.arrived_at_ns / 1e9, "topic": topic, "payload": event.body.decode()}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
