"""Events from files: every known form of a line, and every unknown one named with its place and reason."""

import base64
import json
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdl_lora.errors import BadMessage, JournalFull, SourceRefused
from vdl_lora.events import RawEvent, format_time
from vdl_lora.interfaces import KeptEvent
from vdl_lora.sources import FileSource
from vdl_lora.sources.file import MAX_LINE, export_line, parse_line

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
AT = 1_795_472_297.70125
AT_NS = 1_795_472_297_701_250_000
BODY = '{"deduplicationId":"é\\n","deviceInfo":{"devEui":"24e124136b500042"}}'

GRPC = {
    "dev_eui": "24e124136b500042",
    "at": AT,
    "log_item": {
        "id": "1795472297700-0",
        "time": "1795472297.700000000",
        "description": "up",
        "body": BODY,
        "properties": {"DR": "5"},
    },
    "log_item_base64": "CgA=",
}
POST = {
    "at": AT,
    "path": "/chirpstack?event=status",
    "headers": {"Content-Type": "application/json"},
    "body": BODY,
}
PROTOBUF_POST = {
    "at": AT,
    "path": "/?x=1&event=up",
    "headers": {"content-type": "application/octet-stream"},
    "body_base64": base64.b64encode(b"\x0a\x00\xff").decode(),
}
PUBLISHED = {"at": AT, "topic": "application/a/device/d/event/join", "qos": 1, "retain": False, "payload": BODY}
EXPORTED = {
    "kind": "ack",
    "encoding": "json",
    "way": "http",
    "arrived_at": "2026-11-23T22:18:17.701250001Z",
    "mark": "1795472297700-0",
    "body": BODY,
}


def as_line(line):
    return json.dumps(line).encode() + b"\n"


def parsed(line):
    return parse_line(as_line(line))


async def imported(*paths):
    taken = []

    async def accept(events):
        taken.extend(events)

    source = FileSource(paths)
    await source.run(accept)
    assert source.events == len(taken)
    return taken, source.skipped


# ---------------------------------------------------------------- forms of a line


def test_a_log_item_of_a_stream():
    assert parsed(GRPC) == RawEvent("up", "json", BODY.encode(), "grpc", AT_NS, "1795472297700-0")


def test_a_post_in_json():
    assert parsed(POST) == RawEvent("status", "json", BODY.encode(), "http", AT_NS)


def test_a_post_in_protobuf():
    assert parsed(PROTOBUF_POST) == RawEvent("up", "protobuf", b"\x0a\x00\xff", "http", AT_NS)


def test_a_message_of_mqtt_in_json_and_in_protobuf():
    assert parsed(PUBLISHED) == RawEvent("join", "json", BODY.encode(), "mqtt", AT_NS)
    binary = {**PUBLISHED, "payload": None, "payload_base64": "CgD/"}
    assert parsed(binary) == RawEvent("join", "protobuf", b"\x0a\x00\xff", "mqtt", AT_NS)


def test_a_line_of_our_own_export():
    assert parsed(EXPORTED) == RawEvent("ack", "json", BODY.encode(), "http", AT_NS + 1, "1795472297700-0")


def test_a_line_that_does_not_tell_when_it_was_recorded_arrives_now():
    before = time.time_ns()
    for at in ({}, {"at": 0}, {"at": -1.5}):
        event = parsed({**{key: value for key, value in PUBLISHED.items() if key != "at"}, **at})
        assert before <= event.arrived_at_ns <= time.time_ns()


@pytest.mark.parametrize("line", [{"dev_eui": "24e1", "at": AT, "end": "CANCELLED"}, {"end": ""}])
def test_the_end_of_a_stream_is_passed_over(line):
    assert parsed(line) is None


@pytest.mark.parametrize("text", [b"\n", b"", b"   \r\n", b"\t"])
def test_an_empty_line_is_passed_over(text):
    assert parse_line(text) is None


