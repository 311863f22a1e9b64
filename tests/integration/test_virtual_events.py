"""The virtual ChirpStack's events have the recorded ones' shape, on every way and in both encodings.

Each recorded event is emitted again with its own values. What no two servers share (ids, times, the arbitrary order
of gateways and of maps) is replaced by its form; everything else must be equal, the order of the keys included.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import grpc
import msgspec
import pytest
from aiohttp import web
from chirpstack_api.api import internal_pb2, internal_pb2_grpc
from google.protobuf import json_format

from vdl_lora.events import parse, parse_time
from vdl_lora.lorawan import AnyEvent, Uplink
from vdl_lora.virtual import Heard, VirtualChirpStack, pbjson
from vdl_lora.virtual.wire import EVENTS

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
MAPS = ("tags", "context", "object", "properties")
KINDS = {"up", "join", "status", "ack", "txack", "log"}


def lines(name: str) -> list[dict[str, Any]]:
    """The lines of a recording."""
    return [json.loads(line) for line in (RECORDINGS / name).read_text(encoding="utf-8").splitlines()]


def recorded_items() -> list[dict[str, Any]]:
    """The LogItems of the device streams."""
    return [line["log_item"] for line in lines("grpc_live.jsonl") if "log_item" in line]


def texts() -> Iterable[tuple[str, str]]:
    """Kind and text of every recorded event in JSON."""
    for item in recorded_items():
        yield item["description"], item["body"]
    for line in lines("http_posts.jsonl"):
        if "body" in line:
            yield line["path"].rpartition("=")[2], line["body"]
    for line in lines("mqtt.jsonl"):
        yield line["topic"].rpartition("/")[2], line["payload"]


class Ordered(list[tuple[str, Any]]):
    """A JSON object whose order counts."""


def exact(text: str | bytes) -> Any:
    """JSON with its numbers as they are written and its keys in their order; maps have no order."""

    def hook(pairs: list[tuple[str, Any]]) -> Ordered:
        return Ordered((key, unordered(value) if key in MAPS else value) for key, value in pairs)

    def unordered(value: Any) -> Any:
        if isinstance(value, Ordered):
            return Ordered(sorted((key, unordered(each)) for key, each in value))
        return [unordered(each) for each in value] if isinstance(value, list) else value

    return json.loads(text, object_pairs_hook=hook, parse_float=str, parse_int=str)


def form(value: Any, key: str = "") -> Any:
    """Replace what no two servers share."""
    if isinstance(value, Ordered):
        return Ordered((name, form(each, name)) for name, each in value)
    return sorted((form(each) for each in value), key=repr) if isinstance(value, list) else form_of_scalar(value, key)


def form_of_scalar(value: Any, key: str) -> Any:
    """Replace a value that no two servers share."""
    if key in {"time", "nsTime"}:
        return f"a time {value[-6:]}" if parse_time(value) else value
    if key in {"deduplicationId", "deduplication_id", "queueItemId"} or key.endswith(
        ("tenantId", "applicationId", "ProfileId")
    ):
        return f"an id of {len(value)}"
    if key in {"uplinkId", "downlinkId"}:
        return "a number" if str(value).isdecimal() else value
    if key == "context" and isinstance(value, str):
        return f"{len(base64.b64decode(value))} bytes"
    return value


class Stage:
    """Registers the devices of the recording and lets them do again what they did."""

    def __init__(self, chirpstack: VirtualChirpStack) -> None:
        self.chirpstack = chirpstack
        self.tenants: dict[str, str] = {}
        self.applications: dict[str, str] = {}
        self.profiles: dict[str, str] = {}
        self.devices: dict[str, str] = {}

    def register(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        """Register what the events name; txack tells the device's tags, the others the merged ones."""
        own = {body["deviceInfo"]["devEui"]: body["deviceInfo"]["tags"] for kind, body in events if kind == "txack"}
        for _kind, body in events:
            info = body["deviceInfo"]
            tenant = self.tenants.setdefault(info["tenantId"], "") or self.chirpstack.add_tenant(info["tenantName"])
            self.tenants[info["tenantId"]] = tenant
            tags = own.get(info["devEui"], info["tags"])
            if info["applicationId"] not in self.applications:
                shared = {
                    key: value for key, value in info["tags"].items() if info["devEui"] in own and key not in tags
                }
                self.applications[info["applicationId"]] = self.chirpstack.add_application(
                    tenant, info["applicationName"], tags=shared
                )
            if info["deviceProfileId"] not in self.profiles:
                self.profiles[info["deviceProfileId"]] = self.chirpstack.add_profile(tenant, info["deviceProfileName"])
            if info["devEui"] not in self.devices:
                application = self.devices[info["devEui"]] = self.applications[info["applicationId"]]
                self.chirpstack.add_device(
                    info["devEui"], info["deviceName"], application, self.profiles[info["deviceProfileId"]], tags=tags
                )

    def again(self, kind: str, body: dict[str, Any]) -> None:
        """Emit an event with the values of a recorded one."""
        dev_eui = body["deviceInfo"]["devEui"]
        at_ns = parse_time(body["time"])
        if kind == "up":
            self.up_again(dev_eui, body, at_ns)
        elif kind == "join":
            self.chirpstack.join(dev_eui, dev_addr=body["devAddr"], at_ns=at_ns)
        elif kind == "status":
            assert body["batteryLevelUnavailable"]
            self.chirpstack.status(dev_eui, body["margin"], 255, at_ns=at_ns)
        elif kind == "log":
            self.chirpstack.log(dev_eui, body["level"], body["code"], body["description"], body["context"], at_ns=at_ns)
        elif kind == "ack":
            self.chirpstack.ack(dev_eui, f_cnt_down=body["fCntDown"], acknowledged=body["acknowledged"], at_ns=at_ns)
        elif kind == "txack":
            self.chirpstack.txack(dev_eui, f_cnt_down=body["fCntDown"], gateway_id=body["gatewayId"], at_ns=at_ns)

    def up_again(self, dev_eui: str, body: dict[str, Any], at_ns: int) -> None:
        """Emit a recorded uplink again; its session had the recorded address."""
        row = self.chirpstack.database.devices.get(dev_eui)
        assert row is not None
        if row.activation is None or row.activation.dev_addr != body["devAddr"]:
            self.chirpstack.join(dev_eui, dev_addr=body["devAddr"])
        row.activation.f_cnt_up = min(row.activation.f_cnt_up, body["fCnt"])
        heard = [
            Heard(
                rx["gatewayId"],
                rx["rssi"],
                rx.get("snr", 0.0),
                parse_time(rx["gwTime"]) - at_ns if "gwTime" in rx else None,
                location=tuple(rx["location"][key] for key in ("latitude", "longitude", "altitude")),
            )
            for rx in body["rxInfo"]
        ]
        self.chirpstack.up(
            dev_eui,
            base64.b64decode(body["data"]),
            f_port=body["fPort"],
            f_cnt=body["fCnt"],
            confirmed=body["confirmed"],
            adr=body["adr"],
            dr=body["dr"],
            frequency=body["txInfo"]["frequency"],
            heard=heard,
            decoded=body.get("object"),
            at_ns=at_ns,
        )


