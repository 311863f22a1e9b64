"""What ChirpStack answers "database is locked" to is asked again, within a bounded time, and writes nothing twice."""

import time

import grpc
import pytest

from vdl_lora.chirpstack import examine, read_declared, wire
from vdl_lora.errors import SourceBusy, SourceError, SourceUnavailable

from .live import connected, house_in

pytestmark = pytest.mark.enable_socket

LOCKED = "its SQLite database was locked by other work"


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


async def create_tenant(house, name, **changes):
    """Create a tenant through a connection that may write."""
    request = wire.tenant.CreateTenantRequest(tenant=wire.tenant.Tenant(name=name))
    async with connected(house.settings(api_key=house.chirpstack.admin_key, api_key_file=None, **changes)) as to:
        return await to.call("TenantService.Create", request, "create a tenant")


async def found(house, **changes):
    """Return what the doctor finds: each subject with its state and its words."""
    async with connected(house.settings(**changes)) as connection:
        examined = await examine(connection)
        if examined.inventory is not None:
            await read_declared(connection, examined.inventory)
    return {check.subject: check for check in examined.checks}


async def test_read_that_finds_the_database_locked_is_repeated(house):
    house.chirpstack.lock_database(calls=3)
    assert house.tenant in (await house.inventory()).tenants
    assert 3 == house.chirpstack.lock.refused


async def test_write_that_finds_the_database_locked_is_done_once(house):
    house.chirpstack.lock_database(calls=3)
    created = await create_tenant(house, "Muides-sur-Loire")
    assert [created.id] == [
        row.message.id for row in house.chirpstack.database.tenants if row.message.name == "Muides-sur-Loire"
    ]
    assert 3 == house.chirpstack.lock.refused


@pytest.mark.parametrize("wait_s", [0.0, 0.3])
async def test_database_that_stays_locked_is_an_error_within_a_bounded_time(house, wait_s):
    house.chirpstack.lock_database(share=1, wait_s=wait_s)
    for attempt in (house.inventory(busy_s=1), create_tenant(house, "Muides-sur-Loire", busy_s=1)):
        before = house.chirpstack.lock.refused
        began_s = time.monotonic()
        with pytest.raises(SourceUnavailable, match=LOCKED) as raised:
            await attempt
        assert time.monotonic() - began_s < 2
        assert isinstance(raised.value, SourceBusy)
        assert 3 <= house.chirpstack.lock.refused - before <= 10
    assert "Muides-sur-Loire" not in [row.message.name for row in house.chirpstack.database.tenants]


async def test_inventory_is_whole_with_a_fifth_of_all_calls_refused(house):
    applications = [house.chirpstack.add_application(house.tenant, f"A{number}") for number in range(20)]
    for number, application in enumerate(applications):
        house.add(number, application=application)
    house.chirpstack.lock_database(share=0.2)
    inventory = await house.inventory()
    assert (20, {}) == (len(inventory.devices), inventory.refused)
    assert house.chirpstack.lock.refused


@pytest.mark.long
async def test_doctor_finds_the_same_with_a_fifth_of_all_calls_refused(house):
    for eui in house.add(*range(5)):
        house.chirpstack.up(eui)
    before = await found(house)
    house.chirpstack.lock_database(calls=1, share=0.2)
    assert {subject: check.state for subject, check in before.items()} == {
        subject: check.state for subject, check in (await found(house)).items()
    }
    assert house.chirpstack.lock.refused


@pytest.mark.long
async def test_doctor_reads_a_history_whose_stream_is_refused_at_first(house):
    """The stream counts as open by then: ChirpStack waits for the lock before it answers."""
    [eui] = house.add(1)
    for _ in range(12):
        house.chirpstack.up(eui)
    async with connected(house.settings()) as connection:
        inventory = (await examine(connection)).inventory
        [device] = inventory.devices.values()
        house.chirpstack.lock_database(calls=2, wait_s=0.7)
        items = await connection.sample(device.dev_eui, lambda stream: stream.read())
        assert items.id
        assert 2 == house.chirpstack.lock.refused
        assert 0 == connection.lane().streams - 1


async def test_doctor_says_that_the_database_stays_locked_and_what_to_do(house):
    house.chirpstack.lock_database(share=1)
    check = (await found(house, busy_s=0.5))["gRPC"]
    assert ("failed", True) == (check.state, LOCKED in check.words)
    assert "use PostgreSQL for that ChirpStack if this lasts" == check.advice


async def test_key_is_not_taken_for_a_tenants_while_the_database_is_locked(house):
    """Only its last question finds the database locked: what can be listed was listed before."""
    async with connected(house.settings(busy_s=0.3)) as connection:
        real = connection.call

        async def call(method, request, doing):
            if method == "TenantService.List" and request.limit == 1:
                house.chirpstack.lock_database(share=1)
            try:
                return await real(method, request, doing)
            finally:
                house.chirpstack.lock_database()

        connection.call = call
        checks = {check.subject: check for check in (await examine(connection)).checks}
    assert ("failed", True) == (checks["API key"].state, LOCKED in checks["API key"].words)


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)"),
        (grpc.StatusCode.INTERNAL, "timed out waiting for connection"),
        (grpc.StatusCode.INTERNAL, "UNIQUE constraint failed: device.dev_eui"),
    ],
)
async def test_answer_that_leaves_open_what_was_done_is_not_repeated(house, code, details):
    calls = []

    async def create(request, context):
        calls.append(request)
        await context.abort(code, details)

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(create)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("api.TenantService", {"Create": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        with pytest.raises(SourceError):
            await create_tenant(house, "Muides-sur-Loire", target=f"127.0.0.1:{port}")
    finally:
        await server.stop(None)
    assert 1 == len(calls)
