"""LoRaWAN values from messages whose fields have the same names in both encodings. Pure.

`wire` is a message of json.py or of protobuf.py: the one place where two forms of one thing meet, hence untyped.
"""

from typing import Any

from vdl_lora.lorawan import Ack, DevEUI, Device, Join, TxAck

MAX_NAME = 1024
"""Longer names are cut: later rooms remember names, and ChirpStack's own have at most 100 characters."""


def device(info: Any, tags: dict[str, str]) -> Device:
    """Build the device of a DeviceInfo.

    Raises ValueError where its DevEUI is none.
    """
    return Device(
        dev_eui=DevEUI.parse(info.dev_eui),
        tenant_id=info.tenant_id[:MAX_NAME],
        tenant_name=info.tenant_name[:MAX_NAME],
        application_id=info.application_id[:MAX_NAME],
        application_name=info.application_name[:MAX_NAME],
        device_profile_id=info.device_profile_id[:MAX_NAME],
        device_profile_name=info.device_profile_name[:MAX_NAME],
        device_name=info.device_name[:MAX_NAME],
        tags=tags,
    )


def join(wire: Any, of: Device, time_at_ns: int) -> Join:
    """Build a join."""
    return Join(device=of, time_at_ns=time_at_ns, deduplication_id=wire.deduplication_id, dev_addr=wire.dev_addr)


def ack(wire: Any, of: Device, time_at_ns: int) -> Ack:
    """Build the answer to a confirmed downlink."""
    return Ack(
        device=of,
        time_at_ns=time_at_ns,
        queue_item_id=wire.queue_item_id,
        f_cnt_down=wire.f_cnt_down,
        acknowledged=wire.acknowledged,
    )


def txack(wire: Any, of: Device, time_at_ns: int) -> TxAck:
    """Build a gateway's word that a downlink was sent."""
    return TxAck(
        device=of,
        time_at_ns=time_at_ns,
        queue_item_id=wire.queue_item_id,
        downlink_id=wire.downlink_id,
        f_cnt_down=wire.f_cnt_down,
        gateway_id=wire.gateway_id,
    )
