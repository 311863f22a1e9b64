"""Who may do what. A denial has no words; that an object does not exist is a denial too, except for admins."""

from typing import Any

from .answers import bad_token, denied
from .model import FIRST_USER, Database
from .tokens import Caller


class Authorisation:
    """Answers by the keys that are in the database now: a deleted key is denied from the next call on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, caller: Caller, tenant_id: str | None) -> None:
        """Let who may read this tenant's objects pass; None stands for an object that does not exist."""
        self._tenant(caller, tenant_id, writes=False)

    def write(self, caller: Caller, tenant_id: str | None) -> None:
        """Let who may change this tenant's objects pass."""
        self._tenant(caller, tenant_id, writes=True)

    def read_all(self, caller: Caller) -> None:
        """Let who may list what belongs to no tenant pass: users and admin keys."""
        self._tenant(caller, None, writes=False)

    def write_all(self, caller: Caller) -> None:
        """Let who may change what belongs to no tenant pass."""
        self._tenant(caller, None, writes=True)

    def read_global(self, caller: Caller) -> None:
        """Let whoever has a valid key pass."""
        if not self._is_user(caller):
            self._key(caller)

    def user(self, caller: Caller) -> str:
        """Let users pass, and no key, an admin's neither; give the user's id."""
        if not self._is_user(caller):
            raise denied()
        return caller.id

    def _tenant(self, caller: Caller, tenant_id: str | None, *, writes: bool) -> None:
        if self._is_user(caller):
            return
        key = self._key(caller)
        if (writes and key.is_read_only) or not (
            key.is_admin or (tenant_id is not None and key.tenant_id == tenant_id)
        ):
            raise denied()

    def _key(self, caller: Caller) -> Any:
        row = self._database.api_keys.get(caller.id)
        if row is None:
            raise denied()
        return row.message

    @staticmethod
    def _is_user(caller: Caller) -> bool:
        """Tell a user from a key; the only user is the seeded admin."""
        if caller.kind == "nobody":
            raise bad_token("no authorization provided")
        return caller.kind == "user" and caller.id == FIRST_USER
