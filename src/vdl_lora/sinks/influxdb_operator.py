"""What an operator does in an InfluxDB 2.x: looks for buckets and tokens, and makes them; changes none that exists.

Source of the calls: https://docs.influxdata.com/influxdb/v2/api/
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import msgspec

from vdl_lora.errors import ConfigError, SinkError, SinkRefused, SinkUnavailable
from vdl_lora.wording import first_of

from .influxdb import InfluxSettings
from .influxdb_wire import Answer, Connection, tls_of

SHORTEST_RETENTION_S = 3600
"""InfluxDB 2.7 answers a shorter one with 500."""

Generation = Literal["1.x", "2.x", "3", "unknown"]

_MOST_OF_A_LIST = 16 << 20  # all tokens of an organization come in one answer
_BUCKETS = "/api/v2/buckets"
_AUTHORIZATIONS = "/api/v2/authorizations"
_MARK = "vdl_lora"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Server:
    """What answers at the url: the version that it says, which of them that is, and what its clock shows."""

    version: str
    generation: Generation
    date: str = ""


class _Rule(msgspec.Struct, rename="camel"):
    every_seconds: int = 0


class Bucket(msgspec.Struct, rename="camel"):
    """A bucket as InfluxDB shows it."""

    id: str
    name: str
    description: str = ""
    retention_rules: list[_Rule] = []

    @property
    def retention_s(self) -> int:
        """How long it keeps points; 0 is for ever."""
        return self.retention_rules[0].every_seconds if self.retention_rules else 0

    @property
    def is_ours(self) -> bool:
        """Whether we made it."""
        return self.description.startswith(_MARK)


class _Resource(msgspec.Struct, rename={"org_id": "orgID"}):
    type: str
    id: str = ""
    org_id: str = ""


class _Permission(msgspec.Struct):
    action: str
    resource: _Resource

    def is_to_write(self, buckets: Iterable[Bucket]) -> bool:
        """Whether it is the right to write one of these buckets, and no other."""
        kind = (self.action, self.resource.type)
        return kind == ("write", "buckets") and self.resource.id in {each.id for each in buckets}


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization that buckets and tokens belong to."""

    id: str
    name: str


class Authorization(msgspec.Struct):
    """A token with its rights; newer servers keep the token itself to themselves."""

    id: str
    token: str = ""
    status: str = "active"
    description: str = ""
    permissions: list[_Permission] = []

    def __repr__(self) -> str:
        """Show it without its token."""
        return f"Authorization({self.id!r}, {self.description!r})"

    def only_writes(self, buckets: Sequence[Bucket]) -> bool:
        """Whether it may write these buckets and do nothing else."""
        return bool(self.permissions) and all(each.is_to_write(buckets) for each in self.permissions)


class _Orgs(msgspec.Struct):
    orgs: list["_Org"] = []


class _Org(msgspec.Struct):
    id: str
    name: str


class _Buckets(msgspec.Struct):
    buckets: list[Bucket] = []


class _Authorizations(msgspec.Struct):
    authorizations: list[Authorization] = []


