"""Collects what each room finds out about itself: all at once, each within its time, and whatever one of them does.

It changes nothing: no cursor, no row, nothing in ChirpStack or in a database.
"""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import vdl_lora
from vdl_lora.chirpstack import Connection, Inventory, examine, read_declared
from vdl_lora.errors import JournalError, VdlLoraError
from vdl_lora.interfaces import Check, Component, Sink
from vdl_lora.journal import JournalReader
from vdl_lora.journal.check import check_journal
from vdl_lora.reach import check_secret, host_and_port
from vdl_lora.settings import Settings
from vdl_lora.wording import counted

from .devices import check_devices
from .knowledge import Knowledge

LONGEST_S = 55.0
"""How long all of it may take: what is not found out by then is said to be unknown."""

_PREFIX = "VDL_LORA_"
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # gRPC follows the first that is set
_TITLES = {"influxdb": "InfluxDB", "sqlite": "Store", "monitoring": "Monitoring"}
"""How groups are headed that are not headed by their component's name."""

_DAY_S = 86_400
_SLOW = "run it again when the machine and the servers are less busy"
_OURS = "this is a mistake of vdl-lora: report it, with what `vdl-lora doctor --json` prints"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, and the group that it is shown in."""

    group: str
    check: Check


Look = Callable[[], Awaitable[Sequence[Check]]]
Told = Callable[[Sequence[str]], None]
"""Hears which groups are still looked at, each time that they become fewer."""


@dataclass(frozen=True, slots=True)
class Site:
    """What is examined: the settings and the `file` that they come from, and what was built of them.

    `connection` is the one to ChirpStack; `others` are components that belong to no sink.
    """

    settings: Settings
    file: Path | None
    knowledge: Knowledge
    connection: Connection
    sinks: Sequence[Sink]
    others: Sequence[Component[...]] = ()


async def diagnose(
    site: Site,
    told: Told = lambda _groups: None,
    longest_s: float = LONGEST_S,
    *,
    each_device: bool = False,
) -> Sequence[Finding]:
    """Examine everything, and give what was found in the order in which an event meets the components.

    `each_device` names every device with its decoder.
    """
    return await _Diagnosis(site, told, each_device=each_device).run(longest_s)


class _Diagnosis:
    """One look at everything. What ChirpStack lists is waited for by those who need it."""

    def __init__(self, site: Site, told: Told, *, each_device: bool) -> None:
        self._settings = site.settings
        self._site = site
        self._told = told
        self._each_device = each_device
        self._still: list[str] = []
        self._listed: asyncio.Future[Inventory | None] = asyncio.get_running_loop().create_future()

    async def run(self, longest_s: float) -> list[Finding]:
        """Look at all groups at once."""
        now_s = asyncio.get_running_loop().time()
        until_s = now_s + longest_s
        self._listed_by_s = now_s + longest_s / 2
        looks: Sequence[tuple[str, Look]] = (
            ("Configuration", self._configuration),
            ("ChirpStack", self._chirpstack),
            ("Devices", self._devices),
            ("Journal", self._journal),
            *((_TITLES.get(each.name, each.name), partial(self._sink, each)) for each in self._site.sinks),
            *((_TITLES.get(each.name, each.name), each.check) for each in self._site.others),
        )
        self._still = [group for group, _ in looks]
        self._told(self._still)
        found = await asyncio.gather(*(self._look(group, look, until_s) for group, look in looks))
        return [Finding(group, check) for (group, _), checks in zip(looks, found, strict=True) for check in checks]

    async def _look(self, group: str, look: Look, until_s: float) -> Sequence[Check]:
        """Look at one group; that it takes too long, or fails as nothing should, hides no other."""
        try:
            async with asyncio.timeout_at(until_s):
                return await look()
        except TimeoutError:
            return [Check("time", ok=True, words="it was not all found out in time", advice=_SLOW, doubt="unknown")]
        except VdlLoraError as error:
            return [Check.failed(group, error)]
        except Exception as error:  # noqa: BLE001 - whatever fails, the rest is told
            return [Check("doctor", ok=False, words=f"{type(error).__name__}: {error}", advice=_OURS)]
        finally:
            self._still.remove(group)
            self._told(self._still)

    async def _configuration(self) -> Sequence[Check]:
        return list(_of_configuration(self._site))

    async def _chirpstack(self) -> Sequence[Check]:
        settings = self._settings.chirpstack
        try:
            examined = await examine(self._site.connection)
            self._listed.set_result(examined.inventory)
        finally:
            if not self._listed.done():
                self._listed.set_result(None)
        return [*check_secret("API key", settings.api_key_file), *examined.checks]

    async def _devices(self) -> Sequence[Check]:
        inventory = await asyncio.shield(self._listed)
        if inventory is None:
            words = "ChirpStack did not list them, so their decoders are not known"
            return [Check("devices", ok=True, words=words, advice="see what is said of ChirpStack", doubt="unknown")]
        devices = list((await read_declared(self._site.connection, inventory)).values())
        knowledge = self._site.knowledge
        known = (knowledge.catalog, knowledge.installations, time.time_ns())
        return list(check_devices(devices, inventory, *known, each=self._each_device))

    async def _journal(self) -> Sequence[Check]:
        return await check_journal(self._settings.journal)

    async def _sink(self, sink: Sink) -> Sequence[Check]:
        return await sink.check(await self._tenants())

    async def _inventory_in_time(self) -> Inventory | None:
        """Wait for the inventory, but leave time for a sink to be examined where ChirpStack hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._listed_by_s):
                return await asyncio.shield(self._listed)
        return None

    async def _tenants(self) -> Mapping[str, str]:
        """Give whose values are to be written, their names by id: those with devices, and those with events."""
        inventory = await self._inventory_in_time() or Inventory()
        ids = {device.tenant_id for device in inventory.devices.values()}
        with suppress(JournalError):
            async with JournalReader(self._settings.journal.path) as journal:
                ids |= {lag.tenant for lag in (await journal.depth()).lags}
        served = self._settings.served
        return {each: inventory.tenants.get(each, "") for each in sorted(ids) if not served or each in served}


