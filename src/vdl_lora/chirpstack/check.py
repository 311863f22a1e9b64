"""Looks at a ChirpStack from outside, harmlessly: can it be reached, does it take our key, what may that key read.

Each step is tried only where the one before holds, so that what fails is told once. Nothing is ever changed there.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from vdl_lora.errors import SourceError, SourceRefused
from vdl_lora.events import NS
from vdl_lora.interfaces import Check
from vdl_lora.reach import Server, clock_check, host_and_port, reach
from vdl_lora.wording import counted, duration

from . import wire
from .channel import STREAMS_PER_CHANNEL, Connection
from .inventory import Inventory, ListedDevice, read_inventory

_KEPT_S = 31 * 86_400  # ChirpStack's own default; a device that was last heard before has no history any more
_STREAMS = 5
_QUIET_S = 1.5  # ChirpStack hands over ten events of a history at once, and the next ten a second later
_LONGEST_S = 4.0
_FULL = 10

# What the newest of these messages has this field tells since which version. Source: ChirpStack's changelog.
_FEATURES: Final = (
    ("api.Tenant", "dev_addr_prefixes", "4.19 or later"),
    ("api.ApiKey", "is_read_only", "4.17 or 4.18"),
    ("api.ListDeviceProfilesRequest", "global_only", "4.16"),
)
_OLDER: Final = "older than 4.16"


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, and the inventory where it could be read."""

    checks: Sequence[Check]
    inventory: Inventory | None = None


async def examine(connection: Connection) -> Examined:
    """Try everything that the service needs of ChirpStack."""
    settings = connection.settings
    host, port = host_and_port(settings.target)
    server = Server(host, port, "[chirpstack] server", connection.trust(), STREAMS_PER_CHANNEL)
    checks = list(await reach(server))
    if not checks[-1].ok:
        return Examined(checks)
    before_s = time.time()
    try:
        headers = await connection.headers()
    except SourceError as error:
        return Examined([*checks, Check.failed("gRPC", error)])
    checks += [
        Check("gRPC", ok=True, words=f"ChirpStack answers at {settings.server}"),
        await _version(connection),
        clock_check("ChirpStack", headers.get("date", ""), (before_s + time.time()) / 2),
    ]
    try:
        found = await read_inventory(connection, Inventory())
    except SourceError as error:
        return Examined([*checks, await _refusal(connection, error)])
    checks.append(await _key(connection))
    checks += _listed(found)
    checks.append(await _history(connection, found))
    return Examined(checks, found)


async def _version(connection: Connection) -> Check:
    """Tell the version from what ChirpStack's reflection shows of its messages: no key may ask for it."""
    for symbol, feature, version in _FEATURES:
        messages = await connection.reflected(symbol)
        if messages is None:
            return Check("version", ok=True, words="it does not tell its version to an API key", doubt="unknown")
        if feature in messages.get(symbol.rpartition(".")[2], ()):
            return Check("version", ok=True, words=f"ChirpStack is {version}, as its messages show")
    return Check("version", ok=True, words=f"ChirpStack is {_OLDER}, as its messages show")


async def _refusal(connection: Connection, error: SourceError) -> Check:
    """Say why nothing could be listed: a key that has no right to that is none that is refused."""
    if isinstance(error, SourceRefused) and await _is_known(connection):
        if connection.settings.tenants:
            words = "the API key is good, but not for the tenants in [chirpstack] tenants, or they are not there"
            return Check("rights", ok=False, words=words, advice="see their ids in ChirpStack, and whose key this is")
        words = "the API key is a tenant's, and cannot list the tenants"
        return Check("rights", ok=False, words=words, advice="write the id of its tenant into [chirpstack] tenants")
    return Check.failed("API key" if isinstance(error, SourceRefused) else "gRPC", error)


async def _is_known(connection: Connection) -> bool:
    """Whether the key may do what every key may."""
    request = wire.device_profile.ListDeviceProfilesRequest(limit=1, global_only=True)
    with suppress(SourceError):
        await connection.call("DeviceProfileService.List", request, "list the global device profiles")
        return True
    return False


