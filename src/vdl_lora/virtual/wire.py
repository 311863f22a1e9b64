"""ChirpStack's generated messages and gRPC, both untyped: the one file here that meets them and gives them a face.

Source: api/proto of chirpstack/chirpstack v4, through the package chirpstack-api.
"""

from collections.abc import Iterable
from typing import Any

import grpc.aio  # type: ignore[import-untyped]
from chirpstack_api.api import (  # pyright: ignore[reportMissingTypeStubs]
    application_pb2,
    device_pb2,
    device_profile_pb2,
    gateway_pb2,
    internal_pb2,
    multicast_group_pb2,
    tenant_pb2,
    user_pb2,
)
from chirpstack_api.common import common_pb2  # pyright: ignore[reportMissingTypeStubs]
from chirpstack_api.gw import gw_pb2  # pyright: ignore[reportMissingTypeStubs]
from chirpstack_api.integration import integration_pb2  # pyright: ignore[reportMissingTypeStubs]
from google.protobuf import empty_pb2, message_factory

from vdl_lora.times import NS

application: Any = application_pb2
common: Any = common_pb2
device: Any = device_pb2
device_profile: Any = device_profile_pb2
events: Any = integration_pb2
gateway: Any = gateway_pb2
gw: Any = gw_pb2
internal: Any = internal_pb2
multicast_group: Any = multicast_group_pb2
tenant: Any = tenant_pb2
user: Any = user_pb2

aio: Any = grpc.aio
Code: Any = grpc.StatusCode
unary_handler: Any = grpc.unary_unary_rpc_method_handler
stream_handler: Any = grpc.unary_stream_rpc_method_handler
generic_handler: Any = grpc.method_handlers_generic_handler

EVENTS: dict[str, Any] = {
    "up": events.UplinkEvent,
    "join": events.JoinEvent,
    "status": events.StatusEvent,
    "ack": events.AckEvent,
    "txack": events.TxAckEvent,
    "log": events.LogEvent,
}


def empty() -> Any:
    """Make the answer of a call that has nothing to say."""
    return empty_pb2.Empty()


def methods(service: str) -> Iterable[tuple[str, Any, bool]]:
    """Give the methods of `api.<service>`: name, class of the request, whether it answers with a stream."""
    name = f"{service}Service"
    for module in (internal, tenant, application, device_profile, device, gateway, multicast_group):
        found = module.DESCRIPTOR.services_by_name.get(name)
        if found is not None:
            for method in found.methods:
                request: Any = message_factory.GetMessageClass(method.input_type)
                yield method.name, request, method.server_streaming


def set_time(timestamp: Any, at_ns: int) -> None:
    """Write ns since 1970 into a google.protobuf.Timestamp."""
    timestamp.seconds, timestamp.nanos = divmod(at_ns, NS)


def time_of(timestamp: Any) -> int:
    """Read a google.protobuf.Timestamp in ns since 1970."""
    return int(timestamp.seconds) * NS + int(timestamp.nanos)


def copy(message: Any) -> Any:
    """Copy a message."""
    found = type(message)()
    found.CopyFrom(message)
    return found
