"""Looks at an InfluxDB from outside, harmlessly: can it be reached, which version is it, can each bucket be written.

Each step is tried only where the one before holds, so that what fails is told once. What is written is empty.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from vdl_lora.errors import SinkError, VdlLoraError
from vdl_lora.interfaces import Check
from vdl_lora.reach import Server, check_secret, clock_check, reach
from vdl_lora.wording import counted, first_of

from .influxdb import InfluxSettings, Token, bucket_of
from .influxdb_operator import Generation, InfluxOperator
from .influxdb_wire import tls_of

_PORTS: Final = {"http": 80, "https": 443}
_SAID_APART = 5
_LACKS: Final[Mapping[Generation, str]] = {
    "1.x": "/api/v2 since 1.8; buckets are `database/policy`, tokens `user:password`",
    "2.x": "it has all that is used",
    "3": "points cannot be taken away again there; its Core has five databases at most, and no token that only writes",
}


CheckBuckets = Callable[[Iterable[str]], Awaitable[Sequence[Check]]]
"""Tries the buckets of some tenants, a finding each."""


async def check_influxdb(
    settings: InfluxSettings, tenants: Mapping[str, str], check_buckets: CheckBuckets
) -> Sequence[Check]:
    """Try all that delivery needs; `tenants` are those to write for, their names by id."""
    url = urlsplit(settings.url)
    tls = tls_of(settings.ca_file, settings.url) if url.scheme == "https" else None
    server = Server(url.hostname or "", url.port or _PORTS[url.scheme], "[influxdb] url", tls)
    files = dict.fromkeys([settings.token_file, *(each.token_file for each in settings.tenants.values())])
    checks = [check for file in files for check in check_secret("token", file)]
    checks += await reach(server)
    if not checks[-1].ok:
        return checks
    generation, said = await _version(settings)
    checks += said
    if said[0].ok:
        checks += await _buckets(settings, tenants, check_buckets)
    if generation == "2.x":
        checks += await _token(settings)
    return checks


async def _version(settings: InfluxSettings) -> tuple[Generation, list[Check]]:
    """Say which version answers, what it lacks, and how its clock goes."""
    operator = InfluxOperator(settings)
    before_s = time.time()
    try:
        server = await operator.server()
    except SinkError as error:
        return "unknown", [Check.failed("version", error)]
    finally:
        await operator.close()
    clock = clock_check("InfluxDB", server.date, (before_s + time.time()) / 2)
    lacks = _LACKS.get(server.generation)
    if lacks is None:
        words = "what answers there does not tell its version"
        return server.generation, [Check("version", ok=True, words=words, doubt="unknown"), clock]
    words = f"InfluxDB {server.version.removeprefix('v')}: {lacks}"
    return server.generation, [Check("version", ok=True, words=words), clock]


async def _buckets(settings: InfluxSettings, tenants: Mapping[str, str], check_buckets: CheckBuckets) -> list[Check]:
    """Say which buckets can be written, in one line, and of each other one why not."""
    found = {check.subject.removeprefix("influxdb").strip(): check for check in await check_buckets(tenants)}
    if not tenants and all(check.ok for check in found.values()):
        return [Check("buckets", ok=True, words="no tenant is known yet whose bucket could be tried", doubt="unknown")]
    good = sorted({bucket_of(settings, tenant) for tenant, check in found.items() if check.ok})
    bad = [
        replace(check, subject=f"bucket of {tenants.get(tenant) or tenant or 'nobody'}")
        for tenant, check in found.items()
        if not check.ok
    ]
    if len(bad) > _SAID_APART:
        words = f"{counted(len(bad) - _SAID_APART, 'more tenant')} cannot write either"
        bad[_SAID_APART:] = [Check("other buckets", ok=False, words=words, advice=bad[_SAID_APART].advice)]
    return [*([Check("buckets", ok=True, words=f"{first_of(good)} can be written")] if good else ()), *bad]


async def _token(settings: InfluxSettings) -> list[Check]:
    """Say so where a token sees the tokens of its organization: one that can only write sees none."""
    operator = InfluxOperator(settings, Token(settings.token, settings.token_file).read())
    try:
        if not await operator.authorizations(await operator.organization()):
            return []
    except VdlLoraError:
        return []
    finally:
        await operator.close()
    words = "it can do more than write: it sees the other tokens of the organization"
    advice = "make one that can only write, as `vdl-lora influxdb provision` does"
    return [Check("token", ok=True, words=words, advice=advice, doubt="warning")]
