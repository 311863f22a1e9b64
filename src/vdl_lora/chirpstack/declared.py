"""What ChirpStack will say of each device in its events: its names, and the tags of application, profile and device."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from vdl_lora.lorawan import DevEUI, Device

from . import wire
from .channel import Connection
from .inventory import Inventory, read_rows

_AT_ONCE = 8


async def read_declared(connection: Connection, inventory: Inventory) -> Mapping[DevEUI, Device]:
    """Read the devices of an inventory as their next event will show them, tags merged as ChirpStack merges them.

    Lists show the tags of devices; those of applications and of device profiles are asked for, once each.
    Raises SourceError.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(method: str, request: Any, doing: str) -> Any:
        async with gate:
            return await connection.call(method, request, doing)

    async def application(of: str) -> tuple[str, dict[str, str], list[Any]]:
        answer = await ask(
            "ApplicationService.Get", wire.application.GetApplicationRequest(id=of), f"read application {of}"
        )
        async with gate:
            rows = await read_rows(
                connection,
                "DeviceService.List",
                f"list the devices of application {of}",
                partial(
                    wire.device.ListDevicesRequest, application_id=of, order_by=wire.device.ListDevicesRequest.DEV_EUI
                ),
                key="dev_eui",
            )
        return of, dict(answer.application.tags), rows

    async def profile(of: str) -> tuple[str, dict[str, str]]:
        answer = await ask(
            "DeviceProfileService.Get", wire.device_profile.GetDeviceProfileRequest(id=of), f"read device profile {of}"
        )
        return of, dict(answer.device_profile.tags)

    used = {each.device_profile_id for each in inventory.devices.values()}
    of_profile = dict(await asyncio.gather(*map(profile, used)))
    found: dict[DevEUI, Device] = {}
    for application_id, tags, rows in await asyncio.gather(*map(application, inventory.applications)):
        for row in rows:
            listed = inventory.devices.get(DevEUI.parse(row.dev_eui))
            if listed is not None:
                merged = {**tags, **of_profile.get(row.device_profile_id, {}), **row.tags}
                found[listed.dev_eui] = Device(
                    dev_eui=listed.dev_eui,
                    tenant_id=listed.tenant_id,
                    tenant_name=inventory.tenants.get(listed.tenant_id, ""),
                    application_id=application_id,
                    application_name=inventory.applications.get(application_id, ""),
                    device_profile_id=row.device_profile_id,
                    device_profile_name=row.device_profile_name,
                    device_name=listed.name,
                    tags=merged,
                )
    return found
