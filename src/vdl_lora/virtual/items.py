"""LogItems: how a history's entry looks on a stream. No I/O."""

from collections.abc import Callable
from typing import Any

from . import pbjson
from .history import Entry
from .wire import EVENTS, events, internal


def log_item(entry: Entry) -> Any:
    """Make the LogItem of an entry.

    Raises NotJson where its event cannot be written as JSON: it is on no stream then.
    """
    message = EVENTS[entry.kind].FromString(entry.body)
    return internal.LogItem(
        id=str(entry.id),
        time=message.time,
        description=entry.kind,
        body=pbjson.encode(message).decode(),
        properties=_PROPERTIES.get(entry.kind, _none)(message),
    )


def _none(_message: Any) -> dict[str, str]:
    return {}


def _up(message: Any) -> dict[str, str]:
    return {
        "DR": str(message.dr),
        "FPort": str(message.f_port),
        "FCnt": str(message.f_cnt),
        "Data": message.data.hex(),
    }


def _join(message: Any) -> dict[str, str]:
    return {"DevAddr": message.dev_addr}


def _status(message: Any) -> dict[str, str]:
    return {
        "Margin": str(message.margin),
        "Battery level": f"{message.battery_level:.0f}%",
        "Battery level unavailable": _bool(message.battery_level_unavailable),
        "External power source": _bool(message.external_power_source),
    }


def _log(message: Any) -> dict[str, str]:
    return {"Level": events.LogLevel.Name(message.level), "Code": events.LogCode.Name(message.code)}


def _bool(value: object) -> str:
    return "true" if value else "false"


_PROPERTIES: dict[str, Callable[[Any], dict[str, str]]] = {"up": _up, "join": _join, "status": _status, "log": _log}
