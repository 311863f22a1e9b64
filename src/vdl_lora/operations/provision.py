"""Provides an InfluxDB with what delivery needs: a bucket for each tenant, and tokens that can only write, in files.

What is there stays as it is, and is told where it is not as it was asked for. A token's file is replaced in one case:
we made it, as the note beside it says, and its token cannot write any more. The operator's token is kept nowhere.
"""

import errno
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from vdl_lora.chirpstack import Connection, read_tenants
from vdl_lora.errors import ConfigError, SinkError, SinkRefused, SinkUnavailable, SourceError, VdlLoraError
from vdl_lora.files import cannot_write, open_to_all, place, staged
from vdl_lora.settings import Settings
from vdl_lora.sinks.influxdb import InfluxTenant, Token, bucket_of, validate
from vdl_lora.sinks.influxdb_operator import (
    Authorization,
    Bucket,
    InfluxOperator,
    Organization,
    Server,
    influxdb3_command,
    influxql,
)
from vdl_lora.wording import counted, duration, first_of

StepState = Literal["exists", "made", "would_make", "differs", "failed"]

NOTE = ".made"
"""What the name of the note beside a token's file ends in."""

_USER = "vdl_lora"
_DAY_S = 86_400
_ASK = "see that ChirpStack can be asked"
_LET_US_WRITE = "let this user write it, then run this again"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that delivery needs, how it stands now, and what to do where that is not what was asked for."""

    what: Literal["tenants", "bucket", "token"]
    name: str
    state: StepState
    words: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is as it was asked for, or would be."""
        return self.state in ("exists", "made", "would_make")


@dataclass(frozen=True, slots=True)
class Needs:
    """What delivery needs: whose values go into each bucket, and which buckets the token of each file writes.

    Names of tenants are by their ids, empty where they are not known. Buckets whose token is in no file stand under
    None. `unknown` says why ChirpStack did not tell its tenants.
    """

    tenants: Mapping[str, str] = field(default_factory=dict[str, str])
    buckets: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    files: Mapping[Path | None, Sequence[str]] = field(default_factory=dict[Path | None, Sequence[str]])
    unknown: VdlLoraError | None = None

    def whose(self, bucket: str) -> str:
        """Say whose values go into a bucket."""
        names = [self.tenants.get(each) or each for each in self.buckets[bucket]]
        return f"for {first_of(names, 3)}" if names else "for all tenants"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person runs where an InfluxDB cannot be asked to: lines, and what to do with them."""

    lines: Sequence[str]
    words: str


class _Note(msgspec.Struct):
    """What stands beside a token's file that we wrote; the token itself is not in it."""

    authorization: str
    sha256: str


async def look(settings: Settings) -> tuple[Server, Needs]:
    """Say what answers at the url, and what delivery needs there.

    Raises ConfigError where that cannot be right, and SinkError where nothing answers that we know.
    """
    if not settings.influxdb.url:
        raise ConfigError(
            "influxdb.url: is missing: points go into the embedded store, which needs nothing",
            advice="name the address of an InfluxDB",
        )
    validate(settings.influxdb)
    operator = InfluxOperator(settings.influxdb)
    try:
        server = await operator.server()
    finally:
        await operator.close()
    if server.generation == "unknown":
        raise SinkRefused(
            f"{settings.influxdb.url} does not say that it is an InfluxDB", advice="make what it needs there"
        )
    return server, await _needs(settings)


def by_hand(settings: Settings, server: Server, needs: Needs, retention_s: int) -> ByHand | None:
    """Give what a person must run, for a version that has no calls to make buckets and tokens; None for 2.x."""
    if server.generation == "1.x":
        lines = [
            line
            for file, buckets in needs.files.items()
            for line in influxql(buckets, _user(settings, file), retention_s)
        ]
        words = f"1.x takes these statements from an administrator; then write user:password into {_files(needs)}"
        return ByHand(lines, words)
    if server.generation == "3":
        lines = [influxdb3_command(bucket, retention_s) for bucket in needs.buckets]
        words = (
            "3 takes these commands on its machine; its Core has no token that can only write: "
            f"write one of `influxdb3 create token --admin` into {_files(needs)}"
        )
        return ByHand(lines, words)
    return None


async def provision(  # noqa: PLR0913 - what is wanted, and how
    settings: Settings,
    needs: Needs,
    token: str,
    *,
    retention_s: int | None = None,
    dry_run: bool = False,
    told: Callable[[Step], None] = lambda _step: None,
) -> None:
    """Make the buckets and tokens that are missing, and tell each step; a dry run makes none.

    Without a retention, buckets are made to keep points for ever, and those that are there may keep them as they like.
    Raises ConfigError where the organization is not there, and SinkError where the operator's token is refused or
    InfluxDB goes away; what was told by then stays.
    """
    operator = InfluxOperator(settings.influxdb, token)
    try:
        org = await operator.organization()
        work = _Work(settings, needs, operator, org, await _seen(operator, org), retention_s, dry_run)
        if needs.unknown is not None:
            advice = f"{needs.unknown.advice or _ASK}, or name the tenants in [chirpstack] tenants"
            told(Step("tenants", "ChirpStack", "failed", needs.unknown.message, advice))
        for name in needs.buckets:
            told(await work.bucket(name))
        for file, names in needs.files.items():
            told(await work.token(file, names))
    finally:
        await operator.close()


