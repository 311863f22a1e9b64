"""The service runs whatever components it is given: a new source with routes, a sink, installations that change."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.ports import free_port
from vdl_lora.app import service as service_module
from vdl_lora.app.service import running
from vdl_lora.config import load
from vdl_lora.events import RawEvent
from vdl_lora.interfaces import Check, Source
from vdl_lora.journal import JournalSettings
from vdl_lora.operations.installations_file import InstallationsFile
from vdl_lora.operations.knowledge import Interpreter, load_knowledge
from vdl_lora.settings import InstallationSettings, MonitoringSettings, ServerSettings
from vdl_lora.sinks import MemorySink

pytestmark = pytest.mark.enable_socket

PLACE = """
[[installation]]
dev_eui = "24e124136b500042"
place = "{}"
"""


async def until(true):
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


class PostedEvents(Source):
    """A source of its own kind: events are posted to a route, and acknowledged once they are accepted."""

    name = "posted"

    def __init__(self):
        self.closed = False
        self._accept = None

    async def run(self, accept):
        self._accept = accept
        await asyncio.Event().wait()

    def routes(self):
        return [web.post("/posted", self._post)]

    def state(self):
        return [Check(self.name, ok=self._accept is not None, words="it takes posts")]

    async def close(self):
        self.closed = True

    async def _post(self, request):
        await self._accept([RawEvent("up", "json", await request.read(), "posted", 1)])
        return web.Response(status=200)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Settings of a service whose only source and sink are of the test's own kinds, and these two."""
    source, sink = PostedEvents(), MemorySink()
    monkeypatch.setattr(service_module, "build_sources", lambda _settings: [source])
    monkeypatch.setattr(service_module, "build_sinks", lambda _settings: [sink])
    settings = replace(
        load(None),
        journal=JournalSettings(tmp_path / "journal.sqlite", reserve_bytes=0),
        monitoring=MonitoringSettings("127.0.0.1:0"),
        http=ServerSettings(port=free_port()),
    )
    return settings, source, sink


async def test_source_with_routes_is_served_and_stored(site, events):
    """Nothing but the list of sources names it: the web server serves it, and its events reach the sink."""
    settings, source, sink = site
    async with running(settings) as service, aiohttp.ClientSession() as client:
        await until(lambda: all(check.ok for check in service.state()))
        async with client.post(f"http://127.0.0.1:{settings.http.port}/posted", data=events.up(1).body) as answer:
            assert answer.status == 200
        await until(lambda: sink.rows)
        assert {"posted", "http", "monitoring"} <= {check.subject for check in service.state()}
    assert source.closed


async def test_server_for_routes_is_built_only_where_a_source_has_some(site, monkeypatch):
    settings, source, _ = site
    monkeypatch.setattr(source, "routes", tuple)
    async with running(settings) as service:
        assert ["monitoring"] == [each.name for each in service.others if each.name in {"http", "monitoring"}]


async def test_service_logs_a_broken_decoder_file_once(site, tmp_path):
    settings, _, _ = site
    broken = tmp_path / "decoders" / "acme" / "x1.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("1 / 0", encoding="utf-8")
    chosen = replace(settings, decoders=replace(settings.decoders, roots=(tmp_path / "decoders",)))
    with capture_logs() as logs:
        async with running(chosen):
            pass
    assert [f"{broken}: ZeroDivisionError: division by zero"] == [
        entry["file"] for entry in logs if str(broken) in str(entry)
    ]


async def test_component_that_fails_ends_the_service(site, monkeypatch):
    settings, source, _ = site

    async def broken(_accept):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(source, "run", broken)
    with pytest.raises(ExceptionGroup, match="unhandled errors") as caught:
        async with running(settings):
            await asyncio.sleep(10)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
    assert source.closed


@asynccontextmanager
async def watched(path):
    """An interpreter whose installations' file is watched, often."""
    settings = replace(load(None), installations=InstallationSettings(path))
    knowledge = load_knowledge(settings)
    interpreter = Interpreter(knowledge, settings.points)
    component = InstallationsFile(path, knowledge.catalog, interpreter, every_s=0.01)
    task = asyncio.create_task(component.run())
    try:
        yield interpreter, component
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_changed_installations_file_is_used_without_restart(tmp_path, events):
    path = tmp_path / "installations.toml"
    path.write_text(PLACE.format("school-room-1"), encoding="utf-8")
    async with watched(path) as (interpreter, component):
        assert "school-room-1" == interpreter.installations.at(events.dev_eui, 0).place
        path.write_text(PLACE.format("school-room-22"), encoding="utf-8")
        await until(lambda: interpreter.installations.at(events.dev_eui, 0).place == "school-room-22")
        assert () == component.state()


async def test_installations_file_with_a_mistake_changes_nothing(tmp_path, events):
    path = tmp_path / "installations.toml"
    path.write_text(PLACE.format("school-room-1"), encoding="utf-8")
    with capture_logs() as logged:
        async with watched(path) as (interpreter, component):
            path.write_text("[[installation]]\ndev_eui = 'none'\n", encoding="utf-8")
            await until(component.state)
            [check] = component.state()
            assert not check.ok
            assert "installation 1" in check.words
            assert "school-room-1" == interpreter.installations.at(events.dev_eui, 0).place
            path.write_text(PLACE.format("mended"), encoding="utf-8")
            await until(lambda: not component.state())
            assert "mended" == interpreter.installations.at(events.dev_eui, 0).place
    assert 1 == sum(line["log_level"] == "error" for line in logged)