async def _key(connection: Connection) -> Check:
    """Say what kind of key it is, as far as that can be told."""
    try:
        await connection.call("TenantService.List", wire.tenant.ListTenantsRequest(limit=1), "list the tenants")
    except SourceRefused:
        return Check("API key", ok=True, words="ChirpStack takes it; it is a tenant's")
    except SourceError as error:
        return Check.failed("API key", error)
    words = "ChirpStack takes it; it is an admin's"
    writes = await _may_write(connection)
    if not writes:
        return Check("API key", ok=True, words=words if writes is None else f"{words} that only reads")
    advice = "make a read-only one under API keys in ChirpStack (since 4.17): it is enough for the service"
    words = f"{words}, and may change and delete everything there"
    return Check("API key", ok=True, words=words, advice=advice, doubt="warning")


async def _may_write(connection: Connection) -> bool | None:
    """Tell whether the key may write, by asking to change a tenant that cannot be: without a name, of a new id.

    ChirpStack sees to rights first; whoever has them is told that there is no name, or no such tenant.
    """
    request = wire.tenant.UpdateTenantRequest(tenant=wire.tenant.Tenant(id=str(uuid.uuid4())))
    try:
        await connection.call("TenantService.Update", request, "say whether the key may write")
    except SourceError as error:
        cause = error.__cause__
        code = wire.code_and_details(cause)[0] if isinstance(cause, wire.CallFailed) else ""
        return {"INVALID_ARGUMENT": True, "NOT_FOUND": True, "UNAUTHENTICATED": False}.get(code)
    return None


def _listed(found: Inventory) -> list[Check]:
    counts = (
        f"{counted(len(found.devices), 'device')} in {counted(len(found.applications), 'application')} "
        f"of {counted(len(found.tenants), 'tenant')}"
    )
    checks = [Check("rights", ok=True, words=f"it reads {counts}")]
    if not found.devices:
        words = "ChirpStack lists no device"
        advice = "register some there, or see [chirpstack] tenants and whose key this is"
        checks = [Check("rights", ok=True, words=words, advice=advice, doubt="warning")]
    return checks + [Check.failed(f"tenant {tenant}", error) for tenant, error in found.refused.items()]


async def _history(connection: Connection, found: Inventory) -> Check:
    """Say how much of the past a stream brings, by opening some: after an outage no more than that comes back."""
    subject = "history"
    since_ns = time.time_ns() - _KEPT_S * NS
    heard = [each for each in found.devices.values() if each.last_seen_at_ns > since_ns]
    heard.sort(key=lambda each: each.last_seen_at_ns, reverse=True)
    if not heard:
        words = "no device was heard in the last month, so what ChirpStack keeps does not show"
        return Check(subject, ok=True, words=words, doubt="unknown")
    try:
        async with asyncio.TaskGroup() as tasks:
            opened = [tasks.create_task(_kept(connection, each)) for each in heard[:_STREAMS]]
    except ExceptionGroup as group:
        errors = group.subgroup(SourceError)
        if errors is None:
            raise
        return Check.failed(subject, next(error for error in errors.exceptions if isinstance(error, SourceError)))
    kept = [task.result() for task in opened]
    if not any(kept):
        return Check(
            subject,
            ok=False,
            words=f"{counted(len(kept), 'device')} heard lately, and no stream brings anything",
            advice="see [monitoring] per_device_event_log_max_history in ChirpStack: with 0 nothing comes over gRPC",
        )
    most = max(map(len, kept))
    if most < _FULL:
        words = f"up to {most} events of a device are there; how many ChirpStack keeps does not show yet"
        return Check(subject, ok=True, words=words, doubt="unknown")
    shortest_s = min(time.time() - min(each) / 1000 for each in kept if len(each) >= _FULL)
    words = f"ChirpStack keeps some {most} events of a device; of the busiest that lasts {duration(max(shortest_s, 0))}"
    return Check(subject, ok=True, words=words)


async def _kept(connection: Connection, device: ListedDevice) -> list[int]:
    """Open a device's stream for a moment, and give the times of the events that it brings, in ms."""
    return await connection.sample(device.dev_eui, _times)


async def _times(stream: wire.Stream) -> list[int]:
    times: list[int] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_S):
            while True:
                async with asyncio.timeout(_QUIET_S):
                    item = await stream.read()
                if not item:
                    break
                times.append(_time_ms(item.id))
    return times


def _time_ms(item_id: str) -> int:
    with suppress(ValueError):
        return int(item_id.partition("-")[0])
    return round(time.time() * 1000)
