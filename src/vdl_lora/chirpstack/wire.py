"""ChirpStack's generated messages and grpc.aio, both untyped: the one file here that meets them and gives them a face.

Source: api/proto/api of chirpstack/chirpstack v4, through the package chirpstack-api.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import grpc.aio  # type: ignore[import-untyped]
from chirpstack_api.api import (  # pyright: ignore[reportMissingTypeStubs]
    application_pb2,
    device_pb2,
    device_profile_pb2,
    internal_pb2,
    tenant_pb2,
)
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory, unknown_fields
from google.protobuf.message import DecodeError

application: Any = application_pb2
device: Any = device_pb2
device_profile: Any = device_profile_pb2
internal: Any = internal_pb2
tenant: Any = tenant_pb2

_Empty: Any = empty_pb2.Empty
_FileDescriptor: Any = descriptor_pb2.FileDescriptorProto
_UnknownFields: Any = unknown_fields.UnknownFieldSet

Channel = Any
Metadata = Sequence[tuple[str, str]]

aio: Any = grpc.aio
CallFailed: type[Exception] = aio.AioRpcError
EOF: Any = aio.EOF
"""What a stream's `read` gives where the server has ended it without an error."""


class Garbled(Exception):  # noqa: N818 - what happened
    """An answer is no message of the method's."""


class LogItem(Protocol):
    """An entry of a device's event log: `description` is the kind, `body` JSON, `id` begins with its time in ms."""

    id: str
    description: str
    body: bytes


class Stream(Protocol):
    """An open stream of LogItems."""

    async def initial_metadata(self) -> Any:
        """Wait for the server's headers, which it sends when the stream is authorised."""
        ...

    async def read(self) -> LogItem:
        """Wait for the next LogItem; a false value where the server ended the stream. Raises CallFailed."""
        ...

    def done(self) -> bool:
        """Whether the call has ended."""
        ...

    def cancel(self) -> bool:
        """End the call."""
        ...


def open_channel(target: str, *, tls: bool, ca: bytes | None, options: Sequence[tuple[str, int]]) -> Channel:
    """Make a channel; it connects when it is first used. Without a CA, those that gRPC brings along are trusted."""
    if tls:
        return aio.secure_channel(target, grpc.ssl_channel_credentials(ca), options=options)
    return aio.insecure_channel(target, options=options)


def is_connected(channel: Channel) -> bool:
    """Whether a channel has its connection."""
    return bool(channel.get_state() == grpc.ChannelConnectivity.READY)


def was_broken_off(error: BaseException) -> bool:
    """Tell a call that was cancelled, which grpc.aio raises as CancelledError too, from the end of our own task."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()


def code_and_details(error: Exception) -> tuple[str, str]:
    """Give the name of a failed call's status code, and its words."""
    failed: Any = error
    return str(failed.code().name), str(failed.details() or "")


async def call(channel: Channel, method: str, request: Any, metadata: Metadata, timeout_s: float) -> Any:
    """Call a method, such as `TenantService.List`, and give its answer.

    Raises CallFailed; Garbled where the answer cannot be read.
    """
    service, _, name = method.partition(".")
    answer = _MESSAGES[service].DESCRIPTOR.services_by_name[service].methods_by_name[name].output_type
    ask = channel.unary_unary(f"/api.{service}/{name}", request_serializer=_serialise)
    said = await ask(request, metadata=metadata, timeout=timeout_s)
    try:
        return answer._concrete_class.FromString(said)  # noqa: SLF001 - protobuf gives no other way to it
    except DecodeError as error:  # grpc.aio would log it and answer None
        raise Garbled from error


async def headers(channel: Channel, timeout_s: float) -> dict[str, str]:
    """Ask for what anybody may ask, ChirpStack's settings for the login page, and give the answer's headers.

    Raises CallFailed.
    """
    ask = channel.unary_unary("/api.InternalService/Settings")(b"", timeout=timeout_s)
    await ask
    return {str(name): str(value) for name, value in await ask.initial_metadata() or ()}


async def reflected(channel: Channel, symbol: str, timeout_s: float) -> dict[str, list[str]]:
    """Ask for the file that declares a symbol, and give its messages, each with the names of its fields.

    A server that says nothing of it gives nothing. Source: grpc/reflection/v1/reflection.proto.
    Raises CallFailed where it has no reflection.
    """
    name = symbol.encode()
    ask = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(timeout=timeout_s)
    await ask.write(bytes((4 << 3 | 2, len(name))) + name)  # file_containing_symbol
    await ask.done_writing()
    answer = await ask.read()
    ask.cancel()
    if not answer:
        return {}
    try:
        files = [file for found in _parts(answer, 4) for file in _parts(found, 1)]  # file_descriptor_response
        messages = [each for file in files for each in _FileDescriptor.FromString(file).message_type]
    except DecodeError:
        return {}
    return {message.name: [field.name for field in message.field] for message in messages}


def _parts(message: bytes, number: int) -> list[bytes]:
    """Give the bytes of a message's fields of a number, where nobody has the message's declaration."""
    return [each.data for each in _UnknownFields(_Empty.FromString(message)) if each.field_number == number]


def stream_device_events(channel: Channel, dev_eui: str, metadata: Metadata) -> Stream:
    """Begin a stream. ChirpStack makes a Redis key of the DevEUI as it is written, so it must be in lower case."""
    ask = channel.unary_stream(
        "/api.InternalService/StreamDeviceEvents",
        request_serializer=_serialise,
        response_deserializer=LOG_ITEM.FromString,
    )
    stream: Stream = ask(internal.StreamDeviceEventsRequest(dev_eui=dev_eui), metadata=metadata)
    return stream


def _serialise(message: Any) -> bytes:
    return bytes(message.SerializeToString())


_MESSAGES: dict[str, Any] = {
    "TenantService": tenant,
    "ApplicationService": application,
    "DeviceProfileService": device_profile,
    "DeviceService": device,
    "InternalService": internal,
}


def _in_bytes(name: str, fields: Sequence[str], raw: str) -> Any:
    """Give a message of internal.proto with these fields alone, of which the text `raw` is read as bytes.

    On the wire they are the same, and what is handed on as bytes need not be made text and bytes again.
    """
    file = descriptor_pb2.FileDescriptorProto(name="vdl_lora.proto", package="vdl_lora", syntax="proto3")
    declared = {field.name: field for field in internal.DESCRIPTOR.message_types_by_name[name].fields}
    message = file.message_type.add(name=name)
    for each in fields:
        kind = declared[each].TYPE_BYTES if each == raw else declared[each].type
        message.field.add(name=each, number=declared[each].number, type=kind, label=declared[each].LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))


LOG_ITEM = _in_bytes("LogItem", ("id", "description", "body"), raw="body")
