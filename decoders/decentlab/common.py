"""What Decentlab's sensors share: behind the flags, a group of 16-bit words for each that is set.

Words that can be negative are sent with 32768 added.
"""

from vdl_lora.decoding import Element, Layout, by_bits, constant, fixed, skip, u16

ZERO = 32_768
DATASHEETS = "https://cdn.decentlab.com/download/datasheets/Decentlab-DL-{}-datasheet.pdf"

BATTERY = u16("device.battery_voltage", unit="mV")


def frames(*groups: Element) -> Layout:
    """Declare the frames of a sensor by its groups: bit n of the flags says that group n is there."""
    layouts: dict[int, Layout] = {}
    for flags in range(1 << len(groups)):
        present = [group for number, group in enumerate(groups) if flags >> number & 1]
        layouts[flags] = fixed("big", constant(b"\x02"), skip(2), constant(b"\x00"), skip(1), *present)
    return by_bits(4, 0xFF, layouts)
