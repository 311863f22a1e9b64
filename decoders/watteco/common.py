"""What Watteco's sensors share: the standard frames, one attribute each, after the ZigBee Cluster Library."""

from collections.abc import Mapping

from vdl_lora.decoding import Element, Layout, by_bits, by_head, constant, fixed, refuse, skip, skip_rest, u16

NOTHING = fixed("big", skip_rest())

# Why the report was sent, if the device is set up to say so: which of its criteria, and their values.
CAUSE = skip_rest()

# The voltage of each source of energy follows, then the source in use. Only the battery's is kept.
BATTERY = u16("device.battery_voltage", unit="mV")
POWER = by_bits(
    2,
    0x1F,
    {
        0x04: fixed("big", constant(b"\x05"), skip(2), BATTERY, skip(1), CAUSE),
        0x05: fixed("big", constant(b"\x07"), skip(2), skip(2), BATTERY, skip(1), CAUSE),  # with an external supply
        0x01: fixed("big", constant(b"\x05"), skip(2), skip(2), skip(1), CAUSE),  # that alone
    },
)

# Cluster, attribute and type of what is no reading.
SETTINGS = (
    "0000 0002 0d",  # firmware
    *("0000 0003 42", "0000 0004 42", "0000 0005 42", "0000 0006 42"),  # kernel, maker, model, date
    *("0000 0010 42", "0000 8001 42"),  # location, application
    "000f 0054 10",  # polarity
    *("000f 0100 23", "000f 0400 18", "000f 0401 21", "000f 0403 21", "000f 0404 10"),  # kind, edge, debounce, poll
    *("0050 0004 4c", "0050 0005 0a"),  # clusters, configuration mode
    *("0402 0001 29", "0402 0002 29", "0405 0001 21", "0405 0002 21"),  # what can be measured at least and at most
    *("8004 0000 08", "8004 0001 20", "8004 0002 41", "8004 0003 41"),  # confirmed, retries, joins, data rate
    *("8004 0004 41", "8004 0005 41"),  # DevAddr, JoinEUI
)

REFUSALS = (*(0x80, 0x81, 0x82, 0x86, 0x87, 0x88, 0x89, 0x8C), *(0xC2, 0xC3, 0xC4, 0xC5))


def standard(endpoints: Mapping[int, Mapping[str, Element]]) -> Layout:
    """Declare the frames of a sensor by its endpoints: what stands behind cluster, attribute and type.

    Each may be a report, a report because of an alarm, or the answer to a question. Batches are refused: they are
    packed by bits, and only a table of each device says how.
    """
    heads: dict[bytes, Layout] = {}
    for endpoint, attributes in endpoints.items():
        control = bytes([0x11 | (endpoint & 7) << 5 | endpoint >> 3 << 1])
        layouts: dict[bytes, Layout] = {
            **{bytes.fromhex(name): fixed("big", element, CAUSE) for name, element in attributes.items()},
            bytes.fromhex("0050 0006 41"): POWER,
            **{bytes.fromhex(name): NOTHING for name in SETTINGS},
        }
        answers = by_head({name[:4] + b"\x00" + name[4:]: layout for name, layout in layouts.items()})
        heads |= {
            control + b"\x0a": by_head(layouts),
            control + b"\x8a": by_head(layouts),
            control + b"\x01": by_bits(4, 0xFF, {0x00: answers, **dict.fromkeys(REFUSALS, NOTHING)}),
            **{control + command: NOTHING for command in (b"\x04", b"\x07", b"\x09")},  # answers about settings
        }
    batch = fixed("big", refuse("a batch, a report packed by bits, is not decoded"))
    return by_bits(0, 0x01, {0x01: by_head(heads), 0x00: batch})