class InfluxOperator:
    """Asks and makes with an operator's token, which nothing keeps.

    Raises SinkUnavailable where no answer comes, and SinkRefused in words that say what to do.
    """

    def __init__(self, settings: InfluxSettings, token: str = "") -> None:
        self._settings = settings
        self._tls = tls_of(settings.ca_file, settings.url)
        self._connection = self._connect(lambda: token)

    async def server(self) -> Server:
        """Say what answers there; nobody needs a token to ask."""
        answer = await self._connection.call("GET", "/ping")
        return Server(answer.version or _version_of_3(answer), _generation(answer), answer.date)

    async def organization(self) -> Organization:
        """Find the organization that the configuration names, by its name or its id."""
        wanted = self._settings.org
        doing = "list the organizations"
        seen = (await self._list("/api/v2/orgs", [("org", wanted)] if wanted else [], _Orgs, doing)).orgs
        if wanted and not seen:
            seen = (await self._list("/api/v2/orgs", [("limit", "100")], _Orgs, doing)).orgs
        for each in seen:
            if wanted in (each.name, each.id):
                return Organization(each.id, each.name)
        known = ", ".join(sorted(each.name for each in seen)) or "none"
        what = f"there is no organization {wanted!r}" if wanted else "is missing"
        raise ConfigError(f"influxdb.org: {what}", advice=f"this token sees: {known}")

    async def bucket(self, org: Organization, name: str) -> Bucket | None:
        """Find a bucket by its name."""
        query = [("orgID", org.id), ("name", name)]
        found = await self._list(_BUCKETS, query, _Buckets, f"look for bucket {name}")
        return next((each for each in found.buckets if each.name == name), None)

    async def make_bucket(self, org: Organization, name: str, retention_s: int, description: str) -> Bucket:
        """Make a bucket; one that somebody else made just now is taken as it is."""
        doing = f"make bucket {name}"
        body = {
            "orgID": org.id,
            "name": name,
            "description": f"{_MARK}, {description}",
            "retentionRules": [{"type": "expire", "everySeconds": retention_s}] if retention_s else [],
        }
        answer = await self._connection.call("POST", _BUCKETS, body=body)
        if answer.code == "conflict" and (found := await self.bucket(org, name)) is not None:
            return found
        return self._read(answer, Bucket, doing)

    async def authorizations(self, org: Organization) -> list[Authorization]:
        """List the tokens of an organization, as far as the operator may see them."""
        return (await self._list(_AUTHORIZATIONS, [("orgID", org.id)], _Authorizations, "list tokens")).authorizations

    async def authorize(self, org: Organization, buckets: Sequence[Bucket]) -> Authorization:
        """Make a token that can write some buckets and do nothing else."""
        rights = [
            {"action": "write", "resource": {"type": "buckets", "id": each.id, "orgID": org.id}} for each in buckets
        ]
        names = first_of([each.name for each in buckets])
        body = {"orgID": org.id, "description": f"{_MARK}, writes {names}", "permissions": rights}
        answer = await self._connection.call("POST", _AUTHORIZATIONS, body=body)
        made = self._read(answer, Authorization, f"make a token for {names}")
        if not made.token:
            await self.revoke(made)
            raise SinkRefused(f"{self._connection.url} made a token for {names}, but does not show it: it is revoked")
        return made

    async def revoke(self, authorization: Authorization) -> None:
        """Take back a token that was made just now and could not be kept."""
        answer = await self._connection.call("DELETE", f"{_AUTHORIZATIONS}/{authorization.id}")
        if not answer.done:
            raise self._meaning(answer, f"revoke the token with the id {authorization.id}")

    async def may_write(self, bucket: Bucket, token: str) -> bool:
        """Tell whether some token can write a bucket, by writing nothing into it with it."""
        connection = self._connect(lambda: token)
        try:
            answer = await connection.write(self._settings.org, bucket.name, b"")
        finally:
            await connection.close()
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SinkUnavailable(f"{connection.url} answers {answer.status}: {answer.words}")
        return answer.stored

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def _connect(self, token: Callable[[], str]) -> Connection:
        return Connection(self._settings.url, token, self._tls, self._settings.timeout_s)

    async def _list(self, path: str, query: Sequence[tuple[str, str]], form: type[_T], doing: str) -> _T:
        """Read a list; that nothing of a name is there is an empty one."""
        answer = await self._connection.call("GET", path, query, most=_MOST_OF_A_LIST)
        return form() if answer.code == "not found" else self._read(answer, form, doing)

    def _read(self, answer: Answer, form: type[_T], doing: str) -> _T:
        if not answer.done:
            raise self._meaning(answer, doing)
        try:
            return msgspec.json.decode(answer.body, type=form)
        except msgspec.DecodeError as error:
            message = f"{self._connection.url} was asked to {doing}, and answers what no InfluxDB 2 does"
            raise SinkRefused(message, advice="see [influxdb] url") from error

    def _meaning(self, answer: Answer, doing: str) -> SinkError:
        message = f"{self._connection.url} was asked to {doing}, and answers {answer.status}: {answer.words}"
        if answer.status == HTTPStatus.UNAUTHORIZED and not answer.words.endswith("is unauthorized"):
            return SinkRefused(message, advice="it does not know this token: copy it again")
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            advice = "take the operator's token, or an all-access one of the organization"
            return SinkRefused(message, advice=advice)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return SinkUnavailable(message, advice="see InfluxDB's log, then run this again")
        return SinkRefused(message, advice="correct what it names" if answer.code else "see [influxdb] url")


def influxql(buckets: Sequence[str], user: str, retention_s: int) -> list[str]:
    """Write what makes databases, their retention policies and a user who can only write them, in the InfluxQL of 1.x.

    Run again, none of it changes what is there.
    """
    lasting = f"DURATION {retention_s}s" if retention_s else "DURATION INF"
    made: list[str] = []
    for bucket in buckets:
        database, _, policy = bucket.partition("/")
        made.append(f"CREATE DATABASE {_name(database)}" + (f" WITH {lasting}" if retention_s and not policy else ""))
        if policy:
            made.append(f"CREATE RETENTION POLICY {_name(policy)} ON {_name(database)} {lasting} REPLICATION 1")
    made.append(f"CREATE USER {_name(user)} WITH PASSWORD '<a new password>'")
    made += [f"GRANT WRITE ON {_name(bucket.partition('/')[0])} TO {_name(user)}" for bucket in buckets]
    return list(dict.fromkeys(made))


def influxdb3_command(bucket: str, retention_s: int) -> str:
    """Write the command that makes a database in 3 Core, for a shell."""
    hours, rest = divmod(retention_s, 3600)
    period = f"{retention_s}s" if rest else f"{hours}h"
    keeping = f" --retention-period {period}" if retention_s else ""
    return f"influxdb3 create database{keeping} {shlex.quote(bucket)}"


def _generation(answer: Answer) -> Generation:
    """Tell by a ping's answer who gave it: all but 3 answer 204; those that only take our writes name no version."""
    if answer.version.startswith(("3.", "v3.")) or _version_of_3(answer):
        return "3"
    if not answer.version:
        return "unknown"
    return "1.x" if answer.version.startswith(("1.", "v1.", "0.")) else "2.x"


def _version_of_3(answer: Answer) -> str:
    """Read the version that 3 writes into the body of its ping."""
    try:
        found: Mapping[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    version = str(found.get("version", ""))
    return version if version.startswith("3.") else ""


def _name(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
