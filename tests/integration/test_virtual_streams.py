"""Streams behave as the real server's: what they replay, when they are silent, and how they end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from chirpstack_api.api import internal_pb2, internal_pb2_grpc

from vdl_lora.errors import ConfigError
from vdl_lora.virtual import VirtualChirpStack

pytestmark = pytest.mark.enable_socket

DEV_EUI = "24e124136b500042"
OTHER = "24e124136b50004f"
POLL_S = 0.2
REDIS_STOPPED = (
    "Error occurred while creating a new object: Connection refused (os error 111): "
    "Connection refused (os error 111): Connection refused (os error 111)"
)


class House:
    """A virtual ChirpStack with one device, and its clients."""

    def __init__(self, chirpstack: VirtualChirpStack) -> None:
        self.chirpstack = chirpstack
        self.tenant = chirpstack.add_tenant("Commune de Bauzy")
        self.application = chirpstack.add_application(self.tenant, "Bâtiments", tags={"usage": "confort", "site": "?"})
        self.profile = chirpstack.add_profile(self.tenant, "EM300-TH", tags={"site": "profil", "model": "em300-th"})
        chirpstack.add_device(DEV_EUI, "Mairie", self.application, self.profile, tags={"site": "mairie"})
        self.channel = grpc.aio.insecure_channel(chirpstack.address)

    def stream(self, dev_eui: str = DEV_EUI, key: str = "") -> Any:
        """Open a stream."""
        return internal_pb2_grpc.InternalServiceStub(self.channel).StreamDeviceEvents(
            internal_pb2.StreamDeviceEventsRequest(dev_eui=dev_eui),
            metadata=[("authorization", f"Bearer {key or self.chirpstack.admin_key}")],
        )

    def ups(self, count: int) -> list[str]:
        """Emit uplinks and give their ids."""
        return [self.chirpstack.up(DEV_EUI, b"\x01").deduplication_id for _ in range(count)]


@asynccontextmanager
async def house_of(**options: Any) -> AsyncIterator[House]:
    """Start one."""
    async with VirtualChirpStack(poll_s=POLL_S, **options) as chirpstack:
        house = House(chirpstack)
        try:
            yield house
        finally:
            await house.channel.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with house_of() as house:
        yield house


async def read(call: Any, count: int, timeout_s: float = 5.0) -> list[Any]:
    """Read so many items."""
    async with asyncio.timeout(timeout_s):
        return [await call.read() for _ in range(count)]


async def silent(call: Any, for_s: float = 3 * POLL_S) -> bool:
    """Whether nothing comes; the call is over then."""
    try:
        async with asyncio.timeout(for_s):
            await call.read()
    except TimeoutError:
        return True
    return False


async def end_of(call: Any) -> tuple[str, str]:
    """Code and details with which a stream ends."""
    async with asyncio.timeout(5):
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError:
            pass
        return (await call.code()).name, await call.details()


def ids_of(items: list[Any]) -> list[str]:
    """The ids by which the events are known."""
    return [json.loads(item.body)["deduplicationId"] for item in items]


async def test_a_stream_is_open_before_anything_is_sent(house: House) -> None:
    call = house.stream()
    async with asyncio.timeout(2):
        await call.initial_metadata()
    assert house.chirpstack.streams.open == 1
    assert await silent(call)
    while house.chirpstack.streams.open:  # noqa: ASYNC110 - the server learns of a cancelled call a little later
        await asyncio.sleep(0.01)


async def test_each_stream_replays_the_history_oldest_first_in_tens_and_then_goes_on() -> None:
    async with house_of(history=25) as house:
        sent = house.ups(25)
        for _ in range(2):
            call = house.stream()
            began = time.monotonic()
            first = await read(call, 10)
            after_first = time.monotonic() - began
            await read(call, 1)
            after_eleventh = time.monotonic() - began
            rest = await read(call, 14)
            after_all = time.monotonic() - began
            assert ids_of(first) == sent[:10]
            assert ids_of(rest) == sent[11:]
            assert after_eleventh >= POLL_S * 0.9
            assert after_first < after_eleventh
            assert 2 * POLL_S * 0.9 <= after_all < 2
            call.cancel()
        call = house.stream()
        await read(call, 25)
        live = house.ups(1)
        assert ids_of(await read(call, 1)) == live
        call.cancel()


async def test_an_event_comes_at_the_next_poll_and_not_before(house: House) -> None:
    call = house.stream()
    await call.initial_metadata()
    opened = time.monotonic()
    await asyncio.sleep(POLL_S * 1.5)
    house.ups(1)
    await read(call, 1)
    waited = time.monotonic() - opened
    assert POLL_S * 1.9 <= waited < 2
    call.cancel()


async def test_a_dev_eui_in_capitals_is_authorised_and_stays_silent(house: House) -> None:
    house.ups(3)
    call = house.stream(DEV_EUI.upper(), house.chirpstack.add_key(house.tenant))
    await call.initial_metadata()
    house.ups(1)
    assert await silent(call)


async def test_an_unknown_dev_eui_is_silent_for_an_admin_and_denied_to_a_tenant(house: House) -> None:
    assert await silent(house.stream(OTHER))
    key = house.chirpstack.add_key(house.tenant, read_only=True)
    assert await end_of(house.stream(OTHER, key)) == ("UNAUTHENTICATED", "")


async def test_another_tenants_device_is_denied_without_words(house: House) -> None:
    key = house.chirpstack.add_key(house.chirpstack.add_tenant("Muides-sur-Loire"))
    assert await end_of(house.stream(key=key)) == ("UNAUTHENTICATED", "")


async def test_a_malformed_dev_eui_is_the_parsers_error(house: House) -> None:
    assert await end_of(house.stream("xyz")) == ("INTERNAL", "Odd number of digits")
    assert await end_of(house.stream("xy")) == ("INTERNAL", "Invalid string length")


async def test_a_read_only_key_of_the_tenant_may_stream(house: House) -> None:
    sent = house.ups(1)
    call = house.stream(key=house.chirpstack.add_key(house.tenant, read_only=True))
    assert ids_of(await read(call, 1)) == sent
    call.cancel()


async def test_an_open_stream_outlives_its_key_and_its_device_and_the_history_outlives_the_device(house: House) -> None:
    key = house.chirpstack.add_key(house.tenant)
    call = house.stream(key=key)
    sent = house.ups(2)
    await read(call, 2)
    house.chirpstack.revoke_key(key)
    sent += house.ups(1)
    assert ids_of(await read(call, 1)) == sent[2:]
    house.chirpstack.delete_device(DEV_EUI)
    assert await silent(call)
    assert await end_of(house.stream(key=key)) == ("UNAUTHENTICATED", "")
    elsewhere = house.chirpstack.add_tenant("Muides-sur-Loire")
    application = house.chirpstack.add_application(elsewhere, "A")
    house.chirpstack.add_device(DEV_EUI, "again", application, house.chirpstack.add_profile(elsewhere, "P"))
    sent += house.ups(1)
    call = house.stream(key=house.chirpstack.add_key(elsewhere))
    items = await read(call, 4)
    assert ids_of(items) == sent
    assert [json.loads(item.body)["deviceInfo"]["tenantId"] for item in items] == [house.tenant] * 3 + [elsewhere]
    call.cancel()


async def test_when_redis_fails_all_streams_end_with_its_words_and_events_of_that_time_are_lost(house: House) -> None:
    calls = [house.stream(), house.stream(OTHER)]
    for call in calls:
        await call.initial_metadata()
    before = house.ups(1)
    await read(calls[0], 1)
    house.chirpstack.redis_fails()
    assert [await end_of(call) for call in calls] == [("INTERNAL", REDIS_STOPPED)] * 2
    call = house.stream()
    await call.initial_metadata()
    assert await end_of(call) == ("INTERNAL", REDIS_STOPPED)
    house.ups(2)
    house.chirpstack.redis_recovers()
    after = house.ups(1)
    call = house.stream()
    assert ids_of(await read(call, 2)) == before + after
    call.cancel()
    assert house.chirpstack.counts() == {"up": 4}


async def test_a_redis_that_is_away_between_two_reads_is_not_noticed(house: House) -> None:
    call = house.stream()
    await read(call, 0)
    await call.initial_metadata()
    house.chirpstack.redis_fails()
    house.chirpstack.redis_recovers()
    sent = house.ups(1)
    assert ids_of(await read(call, 1)) == sent
    call.cancel()


async def test_a_server_that_stops_drops_its_streams_and_comes_back_on_its_port_with_all_it_had(house: House) -> None:
    sent = house.ups(2)
    call = house.stream()
    await read(call, 2)
    address = house.chirpstack.address
    await house.chirpstack.stop()
    assert (await end_of(call))[0] == "UNAVAILABLE"
    assert (await end_of(house.stream()))[0] == "UNAVAILABLE"
    sent += house.ups(1)
    await house.chirpstack.start()
    assert house.chirpstack.address == address
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        house.channel = channel
        call = house.stream()
        assert ids_of(await read(call, 3)) == sent
        call.cancel()


async def test_without_history_streams_open_and_stay_silent() -> None:
    async with house_of(history=0) as house:
        call = house.stream()
        await call.initial_metadata()
        house.ups(3)
        assert await silent(call)


async def test_a_retransmission_or_a_counter_that_goes_back_gives_only_a_log(house: House) -> None:
    chirpstack = house.chirpstack
    assert chirpstack.up(DEV_EUI, f_cnt=5).kinds == ("up",)
    assert chirpstack.up(DEV_EUI, f_cnt=5).kinds == ("log",)
    assert chirpstack.up(DEV_EUI, f_cnt=2).kinds == ("log",)
    assert chirpstack.up(DEV_EUI).f_cnt == 6
    call = house.stream()
    bodies = [json.loads(item.body) for item in await read(call, 4)]
    assert [(body["code"], body["context"]["f_cnt_up"]) for body in bodies[1:3]] == [
        ("UPLINK_F_CNT_RETRANSMISSION", "5"),
        ("UPLINK_F_CNT_RESET", "2"),
    ]
    call.cancel()


async def test_a_device_that_skips_the_check_repeats_its_uplinks(house: House) -> None:
    house.chirpstack.add_device(OTHER, "x", house.application, house.profile, skip_fcnt_check=True)
    emitted = [house.chirpstack.up(OTHER, f_cnt=5) for _ in range(2)]
    assert [each.kinds for each in emitted] == [("up",), ("up",)]
    assert emitted[0].deduplication_id != emitted[1].deduplication_id


async def test_a_disabled_or_unknown_device_is_heard_by_nobody(house: House) -> None:
    house.chirpstack.add_device(OTHER, "x", house.application, house.profile, disabled=True)
    for dev_eui in (OTHER, "0f0f0f0f0f0f0f0f"):
        assert house.chirpstack.up(dev_eui).kinds == ()
        assert house.chirpstack.join(dev_eui).kinds == ()
    assert not house.chirpstack.emitted


async def test_a_codec_error_gives_a_log_and_an_up_without_object_of_one_id(house: House) -> None:
    emitted = house.chirpstack.up(DEV_EUI, b"\xff", codec_error="decodeUplink returned errors: unknown type 255")
    assert sorted(emitted.kinds) == ["log", "up"]
    call = house.stream()
    found = {item.description: json.loads(item.body) for item in await read(call, 2)}
    assert "object" not in found["up"]
    assert found["log"]["context"] == {"deduplication_id": found["up"]["deduplicationId"]}
    call.cancel()


async def test_tags_are_merged_and_the_nearer_wins_but_txack_lacks_the_applications(house: House) -> None:
    house.ups(1)
    house.chirpstack.txack(DEV_EUI)
    call = house.stream()
    up, txack = [json.loads(item.body)["deviceInfo"]["tags"] for item in await read(call, 2)]
    assert up == {"usage": "confort", "model": "em300-th", "site": "mairie"}
    assert txack == {"model": "em300-th", "site": "mairie"}
    call.cancel()


async def test_a_renamed_device_is_renamed_in_its_next_event(house: House) -> None:
    row = house.chirpstack.database.devices.get(DEV_EUI)
    assert row is not None
    house.ups(1)
    row.message.name = "Mairie, salle du conseil"
    house.chirpstack.database.devices.put(DEV_EUI, row)
    house.ups(1)
    call = house.stream()
    names = [json.loads(item.body)["deviceInfo"]["deviceName"] for item in await read(call, 2)]
    assert names == ["Mairie", "Mairie, salle du conseil"]
    call.cancel()


async def test_it_listens_on_this_machine_only_and_not_on_a_port_that_is_taken(house: House) -> None:
    for bind in ("0.0.0.0:0", "[::]:0", "192.0.2.1:8080", "chirpstack.example.org:8080"):
        with pytest.raises(ConfigError, match="loopback"):
            await VirtualChirpStack(bind=bind).start()
    with pytest.raises(ConfigError, match="in use"):
        await VirtualChirpStack(bind=house.chirpstack.address).start()


async def test_a_thousand_idle_streams_cost_nothing_and_all_hear(house: House) -> None:
    calls = [house.stream() for _ in range(1000)]
    for call in calls:
        await call.initial_metadata()
    used = time.process_time()
    await asyncio.sleep(1)
    assert time.process_time() - used < 0.3
    house.ups(1)
    assert len([await read(call, 1) for call in calls]) == 1000
    for call in calls:
        call.cancel()
