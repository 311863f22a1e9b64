"""A proxy's page is a part of the message, on one line and bounded; the advice is ours, wherever an error is shown."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vdl_lora.app.build import open_site
from vdl_lora.config import load
from vdl_lora.errors import SinkRefused
from vdl_lora.interpret import Interpretation, PointSettings
from vdl_lora.journal.check import check_journal
from vdl_lora.journal.sqlite import JournalSettings
from vdl_lora.operations.diagnosis import diagnose
from vdl_lora.operations.imports import import_files
from vdl_lora.operations.knowledge import load_knowledge
from vdl_lora.operations.provision import look, provision
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.points import Point, Tags
from vdl_lora.sinks import InfluxSettings, InfluxSink
from vdl_lora.sinks.influxdb_wire import words_of

from .live import house_in

pytestmark = pytest.mark.enable_socket

CSS = "body { margin: 0; font: 16px sans-serif; } .error { color: red; background: none; }"
PAGE = f"""<!DOCTYPE html>
<html><head><title>403; Forbidden</title>
<style>
{CSS * 20}
</style></head>
<body><h1>Zugriff verweigert; bitte anmelden (it says: no)</h1></body></html>
"""
GIVE_THE_RIGHT = "give the token the right to write this bucket, or name a token that has it in token_file"
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
ALL_ACCESS = "take the operator's token, or an all-access one of the organization"


@asynccontextmanager
async def proxy(status=403):
    """An HTTP server that knows InfluxDB's version and organization, and answers a page of HTML to all else."""

    async def answer(request):
        if request.path == "/ping":
            return web.Response(status=204, headers={"X-Influxdb-Version": "v2.7.12"})
        if request.path == "/api/v2/orgs":
            return web.json_response({"orgs": [{"id": "1", "name": "vdl"}]})
        return web.Response(status=status, text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def configured(folder, url, house=None):
    chirpstack = f'server = "{house.chirpstack.address}"\napi_key_file = "{house.key_file}"\n' if house else ""
    tenant = house.tenant if house else TENANT
    (folder / "token").write_text("secret")
    (folder / "vdl-lora.toml").write_text(
        f'[chirpstack]\n{chirpstack}tenants = ["{tenant}"]\n[journal]\npath = "{folder}/journal.sqlite"\n'
        f'[influxdb]\nurl = "{url}"\norg = "vdl"\ntoken_file = "{folder}/token"\n'
    )
    return load(folder / "vdl-lora.toml")


def has_the_page(text):
    """Tell whether a text quotes the page, bounded and on one line."""
    return "<title>403; Forbidden</title>" in text and "it says: no" in text and "\n" not in text and len(text) < 750


async def test_sink_check_has_the_page_in_its_message_and_our_advice():
    async with proxy() as url:
        sink = InfluxSink(InfluxSettings(url=url, org="vdl", token="secret"))  # noqa: S106 - made up
        [check] = await sink.check_buckets(["t"])
        await sink.close()
    assert has_the_page(check.words)
    assert GIVE_THE_RIGHT == check.advice


@pytest.mark.parametrize(
    ("status", "advice"), [(502, "see that it runs and can be reached"), (404, "create the bucket")]
)
async def test_sink_check_takes_its_advice_from_the_status(status, advice):
    async with proxy(status) as url:
        sink = InfluxSink(InfluxSettings(url=url, org="vdl"))
        [check] = await sink.check_buckets(["t"])
        await sink.close()
    assert has_the_page(check.words)
    assert check.advice.startswith(advice)


async def test_doctor_shows_our_advice_behind_a_proxy(tmp_path):
    async with house_in(tmp_path) as house, proxy() as url:
        house.add(1)
        async with open_site(configured(tmp_path, url, house)) as site:
            findings = await diagnose(site)
    failed = [each.check for each in findings if each.group == "InfluxDB" and not each.check.ok]
    assert failed
    for check in failed:
        assert has_the_page(check.words)
        assert GIVE_THE_RIGHT == check.advice


@pytest.mark.parametrize("status", [403, 302, 418])
async def test_provision_steps_show_our_advice_behind_a_proxy(tmp_path, status):
    steps = []
    async with proxy(status) as url:
        settings = configured(tmp_path, url)
        _, needs = await look(settings)
        await provision(settings, needs, "operator", told=steps.append)
    bucket = next(each for each in steps if each.what == "bucket")
    assert "failed" == bucket.state
    assert has_the_page(bucket.words)
    assert (ALL_ACCESS if status == 403 else "see [influxdb] url") == bucket.advice


async def test_held_delivery_keeps_our_advice_behind_the_page(sqlite_journal, path, events):
    await events.append(sqlite_journal, events.up(1))
    point = Point("air", Tags([("dev_eui", events.dev_eui)]), {"temperature": 20.5}, events.at_ns)
    async with proxy() as url:
        sink = InfluxSink(InfluxSettings(url=url, org="vdl"))
        deliverer = Deliverer(
            sqlite_journal, sink, lambda _event: Interpretation([point]), settings=DeliverySettings(held_s=0.02)
        )
        running = asyncio.create_task(deliverer.run())
        try:
            async with asyncio.timeout(10):
                while (await sqlite_journal.cursor(sink.name, events.tenant)).state != "held":  # noqa: ASYNC110 - in a file
                    await asyncio.sleep(0.01)
            [fresh] = deliverer.state()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await deliverer.close()
            await sink.close()
    assert has_the_page(fresh.words)
    assert GIVE_THE_RIGHT == fresh.advice
    stored = (await sqlite_journal.cursor(sink.name, events.tenant)).words
    assert f"{fresh.words}; {fresh.advice}" == stored
    [held] = [each for each in await check_journal(JournalSettings(path=path)) if each.state == "warning"]
    assert stored in held.words
    assert "<" not in held.advice
    assert "the service tries again by itself" in held.advice


async def test_import_refused_by_a_proxy_has_our_advice(sqlite_journal):
    async with proxy() as url:
        sink = InfluxSink(InfluxSettings(url=url, org="vdl"))
        await sink.check_buckets(["t"])  # so that it knows a tenant
        with pytest.raises(SinkRefused) as raised:
            await import_files(sqlite_journal, [sink], load_knowledge(load(None)), PointSettings(), [])
        await sink.close()
    assert has_the_page(raised.value.message)
    assert GIVE_THE_RIGHT == raised.value.advice


def test_page_in_a_message_is_one_line_of_bounded_length():
    text, code = words_of(PAGE.encode() * 100)
    assert has_the_page(text)
    assert len(text) <= 500
    assert "" == code
