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

# Of the indoor sensors with a display. 3a (reporting interval by the hour) is missing: its first byte tells its length.
INDOOR_SETTINGS = {
    0x06: 9,  # temperature threshold
    0x11: 4,  # time
    0x17: 2,  # time zone
    0x2D: 1,  # display on
    0x2F: 1,  # light-emitting diode
    0x3B: 1,  # clock set by the network
    0x56: 1,  # display on when looked at
    0x57: 1,  # reporting intervals cleared
    0x59: 1,  # battery replaced
    0x5A: 2,  # interval of refreshing the display
    0x75: 7,  # hours without reports
    0x85: 1,  # time on the display
    0x86: 1,  # full refreshing of the display
}

# Of the EM500 family.
FIELD_SETTINGS = {
    0x06: 9,  # thresholds
    0x11: 4,  # time
    0x17: 2,  # time zone
    0x1C: 2,  # measuring again after a failure
    0x35: 8,  # key, device to device
    0x3B: 1,  # clock set by the network
    0x4A: 1,  # clock set now
    0x84: 1,  # device to device on
    0x96: 8,  # device to device
    0xF1: 4,  # calibration
    0xF2: 2,  # number of alarms sent
    0xF5: 1,  # end of an alarm sent
}


def replies(settings: dict[int, int]) -> dict[bytes, Element]:
    """Give the records that repeat a setting of so many bytes: on channel fe or ff, by firmware."""
    return {bytes((channel, kind)): skip(size) for channel in (0xFE, 0xFF) for kind, size in settings.items()}
