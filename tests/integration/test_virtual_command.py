"""The virtual ChirpStack as a process of its own: its first line, orders, and kill -9 with its state kept."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from chirpstack_api.api import device_pb2, device_pb2_grpc, internal_pb2, internal_pb2_grpc

from vdl_lora.errors import ConfigError
from vdl_lora.virtual import VirtualChirpStack
from vdl_lora.virtual.control import obey
from vdl_lora.virtual.state import StateFile

pytestmark = pytest.mark.enable_socket

DEV_EUI = "24e124136b500042"
COMMAND = "import typer; from vdl_lora.cli.virtual import virtual; typer.run(virtual)"


class Command:
    """A running command that takes orders."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "--orders", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ready = self.line()

    def line(self) -> dict[str, Any]:
        """Read a line of JSON."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], 20)
        assert readable, "the command says nothing"
        found = json.loads(self.process.stdout.readline())
        assert isinstance(found, dict)
        return found

    def order(self, do: str, **arguments: Any) -> Any:
        """Give an order and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.line()
        assert "error" not in answer, answer
        return answer["answer"]

    def kill(self) -> None:
        """Kill it as nothing can be caught."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Close its pipes and wait."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return self.process.wait(20)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "chirpstack.state"


@pytest.fixture
def started(state: Path) -> Iterator[Command]:
    command = Command("--bind", "127.0.0.1:0", "--state", str(state), "--poll", "0.01")
    yield command
    if command.process.poll() is None:
        command.kill()


async def replay(ready: dict[str, Any], count: int) -> list[Any]:
    """Read a device's history."""
    async with grpc.aio.insecure_channel(ready["address"]) as channel:
        call = internal_pb2_grpc.InternalServiceStub(channel).StreamDeviceEvents(
            internal_pb2.StreamDeviceEventsRequest(dev_eui=DEV_EUI),
            metadata=[("authorization", f"Bearer {ready['admin_key']}")],
            timeout=10,
        )
        items = [await call.read() for _ in range(count)]
        call.cancel()
        return items


def register(command: Command) -> str:
    """Register a device and give the application's id."""
    tenant = command.order("add_tenant", name="Commune de Bauzy")
    application = command.order("add_application", tenant_id=tenant, name="Bâtiments")
    profile = command.order("add_profile", tenant_id=tenant, name="EM300-TH")
    command.order(
        "add_device", dev_eui=DEV_EUI, name="Mairie", application_id=application, profile_id=profile, tags={"a": "b"}
    )
    return str(application)


async def test_kill_9_keeps_devices_keys_counters_and_histories(started: Command, state: Path) -> None:
    application = register(started)
    tenant_key = started.order("add_key", tenant_id="", read_only=True)
    sent = [
        started.order("up", dev_eui=DEV_EUI, payload="0175", f_port=85, heard=[{"rssi": -80}])["deduplication_id"]
        for _ in range(40)
    ]
    kept = await replay(started.ready, 10)
    bind = started.ready["address"]
    for _ in range(3):
        started.kill()
        started.__init__("--bind", bind, "--state", str(state), "--poll", "0.01")  # type: ignore[misc]
        assert started.ready["address"] == bind
        again = await replay(started.ready, 10)
        assert [(item.id, item.body) for item in again] == [(item.id, item.body) for item in kept]
    up = started.order("up", dev_eui=DEV_EUI)
    assert up["f_cnt"] == 40
    history = await replay(started.ready, 11)
    assert json.loads(history[-1].body)["deduplicationId"] in [*sent, up["deduplication_id"]]
    async with grpc.aio.insecure_channel(bind) as channel:
        stub = device_pb2_grpc.DeviceServiceStub(channel)
        metadata = [("authorization", f"Bearer {tenant_key}")]
        found = await stub.Get(device_pb2.GetDeviceRequest(dev_eui=DEV_EUI), metadata=metadata)
        assert found.device.name == "Mairie"
        assert dict(found.device.tags) == {"a": "b"}
        assert found.HasField("last_seen_at")
        listed = await stub.List(device_pb2.ListDevicesRequest(application_id=application, limit=9), metadata=metadata)
        assert len(listed.result) == 1


