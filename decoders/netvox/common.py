"""What Netvox's sensors share: the application command, a frame of 11 bytes that begins with the type of the device."""

from collections.abc import Mapping

from vdl_lora.decoding import Element, Layout, bits, by_head, fixed, flag, skip, word

BATTERY = word(1, flag(7, "device.battery_low"), bits(0, 7, "device.battery_voltage", div=10))

VERSIONS = fixed("big", skip(8))

ANSWERS = {7: "answers to what was asked or set"}


def reports(types: Mapping[int, Element], second: Mapping[int, Element] | None = None) -> Layout:
    """Declare the reports of fPort 6: by the type of the device, what stands behind the battery.

    Some devices have a second report, for what the first has no room for.
    """
    first = {bytes((1, device, 1)): fixed("big", BATTERY, element) for device, element in types.items()}
    more = {bytes((1, device, 2)): fixed("big", BATTERY, element) for device, element in (second or {}).items()}
    return by_head({**first, **more, **{bytes((1, device, 0)): VERSIONS for device in types}})