def test_every_recorded_body_is_written_again_byte_for_byte() -> None:
    """The recorded JSON read into protobuf and written by us: the same numbers, names and order."""
    seen: Counter[str] = Counter()
    for kind, text in texts():
        again = pbjson.encode(json_format.Parse(text, EVENTS[kind]()))
        assert exact(again) == exact(text)
        assert len(again) == len(text.encode())
        seen[kind] += 1
    assert set(seen) == KINDS


def test_an_event_posted_in_protobuf_is_written_as_the_same_event_was_published_in_json() -> None:
    published = {json.loads(line["payload"]).get("deduplicationId"): line["payload"] for line in lines("mqtt.jsonl")}
    compared = 0
    for line in lines("http_posts.jsonl"):
        if "body_base64" in line and line["path"].endswith("=up"):
            message = EVENTS["up"].FromString(base64.b64decode(line["body_base64"]))
            if message.deduplication_id in published:
                assert exact(pbjson.encode(message)) == exact(published[message.deduplication_id])
                compared += 1
    assert compared >= 2


@pytest.mark.enable_socket
async def test_streamed_events_have_the_shape_of_the_recorded_ones() -> None:
    recorded = recorded_items()
    assert {item["description"] for item in recorded} == KINDS
    bodies = [(item["description"], json.loads(item["body"])) for item in recorded]
    async with VirtualChirpStack(history=1_000, poll_s=0.01) as chirpstack:
        stage = Stage(chirpstack)
        stage.register(bodies)
        compared = 0
        async with grpc.aio.insecure_channel(chirpstack.address) as channel:
            stub = internal_pb2_grpc.InternalServiceStub(channel)
            for item, (kind, body) in zip(recorded, bodies, strict=True):
                chirpstack.histories.flush()
                stage.again(kind, body)
                found = await _last(stub, chirpstack, body["deviceInfo"]["devEui"])
                assert found.description == item["description"]
                assert dict(found.properties) == item["properties"]
                assert form(exact(found.body)) == form(exact(item["body"]))
                seconds, _, nanos = item["time"].partition(".")
                if kind not in {"up", "status"} or "gwTime" not in item["body"]:
                    assert abs(found.time.seconds * 10**9 + found.time.nanos - int(seconds + nanos)) < 10**6
                compared += 1
    assert compared == len(recorded)


