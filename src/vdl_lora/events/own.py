"""Our own events: what vdl_lora saw itself and the completeness ledger must know."""

from collections.abc import Mapping

import msgspec

from vdl_lora.times import format_time

from .raw import RawEvent


def own_event(
    about: str, at_ns: int, detail: Mapping[str, str] | None = None, *, dev_eui: str = "", tenant_id: str = ""
) -> RawEvent:
    """Make an event of ours: `about` is a snake_case word such as `service_started` or `way_lost`."""
    body = {
        "about": about,
        "time": format_time(at_ns),
        "devEui": str(dev_eui),  # msgspec writes no subclass of str
        "tenantId": tenant_id,
        "detail": dict(detail or {}),
    }
    return RawEvent("own", "own", msgspec.json.encode(body), "own", at_ns)
