"""What the doctor says of an InfluxDB: its version and what that lacks, its buckets, what the token may do."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.influxdb2 import running_influxdb2
from tests.real import running_victoria_metrics
from vdl_lora.sinks import InfluxSettings, InfluxSink, InfluxTenant

pytestmark = pytest.mark.enable_socket

TENANTS = {"t": "Commune de Bauzy", "u": "Commune de Bracieux"}


async def said(url, tenants=TENANTS, **settings):
    """Give what is said, by subject: state, words, advice."""
    sink = InfluxSink(InfluxSettings(**{"url": url, "org": "vdl"} | settings))
    checks = await sink.check(tenants)
    await sink.close()
    return {check.subject: (check.state, check.words, check.advice) for check in checks}


@pytest.fixture
def influxdb():
    with running_influxdb2() as made:
        for tenant in TENANTS:
            made.make_bucket(tenant)
        yield made


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("v2.7.12", "InfluxDB 2.7.12: it has all that is used"),
        ("dev", "InfluxDB dev: it has all that is used"),  # as the recorded build calls itself
        ("3.5.0", "InfluxDB 3.5.0: points cannot be taken away again there; its Core has five databases at most"),
        ("1.8.10", "InfluxDB 1.8.10: /api/v2 since 1.8; buckets are `database/policy`, tokens `user:password`"),
    ],
)
async def test_a_version_is_told_with_what_it_lacks(influxdb, version, words):
    influxdb.version = version
    state, told, _ = (await said(influxdb.url, token=influxdb.operator))["version"]
    assert ("ok", True) == (state, told.startswith(words))


async def test_3_tells_its_version_in_the_body_of_its_ping():
    async def ping(_request):
        return web.json_response({"version": "3.4.1", "revision": "x", "process_id": "y"})

    app = web.Application()
    app.router.add_get("/ping", ping)
    async with TestServer(app) as server:
        found = await said(str(server.make_url("")), tenants={})
    assert found["version"][1].startswith("InfluxDB 3.4.1: ")


async def test_buckets_and_a_token_that_can_only_write_are_well(influxdb):
    token = influxdb.authorize([influxdb.right(each) for each in TENANTS])["token"]
    found = await said(influxdb.url, token=token)
    assert ("ok", "t, u can be written", "") == found["buckets"]
    assert {"ok"} == {state for state, _, _ in found.values()}
    assert {} == influxdb.points


async def test_each_bucket_that_cannot_be_written_is_named_with_why_and_what_to_do(influxdb):
    token = influxdb.authorize([influxdb.right("t")])["token"]
    tenants = TENANTS | {"v": "Commune de Cellettes"}
    found = await said(influxdb.url, tenants, token=token)
    assert ("ok", "t can be written", "") == found["buckets"]
    state, words, advice = found["bucket of Commune de Bracieux"]
    assert ("failed", True, True) == (state, "insufficient permissions" in words, "the right to write" in advice)
    state, words, advice = found["bucket of Commune de Cellettes"]
    assert ("failed", True, True) == (state, 'bucket "v" not found' in words, "influxdb provision" in advice)


async def test_of_many_buckets_that_cannot_be_written_the_first_are_named_and_the_others_counted(influxdb):
    found = await said(influxdb.url, {f"t{number}": f"Commune {number}" for number in range(9)}, token="none")  # noqa: S106 - made up
    assert ("failed", "4 more tenants cannot write either") == found["other buckets"][:2]
    assert 5 == sum(subject.startswith("bucket of") for subject in found)


async def test_a_token_that_sees_others_can_do_more_than_write(influxdb):
    state, words, advice = (await said(influxdb.url, token=influxdb.operator))["token"]
    assert ("warning", True, True) == (state, "sees the other tokens" in words, "influxdb provision" in advice)


async def test_a_tenant_s_own_bucket_and_token_are_tried(influxdb, tmp_path):
    (tmp_path / "token").write_text(influxdb.authorize([influxdb.right("u")])["token"])
    token = influxdb.authorize([influxdb.right("t")])["token"]
    found = await said(influxdb.url, token=token, tenants={"t": "", "x": ""})
    assert "failed" == found["bucket of x"][0]
    sections = {"x": InfluxTenant("u", tmp_path / "token")}
    sink = InfluxSink(InfluxSettings(url=influxdb.url, org="vdl", token=token, tenants=sections))
    checks = await sink.check({"t": "", "x": ""})
    await sink.close()
    assert [("buckets", "t, u can be written")] == [
        (check.subject, check.words) for check in checks if check.subject.startswith("bucket")
    ]


async def test_victoria_metrics_does_not_tell_what_it_is(tmp_path):
    with running_victoria_metrics(tmp_path / "victoria-metrics") as victoria:
        state, words, _ = (await said(victoria.url))["version"]
    assert ("unknown", "what answers there does not tell its version") == (state, words)
