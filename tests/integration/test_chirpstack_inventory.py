"""The inventory is read whole, whatever lists and keys do: pages, wrong totals, changes meanwhile, refusals."""

import os

import pytest

from vdl_lora.chirpstack import Connection, Inventory, inventory, read_inventory
from vdl_lora.errors import ConfigError, SourceRefused, SourceUnavailable

from .live import connected, house_in

pytestmark = pytest.mark.enable_socket

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


@pytest.fixture
def calls(monkeypatch):
    """What is asked for: method, request."""
    seen = []
    real = Connection.call

    async def call(self, method, request, doing):
        seen.append((method, request))
        return await real(self, method, request, doing)

    monkeypatch.setattr(Connection, "call", call)
    return seen


@pytest.fixture
def between_pages(monkeypatch):
    """Let something happen after so many calls of a method."""
    real = Connection.call
    plans = []

    async def call(self, method, request, doing):
        answer = await real(self, method, request, doing)
        for plan in plans:
            if plan["method"] == method and plan["offset"] == request.offset and plan["times"] > 0:
                plan["times"] -= 1
                plan["do"]()
        return answer

    def happens(do, *, method="DeviceService.List", offset=0, times=1):
        plans.append({"method": method, "offset": offset, "times": times, "do": do})

    monkeypatch.setattr(Connection, "call", call)
    return happens


async def test_it_holds_every_device_with_its_application_tenant_and_profile(house):
    [eui] = house.add(0x24E124136B500042)
    house.chirpstack.up(eui, b"\x01", at_ns=1_795_472_297_123_456_789)
    other = house.chirpstack.add_application(house.tenant, "Rivières")
    [river] = house.add(0xA84041C5D1827FED, application=other)
    found = await house.inventory()
    assert {house.tenant: "Commune de Bauzy"}.items() <= found.tenants.items()
    assert {house.application: "Bâtiments", other: "Rivières"} == found.applications
    assert {house.profile: "EM300-TH"} == found.device_profiles
    device = found.devices[eui]
    assert (eui, house.tenant, house.application, house.profile, f"device {eui}") == (
        device.dev_eui,
        device.tenant_id,
        device.application_id,
        device.device_profile_id,
        device.name,
    )
    assert (1_795_472_297_123_456_789, 0) == (device.last_seen_at_ns, found.devices[river].last_seen_at_ns)
    assert other == found.devices[river].application_id
    assert found.read_at_ns > 0
    assert not found.refused


async def test_without_a_device_it_is_empty(house):
    found = await house.inventory()
    assert ({}, {}) == (found.devices, found.refused)
    assert house.tenant in found.tenants


async def test_pages_are_read_by_dev_eui_to_the_short_one_and_a_total_that_over_counts_ends_nothing(house, calls):
    euis = house.add(*range(1201, 0, -1))
    for eui in euis[:300]:
        house.chirpstack.count_in_groups(eui, 5)
    found = await house.inventory()
    assert sorted(euis) == list(found.devices)
    pages = [request for method, request in calls if method == "DeviceService.List"]
    assert [(500, 0), (500, 499), (500, 998)] == [(each.limit, each.offset) for each in pages]
    assert {1} == {each.order_by for each in pages}
    assert all(request.limit for method, request in calls if method.endswith(".List"))


@pytest.mark.parametrize("count", [4, 5, 6, 9, 10])
async def test_a_list_that_ends_with_a_full_page_is_whole(house, count, monkeypatch):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(1, count + 1))
    assert euis == list((await house.inventory()).devices)


async def test_totals_that_over_count_the_first_page_miss_nothing(house, monkeypatch):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(1, 13))
    house.chirpstack.count_in_groups(euis[0], 40)
    assert euis == list((await house.inventory()).devices)


async def test_a_device_that_goes_between_two_pages_hides_none(house, between_pages, monkeypatch):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(1, 14))
    between_pages(lambda: house.chirpstack.delete_device(euis[1]))
    assert [eui for eui in euis if eui != euis[1]] == list((await house.inventory()).devices)


async def test_a_device_that_comes_between_two_pages_is_found_or_comes_next_time_and_hides_none(
    house, between_pages, monkeypatch
):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(10, 23))
    between_pages(lambda: house.add(1))
    assert [f"{1:016x}", *euis] == list((await house.inventory()).devices)


async def test_the_last_page_gone_meanwhile_ends_nothing_too_soon(house, between_pages, monkeypatch):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(1, 7))

    def empty():
        for eui in euis[3:]:
            house.chirpstack.delete_device(eui)

    between_pages(empty)
    assert euis[:3] == list((await house.inventory()).devices)


