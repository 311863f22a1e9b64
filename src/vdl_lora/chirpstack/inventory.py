"""Who is there: tenants, applications, device profiles and devices, read through ChirpStack's lists.

Traps that this reader minds: a limit of 0 gives no rows; totals count a device once per multicast group, so only a
short page ends a list; names are not unique, so devices are listed by DevEUI; a tenant's key cannot list tenants; with
each tenant's device profiles come the global ones, of which there may be thousands, in no sure order.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from vdl_lora.errors import SourceError, SourceRefused, SourceUnavailable
from vdl_lora.events import NS
from vdl_lora.lorawan import DevEUI

from . import wire
from .channel import Connection

PAGE = 500
_LONGEST_NAME = 100
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """An end device as the list shows it; `last_seen_at_ns` is 0 before its first uplink."""

    dev_eui: DevEUI
    tenant_id: str
    application_id: str
    device_profile_id: str
    name: str
    last_seen_at_ns: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was read, and when. Names are by id. `refused` says per tenant why it was not read this time."""

    tenants: Mapping[str, str] = field(default_factory=dict[str, str])
    applications: Mapping[str, str] = field(default_factory=dict[str, str])
    device_profiles: Mapping[str, str] = field(default_factory=dict[str, str])
    devices: Mapping[DevEUI, ListedDevice] = field(default_factory=dict[DevEUI, ListedDevice])
    refused: Mapping[str, SourceError] = field(default_factory=dict[str, SourceError])
    read_at_ns: int = 0


async def read_inventory(
    connection: Connection, before: Inventory, clock: Callable[[], int] = time.time_ns
) -> Inventory:
    """Read the whole inventory. What a tenant had `before` stays where ChirpStack refuses that tenant alone.

    Raises SourceError where nothing can be read.
    """
    found = Inventory(read_at_ns=clock())
    refused: dict[str, SourceError] = {}
    tenants = await read_tenants(connection)
    for tenant, name in tenants.items():
        try:
            found = _join(found, await _tenant(connection, tenant, name))
        except SourceRefused as error:
            refused[tenant] = error
            found = _join(found, _of_tenant(before, tenant))
    if refused and len(refused) == len(tenants):
        raise next(iter(refused.values()))
    return replace(found, refused=refused)


def _join(one: Inventory, other: Inventory) -> Inventory:
    return replace(
        one,
        tenants={**one.tenants, **other.tenants},
        applications={**one.applications, **other.applications},
        device_profiles={**one.device_profiles, **other.device_profiles},
        devices={**one.devices, **other.devices},
    )


def _of_tenant(inventory: Inventory, tenant: str) -> Inventory:
    """Give a tenant's devices, and the names that they refer to."""
    devices = {eui: each for eui, each in inventory.devices.items() if each.tenant_id == tenant}
    return Inventory(
        tenants=_named(inventory.tenants, {tenant}),
        applications=_named(inventory.applications, {each.application_id for each in devices.values()}),
        device_profiles=_named(inventory.device_profiles, {each.device_profile_id for each in devices.values()}),
        devices=devices,
    )


def _named(names: Mapping[str, str], ids: set[str]) -> dict[str, str]:
    return {each: names[each] for each in ids if each in names}


async def read_tenants(connection: Connection) -> dict[str, str]:
    """Give the tenants that are served: their names by id, empty where the configuration names them.

    Raises SourceError.
    """
    if connection.settings.tenants:
        return dict.fromkeys(connection.settings.tenants, "")
    rows = await read_rows(connection, "TenantService.List", "list the tenants", wire.tenant.ListTenantsRequest)
    return {row.id: row.name for row in rows}


async def _tenant(connection: Connection, tenant: str, name: str) -> Inventory:
    """Read one tenant. One whose name is not known is asked for first: an unknown one would list as empty."""
    of = f"of tenant {tenant}"
    if not name:
        answer = await connection.call(
            "TenantService.Get", wire.tenant.GetTenantRequest(id=tenant), f"read tenant {tenant}"
        )
        name = answer.tenant.name
    applications = await read_rows(
        connection,
        "ApplicationService.List",
        f"list the applications {of}",
        partial(wire.application.ListApplicationsRequest, tenant_id=tenant),
    )
    profiles = await read_rows(
        connection,
        "DeviceProfileService.List",
        f"list the device profiles {of}",
        partial(wire.device_profile.ListDeviceProfilesRequest, tenant_id=tenant, tenant_only=True),
    )
    devices = [row for each in applications for row in await _devices(connection, tenant, each.id)]
    return Inventory(
        tenants={tenant: name},
        applications={each.id: each.name for each in applications},
        device_profiles={each.id: each.name for each in profiles} | dict(used for _, used in devices),
        devices={each.dev_eui: each for each, _ in devices},
    )


async def _devices(connection: Connection, tenant: str, application: str) -> list[tuple[ListedDevice, tuple[str, str]]]:
    """Give an application's devices, each with the id and the name of its device profile."""
    order = wire.device.ListDevicesRequest.DEV_EUI
    rows = await read_rows(
        connection,
        "DeviceService.List",
        f"list the devices of application {application}",
        partial(wire.device.ListDevicesRequest, application_id=application, order_by=order),
        key="dev_eui",
    )
    return [(_listed(row, tenant, application), (row.device_profile_id, row.device_profile_name)) for row in rows]


def _listed(row: Any, tenant: str, application: str) -> ListedDevice:
    return ListedDevice(
        DevEUI.parse(row.dev_eui),
        tenant,
        application,
        row.device_profile_id,
        row.name[:_LONGEST_NAME],
        row.last_seen_at.seconds * NS + row.last_seen_at.nanos,
    )


async def read_rows(
    connection: Connection, method: str, doing: str, request: Callable[..., Any], key: str = "id"
) -> list[Any]:
    """Read a list to its short page.

    Each page begins with the last row of the one before, so that a row that came or went meanwhile, which moves all
    that follow, is noticed; then the list is read again. Raises SourceError.
    """
    for _ in range(_TRIES):
        rows: list[Any] = []
        whole = True
        while whole:
            overlap = min(len(rows), 1)
            answer = await connection.call(method, request(limit=PAGE, offset=len(rows) - overlap), doing)
            page = list(answer.result)
            whole = not overlap or (bool(page) and getattr(page[0], key) == getattr(rows[-1], key))
            rows += page[overlap:]
            if whole and len(page) < PAGE:
                return rows
    raise SourceUnavailable(
        f"{connection.settings.server} was asked to {doing}, and the list changed each time meanwhile"
    )
