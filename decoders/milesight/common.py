"""What Milesight's sensors share: what they tell about themselves, settings that they repeat, the AM300's values."""

from vdl_lora.decoding import Element, Part, bits, i16, record, skip, u8, u16, word

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


# Of the AM300 family. 1a (calibration of CO2) is missing: its length depends on its first byte.
AM300_SETTINGS = {
    0x17: 2,  # time zone
    0x25: 1,  # buttons locked
    0x2C: 1,  # values asked for
    0x2D: 1,  # display on
    0x2E: 1,  # light-emitting diode
    0x39: 5,  # automatic calibration of CO2
    0x3A: 2,  # reporting interval
    0x3B: 1,  # clock set by the network
    0x3C: 1,  # what the display shows
    0x3D: 1,  # buzzer silenced
    0x3E: 1,  # buzzer on
    0x66: 1,  # alarms on the display
    0xEB: 1,  # unit of VOC
    0xF0: 4,  # values on the display
    0xF4: 1,  # calibration of CO2 on
}

AM300_VALUES: dict[bytes, Element] = {
    b"\x03\x67": i16("air.temperature", div=10),
    b"\x04\x68": u8("air.humidity", div=2),
    b"\x05\x00": u8("presence.occupied"),  # infrared, of movement
    b"\x06\xcb": u8("air.light_level"),  # up to 5, 50, 100, 500 and 2000 lx, and above
    b"\x07\x7d": u16("air.co2"),
    # One or the other, as the unit is set. Neither can be converted to the other.
    b"\x08\x7d": u16("air.iaq_rating", div=100),
    b"\x08\xe6": u16("air.tvoc_mass"),
    b"\x09\x73": u16("air.pressure", div=10),
    b"\x0e\x01": skip(1),  # buzzer sounds
}


def am300_stored(size: int, *more: Part) -> dict[bytes, Element]:
    """Give the records of stored samples, of so many bytes behind the time; `more` are the values that follow.

    The VOC, from bit 64, is named first: by it the two are told apart when they are written. The humidity has two
    bytes here and one in a current value.
    """
    shared = (
        bits(0, 16, "air.temperature", signed=True, div=10),
        bits(16, 16, "air.humidity", div=2),
        bits(32, 8, "presence.occupied"),
        bits(40, 8, "air.light_level"),
        bits(48, 16, "air.co2"),
        bits(80, 16, "air.pressure", div=10),
    )
    return {
        b"\x20\xce": record(word(size, bits(64, 16, "air.iaq_rating", div=100), *shared, *more)),
        b"\x21\xce": record(word(size, bits(64, 16, "air.tvoc_mass"), *shared, *more)),
    }


def replies(settings: dict[int, int]) -> dict[bytes, Element]:
    """Give the records that repeat a setting of so many bytes: on channel fe or ff, by firmware."""
    return {bytes((channel, kind)): skip(size) for channel in (0xFE, 0xFF) for kind, size in settings.items()}
