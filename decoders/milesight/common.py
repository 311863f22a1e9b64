"""What Milesight's sensors share: the records in which they tell about themselves and repeat their settings."""

from vdl_lora.decoding import Element, skip, u8

ABOUT_SELF: dict[bytes, Element] = {
    b"\x01\x75": u8("device.battery_level"),
    b"\xff\x01": skip(1),  # protocol version
    b"\xff\x09": skip(2),  # hardware version
    b"\xff\x0a": skip(2),  # firmware version
    b"\xff\x0b": skip(1),  # powered on
    b"\xff\x0f": skip(1),  # LoRaWAN class
    b"\xff\x16": skip(8),  # serial number
    b"\xff\xfe": skip(1),  # reset
    b"\xff\xff": skip(2),  # version of the description language
}

STORAGE_REPLIES: dict[bytes, Element] = {
    b"\xfc\x6b": skip(1),  # whether there is a stored sample of the time that was asked for; it follows by itself
    b"\xfc\x6c": skip(1),  # the same for a span of time
}

# 79 (device to device) is missing: the maker's own tools give it two lengths.
SETTINGS = {
    0x02: 2,  # collecting interval
    0x03: 2,  # reporting interval
    0x10: 1,  # restart
    0x27: 1,  # stored samples cleared
    0x28: 1,  # report at once
    0x68: 1,  # storage on
    0x69: 1,  # retransmission on
    0x6A: 3,  # interval of retransmission, or of resending
    0x6D: 1,  # sending of stored samples stopped
}


def replies(settings: dict[int, int]) -> dict[bytes, Element]:
    """Give the records that repeat a setting of so many bytes: on channel fe or ff, by firmware."""
    return {bytes((channel, kind)): skip(size) for channel in (0xFE, 0xFF) for kind, size in settings.items()}
