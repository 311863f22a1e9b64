"""What ChirpStack keeps in its database: a table per kind of object, rows that hold the API's own messages."""

import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from vdl_lora.times import NS

from .state import Record, State
from .wire import application, device, device_profile, gateway, internal, multicast_group, tenant

FIRST_TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
FIRST_USER = "05244f12-6daf-4e1f-8315-c66783a0ab56"

_META = "meta"
_SEEN = "seen"


@dataclass(slots=True)
class Row:
    """An object and when it was made and changed, in ns since 1970."""

    message: Any
    created_at_ns: int
    updated_at_ns: int

    def more(self) -> dict[str, Any]:
        """Give what the message does not hold."""
        return {}

    def take(self, more: dict[str, Any]) -> None:
        """Take it back."""


@dataclass(slots=True)
class DeviceRow(Row):
    """A device with what its frames, its keys and its queue add to it; `info` is the caller's to remember things."""

    last_seen_at_ns: int = 0
    status: tuple[int, bool, float] | None = None
    """Margin, external power, battery level in %, -1 where it is unknown."""
    keys: Row | None = None
    activation: Any = field(default=None)
    groups: list[str] = field(default_factory=list[str])
    queue: list[Any] = field(default_factory=list[Any])
    info: Any = None

    def more(self) -> dict[str, Any]:
        """Give what the message does not hold."""
        keys = self.keys
        return {
            "last_seen_at_ns": self.last_seen_at_ns,
            "status": self.status,
            "keys": keys and [keys.message.SerializeToString(), keys.created_at_ns, keys.updated_at_ns],
            "activation": self.activation and self.activation.SerializeToString(),
            "groups": self.groups,
            "queue": [item.SerializeToString() for item in self.queue],
        }

    def take(self, more: dict[str, Any]) -> None:
        """Take it back."""
        self.last_seen_at_ns = more["last_seen_at_ns"]
        self.status = more["status"] and tuple(more["status"])
        if more["keys"]:
            body, created, updated = more["keys"]
            self.keys = Row(device.DeviceKeys.FromString(body), created, updated)
        if more["activation"]:
            self.activation = device.DeviceActivation.FromString(more["activation"])
        self.groups = more["groups"]
        self.queue = [device.DeviceQueueItem.FromString(body) for body in more["queue"]]


AnyRow = TypeVar("AnyRow", bound=Row)


class Table(Generic[AnyRow]):
    """Rows by their id; every change is kept."""

    def __init__(
        self, name: str, row: Callable[[Any, int, int], AnyRow], message: Any, state: State, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self._row = row
        self._message = message
        self._state = state
        self._changed = changed
        self._rows: dict[str, AnyRow] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: str) -> bool:
        return row_id in self._rows

    def __iter__(self) -> Iterator[AnyRow]:
        return iter(self._rows.values())

    def get(self, row_id: str) -> AnyRow | None:
        """Give a row."""
        return self._rows.get(row_id)

    def ids(self) -> list[str]:
        """Give all ids."""
        return list(self._rows)

    def add(self, row_id: str, message: Any, now_ns: int) -> AnyRow:
        """Make a row."""
        row = self._row(message, now_ns, now_ns)
        self.put(row_id, row)
        return row

    def put(self, row_id: str, row: AnyRow) -> None:
        """Keep a row as it is now."""
        self._rows[row_id] = row
        self._state.keep(*self._record(row_id, row))
        self._changed()

    def delete(self, row_id: str) -> None:
        """Remove a row."""
        if self._rows.pop(row_id, None) is not None:
            self._state.keep(self.name, row_id)
            self._changed()

    def records(self) -> Iterator[Record]:
        """Give everything."""
        for row_id, row in self._rows.items():
            yield self._record(row_id, row)

    def restore(self, row_id: str, *rest: Any) -> None:
        """Take a record back."""
        if not rest:
            self._rows.pop(row_id, None)
            return
        body, created, updated, more = rest
        row = self._row(self._message.FromString(body), created, updated)
        if more:
            row.take(more)
        self._rows[row_id] = row

    def _record(self, row_id: str, row: AnyRow) -> Record:
        body = row.message.SerializeToString()
        return self.name, row_id, body, row.created_at_ns, row.updated_at_ns, row.more()


class Database:
    """All tables, the secret that signs tokens, and the clock (ns since 1970)."""

    def __init__(self, state: State, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.secret = secrets.token_bytes(32)
        self.version = 0
        self._state = state

        def table(name: str, message: Any) -> Table[Row]:
            return Table(name, Row, message, state, self._changed)

        self.tenants = table("tenant", tenant.Tenant)
        self.applications = table("application", application.Application)
        self.profiles = table("device_profile", device_profile.DeviceProfile)
        self.devices = Table("device", DeviceRow, device.Device, state, self._devices_changed)
        self.gateways = table("gateway", gateway.Gateway)
        self.groups = table("multicast_group", multicast_group.MulticastGroup)
        self.api_keys = table("api_key", internal.ApiKey)
        self.integrations = table("integration", application.HttpIntegration)
        self._tables: dict[str, Table[Any]] = {
            each.name: each
            for each in (
                self.tenants,
                self.applications,
                self.profiles,
                self.devices,
                self.gateways,
                self.groups,
                self.api_keys,
                self.integrations,
            )
        }
        self._by_application: dict[str, list[DeviceRow]] | None = None

    def seed(self) -> None:
        """Make what a new installation has: the tenant ChirpStack; its user is admin with the password admin."""
        message = tenant.Tenant(id=FIRST_TENANT, name="ChirpStack", can_have_gateways=True)
        self.tenants.add(FIRST_TENANT, message, self.clock() // NS * NS)

    def devices_of(self, application_id: str) -> list[DeviceRow]:
        """Give the devices of an application in the order in which they were made."""
        if self._by_application is None:
            self._by_application = {}
            for row in self.devices:
                self._by_application.setdefault(row.message.application_id, []).append(row)
        return self._by_application.get(application_id, [])

    def device_count(self, tenant_id: str) -> int:
        """Count the devices of a tenant."""
        return sum(
            len(self.devices_of(row.message.id)) for row in self.applications if row.message.tenant_id == tenant_id
        )

    def seen(self, dev_eui: str, row: DeviceRow) -> None:
        """Keep that a device was heard: its counter and the time, without the rest of the row."""
        self._state.keep(_SEEN, dev_eui, row.last_seen_at_ns, row.activation.f_cnt_up)

    def records(self) -> Iterable[Record]:
        """Give everything."""
        yield _META, self.secret
        for table in self._tables.values():
            yield from table.records()

    def restore(self, record: Record) -> bool:
        """Take a record back; whether it was one of a database's."""
        name, *rest = record
        table = self._tables.get(name)
        if table is not None:
            table.restore(*rest)
        elif name == _META:
            self.secret = rest[0]
        elif name == _SEEN:
            self._restore_seen(*rest)
        else:
            return False
        self._devices_changed()
        return True

    def _restore_seen(self, dev_eui: str, last_seen_at_ns: int, f_cnt_up: int) -> None:
        row = self.devices.get(dev_eui)
        if row is not None and row.activation is not None:
            row.last_seen_at_ns = last_seen_at_ns
            row.activation.f_cnt_up = f_cnt_up

    def _changed(self) -> None:
        self.version += 1

    def _devices_changed(self) -> None:
        self.version += 1
        self._by_application = None


def new_id() -> str:
    """Make an id."""
    return str(uuid.uuid4())