def test_it_ends_in_order_on_sigterm_and_when_its_orders_end(started: Command) -> None:
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(20) == 0
    started.end()
    other = Command("--bind", "127.0.0.1:0")
    assert other.end() == 0


async def test_a_wrong_order_is_answered_and_changes_nothing() -> None:
    chirpstack = VirtualChirpStack()
    assert "is no order" in obey(chirpstack, b'{"do": "close"}')["error"]
    assert "DecodeError" in obey(chirpstack, b"{")["error"]
    assert "unexpected keyword" in obey(chirpstack, b'{"do": "add_tenant", "nom": "x"}')["error"]
    assert obey(chirpstack, b'{"do": "add_tenant", "name": ""}') == {
        "error": "INVALID_ARGUMENT: Validation error: name is not set"
    }
    assert "no device" in obey(chirpstack, b'{"do": "ack", "dev_eui": "0f0f0f0f0f0f0f0f"}')["error"]
    assert obey(chirpstack, b'{"do": "up", "dev_eui": "0f0f0f0f0f0f0f0f", "payload": "0g"}')["error"]


async def test_a_record_that_was_being_written_when_it_died_is_dropped(state: Path) -> None:
    chirpstack = VirtualChirpStack(state=state)
    first = chirpstack.add_tenant("first")
    size = os.path.getsize(state)  # noqa: ASYNC240, PTH202 - a test may wait
    second = chirpstack.add_tenant("second")
    await chirpstack.close()
    os.truncate(state, size + 7)
    again = VirtualChirpStack(state=state)
    assert first in again.database.tenants
    assert second not in again.database.tenants
    assert again.admin_key == chirpstack.admin_key
    third = again.add_tenant("third")
    await again.close()
    last = VirtualChirpStack(state=state)
    assert third in last.database.tenants
    await last.close()


async def test_what_was_deleted_stays_deleted(state: Path) -> None:
    chirpstack = VirtualChirpStack(state=state)
    tenant = chirpstack.add_tenant("T")
    profile = chirpstack.add_profile(tenant, "P")
    chirpstack.add_device(DEV_EUI, "x", chirpstack.add_application(tenant, "A"), profile)
    chirpstack.up(DEV_EUI, b"\x01", status=(10, 247))
    key = chirpstack.add_key(tenant)
    chirpstack.revoke_key(key)
    chirpstack.delete_device(DEV_EUI)
    await chirpstack.close()
    again = VirtualChirpStack(state=state)
    assert DEV_EUI not in again.database.devices
    assert len(again.database.api_keys) == 1
    assert len(list(again.histories.entries())) == 2
    await again.close()


def test_another_file_is_not_overwritten(state: Path) -> None:
    state.write_text("my notes", encoding="utf-8")
    with pytest.raises(ConfigError, match="no state file"):
        VirtualChirpStack(state=state)
    assert state.read_text(encoding="utf-8") == "my notes"


def test_a_file_that_cannot_be_written_is_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        VirtualChirpStack(state=tmp_path / "missing" / "state")


def test_a_file_that_has_grown_is_rewritten_whole(state: Path) -> None:
    kept: list[tuple[Any, ...]] = []
    file = StateFile(state, rewrite_from=2000)
    file.open(lambda: kept[-5:])
    for number in range(1000):
        kept.append(("event", number, "x" * 50))
        file.keep(*kept[-1])
    file.close()
    assert state.stat().st_size < 3000
    assert [record[1] for record in StateFile(state).load()][-3:] == [997, 998, 999]


def test_with_the_fleet_there_are_devices_and_their_past_from_the_start() -> None:
    command = Command("--fleet")
    until = time.monotonic() + 20
    while command.order("counts").get("up", 0) < 100 and time.monotonic() < until:
        time.sleep(0.1)
    assert 100 <= command.order("counts")["up"]
    assert 0 == command.end()


def test_the_fleet_goes_without_a_state(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vdl_lora.cli", "virtual", "--fleet", "--state", str(tmp_path / "state")]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert 2 == refused.returncode
    assert "begins anew" in refused.stderr