async def _needs(settings: Settings) -> Needs:
    """Join the tenants of the configuration with those of ChirpStack, where the buckets depend on these."""
    influxdb = settings.influxdb
    varies = "{" in influxdb.bucket
    tenants = dict.fromkeys([*sorted(settings.served), *influxdb.tenants], "")
    unknown: SourceError | ConfigError | None = None
    if varies and not settings.served:
        try:
            tenants |= await _ask_chirpstack(settings)
        except (SourceError, ConfigError) as error:
            unknown = error
    if varies and not tenants:
        why = "ChirpStack has none" if unknown is None else str(unknown)
        raise ConfigError(f"chirpstack.tenants: no tenant is known: {why}", advice="name their ids")
    pairs = [(tenant, bucket_of(influxdb, tenant), _file(settings, tenant)) for tenant in tenants]
    shared = [] if varies or settings.served else [influxdb.bucket]  # for tenants that nobody needs to name
    buckets: dict[str, list[str]] = {name: [] for name in shared}
    files: dict[Path | None, dict[str, None]] = {influxdb.token_file: dict.fromkeys(shared)} if shared else {}
    for tenant, name, file in pairs:
        buckets.setdefault(name, []).append(tenant)
        files.setdefault(file, {})[name] = None
    return Needs(tenants, buckets, {file: list(names) for file, names in files.items()}, unknown)


async def _ask_chirpstack(settings: Settings) -> Mapping[str, str]:
    connection = Connection(settings.chirpstack)
    try:
        return await read_tenants(connection)
    finally:
        await connection.close()


def _file(settings: Settings, tenant: str) -> Path | None:
    return settings.influxdb.tenants.get(tenant, InfluxTenant()).token_file or settings.influxdb.token_file


def _files(needs: Needs) -> str:
    return first_of([str(file) if file else "a file that token_file names" for file in needs.files])


def _user(settings: Settings, file: Path | None) -> str:
    """Name the user of a token's file: one of its own for a tenant's."""
    of_tenant = [each for each, own in settings.influxdb.tenants.items() if own.token_file == file and file is not None]
    if not of_tenant or file == settings.influxdb.token_file:
        return _USER
    return f"{_USER}_{settings.influxdb.tenants[of_tenant[0]].slug or of_tenant[0]}"


async def _seen(operator: InfluxOperator, org: Organization) -> Mapping[str, Authorization]:
    """Give the tokens that the operator sees, by themselves; newer servers show none, and nothing depends on it."""
    with suppress(SinkRefused):
        return {each.token: each for each in await operator.authorizations(org) if each.token}
    return {}


