"""Which decoder each device of ChirpStack would have and why, what points nowhere, and who is silent. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from vdl_lora.catalog import Catalog
from vdl_lora.chirpstack import Inventory
from vdl_lora.errors import NoDecoder
from vdl_lora.events import NS
from vdl_lora.installations import Installation, Installations
from vdl_lora.interfaces import Check
from vdl_lora.lorawan import Device
from vdl_lora.wording import counted, duration, first_of

SILENT_S = 3 * 86_400
"""A device that was heard before, and for so long no more, is worth a look: few report less often than daily."""

_DAY_S = 86_400


def check_devices(  # noqa: PLR0913 - all that is known of devices
    devices: Sequence[Device],
    inventory: Inventory,
    catalog: Catalog,
    installations: Installations,
    now_ns: int,
    *,
    each: bool = False,
) -> Iterator[Check]:
    """Say how the devices stand, each kind of trouble with its devices, and what to do.

    `each` names every device with its decoder instead of counting them.
    """
    decoders = _each_decoder if each else _decoders
    yield from decoders(devices, catalog, installations, now_ns)
    yield from _nowhere(inventory, installations, now_ns)
    yield from _heard(inventory, now_ns)


def _decoders(
    devices: Sequence[Device], catalog: Catalog, installations: Installations, now_ns: int
) -> Iterator[Check]:
    """Count the devices of each decoder by who chose it; group those without one by what to do."""
    chosen: dict[str, Counter[str]] = defaultdict(Counter)
    without: dict[tuple[str, str], list[Device]] = defaultdict(list)
    for device in devices:
        try:
            choice = catalog.choose(device, installations.at(device.dev_eui, now_ns))
        except NoDecoder as error:
            without[error.message, error.advice].append(device)
        else:
            chosen[choice.entry.id][choice.by] += 1
    for name in sorted(chosen):
        by = ", ".join(f"{number} by {who}" for who, number in chosen[name].most_common())
        yield Check(name, ok=True, words=f"{counted(chosen[name].total(), 'device')}: {by}")
    for (message, advice), lacking in without.items():
        names = first_of([_named(device) for device in lacking])
        yield Check(
            "no decoder",
            ok=False,
            words=f"{counted(len(lacking), 'device')} without values, for {message}: {names}",
            advice=advice,
        )


def _each_decoder(
    devices: Sequence[Device], catalog: Catalog, installations: Installations, now_ns: int
) -> Iterator[Check]:
    """Say of every device which decoder it has and who chose it, or why it has none."""
    for device in sorted(devices, key=lambda each: each.dev_eui):
        subject = str(device.dev_eui)
        try:
            choice = catalog.choose(device, installations.at(device.dev_eui, now_ns))
        except NoDecoder as error:
            words = f"{device.device_name or 'it'} has no decoder: {error.message}"
            yield Check(subject, ok=False, words=words, advice=error.advice)
        else:
            yield Check(subject, ok=True, words=f"{device.device_name or 'it'} has {choice.entry.id}, by {choice.by}")


def _nowhere(inventory: Inventory, installations: Installations, now_ns: int) -> Iterator[Check]:
    """Name the installations of today whose device ChirpStack does not have; where all tenants could be read."""
    today = [each for each in installations if each.from_ns <= now_ns < each.until_ns]
    missing = [each for each in today if each.dev_eui not in inventory.devices]
    if missing and not inventory.refused:
        yield Check(
            "installations",
            ok=True,
            words=f"{counted(len(missing), 'installation')} of devices that ChirpStack does not list: "
            f"{first_of([_placed(each) for each in missing])}",
            advice="correct the DevEUI, register the device in ChirpStack, or end the installation with `until`",
            doubt="warning",
        )
    elif today:
        yield Check("installations", ok=True, words=f"{counted(len(today), 'installation')} of devices that are there")


def _heard(inventory: Inventory, now_ns: int) -> Iterator[Check]:
    """Name the devices that were never heard, and those that were not for days."""
    silent: list[str] = []
    never: list[str] = []
    heard_today = 0
    for each in inventory.devices.values():
        ago_s = (now_ns - each.last_seen_at_ns) / NS
        if not each.last_seen_at_ns:
            never.append(f"{each.dev_eui} {each.name}")
        elif ago_s > SILENT_S:
            silent.append(f"{each.dev_eui} {each.name}, for {duration(ago_s)}")
        heard_today += ago_s < _DAY_S
    if inventory.devices:
        yield Check(
            "heard", ok=True, words=f"{heard_today} of {counted(len(inventory.devices), 'device')} within a day"
        )
    for subject, devices, what, advice in (
        ("silent", silent, "not heard any more", "see its battery, its gateway, and whether it still stands there"),
        (
            "never heard",
            never,
            "not heard yet",
            "switch it on near a gateway; see its keys and the gateway in ChirpStack",
        ),
    ):
        if devices:
            words = f"{counted(len(devices), 'device')} {what}: {first_of(devices)}"
            yield Check(subject, ok=True, words=words, advice=advice, doubt="warning")


def _named(device: Device) -> str:
    return f"{device.dev_eui} {device.device_name}".strip()


def _placed(installation: Installation) -> str:
    return f"{installation.dev_eui} {installation.place}".strip()
