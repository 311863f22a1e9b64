"""Adeunis TEMP: one or two temperature probes, in the air or on a cable, battery-powered.

One decoder for three generations, told apart by their frames: V2 sends one sample a frame; V3 and V4 gather several,
the newest first, and V4 may add the time of its clock. What lies between two samples is not in the frame.
"""

from vdl_lora.decoding import (
    Decoder,
    Element,
    Frame,
    Layout,
    by_bits,
    by_head,
    by_look,
    fixed,
    flag,
    group,
    i16,
    newest_first,
    skip,
    skip_rest,
    stamped,
    u8,
    word,
)

from .common import CLOCK_AHEAD, PERIOD, REPEATS, STATUS, YEAR_2013

# What the maker's own library leaves at -3276.8 °C: the probe is not there, or broken.
PROBE_1 = i16("probe.temperature", div=10, channel="probe_1", invalid={-0x8000: "no_sensor"})
PROBE_2 = i16("probe.temperature", div=10, channel="probe_2", invalid={-0x8000: "no_sensor"})


def by_status(one: Element, two: Element) -> Layout:
    """Declare the frames of V3 and V4: bit 4 of the status says two probes, bit 2 a time at the end."""
    return by_bits(
        0,
        0x14,
        {
            0x00: fixed("big", STATUS, one),
            0x10: fixed("big", STATUS, two),
            0x04: fixed("big", STATUS, stamped(one, epoch_s=YEAR_2013, ahead=CLOCK_AHEAD)),
            0x14: fixed("big", STATUS, stamped(two, epoch_s=YEAR_2013, ahead=CLOCK_AHEAD)),
        },
    )


PERIODIC = by_status(
    newest_first(PROBE_1, every=PERIOD, repeats=REPEATS),
    newest_first(PROBE_1, PROBE_2, every=PERIOD, repeats=REPEATS),
)

# Above the high threshold, below the low one; sent again when it is over.
BEYOND = {0: False, 1: True, 2: True}
ALARM_1 = group(u8("probe.threshold_alarm", channel="probe_1", states=BEYOND), PROBE_1)
ALARM_2 = group(u8("probe.threshold_alarm", channel="probe_2", states=BEYOND), PROBE_2)

V2_STATUS = word(
    1,
    flag(1, "device.battery_low"),
    flag(2, "device.error"),
    flag(3, "probe.threshold_alarm", channel="probe_1"),
    flag(4, "probe.threshold_alarm", channel="probe_2"),
)


def v2_second(first: Element) -> Layout:
    """Declare the frames of V2 by the byte before the second probe, of which the lower half is 0 if it is switched off.

    Else that half is 1; in firmware 1.3.8 and earlier, which kind of probe there is.
    """
    both = fixed("big", V2_STATUS, skip(1), first, skip(1), PROBE_2)
    return by_bits(4, 0x0F, {0x01: both, 0x02: both, 0x00: fixed("big", V2_STATUS, skip(1), first, skip(3))})


V2 = by_bits(1, 0x0F, {0x01: v2_second(PROBE_1), 0x00: v2_second(skip(2))})
KEEP_ALIVE = by_status(PROBE_1, group(PROBE_1, PROBE_2))


def keep_alive(frame: Frame) -> Layout:
    """Tell V2 from V4 with one probe and a time, which is as long: no temperature begins like V2's byte of a probe.

    In V2's old firmware that byte may, but only an error of the hardware sets the bit which is V4's time.
    """
    if len(frame.payload) != 7 or (frame.payload[0] & 0x14 == 0x04 and frame.payload[1] >> 4 in (0x0, 0x8, 0xF)):
        return KEEP_ALIVE
    return V2


NO_READING = (
    *(b"\x10", b"\x11", b"\x12"),  # configuration, thresholds
    b"\x20",  # network
    *(b"\x2f", b"\x31", b"\x33"),  # answers to downlinks
    b"\x36",  # an alert, to which the maker and others give two meanings
    b"\x37",  # versions
)

DECODER = Decoder(
    vendor="Adeunis",
    models=("TEMP",),
    datasheet="https://www.adeunis.com/en/produit/temp/",
    f_ports={
        1: by_head(
            {
                b"\x57": PERIODIC,
                b"\x58": by_status(ALARM_1, group(ALARM_1, ALARM_2)),
                b"\x43": V2,
                b"\x30": by_look(keep_alive, KEEP_ALIVE, V2),
                **dict.fromkeys(NO_READING, fixed("big", STATUS, skip_rest())),
            },
        ),
    },
    parameters=(PERIOD, REPEATS, CLOCK_AHEAD),
)
