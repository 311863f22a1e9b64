"""Which decoder a device has, and who chose it, as its newest uplink in the journal tells."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import msgspec

from vdl_lora.errors import BadMessage, NoDecoder, VdlLoraError
from vdl_lora.events import Encoding, parse
from vdl_lora.interfaces import EventFilter, History
from vdl_lora.lorawan import Device

from .knowledge import Knowledge


@dataclass(frozen=True, slots=True)
class Chosen:
    """The decoder of a device, its file and who chose it; without one, `by` says why there is none."""

    device: Device
    decoder: str
    by: str
    file: str = ""
    place: str = ""


async def choose_decoder(knowledge: Knowledge, history: History | None, asked: Device) -> Chosen:
    """Choose as delivery does; what is asked beats what the newest uplink says. Without a journal there is none.

    Raises VdlLoraError where a DevEUI is asked for that the journal has no uplink of, or it cannot be read.
    """
    device = asked
    if asked.dev_eui:
        known = await _newest(history, asked) if history is not None else None
        if known is None and not (asked.tags or asked.device_profile_name or asked.application_name):
            raise VdlLoraError(
                f"the journal has no uplink of {asked.dev_eui}", advice="give --tag, --profile or --application"
            )
        device = _joined(known, asked) if known is not None else asked
    installation = knowledge.installations.at(device.dev_eui, time.time_ns()) if device.dev_eui else None
    place = installation.place if installation is not None else ""
    try:
        choice = knowledge.catalog.choose(device, installation)
    except NoDecoder as error:
        return Chosen(device, "", str(error), place=place)
    return Chosen(device, choice.entry.id, choice.by, choice.entry.file, place)


async def _newest(history: History, asked: Device) -> Device | None:
    """Read the device of its newest uplink that has a body."""
    which = EventFilter(dev_eui=asked.dev_eui, kind="up")
    async for event in history.events(which, bodies=True, newest_first=True):
        if event.body is not None:
            with suppress(BadMessage):
                return parse(event.kind, cast("Encoding", event.encoding), event.body).device
    return None


def _joined(known: Device, asked: Device) -> Device:
    return msgspec.structs.replace(
        known,
        tags={**known.tags, **asked.tags},
        device_profile_name=asked.device_profile_name or known.device_profile_name,
        application_name=asked.application_name or known.application_name,
    )
