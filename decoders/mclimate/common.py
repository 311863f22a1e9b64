"""What MClimate's sensors share: the keep-alive, and how some of its values are sent."""

from vdl_lora.decoding import Element, Layout, by_head, fixed, u8, u16

TEMPERATURE = u16("air.temperature", div=10, add=-40)
HUMIDITY = u8("air.humidity", mul=100, div=256)


def keep_alive(*elements: Element) -> Layout:
    """Declare a device that sends one frame; behind a downlink, answers stand before it, and that frame is refused."""
    return by_head({b"\x01": fixed("big", *elements)})
