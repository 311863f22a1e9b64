"""The virtual ChirpStack answers each recorded call as the real one did: code, details, and every field."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, symbol_database

from vdl_lora.virtual import VirtualChirpStack

pytestmark = pytest.mark.enable_socket

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "api_calls.jsonl"
CALLS = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]

NOT_COMPARED: dict[int, str] = {}
"""Numbers of calls whose answer is not compared, and why: none."""

MODULES = {
    "InternalService": "internal",
    "TenantService": "tenant",
    "ApplicationService": "application",
    "DeviceProfileService": "device_profile",
    "DeviceService": "device",
    "GatewayService": "gateway",
    "MulticastGroupService": "multicast_group",
}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN = "11111111-2222-3333-4444-555555555555"
TIMES = ("created_at", "updated_at", "last_seen_at")


class Replay:
    """Calls the virtual ChirpStack as the recorder called the real one, and learns whose ids stand for whose."""

    def __init__(self, chirpstack: VirtualChirpStack) -> None:
        self.chirpstack = chirpstack
        self.channel = grpc.aio.insecure_channel(chirpstack.address)
        self.ids: dict[str, str] = {UNKNOWN: UNKNOWN}
        self.tokens = {
            "no token": None,
            "empty token": "Bearer ",
            "garbage": "Bearer garbage",
            "wrong scheme": "Basic YWRtaW46YWRtaW4=",
            "bad signature": f"Bearer {chirpstack.admin_key[:-4]}AAAA",
            "admin key": f"Bearer {chirpstack.admin_key}",
        }

    async def call(self, call: dict[str, Any]) -> tuple[str, str, dict[str, Any] | None]:
        """Make a recorded call; give code, details and response."""
        service, method = call["call"].split(".")
        module = MODULES[service]
        messages = importlib.import_module(f"chirpstack_api.api.{module}_pb2")
        stub = getattr(importlib.import_module(f"chirpstack_api.api.{module}_pb2_grpc"), f"{service}Stub")(self.channel)
        name = call["request_type"]
        made = getattr(messages, name, None) or symbol_database.Default().GetSymbol(f"google.protobuf.{name}")
        request = json_format.ParseDict(self.mapped(call["request"]), made())
        token = self.tokens[call["as"]]
        metadata = [] if token is None else [("authorization", token)]
        try:
            response = await getattr(stub, method)(request, metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or "", None
        found = json_format.MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        self.remember_token(call, found)
        return "OK", "", found

    def remember_token(self, call: dict[str, Any], found: dict[str, Any]) -> None:
        """Keep the tokens that the recorder kept."""
        if call["call"] == "InternalService.Login":
            self.tokens["user"] = f"Bearer {found['jwt']}"
        if call["call"] == "InternalService.CreateApiKey":
            key = "read-only tenant key" if call["request"]["api_key"].get("is_read_only") else "tenant key"
            self.tokens[key] = f"Bearer {found['token']}"
        if call["call"] == "InternalService.DeleteApiKey":
            self.tokens["revoked tenant key"] = self.tokens["tenant key"]

    def mapped(self, value: Any) -> Any:
        """Replace the recorded ids by ours."""
        if isinstance(value, dict):
            return {key: self.mapped(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.mapped(each) for each in value]
        if isinstance(value, str) and UUID.fullmatch(value):
            return self.ids.get(value, value)
        return value

    def learn(self, recorded: Any, found: Any) -> None:
        """Take over new ids from an answer that has the same shape."""
        if isinstance(recorded, dict) and isinstance(found, dict):
            for key in recorded.keys() & found.keys():
                if isinstance(recorded[key], str) and UUID.fullmatch(recorded[key]):
                    self.ids.setdefault(recorded[key], found[key])
                self.learn(recorded[key], found[key])


def without_clock(value: Any) -> Any:
    """Replace what no two servers share: times by their form and whether they are equal, tokens by a mark."""
    if isinstance(value, dict):
        changed = {"changed": value["created_at"] < value["updated_at"]} if "updated_at" in value else {}
        return changed | {
            key: clock_form(each) if key in TIMES else "..." if key in {"jwt", "token"} else without_clock(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [without_clock(each) for each in value]
    return value


def clock_form(text: str) -> str:
    """Tell a time in whole seconds from one with a fraction."""
    return "whole" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text) else "fraction"


def words(numbered: tuple[int, dict[str, Any]]) -> str:
    """Name a call."""
    number, call = numbered
    return f"{number} {call['call']} as {call['as']}"


@pytest.fixture
def clock() -> Iterator[Any]:
    """A clock whose seconds are never whole."""
    state = {"now": 1_795_472_438_123_807_095}

    def now() -> int:
        state["now"] += 3_481_161
        return state["now"]

    return now


async def test_every_recorded_call_is_answered_as_recorded(clock: Any) -> None:
    assert len(CALLS) == 107
    async with VirtualChirpStack(clock=clock) as chirpstack:
        replay = Replay(chirpstack)
        differing: list[str] = []
        for number, call in enumerate(CALLS):
            found = await replay.call(call)
            replay.learn(call.get("response"), found[2])
            expected = (
                call["code"],
                UUID.sub(lambda found: replay.mapped(found[0]), call.get("details", "")),
                without_clock(replay.mapped(call["response"])) if call["code"] == "OK" else None,
            )
            if number not in NOT_COMPARED and (found[0], found[1], without_clock(found[2])) != expected:
                differing.append(
                    f"{words((number, call))} {call.get('note', '')}\n  expected {expected}\n  found    {found}"
                )
        await replay.channel.close()
    assert not differing, "\n".join(differing)
    assert NOT_COMPARED == {}
