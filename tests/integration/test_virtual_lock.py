"""A locked database is answered as a ChirpStack on SQLite answers it, to as many calls as were asked for."""

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from chirpstack_api.api import internal_pb2, internal_pb2_grpc, tenant_pb2, tenant_pb2_grpc
from google.protobuf import empty_pb2

from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.control import obey

pytestmark = pytest.mark.enable_socket

DEV_EUI = "24e124136b500042"
LOCKED = ("INTERNAL", "database is locked")


class Client:
    """Calls a virtual ChirpStack as its admin key does."""

    def __init__(self, chirpstack: VirtualChirpStack) -> None:
        self.chirpstack = chirpstack
        self.channel = grpc.aio.insecure_channel(chirpstack.address)
        self.metadata = [("authorization", f"Bearer {chirpstack.admin_key}")]
        self.tenants = tenant_pb2_grpc.TenantServiceStub(self.channel)
        self.internal = internal_pb2_grpc.InternalServiceStub(self.channel)

    async def answer(self, call: Any) -> tuple[str, str]:
        """Return the code and the details with which a call ends."""
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or ""
        return "OK", ""

    async def list_tenants(self) -> tuple[str, str]:
        """List the tenants."""
        return await self.answer(self.tenants.List(tenant_pb2.ListTenantsRequest(limit=9), metadata=self.metadata))

    async def create_tenant(self, name: str) -> tuple[str, str]:
        """Create a tenant."""
        request = tenant_pb2.CreateTenantRequest(tenant=tenant_pb2.Tenant(name=name))
        return await self.answer(self.tenants.Create(request, metadata=self.metadata))

    def stream(self) -> Any:
        """Open a stream."""
        request = internal_pb2.StreamDeviceEventsRequest(dev_eui=DEV_EUI)
        return self.internal.StreamDeviceEvents(request, metadata=self.metadata)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with VirtualChirpStack(poll_s=0.01) as chirpstack:
        client = Client(chirpstack)
        yield client
        await client.channel.close()


async def test_next_calls_are_refused_and_the_one_after_is_not(client: Client) -> None:
    client.chirpstack.lock_database(calls=2)
    assert [LOCKED, LOCKED, ("OK", "")] == [await client.list_tenants() for _ in range(3)]
    assert client.chirpstack.lock.refused == 2


async def test_refused_write_changes_nothing(client: Client) -> None:
    client.chirpstack.lock_database(calls=1)
    assert await client.create_tenant("Bauzy") == LOCKED
    assert "Bauzy" not in [row.message.name for row in client.chirpstack.database.tenants]
    assert await client.create_tenant("Bauzy") == ("OK", "")


async def test_stream_is_refused_too(client: Client) -> None:
    client.chirpstack.lock_database(calls=1)
    assert await client.answer(client.stream().read()) == LOCKED


async def test_call_without_database_is_answered(client: Client) -> None:
    client.chirpstack.lock_database(share=1.0)
    assert await client.answer(client.internal.Settings(empty_pb2.Empty())) == ("OK", "")


async def test_share_of_all_calls_is_refused(client: Client) -> None:
    client.chirpstack.lock_database(share=0.2)
    answers = [await client.list_tenants() for _ in range(500)]
    assert {LOCKED, ("OK", "")} == set(answers)
    assert 50 <= answers.count(LOCKED) == client.chirpstack.lock.refused <= 150
    client.chirpstack.lock_database()
    assert {("OK", "")} == {await client.list_tenants() for _ in range(50)}


async def test_answer_comes_after_the_wait_for_the_lock(client: Client) -> None:
    client.chirpstack.lock_database(calls=1, wait_s=0.2)
    began_s = time.monotonic()
    assert await client.list_tenants() == LOCKED
    assert time.monotonic() - began_s >= 0.2


async def test_order_locks_the_database_and_a_wrong_one_is_refused(client: Client) -> None:
    assert obey(client.chirpstack, b'{"do": "lock_database", "calls": 1}') == {"answer": None}
    assert await client.list_tenants() == LOCKED
    for wrong in (b'"share": 1.1', b'"share": -0.1', b'"calls": -1', b'"wait_s": -1'):
        assert "must" in obey(client.chirpstack, b'{"do": "lock_database", ' + wrong + b"}")["error"]
    assert await client.list_tenants() == ("OK", "")