async def _last(stub: Any, chirpstack: VirtualChirpStack, dev_eui: str) -> Any:
    """Read a device's stream until all is there, and give the last."""
    call = stub.StreamDeviceEvents(
        internal_pb2.StreamDeviceEventsRequest(dev_eui=dev_eui),
        metadata=[("authorization", f"Bearer {chirpstack.admin_key}")],
        timeout=10,
    )
    length = chirpstack.histories.length(f"device:{{{dev_eui}}}:stream:event")
    items = [await call.read() for _ in range(length)]
    call.cancel()
    return items[-1]


class Endpoint:
    """An HTTP server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""
        self.status = 200

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        host, port = self.runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/chirpstack"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.runner.cleanup()

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append((request.raw_path, headers, await request.read()))
        return web.Response(status=self.status)


@pytest.mark.enable_socket
@pytest.mark.parametrize("encoding", ["JSON", "PROTOBUF"])
async def test_posted_events_have_the_shape_of_the_recorded_ones(encoding: str) -> None:
    recorded = [line for line in lines("http_posts.jsonl") if ("body" in line) == (encoding == "JSON")]
    bodies = []
    for line in recorded:
        kind = line["path"].rpartition("=")[2]
        raw = line.get("body") or base64.b64decode(line["body_base64"])
        bodies.append((kind, json.loads(raw if encoding == "JSON" else pbjson.encode(EVENTS[kind].FromString(raw)))))
    async with VirtualChirpStack() as chirpstack, Endpoint() as endpoint:
        stage = Stage(chirpstack)
        stage.register(bodies)
        for application in set(stage.devices.values()):
            chirpstack.set_http(
                application, endpoint.url, encoding=encoding, headers={"Authorization": "Bearer example-token"}
            )
        for line, (kind, body) in zip(recorded, bodies, strict=True):
            stage.again(kind, body)
            await chirpstack.pusher.drain()
            path, headers, raw = endpoint.posts[-1]
            assert path == line["path"]
            assert headers.keys() == line["headers"].keys()
            for name in ("authorization", "content-type", "accept"):
                assert headers[name] == line["headers"][name]
            text = raw if encoding == "JSON" else pbjson.encode(EVENTS[kind].FromString(raw))
            assert form(exact(text)) == form(exact(json.dumps(body, ensure_ascii=False)))
        assert recorded


def same(event: AnyEvent) -> tuple[AnyEvent, Any]:
    """An event, and apart from it what the codec made, whose keys have no order."""
    if not isinstance(event, Uplink):
        return event, None
    return msgspec.structs.replace(event, decoded=b""), json.loads(event.decoded or b"null")


@pytest.mark.enable_socket
async def test_our_parser_reads_both_encodings_of_an_event_as_the_same_event() -> None:
    async with VirtualChirpStack() as chirpstack, Endpoint() as json_end, Endpoint() as protobuf_end:
        tenant = chirpstack.add_tenant("T")
        application = chirpstack.add_application(tenant, "A", tags={"commune": "Bauzy"})
        profile = chirpstack.add_profile(tenant, "P")
        chirpstack.add_device("24e124136b500042", "Mairie", application, profile, tags={"site": "mairie"})

        def everything() -> None:
            chirpstack.up(
                "24e124136b500042",
                b"\x01\x75\x5c",
                f_port=85,
                dr=3,
                heard=[Heard(snr=-3.25), Heard("0016c001f1500002", -113, 3.2, None)],
                decoded={"a": 1.5, "b": [1, True, None, {"c": "d"}], "e": float("nan")},
                codec_error="JS error: no",
                status=(10, 247),
            )
            chirpstack.join("24e124136b500042")
            chirpstack.status("24e124136b500042", -7, 0)
            chirpstack.ack("24e124136b500042", f_cnt_down=4, acknowledged=False)
            chirpstack.txack("24e124136b500042", f_cnt_down=4)

        now = chirpstack.clock()
        chirpstack.clock = lambda: now
        chirpstack.set_http(application, f"{json_end.url},{protobuf_end.url}", encoding="JSON")
        everything()
        await chirpstack.pusher.drain()
        assert len(json_end.posts) == len(protobuf_end.posts) == 7
        for path, _headers, raw in json_end.posts:
            kind = path.rpartition("=")[2]
            again = json_format.Parse(raw, EVENTS[kind]()).SerializeToString()
            assert same(parse(kind, "protobuf", again)) == same(parse(kind, "json", raw))
        kept = [entry for _key, entry in chirpstack.histories.entries()]
        assert Counter(entry.kind for entry in kept) == chirpstack.emitted
        for entry in kept:
            text = pbjson.encode(EVENTS[entry.kind].FromString(entry.body))
            assert same(parse(entry.kind, "json", text)) == same(parse(entry.kind, "protobuf", entry.body))
            assert len([1 for _path, _headers, raw in json_end.posts if exact(raw) == exact(text)]) == 1


@pytest.mark.enable_socket
async def test_an_endpoint_that_fails_loses_its_copy_only_and_is_not_asked_again() -> None:
    async with VirtualChirpStack() as chirpstack, Endpoint() as bad, Endpoint() as good:
        tenant = chirpstack.add_tenant("T")
        application = chirpstack.add_application(tenant, "A")
        chirpstack.add_device("24e124136b500042", "Mairie", application, chirpstack.add_profile(tenant, "P"))
        bad.status = 500
        chirpstack.set_http(application, f"{bad.url},http://192.0.2.1/x,not a url,http://127.0.0.1:1/,{good.url}")
        chirpstack.up("24e124136b500042", b"\x01")
        await chirpstack.pusher.drain()
        assert (len(bad.posts), len(good.posts)) == (1, 1)
        assert (chirpstack.pusher.posted, chirpstack.pusher.failed) == (1, 4)


@pytest.mark.enable_socket
async def test_an_infinite_number_reaches_only_protobuf() -> None:
    async with VirtualChirpStack(poll_s=0.01) as chirpstack, Endpoint() as endpoint:
        tenant = chirpstack.add_tenant("T")
        profile = chirpstack.add_profile(tenant, "P")
        for number, encoding in enumerate(("JSON", "PROTOBUF")):
            application = chirpstack.add_application(tenant, encoding)
            chirpstack.set_http(application, endpoint.url, encoding=encoding)
            chirpstack.add_device(f"000000000000000{number}", encoding, application, profile)
            chirpstack.up(f"000000000000000{number}", decoded={"level": float("inf")})
            chirpstack.up(f"000000000000000{number}", decoded={"level": 1})
        await chirpstack.pusher.drain()
        types = Counter(headers["content-type"] for _path, headers, _raw in endpoint.posts)
        assert types == {"application/json": 1, "application/octet-stream": 2}
        async with grpc.aio.insecure_channel(chirpstack.address) as channel:
            call = internal_pb2_grpc.InternalServiceStub(channel).StreamDeviceEvents(
                internal_pb2.StreamDeviceEventsRequest(dev_eui="0000000000000000"),
                metadata=[("authorization", f"Bearer {chirpstack.admin_key}")],
            )
            assert json.loads((await call.read()).body)["object"] == {"level": 1.0}
            call.cancel()