def _of_configuration(site: Site) -> Iterator[Check]:
    settings, file, knowledge = site.settings, site.file, site.knowledge
    yield Check("file", ok=True, words=str(file.absolute()) if file else "none: the defaults hold")
    if names := sorted(name for name in os.environ if name.startswith(_PREFIX) and "__" in name):
        yield Check("environment", ok=True, words=f"{', '.join(names)} beat the file")
    yield from _proxies(settings.chirpstack.target)
    yield Check("version", ok=True, words=f"vdl_lora {version('vdl_lora')} on Python {platform.python_version()}")
    yield _clock()
    models = counted(len(knowledge.catalog.entries), "sensor model")
    yield Check("decoders", ok=True, words=f"{models} can be decoded")
    for line in knowledge.discovered.replaced:
        yield Check("decoders", ok=True, words=line)
    for problem in knowledge.discovered.problems:
        advice = "mend this file; until then its devices wait in quarantine"
        yield Check("decoders", ok=False, words=problem, advice=advice)
    if knowledge.engine is not None and knowledge.engine.missing:
        words = f"{knowledge.engine.missing} is missing, so makers' scripts run less confined than they could be"
        advice = "run it on a Linux kernel with seccomp, or refuse scripts here by [javascript] require_confinement"
        yield Check("javascript", ok=True, words=words, advice=advice, doubt="warning")


def _proxies(target: str) -> Iterator[Check]:
    """Say so where a variable of the environment leads gRPC through a proxy, which few of those let through."""
    host, _ = host_and_port(target)
    spared = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy") or ""  # noqa: SIM112 - gRPC's name
    name = next((each for each in _PROXIES if os.environ.get(each)), None)
    if name is None or any(host.endswith(each.strip()) for each in spared.split(",") if each.strip()):
        return
    words = f"{name} leads our calls to ChirpStack through a proxy"
    advice = f"name {host} in no_proxy, unless that proxy lets gRPC through"
    yield Check("environment", ok=True, words=words, advice=advice, doubt="warning")


def _clock() -> Check:
    """Look at our clock: one that stands before our own files were written was never set."""
    written_s = Path(vdl_lora.__file__).stat().st_mtime
    today = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < written_s - _DAY_S:
        words = f"it is {today} here, before this vdl_lora was installed"
        return Check("clock", ok=False, words=words, advice="set it by NTP: every time that is stored depends on it")
    return Check("clock", ok=True, words=f"it is {today} here")
