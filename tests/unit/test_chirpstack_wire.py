"""Messages are read as they are on the wire."""

import pytest
from chirpstack_api.api import internal_pb2

from vdl_lora.chirpstack import wire


@pytest.mark.parametrize("body", [b'{"deviceName": "\xc3\xa9cole"}', b"", b"\xff\xfe not UTF-8"])
def test_the_body_of_a_log_item_is_handed_on_byte_for_byte(body):
    item = internal_pb2.LogItem(id="1795472297700-0", description="up", properties={"DR": "5"})
    item.time.seconds = 1_795_472_297
    sent = item.SerializeToString() + bytes([4 << 3 | 2, len(body)]) + body  # ChirpStack's fourth field
    read = wire.LOG_ITEM.FromString(sent)
    assert (read.id, read.description, read.body) == ("1795472297700-0", "up", body)