@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(["up", "join", "status", "ack", "txack", "log", "location", "own", "unknown"]),
    encoding=st.sampled_from(["json", "protobuf", "own"]),
    way=st.text(min_size=1, max_size=20),
    at_ns=st.integers(-(1 << 62), 1 << 62),
    log_item=st.sampled_from(["", "1795472297700-0", "0-0"]),
)
@example(b"\xed\xa0\x80", "up", "json", "http", 0, "")
@example(b'{"a":"\\ud800"}', "up", "json", "http", -1, "")
@example("\u2028\x00\x85\n".encode(), "up", "json", "a\nb", 1_795_472_297_000_000_000, "")
def test_what_we_export_comes_back_as_it_was(  # noqa: PLR0913, PLR0917 - all that a line tells
    body, kind, encoding, way, at_ns, log_item
):
    event = KeptEvent(
        position=7,
        kind=kind,
        encoding=encoding,
        dev_eui="24e124136b500042",
        tenant="t",
        application="a",
        event_at_ns=1,
        anchor_at_ns=2,
        arrived_at_ns=at_ns,
        ways={way: 3, "another": 1},
        log_item=log_item,
        body=body,
    )
    line = export_line(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse_line(line) == RawEvent(kind, encoding, body, way, at_ns, log_item)


def test_times_of_an_export_are_exact():
    for at_ns in (AT_NS + 1, AT_NS - AT_NS % 1_000_000_000, -1):
        assert parsed({**EXPORTED, "arrived_at": format_time(at_ns)}).arrived_at_ns == at_ns


# ---------------------------------------------------------------- the recordings


@pytest.mark.parametrize("name", ["grpc_live", "grpc_replay", "http_posts", "mqtt"])
async def test_every_line_of_the_recordings_is_an_event_or_the_end_of_a_stream(name):
    path = RECORDINGS / f"{name}.jsonl"
    taken, skipped = await imported(path)
    assert skipped == []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(taken) == sum("end" not in line for line in lines) == 45


@pytest.mark.parametrize("name", ["influxdb2_writes", "influxdb2_deletes", "api_calls"])
async def test_every_line_of_another_file_is_named(name):
    path = RECORDINGS / f"{name}.jsonl"
    taken, skipped = await imported(path)
    assert taken == []
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert [each.line for each in skipped] == list(range(1, count + 1))


# ---------------------------------------------------------------- what is no line

BAD = {
    "not JSON": b"temperature=21.5",
    "cut short": as_line(GRPC)[:60],
    "an array": b"[]",
    "text": b'"up"',
    "null": b"null",
    "an unknown form": b'{"temperature":21.5}',
    "an empty object": b"{}",
    "not UTF-8": b'{"topic":"a/event/up","payload":"\xff"}',
    "half a surrogate pair": b'{"topic":"a/event/up","payload":"\\ud800"}',
    "deep": b'{"headers":' * 5_000,
    "a POST without an event": as_line({**POST, "path": "/chirpstack"}),
    "a POST without a body": as_line({**POST, "body": None}),
    "a POST whose base64 is none": as_line({**PROTOBUF_POST, "body_base64": "%%%"}),
    "a POST whose base64 is cut": as_line({**PROTOBUF_POST, "body_base64": "CgD"}),
    "a POST whose headers are text": as_line({**POST, "headers": "json"}),
    "a POST whose path is no URL": as_line({**POST, "path": "//[x?event=up"}),
    "a topic of a gateway": as_line({**PUBLISHED, "topic": "eu868/gateway/0016c001f1500001/state/conn"}),
    "a topic of one word": as_line({**PUBLISHED, "topic": "up"}),
    "an empty topic": as_line({**PUBLISHED, "topic": ""}),
    "a message without a payload": as_line({**PUBLISHED, "payload": None}),
    "a log item without a body": as_line({**GRPC, "log_item": {"id": "1-0", "description": "up"}}),
    "a log item that is text": as_line({**GRPC, "log_item": "up"}),
    "a clock that is text": as_line({**GRPC, "at": "now"}),
    "a clock beyond 64 bits": as_line({**GRPC, "at": 1e30}),
    "an export in an unknown encoding": as_line({**EXPORTED, "encoding": "cbor"}),
    "an export without an encoding": as_line({**EXPORTED, "encoding": None}),
    "an export without a way": as_line({**EXPORTED, "way": ""}),
    "an export without a time": as_line({**EXPORTED, "arrived_at": ""}),
    "an export of the year 9999": as_line({**EXPORTED, "arrived_at": "9999-12-31T23:59:59Z"}),
    "an export without a body": as_line({**EXPORTED, "body": None}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_a_line_of_no_known_form_is_named_with_its_number_and_reason_and_the_rest_goes_on(tmp_path, text):
    path = tmp_path / "events.jsonl"
    path.write_bytes(as_line(GRPC) + b"\n" + text.rstrip(b"\n") + b"\n" + as_line(PUBLISHED))
    taken, [skipped] = await imported(path)
    assert [event.kind for event in taken] == ["up", "join"]
    assert (skipped.path, skipped.line) == (path, 3)
    assert len(skipped.reason) > 10


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_line_is_an_event_or_named(text):
    try:
        event = parse_line(text)
    except BadMessage as error:
        assert str(error)  # noqa: PT017 - which lines are bad is what is tried
    else:
        assert event is None


def test_any_values_make_an_event_that_a_journal_can_keep_or_are_named():
    found = []

    @given(
        at=st.none() | st.floats() | st.integers(),
        path=st.none() | st.just(POST["path"]) | st.text(),
        topic=st.none() | st.just(PUBLISHED["topic"]) | st.text(),
        kind=st.none() | st.text(),
        body=st.none() | st.text(),
    )
    def check(at, path, topic, kind, body):
        line = {"at": at, "path": path, "topic": topic, "kind": kind, "body": body, "payload": body}
        text = json.dumps({key: value for key, value in line.items() if value is not None}).encode()
        with suppress(BadMessage):
            found.append(parse_line(text))

    check()
    assert 20 < len(found)
    assert [] == [each for each in found if not -(1 << 63) <= each.arrived_at_ns < 1 << 63 or not each.kind.encode()]


async def test_a_line_longer_than_16_mebibytes_is_named_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "events.jsonl"
    longest = as_line({**PUBLISHED, "payload": "x" * (MAX_LINE - 200)})
    assert MAX_LINE - 200 < len(longest) < MAX_LINE
    too_long = b'{"payload":"' + b"x" * (2 * MAX_LINE) + b'"}\n'
    path.write_bytes(as_line(GRPC) + longest + too_long + as_line(PUBLISHED) + b"x" * (MAX_LINE + 1))
    taken, skipped = await imported(path)
    assert [event.kind for event in taken] == ["up", "join", "join"]
    assert [each.line for each in skipped] == [3, 5]
    assert all("longer than 16777216 bytes" in each.reason for each in skipped)


# ---------------------------------------------------------------- files


async def test_files_are_read_in_their_order_each_to_its_end(tmp_path):
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_bytes(b"".join(as_line({**PUBLISHED, "payload": str(number)}) for number in range(1_234)))
    second.write_bytes(as_line(GRPC).rstrip())  # the last line may lack its end
    read = []
    taken = []

    async def accept(events):
        assert len(events) <= 500
        taken.extend(events)

    source = FileSource([first, second], read.append)
    await source.run(accept)
    assert [event.body for event in taken] == [b"%d" % number for number in range(1_234)] + [BODY.encode()]
    assert sum(read) == first.stat().st_size + second.stat().st_size


async def test_lines_may_end_as_windows_ends_them(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(as_line(GRPC).rstrip() + b"\r\n" + as_line(POST).rstrip() + b"\r\n")
    taken, skipped = await imported(path)
    assert ([event.kind for event in taken], skipped) == (["up", "status"], [])


async def test_an_empty_file_gives_nothing(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    assert await imported(path) == ([], [])


async def test_a_file_that_is_no_text_is_named_line_by_line(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(bytes(range(256)) * 100)
    taken, skipped = await imported(path)
    assert taken == []
    assert len(skipped) == 101


@pytest.mark.parametrize(("make", "words"), [(None, "No such file"), (Path.mkdir, "Is a directory")])
async def test_what_cannot_be_read_is_refused_with_its_name(tmp_path, make, words):
    path = tmp_path / "events.jsonl"
    if make:
        make(path)
    with pytest.raises(SourceRefused, match=rf"events\.jsonl cannot be read: {words}"):
        await imported(path)
    [check] = await FileSource([path]).check()
    assert not check.ok
    assert check.advice


async def test_a_file_that_is_there_is_said_to_be_there(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    [check] = await FileSource([path]).check()
    assert (check.ok, check.subject) == (True, str(path))


@pytest.mark.parametrize("error", [JournalFull(), TimeoutError("the journal"), OSError("the journal")])
async def test_what_the_journal_says_passes_through_and_nothing_more_is_read(tmp_path, error):
    path = tmp_path / "events.jsonl"
    path.write_bytes(as_line(GRPC) * 2_000)
    handed = []

    async def accept(events):
        handed.append(len(events))
        if len(handed) == 2:
            raise error

    source = FileSource([path])
    with pytest.raises(type(error)):
        await source.run(accept)
    assert (handed, source.events) == ([500, 500], 500)
