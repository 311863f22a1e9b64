"""What Adeunis' sensors share: a status in each frame, samples that are gathered, and a clock.

What lies between two samples is not in the frame. The clock counts from 2013, as its device was set.
"""

from vdl_lora.decoding import Element, Layout, Parameter, by_bits, fixed, flag, skip_rest, stamped, word

PERIOD = Parameter("period", "s", "the time between two samples: register 320 times register 321 times 2", minimum=2.0)
REPEATS = Parameter("repeats", "count", "how many samples of a frame were in the one before", minimum=0.0)
CLOCK_AHEAD = Parameter("clock_ahead", "s", "how far the clock of a V4 is ahead of UTC", 0.0)
YEAR_2013 = 1_356_998_400

# Above this stands a counter of frames. Bit 3 says that a frame could not hold all its samples.
STATUS = word(1, flag(1, "device.battery_low"))

NOTHING = fixed("big", STATUS, skip_rest())
"""Settings, thresholds, the network, answers to downlinks, versions."""

# Of an electricity meter. The highest bit says that the meter does not send this.
NOT_SENT: dict[int | range, str] = {0x8000_0000: "not_sent"}

NO_METERING = dict.fromkeys((b"\x10", b"\x20", b"\x2f", b"\x31", b"\x33", b"\x37"), NOTHING)


def with_clock(*elements: Element) -> Layout:
    """Declare the frames of a sensor that may add the time of its clock, as bit 2 of the status says."""
    return by_bits(
        0,
        0x04,
        {
            0x00: fixed("big", STATUS, *elements),
            0x04: fixed("big", STATUS, stamped(*elements, epoch_s=YEAR_2013, ahead=CLOCK_AHEAD)),
        },
    )
