"""Axioma Qalcosonic W1: ultrasonic water meter.

Each frame brings the index by the meter's own clock and the indexes of the hours before. Meters are set up to send one
of three layouts (extended, extended with the water's temperature, enhanced), or only the index.
"""

from collections.abc import Iterator
from struct import unpack_from

from vdl_lora.decoding import (
    NS,
    Decoder,
    Frame,
    Item,
    Layout,
    Parameter,
    PayloadError,
    Readout,
    bits,
    by_hand,
    by_length,
    by_look,
    constant,
    fixed,
    flag,
    i16,
    optional,
    record,
    series,
    u8,
    u32,
    word,
)

LOG_INTERVAL = Parameter("log_interval", "s", "the time between two indexes in the meter's log", 3600.0, 1.0)

VOLUME = u32("water_meter.volume", unit="L")

# The upper half of the status byte is one code. Bit 4, temporary error, stands beside each alarm or, alone, says dry.
ALARMS = (0x0, 0x1, 0x2, 0x3, 0x6, 0x7, 0x8, 0x9, 0xA, 0xB, 0xC, 0xD)
STATUS = word(
    1,
    flag(2, "device.battery_low"),
    flag(3, "device.error"),
    bits(4, 4, "water_meter.dry_alarm", states={code: code == 0x1 for code in ALARMS}),
    bits(4, 4, "water_meter.leak_alarm", states={code: code in (0x2, 0x3) for code in ALARMS}),
    bits(4, 4, "water_meter.backflow_alarm", states={code: code in (0x6, 0x7) for code in ALARMS}),
    bits(4, 4, "water_meter.freeze_alarm", states={code: code in (0x8, 0x9) for code in ALARMS}),
    bits(4, 4, "water_meter.burst_alarm", states={code: code in (0xA, 0xB) for code in ALARMS}),
    bits(4, 4, "device.tamper", states={code: code in (0xC, 0xD) for code in ALARMS}),
)

# The log's first index, then what each hour added to it.
LOG = series(VOLUME, step=2, every=LOG_INTERVAL)
FILLER = optional(constant(b"\x2f"))

SHORT = fixed("little", record(STATUS, VOLUME, stored=False))
EXTENDED = fixed("little", record(STATUS, VOLUME, stored=False), LOG, FILLER)
WITH_TEMPERATURE = fixed(
    "little",
    record(STATUS, VOLUME, i16("water_meter.water_temperature", div=100), stored=False),
    LOG,
    FILLER,
)
LAYOUT_OF_LOG_AT = {9: EXTENDED, 11: WITH_TEMPERATURE}


def extended_or_with_temperature(frame: Frame) -> Layout:
    """Tell two layouts of one length apart: the log begins in the two days before the meter's clock, on the hour."""
    clock = unpack_from("<I", frame.payload)[0]
    begins: dict[int, int] = {at: unpack_from("<I", frame.payload, at)[0] for at in LAYOUT_OF_LOG_AT}
    span = 48 * frame.parameters.get(LOG_INTERVAL.name, 3600.0)
    possible = [at for at, time in begins.items() if 0 <= clock - time <= span]
    if not possible:
        raise PayloadError("byte 9: no log of the hours before the meter's clock begins here")
    return LAYOUT_OF_LOG_AT[min(possible, key=lambda at: begins[at] % 3600)]


def enhanced(frame: Frame) -> Iterator[Item]:
    """Read the 24 indexes of the day before: one at 01:00, then what each hour added until 24:00, in 14 bits each."""
    version, sent_at, raw = unpack_from("<BIxI", frame.payload)
    added = int.from_bytes(frame.payload[10:], "little")
    if version != 1 or added >> 23 * 14:
        raise PayloadError(f"byte 0: version {version} with multiplier {added >> 23 * 14} is not described")
    status = Readout(measured_at_ns=sent_at * NS)
    STATUS.read(frame.payload, 5, "little", status)
    yield from status.items
    midnight = sent_at - sent_at % 86_400 - 86_400
    for hour in range(1, 25):
        yield VOLUME.value.of(raw, (midnight + hour * 3600) * NS, stored=True)
        raw += added & 0x3FFF
        added >>= 14


DECODER = Decoder(
    vendor="Axioma",
    models=("Qalcosonic W1",),
    datasheet="https://www.axiomametering.com/en/products/water-metering-devices/ultrasonic/qalcosonic-w1",
    f_ports={
        100: by_length(
            {
                9: SHORT,
                **dict.fromkeys(range(43, 49), by_look(extended_or_with_temperature, EXTENDED, WITH_TEMPERATURE)),
                51: by_hand(enhanced, *STATUS.values(), VOLUME.value),
            },
        ),
        # An alarm, at once. Those who cite the maker's documents read its number in two ways, so it is kept as it is;
        # the status of the next frame on fPort 100 says which alarm there is.
        103: fixed("little", record(u8("water_meter.alarm_code"), stored=False)),
    },
    parameters=(LOG_INTERVAL,),
    ignored_f_ports={101: "which layout the meter is set up to send"},
)