@dataclass(slots=True)
class _Work:
    """One run: what it found and made so far."""

    settings: Settings
    needs: Needs
    operator: InfluxOperator
    org: Organization
    seen: Mapping[str, Authorization]
    retention_s: int | None
    dry_run: bool
    buckets: dict[str, Bucket] = field(default_factory=dict[str, Bucket])

    async def bucket(self, name: str) -> Step:
        """See to a bucket. Raises SinkUnavailable where InfluxDB went away."""
        whose = self.needs.whose(name)
        try:
            found = await self.operator.bucket(self.org, name)
            if found is None and self.dry_run:
                words = f"is not there; would keep points {_lasting(self.retention_s or 0)}, {whose}"
                return Step("bucket", name, "would_make", words)
            made = found or await self.operator.make_bucket(self.org, name, self.retention_s or 0, whose)
        except SinkUnavailable:
            raise
        except SinkError as error:
            return _failed("bucket", name, error)
        self.buckets[name] = made
        words = f"keeps points {_lasting(made.retention_s)}"
        if self.retention_s not in (None, made.retention_s):
            advice = f"if you mean to, run `influx bucket update --id {made.id} --retention {self.retention_s}s`"
            return Step("bucket", name, "differs", f"{words}, not {_lasting(self.retention_s or 0)}", advice)
        return Step("bucket", name, "exists" if found else "made", f"{words}, {whose}")

    async def token(self, file: Path | None, names: Sequence[str]) -> Step:
        """See to the token of some buckets. Raises SinkUnavailable where InfluxDB went away."""
        name = str(file) if file else "VDL_LORA_INFLUXDB__TOKEN"
        missing = [each for each in names if each not in self.buckets]
        if missing and not self.dry_run:
            words = f"{first_of(missing, 3)} is not there, so no token is made for it"
            return Step("token", name, "failed", words, "see to that first, then run this again")
        try:
            return await self._token(file, name, names)
        except SinkUnavailable:
            raise
        except SinkError as error:
            return _failed("token", name, error)

    async def _token(self, file: Path | None, name: str, names: Sequence[str]) -> Step:
        held = _held(file) if file else self.settings.influxdb.token
        if not held:
            return await self._make(file, names, held) if file else _without_file(names)
        lacking = [each for each in names if not await self._may_write(each, held)]
        if not lacking:
            return self._as_it_is(file, name, names, held)
        if file and (note := _note(file, held)):
            return await self._make(file, names, held, note)
        if not self.buckets.keys() & set(lacking):  # a dry run
            words = f"holds a token; whether it can write {first_of(lacking, 3)} shows once that is there"
            return Step("token", name, "exists", words)
        words = f"holds a token that cannot write {first_of(lacking, 3)}, and that was not made by this command"
        advice = "give it that right, or move it away and run this again"
        return Step("token", name, "failed", words, advice)

    async def _may_write(self, name: str, token: str) -> bool:
        bucket = self.buckets.get(name)
        return bucket is not None and await self.operator.may_write(bucket, token)

    def _as_it_is(self, file: Path | None, name: str, names: Sequence[str], held: str) -> Step:
        """Say of a token that can write whether it can do more, or others can read it."""
        can = f"can write {first_of(names, 3)}"
        known = self.seen.get(held)
        if known is not None and not known.only_writes([self.buckets[each] for each in names]):
            advice = "move it away and run this again: then one is made that can only write"
            return Step("token", name, "differs", f"{can}, and more than that", advice)
        if file and open_to_all(file):
            words = f"{can}, and every user of this machine may read it"
            return Step("token", name, "differs", words, f"run `chmod 600 {file}`")
        return Step("token", name, "exists", can)

    async def _make(self, file: Path, names: Sequence[str], held: str, before: _Note | None = None) -> Step:
        """Make a token and its file; where the file cannot be written, the token is revoked."""
        name, what = str(file), f"a token that only writes {first_of(names, 3)}"
        if problem := cannot_write(file):
            return Step("token", name, "failed", f"cannot be written: {problem}", _LET_US_WRITE)
        if self.dry_run:
            return Step("token", name, "would_make", f"would hold {what}")
        made = await self.operator.authorize(self.org, [self.buckets[each] for each in names])
        try:
            _keep(file, made, held)
        except OSError as error:
            fate = await self._take_back(made)
            return Step("token", name, "failed", f"cannot be written: {error.strerror or error}; {fate}", _LET_US_WRITE)
        if before is not None:
            what += f"; the one before it, with the id {before.authorization}, may be revoked once nobody uses it"
        return Step("token", name, "made", f"holds {what}")

    async def _take_back(self, made: Authorization) -> str:
        """Revoke a token that could not be kept, and say how that went."""
        try:
            await self.operator.revoke(made)
        except SinkError as error:
            return f"its token, with the id {made.id}, is still in force: {error.message}"
        return "its token is revoked"


def _held(file: Path) -> str:
    """Give the token of a file, empty where there is no file or nothing in it. Raises SinkRefused."""
    try:
        if not file.stat().st_size:
            return ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SinkRefused(f"{file} cannot be read: {error.strerror}", advice="let this user read it") from error
    return Token("", file).read()


def _note(file: Path, held: str) -> _Note | None:
    """Give the note of a token's file that we wrote, where that is the token still."""
    try:
        note = msgspec.json.decode(_beside(file).read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None
    return note if note.sha256 == _digest(held) else None


def _keep(file: Path, made: Authorization, held: str) -> None:
    """Write a token into its file and the note beside it: both are on the disk before either has its name.

    Raises OSError, also where the file does not hold any more what it held.
    """
    target = file.resolve()
    there = target.exists()
    if there and target.read_text(encoding="utf-8").strip() != held:
        raise FileExistsError(errno.EEXIST, "somebody else wrote it meanwhile")
    note = msgspec.json.encode(_Note(made.id, _digest(made.token))).decode() + "\n"
    with staged(target, made.token + "\n") as new, staged(_beside(target), note) as new_note:
        place(new, target, replace=there)
        place(new_note, _beside(target), replace=True)


def _beside(file: Path) -> Path:
    target = file.resolve()
    return target.with_name(target.name + NOTE)


def _digest(token: str) -> str:
    """Know a token again without keeping it; it is random and long, so this tells nothing of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _without_file(names: Sequence[str]) -> Step:
    words = f"no file is named for the token that writes {first_of(names, 3)}"
    return Step("token", "token_file", "failed", words, "name one in [influxdb] token_file, or the tenant's")


def _failed(what: Literal["bucket", "token"], name: str, error: SinkError) -> Step:
    return Step(what, name, "failed", error.message, error.advice or error.default_advice)


def _lasting(seconds: int) -> str:
    if not seconds:
        return "for ever"
    days, rest = divmod(seconds, _DAY_S)
    return f"for {duration(seconds) if rest else counted(days, 'day')}"
