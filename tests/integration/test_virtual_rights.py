"""Traps of the API that the recorded calls do not touch."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from chirpstack_api.api import (
    application_pb2,
    application_pb2_grpc,
    device_pb2,
    device_pb2_grpc,
    device_profile_pb2,
    device_profile_pb2_grpc,
    internal_pb2,
    internal_pb2_grpc,
    tenant_pb2,
    tenant_pb2_grpc,
)
from google.protobuf import empty_pb2

from vdl_lora.virtual import Refused, VirtualChirpStack

pytestmark = pytest.mark.enable_socket

DEV_EUI = "24e124136b500042"
DENIED = ("UNAUTHENTICATED", "")


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.ns = 1_795_472_297_123_456_789

    def __call__(self) -> int:
        return self.ns


class House:
    """A virtual ChirpStack with a tenant, its keys, and stubs."""

    def __init__(self, chirpstack: VirtualChirpStack, clock: Clock) -> None:
        self.chirpstack = chirpstack
        self.clock = clock
        self.tenant = chirpstack.add_tenant("Commune de Bauzy")
        self.application = chirpstack.add_application(self.tenant, "Bâtiments")
        self.profile = chirpstack.add_profile(self.tenant, "EM300-TH")
        self.key = chirpstack.add_key(self.tenant)
        self.channel = grpc.aio.insecure_channel(chirpstack.address)
        self.devices = device_pb2_grpc.DeviceServiceStub(self.channel)
        self.profiles = device_profile_pb2_grpc.DeviceProfileServiceStub(self.channel)
        self.applications = application_pb2_grpc.ApplicationServiceStub(self.channel)
        self.tenants = tenant_pb2_grpc.TenantServiceStub(self.channel)
        self.internal = internal_pb2_grpc.InternalServiceStub(self.channel)

    def add(self, number: int, **more: Any) -> str:
        """Register a device."""
        dev_eui = f"{number:016x}"
        self.chirpstack.add_device(dev_eui, f"device {number}", self.application, self.profile, **more)
        return dev_eui


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = Clock()
    async with VirtualChirpStack(clock=clock) as chirpstack:
        house = House(chirpstack, clock)
        yield house
        await house.channel.close()


async def refused(call: Any, request: Any, token: str) -> tuple[str, str]:
    """Make a call that must fail; give code and details."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(request, metadata=[("authorization", f"Bearer {token}")], timeout=10)
    return failed.value.code().name, failed.value.details() or ""


async def answered(call: Any, request: Any, token: str) -> Any:
    """Make a call that must succeed."""
    return await call(request, metadata=[("authorization", f"Bearer {token}")], timeout=10)


async def test_paging_by_dev_eui_meets_every_device_once_and_the_total_is_too_high(house: House) -> None:
    sent = [house.add(number) for number in range(7)]
    house.chirpstack.count_in_groups(sent[3], 4)
    found: list[str] = []
    while True:
        request = device_pb2.ListDevicesRequest(
            application_id=house.application, limit=3, offset=len(found), order_by=device_pb2.ListDevicesRequest.DEV_EUI
        )
        answer = await answered(house.devices.List, request, house.key)
        assert answer.total_count == 10
        found += [item.dev_eui for item in answer.result]
        if len(answer.result) < 3:
            break
    assert found == sent


async def test_a_read_only_admin_key_lists_tenants_and_changes_nothing(house: House) -> None:
    key = house.chirpstack.add_key(read_only=True)
    listed = await answered(house.tenants.List, tenant_pb2.ListTenantsRequest(limit=10), key)
    assert {item.name for item in listed.result} == {"ChirpStack", "Commune de Bauzy"}
    request = tenant_pb2.CreateTenantRequest(tenant=tenant_pb2.Tenant(name="x"))
    assert await refused(house.tenants.Create, request, key) == DENIED
    delete = device_pb2.DeleteDeviceRequest(dev_eui=house.add(1))
    assert await refused(house.devices.Delete, delete, key) == DENIED


async def test_a_read_only_tenant_key_reads_session_keys(house: House) -> None:
    key = house.chirpstack.add_key(house.tenant, read_only=True)
    dev_eui = house.add(1)
    house.chirpstack.join(dev_eui, dev_addr="01020304")
    answer = await answered(house.devices.GetActivation, device_pb2.GetDeviceActivationRequest(dev_eui=dev_eui), key)
    assert answer.device_activation.dev_addr == "01020304"


async def test_global_profiles_are_listed_for_every_tenant_and_changed_by_admins_only(house: House) -> None:
    profile = house.chirpstack.add_profile("", "global")
    request = device_profile_pb2.ListDeviceProfilesRequest(tenant_id=house.tenant, limit=10)
    listed = await answered(house.profiles.List, request, house.key)
    assert [item.name for item in listed.result] == ["EM300-TH", "global"]
    request.tenant_only = True
    listed = await answered(house.profiles.List, request, house.key)
    assert [item.name for item in listed.result] == ["EM300-TH"]
    get = device_profile_pb2.GetDeviceProfileRequest(id=profile)
    assert (await answered(house.profiles.Get, get, house.key)).device_profile.name == "global"
    delete = device_profile_pb2.DeleteDeviceProfileRequest(id=profile)
    assert await refused(house.profiles.Delete, delete, house.key) == DENIED