async def test_a_list_that_changes_each_time_is_tried_later(house, between_pages, monkeypatch):
    monkeypatch.setattr(inventory, "PAGE", 5)
    euis = house.add(*range(1, 20))
    between_pages(lambda: house.chirpstack.delete_device(euis.pop(0)), times=9)
    with pytest.raises(SourceUnavailable, match="the list changed each time"):
        await house.inventory()


async def test_an_admin_key_lists_all_tenants_and_named_ones_only_if_told(house):
    [eui] = house.add(1)
    elsewhere = house.chirpstack.add_tenant("Muides-sur-Loire")
    application = house.chirpstack.add_application(elsewhere, "A")
    [other] = house.add(2, application=application, profile=house.chirpstack.add_profile(elsewhere, "P"))
    assert [eui, other] == sorted((await house.inventory()).devices)
    found = await house.inventory(tenants=(elsewhere,))
    assert ([other], {elsewhere: "Muides-sur-Loire"}) == (list(found.devices), found.tenants)


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_tenants_key_reads_its_tenant_where_it_is_named(house, read_only):
    [eui] = house.add(1)
    house.give_key(house.chirpstack.add_key(house.tenant, read_only=read_only))
    found = await house.inventory(tenants=(house.tenant,))
    assert ([eui], {house.tenant: "Commune de Bauzy"}) == (list(found.devices), found.tenants)


async def test_a_tenants_key_without_a_tenant_named_is_told_to_name_it(house):
    house.give_key(house.chirpstack.add_key(house.tenant))
    with pytest.raises(SourceRefused, match=r"list the tenants.*name its tenant in \[chirpstack\] tenants"):
        await house.inventory()


async def test_an_unknown_tenant_is_no_empty_one(house):
    with pytest.raises(SourceRefused, match=rf"read tenant {UNKNOWN}.*has no such thing.*; see \[chirpstack\] tenants"):
        await house.inventory(tenants=(UNKNOWN,))
    house.give_key(house.chirpstack.add_key(house.tenant))
    with pytest.raises(SourceRefused, match="the key was revoked, or it has no right to this, or it is gone"):
        await house.inventory(tenants=(UNKNOWN,))


async def test_of_two_tenants_one_is_refused_the_other_goes_on_and_the_refused_one_keeps_what_it_had(house):
    elsewhere = house.chirpstack.add_tenant("Muides-sur-Loire")
    application = house.chirpstack.add_application(elsewhere, "Écoles")
    profile = house.chirpstack.add_profile(elsewhere, "ERS-CO2")
    [ours] = house.add(1)
    [theirs] = house.add(2, application=application, profile=profile)
    both = (house.tenant, elsewhere)
    before = await house.inventory(tenants=both)
    house.give_key(house.chirpstack.add_key(house.tenant))
    new, *_ = house.add(3)
    found = await house.inventory(before, tenants=both)
    assert [ours, theirs, new] == sorted(found.devices)
    assert before.devices[theirs] == found.devices[theirs]
    assert ("Muides-sur-Loire", "Écoles", "ERS-CO2") == (
        found.tenants[elsewhere],
        found.applications[application],
        found.device_profiles[profile],
    )
    assert [elsewhere] == list(found.refused)
    assert elsewhere in str(found.refused[elsewhere])
    first = await house.inventory(tenants=both)
    assert [ours, new] == sorted(first.devices)


async def test_where_all_tenants_are_refused_nothing_was_read(house):
    house.give_key(house.chirpstack.add_key(house.chirpstack.add_tenant("Muides-sur-Loire")))
    with pytest.raises(SourceRefused):
        await house.inventory(tenants=(house.tenant, UNKNOWN))


async def test_a_key_that_is_revoked_wrong_or_garbage_is_said_each_in_its_way(house):
    async with connected(house.settings()) as connection:
        await read_inventory(connection, Inventory())
        house.chirpstack.revoke_key(house.key)
        with pytest.raises(SourceRefused, match="the key was revoked"):
            await read_inventory(connection, Inventory())
        header, claims, signature = house.key.split(".")
        other = "A" if signature[0] == "B" else "B"
        house.give_key(f"{header}.{claims}.{other}{signature[1:]}")
        with pytest.raises(SourceRefused, match=r"does not know the API key.*InvalidSignature"):
            await read_inventory(connection, Inventory())
        house.give_key("my-key")
        with pytest.raises(SourceRefused, match=r"mistyped.*InvalidToken"):
            await read_inventory(connection, Inventory())
        house.give_key(house.chirpstack.add_key(read_only=True))
        assert house.tenant in (await read_inventory(connection, Inventory())).tenants


