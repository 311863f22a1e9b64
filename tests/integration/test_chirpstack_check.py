"""What a ChirpStack shows of itself: its version by reflection, its clock, its history, its devices with their tags."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from email.utils import formatdate

import grpc
import pytest
from chirpstack_api.api import device_profile_pb2, internal_pb2, tenant_pb2
from google.protobuf import descriptor_pb2

from vdl_lora.chirpstack import examine, read_declared
from vdl_lora.reach import Server, host_and_port, reach

from .live import connected, house_in, streaming, until

pytestmark = pytest.mark.enable_socket

FILES = {
    "api.Tenant": tenant_pb2,
    "api.ApiKey": internal_pb2,
    "api.ListDeviceProfilesRequest": device_profile_pb2,
}
FIELDS = ("dev_addr_prefixes", "is_read_only", "global_only")


def declaration(symbol, without):
    """The file that declares a symbol, as a ChirpStack has it that lacks some fields."""
    file = descriptor_pb2.FileDescriptorProto.FromString(FILES[symbol].DESCRIPTOR.serialized_pb)
    for message in file.message_type:
        kept = [field for field in message.field if field.name not in without]
        del message.field[:]
        message.field.extend(kept)
    return file.SerializeToString()


def part(number, content):
    """A field of bytes, on the wire."""
    length, head = len(content), bytes([number << 3 | 2])
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + content


@asynccontextmanager
async def chirpstack(*, without=(), date=None, reflects=True):
    """A server that answers what anybody may ask, as a real ChirpStack does; gives its address."""

    async def settings(_request, context):
        if date is not None:
            await context.send_initial_metadata((("date", date),))
        return b""

    async def reflection(requests, _context):
        async for request in requests:
            yield part(4, part(1, declaration(request[2:].decode(), without)))

    server = grpc.aio.server()
    methods = {"api.InternalService": {"Settings": grpc.unary_unary_rpc_method_handler(settings)}}
    if reflects:
        name = "grpc.reflection.v1.ServerReflection"
        methods[name] = {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(reflection)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(*each) for each in methods.items()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


async def found(house, target):
    """Give what is found there, by subject."""
    async with connected(house.settings(target=target)) as connection:
        return {check.subject: check for check in (await examine(connection)).checks}


@pytest.mark.parametrize(
    ("without", "version"),
    [
        ((), "4.19 or later"),
        (FIELDS[:1], "4.17 or 4.18"),
        (FIELDS[:2], "4.16"),
        (FIELDS, "older than 4.16"),
    ],
)
async def test_the_version_shows_in_the_messages_that_reflection_gives(house, without, version):
    async with chirpstack(without=without) as target:
        check = (await found(house, target))["version"]
    assert ("ok", f"ChirpStack is {version}, as its messages show") == (check.state, check.words)


async def test_a_version_that_does_not_show_is_unknown(house):
    async with chirpstack(reflects=False) as target:
        assert "unknown" == (await found(house, target))["version"].state


@pytest.mark.parametrize(
    ("behind_s", "state", "words"),
    [
        (0, "ok", "agree to within 10 s"),
        (8_000, "warning", "ours is 2 h ahead of that of ChirpStack"),
        (-60, "warning", "ours is 60 s behind that of ChirpStack"),
    ],
)
async def test_two_clocks_are_compared(house, behind_s, state, words):
    async with chirpstack(date=formatdate(time.time() - behind_s, usegmt=True)) as target:
        check = (await found(house, target))["clock"]
    assert (state, True) == (check.state, words in check.words)


@pytest.mark.parametrize("date", [None, "yesterday"])
async def test_without_a_date_nothing_is_known_of_a_clock(house, date):
    async with chirpstack(date=date) as target:
        assert "unknown" == (await found(house, target))["clock"].state


async def test_devices_are_read_with_the_tags_that_their_events_have(house):
    [eui] = house.add(1)
    database = house.chirpstack.database
    for table, key, tags in (
        (database.applications, house.application, {"a": "application", "b": "application", "c": "application"}),
        (database.profiles, house.profile, {"b": "profile", "c": "profile"}),
        (database.devices, eui, {"c": "device"}),
    ):
        table.get(key).message.tags.update(tags)
    async with streaming(house) as live:
        house.chirpstack.up(eui)
        await until(live.ids)
        said = json.loads(live.raws[-1].body)["deviceInfo"]
    async with connected(house.settings()) as connection:
        examined = await examine(connection)
        device = (await read_declared(connection, examined.inventory))[eui]
    assert {"a": "application", "b": "profile", "c": "device"} == device.tags == said["tags"]
    assert said["applicationName"] == device.application_name
    assert said["deviceProfileName"] == device.device_profile_name
    assert said["tenantId"] == device.tenant_id


async def test_a_history_that_is_full_says_how_long_it_lasts(house):
    [eui] = house.add(1)
    for _ in range(12):
        house.chirpstack.up(eui)
    check = (await found(house, house.chirpstack.address))["history"]
    assert ("ok", True) == (check.state, "keeps some 12 events of a device; of the busiest that lasts " in check.words)


async def test_a_history_that_is_not_full_does_not_show_its_length(house):
    [eui] = house.add(1)
    house.chirpstack.up(eui)
    assert "unknown" == (await found(house, house.chirpstack.address))["history"].state


async def test_where_redis_is_away_the_history_cannot_be_read(house):
    [eui] = house.add(1)
    house.chirpstack.up(eui)
    house.chirpstack.redis_fails()
    check = (await found(house, house.chirpstack.address))["history"]
    assert "failed" == check.state
    assert "Redis" in check.words
    assert "see ChirpStack's log" == check.advice


async def test_a_tenant_that_cannot_be_read_is_named_beside_those_that_can(house):
    gone = "5bc7b0b1-9b0c-4d4e-8c9e-000000000000"
    async with connected(house.settings(tenants=(house.tenant, gone))) as connection:
        examined = await examine(connection)
    [check] = [check for check in examined.checks if not check.ok]
    assert f"tenant {gone}" == check.subject
    assert examined.inventory is not None


def test_a_target_is_taken_apart():
    assert ("::1", 8080) == host_and_port("[::1]:8080")
    assert ("chirpstack", 443) == host_and_port("chirpstack:443")


async def test_a_name_of_several_addresses_that_all_refuse_is_one_refusal(monkeypatch):
    async def two(*_args, **_options):
        raise OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] Connect call failed"
        )

    monkeypatch.setattr(asyncio, "open_connection", two)
    [check] = await reach(Server("127.0.0.1", 1, "[chirpstack] server"))
    assert "nothing listens at 127.0.0.1:1" == check.words
