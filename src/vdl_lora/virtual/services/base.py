"""What the services share: the database, who may do what, and looking objects up."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vdl_lora.virtual.answers import invalid, not_found
from vdl_lora.virtual.authorisation import Authorisation
from vdl_lora.virtual.model import Database, DeviceRow, Row, Table
from vdl_lora.virtual.wire import set_time

AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(slots=True)
class Service:
    """A service of ChirpStack's API."""

    database: Database
    may: Authorisation

    def now(self) -> int:
        """Give the time in ns since 1970."""
        return self.database.clock()

    def tenant_of_application(self, application_id: str) -> str | None:
        """Give the tenant of an application, None where there is no such application."""
        row = self.database.applications.get(application_id)
        return None if row is None else str(row.message.tenant_id)

    def tenant_of_device(self, dev_eui: str) -> str | None:
        """Give the tenant of a device, None where there is no such device."""
        row = self.database.devices.get(dev_eui)
        return None if row is None else self.tenant_of_application(row.message.application_id)

    def delete_devices(self, which: Callable[[DeviceRow], bool]) -> None:
        """Delete devices; their histories stay in Redis."""
        for row in [row for row in self.database.devices if which(row)]:
            self.database.devices.delete(row.message.dev_eui)

    def delete_application(self, application_id: str) -> None:
        """Delete an application and, as the database's foreign keys do, what belongs to it."""
        self.delete_devices(lambda row: row.message.application_id == application_id)
        self.database.integrations.delete(application_id)
        for row in list(self.database.groups):
            if row.message.application_id == application_id:
                self.database.groups.delete(row.message.id)
        self.database.applications.delete(application_id)


def found(table: Table[AnyRow], row_id: str) -> AnyRow:
    """Give a row, or answer that it does not exist."""
    row = table.get(row_id)
    if row is None:
        raise not_found(row_id)
    return row


def page(rows: Sequence[AnyRow], request: Any) -> Sequence[AnyRow]:
    """Cut a page out: a limit of 0, which is also none, gives no rows."""
    return rows[request.offset : request.offset + request.limit]


def matching(rows: Iterable[AnyRow], search: str) -> list[AnyRow]:
    """Give the rows whose name contains a text; `%` and `_` in it are wildcards, as in SQL."""
    if not search:
        return list(rows)
    pattern = "*" + "".join(_wildcard(letter) for letter in search.lower()) + "*"
    match = re.compile(fnmatch.translate(pattern)).match
    return [row for row in rows if match(row.message.name.lower())]


def _wildcard(letter: str) -> str:
    if letter in "*?[":
        return f"[{letter}]"
    return {"%": "*", "_": "?"}.get(letter, letter)


def by_name(rows: Iterable[AnyRow]) -> list[AnyRow]:
    """Order by name; names are not unique, and the order among equals promises nothing."""
    return sorted(rows, key=lambda row: row.message.name)


def stamp(answer: Any, row: Row) -> Any:
    """Write when a row was made and changed into an answer."""
    set_time(answer.created_at, row.created_at_ns)
    set_time(answer.updated_at, row.updated_at_ns)
    return answer


def need_name(message: Any) -> None:
    """Refuse an empty name, where ChirpStack does."""
    if not message.name:
        raise invalid("Validation error: name is not set")