async def test_deleting_a_profile_deletes_its_devices(house: House) -> None:
    house.add(1)
    request = device_profile_pb2.DeleteDeviceProfileRequest(id=house.profile)
    await answered(house.profiles.Delete, request, house.key)
    assert len(house.chirpstack.database.devices) == 0


async def test_a_users_token_is_valid_for_a_day(house: House) -> None:
    login = internal_pb2.LoginRequest(email="admin", password="admin")  # noqa: S106 - what everybody knows
    token = (await house.internal.Login(login)).jwt
    await answered(house.internal.GetVersion, empty_pb2.Empty(), token)
    house.clock.ns += 86_401 * 10**9
    refusal = await refused(house.internal.GetVersion, empty_pb2.Empty(), token)
    assert refusal == ("UNAUTHENTICATED", "ExpiredSignature")
    await answered(house.tenants.List, tenant_pb2.ListTenantsRequest(limit=1), house.chirpstack.admin_key)


async def test_last_seen_and_status_come_from_frames_and_updated_at_does_not(house: House) -> None:
    dev_eui = house.add(1)
    get = device_pb2.GetDeviceRequest(dev_eui=dev_eui)
    house.clock.ns += 10**9
    house.chirpstack.join(dev_eui)
    before = await answered(house.devices.Get, get, house.key)
    assert not before.HasField("last_seen_at")
    assert not before.HasField("device_status")
    house.chirpstack.up(dev_eui, status=(-7, 127))
    after = await answered(house.devices.Get, get, house.key)
    assert after.last_seen_at.ToNanoseconds() == house.clock.ns
    assert after.updated_at == before.updated_at
    assert (after.device_status.margin, after.device_status.battery_level) == (-7, 50.0)
    house.chirpstack.status(dev_eui, 3, 255)
    again = await answered(house.devices.Get, get, house.key)
    assert again.device_status.battery_level == -1


async def test_percent_and_underscore_in_a_search_are_wildcards(house: House) -> None:
    house.add(1)
    for search, count in (("de%1", 1), ("device_1", 1), ("DEVICE", 1), ("*", 0), ("[", 0)):
        request = device_pb2.ListDevicesRequest(application_id=house.application, limit=10, search=search)
        assert (await answered(house.devices.List, request, house.key)).total_count == count


async def test_tags_and_profiles_in_use_are_told_for_an_application(house: House) -> None:
    house.add(1, tags={"site": "mairie"})
    house.add(2, tags={"site": "école", "salle": "CM2"})
    request = application_pb2.ListApplicationDeviceTagsRequest(application_id=house.application)
    tags = await answered(house.applications.ListDeviceTags, request, house.key)
    assert {item.key: list(item.values) for item in tags.result} == {"salle": ["CM2"], "site": ["mairie", "école"]}
    used = application_pb2.ListApplicationDeviceProfilesRequest(application_id=house.application)
    profiles = await answered(house.applications.ListDeviceProfiles, used, house.key)
    assert [item.name for item in profiles.result] == ["EM300-TH"]


async def test_a_downlink_waits_in_the_queue(house: House) -> None:
    dev_eui = house.add(1)
    item = device_pb2.DeviceQueueItem(dev_eui=dev_eui, f_port=85, data=b"\x01", confirmed=True)
    request = device_pb2.EnqueueDeviceQueueItemRequest(queue_item=item)
    queued = await answered(house.devices.Enqueue, request, house.key)
    get = device_pb2.GetDeviceQueueItemsRequest(dev_eui=dev_eui)
    queue = await answered(house.devices.GetQueue, get, house.key)
    assert [each.id for each in queue.result] == [queued.id]
    await answered(house.devices.FlushQueue, device_pb2.FlushDeviceQueueRequest(dev_eui=dev_eui), house.key)
    assert (await answered(house.devices.GetQueue, get, house.key)).total_count == 0


async def test_what_is_not_imitated_says_so(house: House) -> None:
    request = internal_pb2.GlobalSearchRequest(search="x")
    assert (await refused(house.internal.GlobalSearch, request, house.key))[0] == "UNIMPLEMENTED"
    frames = house.internal.StreamDeviceFrames(internal_pb2.StreamDeviceFramesRequest(dev_eui=DEV_EUI))
    with pytest.raises(grpc.aio.AioRpcError):
        await frames.read()
    assert (await frames.code()).name == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid length: found 0"),
        ("11111111", "invalid length: found 8"),
        ("not-a-uuid", "invalid character: found `n` at 0"),
    ],
)
async def test_a_malformed_uuid_is_told_in_the_parsers_words(house: House, text: str, words: str) -> None:
    with pytest.raises(Refused) as refusal:
        house.chirpstack.add_application(text, "x")
    assert (refusal.value.code.name, refusal.value.details) == ("INVALID_ARGUMENT", words)


async def test_registering_ten_thousand_devices_takes_seconds(house: House) -> None:
    for number in range(10_000):
        house.add(number)
    request = device_pb2.ListDevicesRequest(
        application_id=house.application, limit=1000, offset=9500, order_by=device_pb2.ListDevicesRequest.DEV_EUI
    )
    answer = await answered(house.devices.List, request, house.key)
    assert (answer.total_count, len(answer.result)) == (10_000, 500)
