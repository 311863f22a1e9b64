"""The diagnosis hides nothing: what fails or hangs is said, and the rest with it."""

import asyncio
import time

import pytest

from tests.ports import free_port
from vdl_lora.app.build import open_site
from vdl_lora.config import load
from vdl_lora.operations.diagnosis import diagnose

from .live import house_in

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


def configured(folder, house, server=""):
    file = folder / "vdl-lora.toml"
    file.write_text(
        f'[chirpstack]\nserver = "{server or house.chirpstack.address}"\napi_key_file = "{house.key_file}"\n'
        f'[journal]\npath = "{folder}/journal.sqlite"\n[store]\npath = "{folder}/points.sqlite"\n',
        encoding="utf-8",
    )
    return load(file)


async def examined(settings, **options):
    """What a diagnosis finds."""
    async with open_site(settings) as site:
        return await diagnose(site, **options)


async def test_a_check_that_breaks_is_a_finding_and_hides_no_other(house, tmp_path, monkeypatch):
    async def broken(_settings):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("vdl_lora.operations.diagnosis.check_journal", broken)
    told = []
    findings = await examined(configured(tmp_path, house), told=lambda still: told.append(len(still)))
    [check] = [each.check for each in findings if each.group == "Journal"]
    assert ("doctor", "failed", "ZeroDivisionError: by zero") == (check.subject, check.state, check.words)
    assert "report it" in check.advice
    assert {"Configuration", "ChirpStack", "Journal", "Store"} <= {each.group for each in findings}
    assert [6, 5, 4, 3, 2, 1, 0] == told


async def test_what_hangs_is_unknown_in_time_and_the_rest_is_told(house, tmp_path):
    async def silence(_reader, writer):
        try:
            await asyncio.sleep(60)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    begun = time.monotonic()
    findings = await examined(configured(tmp_path, house, f"127.0.0.1:{port}"), longest_s=1.0)
    assert time.monotonic() - begun < 5
    server.close()
    assert {"ChirpStack": ["time"], "Devices": ["time"]} == {
        group: [each.check.subject for each in findings if each.group == group and each.check.state == "unknown"]
        for group in ("ChirpStack", "Devices")
    }
    assert ["journal", "disk", "store", "disk"] == [
        each.check.subject for each in findings if each.group in ("Journal", "Store")
    ]


async def test_a_proxy_of_the_environment_is_said_to_be_in_the_way(house, tmp_path, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", f"http://user:secret@127.0.0.1:{free_port()}")
    findings = await examined(configured(tmp_path, house))
    wrong = {(each.check.subject, each.check.state): each.check for each in findings if each.check.advice}
    assert "name 127.0.0.1 in no_proxy" in wrong["environment", "warning"].advice
    assert ("gRPC", "failed") in wrong
    assert "secret" not in str(findings)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert {True} == {each.check.ok for each in await examined(configured(tmp_path, house))}


async def test_nothing_is_made_where_nothing_is_yet(house, tmp_path):
    settings = configured(tmp_path, house)
    before = sorted(tmp_path.rglob("*"))
    await examined(settings)
    assert before == sorted(tmp_path.rglob("*"))


async def test_thousands_of_devices_take_seconds(house, tmp_path):
    for number in range(20):
        application = house.chirpstack.add_application(house.tenant, f"application {number}")
        house.add(*range(number * 100, number * 100 + 100), application=application)
    begun = time.monotonic()
    findings = await examined(configured(tmp_path, house))
    assert time.monotonic() - begun < 20
    assert "it reads 2,000 devices in 21 applications of 2 tenants" in [each.check.words for each in findings]
    [check] = [each.check for each in findings if each.check.subject == "no decoder"]
    assert check.words.startswith("2,000 devices without values")