async def test_a_key_file_is_read_again_only_when_it_has_changed(house, monkeypatch):
    async with connected(house.settings()) as connection:
        await read_inventory(connection, Inventory())
        reads = []
        real = type(house.key_file).read_text
        monkeypatch.setattr(
            type(house.key_file), "read_text", lambda self, **more: reads.append(self) or real(self, **more)
        )
        await read_inventory(connection, Inventory())
        assert [] == reads
        assert not connection.key.changed()
        house.give_key(house.chirpstack.admin_key)
        assert connection.key.changed()
        await read_inventory(connection, Inventory())
        assert [house.key_file] == reads
        assert not connection.key.changed()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty; set"),
        (b"\n \n", "is empty; set"),
        (b"\xff\xfe\x00", "holds no API key"),
        (b"one\ntwo", "copy the key again, on one line"),
        (b"one two", "copy the key again, on one line"),
        ("clé".encode(), "copy the key again, on one line"),
    ],
    ids=["missing", "empty", "blank", "binary", "line breaks", "spaces", "accents"],
)
async def test_a_key_file_that_holds_no_key_is_looked_into_each_time_and_has_not_changed_by_that(house, content, words):
    async with connected(house.settings()) as connection:
        await read_inventory(connection, Inventory())
        if content is None:
            house.key_file.unlink()
        else:
            house.key_file.write_bytes(content)
        assert connection.key.changed()
        for _ in range(3):
            with pytest.raises(SourceRefused, match=words) as refused:
                await read_inventory(connection, Inventory())
            assert str(house.key_file) in str(refused.value)
            assert not connection.key.changed(), "or the source would try again without a pause"
        house.give_key(house.key)
        assert connection.key.changed()
        assert house.tenant in (await read_inventory(connection, Inventory())).tenants


async def test_a_key_file_that_may_not_be_read_is_read_once_it_may(house):
    if os.geteuid() == 0:
        house.key_file.unlink()
        house.key_file.mkdir()
    else:
        house.key_file.chmod(0)
    async with connected(house.settings()) as connection:
        with pytest.raises(SourceRefused, match="cannot be read"):
            await read_inventory(connection, Inventory())
        if os.geteuid() == 0:
            house.key_file.rmdir()
            house.give_key(house.key)
        else:
            house.key_file.chmod(0o600)
        assert house.tenant in (await read_inventory(connection, Inventory())).tenants


@pytest.mark.parametrize("prefix", ["", "Bearer ", "  "])
async def test_a_key_may_be_written_as_people_copy_it(house, prefix):
    house.key_file.write_text(f"{prefix}{house.key}\r\n\n", encoding="utf-8")
    assert house.tenant in (await house.inventory()).tenants


async def test_a_key_of_the_settings_that_is_none_is_a_wrong_configuration(house):
    with pytest.raises(ConfigError, match=r"chirpstack.api_key: .*on one line"):
        Connection(house.settings(api_key="one\ntwo", api_key_file=None))


@pytest.mark.parametrize("key", ["", " \n"])
async def test_settings_without_a_key_or_its_file_are_a_wrong_configuration(house, key):
    with pytest.raises(ConfigError, match=r"chirpstack.api_key_file: is missing; create an API key"):
        Connection(house.settings(api_key=key, api_key_file=None))


async def test_a_name_of_10_000_characters_is_cut(house):
    house.chirpstack.add_device("0" * 15 + "1", "é" * 10_000, house.application, house.profile)
    [device] = (await house.inventory()).devices.values()
    assert "é" * 100 == device.name


async def test_thousands_of_long_names_are_read(house):
    for number in range(600):
        house.chirpstack.add_device(f"{number:016x}", "n" * 10_000, house.application, house.profile)
    assert 600 == len((await house.inventory()).devices)


async def test_a_list_that_is_too_large_holds_up_its_tenant_alone_and_is_said_so(house):
    house.chirpstack.add_device("0" * 15 + "1", "n" * (17 << 20), house.application, house.profile)
    elsewhere = house.chirpstack.add_tenant("Muides-sur-Loire")
    application = house.chirpstack.add_application(elsewhere, "A")
    [eui] = house.add(2, application=application)
    found = await house.inventory()
    assert ([eui], [house.tenant]) == (list(found.devices), list(found.refused))
    words = str(found.refused[house.tenant])
    assert f"list the devices of application {house.application}" in words
    assert "more than we take" in words


async def test_global_profiles_are_not_listed_but_named_where_devices_use_them(house, calls):
    glob = house.chirpstack.add_profile("", "Milesight EM500-UDL")
    for number in range(20):
        house.chirpstack.add_profile("", f"global {number}")
    house.add(1, profile=glob)
    found = await house.inventory()
    assert {house.profile: "EM300-TH", glob: "Milesight EM500-UDL"} == found.device_profiles
    assert {True} == {request.tenant_only for method, request in calls if method == "DeviceProfileService.List"}
