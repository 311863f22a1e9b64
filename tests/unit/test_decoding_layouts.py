"""The layouts of the kit: rows, tags, records with a time, series, and the choice between several."""

from collections.abc import Iterator

import pytest

from vdl_lora.decoding import (
    NS,
    Element,
    Fault,
    Frame,
    Item,
    Layout,
    Parameter,
    PayloadError,
    Reading,
    by_bits,
    by_hand,
    by_head,
    by_length,
    by_look,
    constant,
    earlier,
    fixed,
    group,
    i16,
    in_order,
    in_turn,
    newest_first,
    optional,
    padding,
    record,
    repeat,
    series,
    skip,
    skip_rest,
    stamped,
    tlv,
    u8,
    u16,
    u32,
)
from vdl_lora.decoding.reading import PAYLOAD
from vdl_lora.quantities import quantity

AT_S = 1_665_561_758  # 2022-10-12T08:02:38Z, 9e744663 on the wire
AT_NS = AT_S * NS
NOW_NS = AT_NS + 3600 * NS

TEMPERATURE = i16("air.temperature", div=10)
HUMIDITY = u8("air.humidity", div=2)
VOLUME = u32("water_meter.volume", unit="L")
HOURLY = Parameter("log_interval", "s", "the time between two samples", 3600.0)


def decode(layout: Layout, payload: str, **parameters: float) -> list[Item]:
    return layout.decode(Frame(1, bytes.fromhex(payload), NOW_NS, parameters))


def encode(layout: Layout, *items: Item) -> str:
    return layout.encode(items, NOW_NS).hex()


def error_of(layout: Layout, payload: str) -> str:
    with pytest.raises(PayloadError) as caught:
        decode(layout, payload)
    return str(caught.value)


def temperature(value: float, at_ns: int | None = None, *, stored: bool = False, channel: str = "main") -> Reading:
    return Reading(quantity("air.temperature"), value, channel, at_ns, stored)


def humidity(value: float, at_ns: int | None = None, *, stored: bool = False) -> Reading:
    return Reading(quantity("air.humidity"), value, "main", at_ns, stored)


def unknown(detail: str) -> Fault:
    return Fault(PAYLOAD, "unknown_record", detail)


def volume(value: float, at_ns: int | None = None, *, stored: bool = True) -> Reading:
    return Reading(quantity("water_meter.volume"), value, "main", at_ns, stored)


def both(layout: Layout, payload: str, *items: Item) -> None:
    """Check that a payload is read as these items, and these are written as that payload."""
    assert list(items) == decode(layout, payload)
    assert payload == encode(layout, *items)


# ---------------------------------------------------------------- fixed


def test_a_fixed_frame_is_read_and_written_in_both_byte_orders():
    both(fixed("big", TEMPERATURE, HUMIDITY), "011071", temperature(27.2), humidity(56.5))
    both(fixed("little", TEMPERATURE, HUMIDITY), "100171", temperature(27.2), humidity(56.5))


def test_bytes_that_are_left_over_are_an_error():
    assert error_of(fixed("big", HUMIDITY), "71aabb") == "byte 1: 2 bytes too many"


def test_a_frame_that_ends_too_early_is_an_error():
    assert error_of(fixed("big", TEMPERATURE, HUMIDITY), "0110") == "byte 2: 1 bytes are due, 0 are left"


def test_a_value_without_a_place_in_the_frame_is_refused():
    with pytest.raises(ValueError, match=r"air.humidity has no place in this frame"):
        encode(fixed("big", TEMPERATURE), temperature(27.2), humidity(56.5))


def test_an_element_may_have_another_byte_order_than_its_frame():
    layout = fixed("big", TEMPERATURE, in_order("little", i16("soil.temperature", div=10)))
    both(layout, "01101001", temperature(27.2), Reading(quantity("soil.temperature"), 27.2))


def test_an_element_may_be_absent_at_the_end_of_the_frame():
    layout = fixed("big", TEMPERATURE, optional(HUMIDITY))
    both(layout, "0110", temperature(27.2))
    both(layout, "011071", temperature(27.2), humidity(56.5))


def test_elements_that_may_be_absent_are_there_whole_or_not_at_all():
    layout = fixed("big", HUMIDITY, optional(TEMPERATURE))
    assert error_of(layout, "7101") == "byte 1: 2 bytes are due, 1 are left"


def test_elements_may_come_again_to_the_end_of_the_frame():
    layout = fixed("big", repeat(record(TEMPERATURE)))
    both(layout, "")
    both(
        layout,
        "6346749e0110" + "634674a2fff6",
        temperature(27.2, AT_NS, stored=True),
        temperature(-1.0, AT_NS + 4 * NS, stored=True),
    )


def test_elements_that_come_again_are_whole_each_time():
    assert error_of(fixed("big", repeat(TEMPERATURE)), "011001") == "byte 2: 2 bytes are due, 1 are left"


def test_nothing_cannot_come_again():
    with pytest.raises(ValueError, match="nothing comes again"):
        repeat()


# ---------------------------------------------------------------- tags

TABLE: dict[bytes, Element] = {
    b"\x03\x67": TEMPERATURE,
    b"\x04\x68": HUMIDITY,
    b"\x05\x00": group(TEMPERATURE, HUMIDITY),
    b"\x20\xce": record(TEMPERATURE, HUMIDITY, padding(1)),
    b"\xff\x01": skip(1),
    b"\xff\xff": skip_rest(),
}
TAGGED = tlv("little", TABLE)


def test_records_come_in_any_order():
    both(TAGGED, "0468710367ecff", humidity(56.5), temperature(-2.0))


def test_a_frame_of_records_may_be_empty():
    both(TAGGED, "")


def test_records_without_a_value_are_passed_over():
    assert decode(TAGGED, "ff01aa" + "046871" + "ffff0102030405") == [humidity(56.5)]


def test_of_two_tags_with_one_quantity_the_first_is_written():
    assert decode(TAGGED, "0500100171") == [temperature(27.2), humidity(56.5)]
    assert encode(TAGGED, temperature(27.2), humidity(56.5)) == "03671001046871"


def test_values_before_an_unknown_record_are_kept():
    assert decode(TAGGED, "046871" + "0a0b0c") == [humidity(56.5), unknown("byte 3: 0a0b0c")]


def test_records_behind_an_unknown_record_are_not_read():
    assert decode(TAGGED, "046871" + "0a0b" + "0367ecff") == [humidity(56.5), unknown("byte 3: 0a0b0367ecff")]


def test_an_unknown_record_behind_a_stored_sample_has_no_time():
    items = decode(TAGGED, "20ce9e7446631001" + "7100" + "0a0b")
    assert items[-1] == unknown("byte 10: 0a0b")


def test_the_detail_of_an_unknown_record_is_bounded_by_the_payload():
    [*_, fault] = decode(TAGGED, "046871" + "0a" * 252)
    assert fault == unknown(f"byte 3: {'0a' * 252}")


@pytest.mark.parametrize("before", ["", "ff01aa"])
def test_a_frame_in_which_nothing_was_read_before_an_unknown_record_is_an_error(before: str):
    assert error_of(TAGGED, f"{before}0a0b0c") == f"byte {len(before) // 2}: no record of this sensor begins with 0a0b"


def test_a_known_record_that_is_cut_short_behind_values_is_an_error():
    assert error_of(TAGGED, "046871" + "0367ec") == "byte 5: 2 bytes are due, 1 are left"


def test_an_unknown_record_cannot_be_written():
    with pytest.raises(ValueError, match=r"payload \(main\) begins no record of this frame"):
        encode(TAGGED, humidity(56.5), unknown("byte 3: 0a0b0c"))


def test_half_a_tag_is_cut_short():
    assert error_of(TAGGED, "04687103") == "byte 3: 2 bytes are due, 1 are left"


def test_a_quantity_that_begins_no_record_is_refused():
    with pytest.raises(ValueError, match=r"probe.distance \(main\) begins no record of this frame"):
        encode(TAGGED, Reading(quantity("probe.distance"), 1.0))


@pytest.mark.parametrize("table", [{}, {b"\x01": HUMIDITY, b"\x01\x02": TEMPERATURE}])
def test_tags_of_several_lengths_are_refused(table: dict[bytes, Element]):
    with pytest.raises(ValueError, match="the tags of one frame are all of one length"):
        tlv("little", table)


# ---------------------------------------------------------------- times


def test_a_stored_sample_has_its_own_time():
    sample = temperature(27.2, AT_NS, stored=True), humidity(46.5, AT_NS, stored=True)
    both(TAGGED, "20ce9e74466310015d00", *sample)
    assert decode(TAGGED, "20ce9e74466310015d") == list(sample)


def test_what_follows_a_stored_sample_is_current():
    items = decode(TAGGED, "20ce9e74466310015d00" + "046871")
    assert items[2:] == [humidity(56.5)]
    assert encode(TAGGED, *items) == "20ce9e74466310015d00046871"


def test_a_time_is_unsigned():
    (item, _) = decode(TAGGED, "20ceffffffff10015d00")
    assert item.measured_at_ns == 4_294_967_295 * NS


def test_a_record_that_is_cut_short_within_its_time_is_an_error():
    assert error_of(TAGGED, "20ce9e7446") == "byte 2: 4 bytes are due, 3 are left"


def test_the_device_s_own_clock_may_stand_beside_a_current_value():
    layout = fixed("little", record(TEMPERATURE, stored=False))
    both(layout, "9e7446631001", temperature(27.2, AT_NS))


def test_a_record_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing is left to write"):
        encode(fixed("little", record(TEMPERATURE)))


@pytest.mark.parametrize("at_ns", [-NS, 1 << 32 << 30])
def test_a_time_that_does_not_fit_is_refused(at_ns: int):
    with pytest.raises(ValueError, match="does not fit 4 bytes"):
        encode(fixed("little", record(TEMPERATURE)), temperature(27.2, at_ns, stored=True))


def test_a_sample_of_two_times_is_refused():
    with pytest.raises(ValueError, match=r"air.humidity cannot have a time of its own here"):
        encode(TAGGED, temperature(27.2, AT_NS, stored=True), humidity(46.5, AT_NS + NS, stored=True))


AGED = tlv(
    "big",
    {
        b"\x01": TEMPERATURE,
        b"\x02": HUMIDITY,
        b"\x81": earlier(2, TEMPERATURE),
        b"\x41": earlier(1, TEMPERATURE),
    },
)


def test_an_age_stands_behind_its_value():
    both(AGED, "8101100e10", temperature(27.2, AT_NS, stored=True))
    assert decode(AGED, "410110ff") == [temperature(27.2, NOW_NS - 255 * NS, stored=True)]


def test_what_follows_an_aged_value_is_current():
    both(
        AGED,
        "8101100e10" + "0110f0" + "0271",
        temperature(27.2, AT_NS, stored=True),
        temperature(433.6),
        humidity(56.5),
    )


def test_an_age_of_0_is_current():
    assert decode(AGED, "41011000") == [temperature(27.2)]


def test_a_value_that_is_cut_short_before_its_age_is_an_error():
    assert error_of(AGED, "8101100e") == "byte 3: 2 bytes are due, 1 are left"
    assert error_of(AGED, "8101") == "byte 1: 2 bytes are due, 1 are left"


@pytest.mark.parametrize("age_s", [65_536, -1])
def test_an_age_that_does_not_fit_is_refused(age_s: int):
    with pytest.raises(ValueError, match="does not fit 2 bytes"):
        encode(AGED, temperature(27.2, NOW_NS - age_s * NS, stored=True))


# ---------------------------------------------------------------- elements in turn

PROBES = in_turn(*(i16("air.temperature", div=10, channel=f"probe_{number}") for number in (1, 2)))
IN_TURN = tlv("big", {b"\x19": PROBES, b"\x59": earlier(1, PROBES), b"\x02": HUMIDITY})


def test_a_second_value_behind_one_tag_is_of_the_second_channel():
    both(
        IN_TURN,
        "190110" + "0271" + "19fff6",
        temperature(27.2, channel="probe_1"),
        humidity(56.5),
        temperature(-1.0, channel="probe_2"),
    )


def test_channels_are_counted_for_each_time():
    early = NOW_NS - 10 * NS
    both(
        IN_TURN,
        "5901100a" + "59fff60a" + "190111" + "19fff7",
        temperature(27.2, early, stored=True, channel="probe_1"),
        temperature(-1.0, early, stored=True, channel="probe_2"),
        temperature(27.3, channel="probe_1"),
        temperature(-0.9, channel="probe_2"),
    )


def test_one_value_more_than_there_are_channels_is_an_error():
    assert error_of(IN_TURN, "190001" + "190002" + "190003") == "byte 7: more than 2 of one kind"


def test_a_channel_that_takes_no_turn_is_refused():
    with pytest.raises(ValueError, match=r"air.temperature \(probe_3\) is none of these"):
        encode(fixed("big", PROBES), temperature(27.2, channel="probe_3"))


@pytest.mark.parametrize("elements", [(), (TEMPERATURE, skip(2))])
def test_what_gives_nothing_takes_no_turn(elements: tuple[Element, ...]):
    with pytest.raises(ValueError, match="each of the elements that come in turn gives a value"):
        in_turn(*elements)


# ---------------------------------------------------------------- series

LOG = fixed("little", series(VOLUME, step=2, every=HOURLY), optional(constant(b"\x2f")))


def hours(*litres: int) -> list[Item]:
    return [volume(each / 1000, AT_NS + number * 3600 * NS) for number, each in enumerate(litres)]


def test_each_step_adds_to_the_sample_of_the_hour_before():
    both(LOG, "9e744663" + "f7930100" + "1e00" + "0400" + "0000", *hours(103415, 103445, 103449, 103449))


def test_a_series_may_be_of_one_sample():
    both(LOG, "9e744663" + "f7930100", *hours(103415))


def test_steps_are_unsigned():
    assert decode(LOG, "9e744663" + "00000000" + "ffff") == hours(0, 65535)


def test_a_series_ends_where_no_step_fits():
    assert decode(LOG, "9e744663" + "00000000" + "0100" + "2f") == hours(0, 1)
    assert error_of(LOG, "9e744663" + "00000000" + "0100" + "30") == "byte 10: 2f is due, 30 came"


def test_the_time_between_two_samples_is_the_installation_s():
    items = decode(LOG, "9e744663" + "00000000" + "0100", log_interval=1200)
    assert items == [volume(0.0, AT_NS), volume(0.001, AT_NS + 1200 * NS)]


def test_a_series_that_is_cut_short_before_its_first_sample_is_an_error():
    assert error_of(LOG, "9e744663" + "f79301") == "byte 0: 8 bytes are due, 7 are left"


def test_a_sample_less_than_the_one_before_is_refused():
    with pytest.raises(ValueError, match="-1 does not fit 2 bytes"):
        encode(LOG, *hours(2, 1))


def test_a_sample_at_an_uneven_time_is_refused():
    with pytest.raises(ValueError, match=r"water_meter.volume cannot have a time of its own here"):
        encode(LOG, volume(0.0, AT_NS), volume(0.001, AT_NS + NS))


def test_a_series_needs_a_time_between_its_samples():
    with pytest.raises(ValueError, match="the parameter log_interval needs a default"):
        series(VOLUME, step=2, every=Parameter("log_interval", "s", "the time between two samples"))


# ---------------------------------------------------------------- the newest first

PERIOD = Parameter("period", "s", "the time between two samples")
REPEATS = Parameter("repeats", "count", "how many samples were in the frame before")
SAMPLES = fixed("big", newest_first(HUMIDITY, every=PERIOD, repeats=REPEATS))


def before(value: float, minutes: int) -> Reading:
    return humidity(value, NOW_NS - minutes * 60 * NS, stored=True)


def test_the_newest_sample_has_the_time_of_the_uplink_and_the_others_are_evenly_before_it():
    items = [humidity(56.5), before(56.0, 10), before(55.5, 20)]
    assert items == decode(SAMPLES, "71706f", period=600, repeats=0)
    assert encode(SAMPLES, *items) == "71706f"


def test_one_sample_is_enough():
    both(SAMPLES, "71", humidity(56.5))


def test_samples_of_the_frame_before_are_left_out():
    assert decode(SAMPLES, "71706f", period=600, repeats=1) == [humidity(56.5), before(56.0, 10)]
    assert decode(SAMPLES, "71706f", period=600, repeats=2) == [humidity(56.5)]
    assert decode(SAMPLES, "71706f", period=600, repeats=9) == [humidity(56.5)]


@pytest.mark.parametrize("parameters", [{}, {"period": 600.0}, {"repeats": 0.0}])
def test_samples_of_unknown_times_are_left_out(parameters: dict[str, float]):
    assert decode(SAMPLES, "71706f", **parameters) == [humidity(56.5)]


def test_a_parameter_may_have_a_default():
    hourly = newest_first(HUMIDITY, every=HOURLY, repeats=Parameter("repeats", "count", "how many", 0.0))
    assert decode(fixed("big", hourly), "7170") == [humidity(56.5), before(56.0, 60)]


def test_a_sample_may_be_of_several_values():
    layout = fixed("big", newest_first(TEMPERATURE, HUMIDITY, every=PERIOD, repeats=REPEATS))
    earlier_ns = NOW_NS - 600 * NS
    items = [
        *(temperature(27.2), humidity(56.5)),
        *(temperature(-1.0, earlier_ns, stored=True), humidity(56.0, earlier_ns, stored=True)),
    ]
    assert items == decode(layout, "011071" + "fff670", period=600, repeats=0)
    assert encode(layout, *items) == "011071" + "fff670"


def test_a_sample_that_is_cut_short_is_an_error_even_where_it_is_left_out():
    layout = fixed("big", newest_first(TEMPERATURE, every=PERIOD, repeats=REPEATS))
    assert error_of(layout, "011001") == "byte 2: 2 bytes are due, 1 are left"
    assert error_of(layout, "") == "byte 0: 2 bytes are due, 0 are left"


def test_samples_at_uneven_times_are_refused():
    with pytest.raises(ValueError, match=r"air.humidity cannot have a time of its own here"):
        encode(SAMPLES, humidity(56.5), before(56.0, 10), before(55.5, 21))


def test_a_sample_before_the_newest_is_a_stored_one():
    with pytest.raises(ValueError, match=r"air.humidity cannot have a time of its own here"):
        encode(SAMPLES, humidity(56.5), humidity(56.0, NOW_NS - NS))


def test_samples_of_nothing_are_refused():
    with pytest.raises(ValueError, match="a sample has at least one element"):
        newest_first(every=PERIOD, repeats=REPEATS)


# ---------------------------------------------------------------- the time at the end

EPOCH_S = 1_356_998_400  # 2013
AHEAD = Parameter("clock_ahead", "s", "how far the clock is ahead of UTC", 0.0)
AT_SINCE_2013 = f"{AT_S - EPOCH_S:08x}"


def test_the_time_at_the_end_is_that_of_what_stands_before_it():
    layout = fixed("big", u8("device.battery_level"), stamped(TEMPERATURE, HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    both(
        layout,
        "5c" + "011071" + AT_SINCE_2013,
        Reading(quantity("device.battery_level"), 92.0),
        *(temperature(27.2, AT_NS), humidity(56.5, AT_NS)),
    )


def test_the_clock_may_be_ahead_of_utc():
    layout = fixed("big", stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    assert decode(layout, "71" + AT_SINCE_2013, clock_ahead=3600) == [humidity(56.5, AT_NS - 3600 * NS)]


def test_the_clock_may_be_ahead_by_default():
    ahead = Parameter("clock_ahead", "s", "how far the clock is ahead of UTC", 3600.0)
    layout = fixed("big", stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=ahead))
    both(layout, "71" + AT_SINCE_2013, humidity(56.5, AT_NS - 3600 * NS))


def test_the_time_of_a_frame_is_unsigned():
    layout = fixed("little", stamped(HUMIDITY, epoch_s=0, ahead=AHEAD))
    both(layout, "71" + "ffffffff", humidity(56.5, 0xFFFFFFFF * NS))


def test_the_time_of_a_frame_is_that_of_its_newest_sample_and_makes_repeated_ones_the_same():
    samples = newest_first(HUMIDITY, every=PERIOD, repeats=REPEATS)
    layout = fixed("big", stamped(samples, epoch_s=EPOCH_S, ahead=AHEAD))
    items = [humidity(56.5, AT_NS), humidity(56.0, AT_NS - 600 * NS, stored=True)]
    assert items == decode(layout, "7170" + AT_SINCE_2013, period=600, repeats=1)
    assert items == decode(layout, "7170" + AT_SINCE_2013, period=600)
    assert items[:1] == decode(layout, "7170" + AT_SINCE_2013)
    assert encode(layout, *items) == "7170" + AT_SINCE_2013


def test_a_frame_that_is_no_longer_than_its_time_is_an_error():
    layout = fixed("big", stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    assert error_of(layout, "000000") == "byte 0: 4 bytes are due, 3 are left"
    assert error_of(layout, "00000000") == "byte 0: 1 bytes are due, 0 are left"
    behind = fixed("big", HUMIDITY, stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    assert error_of(behind, "71000000") == "byte 1: 4 bytes are due, 3 are left"


def test_bytes_that_are_left_over_before_the_time_are_an_error():
    layout = fixed("big", stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    assert error_of(layout, "7170" + AT_SINCE_2013) == "byte 1: 1 bytes too many before the time"


def test_a_time_before_the_clock_began_is_refused():
    layout = fixed("big", stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=AHEAD))
    with pytest.raises(ValueError, match="does not fit 4 bytes"):
        encode(layout, humidity(56.5, (EPOCH_S - 1) * NS))


def test_a_clock_needs_a_default():
    with pytest.raises(ValueError, match="the parameter period needs a default"):
        stamped(HUMIDITY, epoch_s=EPOCH_S, ahead=PERIOD)


# ---------------------------------------------------------------- the choice between layouts

SHORT = fixed("big", HUMIDITY)
LONG = fixed("big", TEMPERATURE, HUMIDITY)


def test_the_length_may_tell_the_layout():
    layout = by_length({1: SHORT, 3: LONG})
    both(layout, "71", humidity(56.5))
    both(layout, "011071", temperature(27.2), humidity(56.5))
    assert error_of(layout, "7171") == "a frame of 2 bytes is not described; known: 1, 3"


def test_a_layout_that_writes_another_length_than_its_own_is_not_taken():
    layout = by_length({4: fixed("big", repeat(HUMIDITY)), 1: SHORT})
    both(layout, "71", humidity(56.5))


def test_what_no_length_takes_is_refused():
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.temperature"):
        encode(by_length({1: SHORT, 3: LONG}), temperature(27.2))
    with pytest.raises(ValueError, match="no layout of this frame takes nothing"):
        encode(by_length({1: SHORT}))


def test_the_first_bytes_may_tell_the_layout():
    layout = by_head({b"\x01": SHORT, b"\x02": LONG})
    both(layout, "0171", humidity(56.5))
    both(layout, "02011071", temperature(27.2), humidity(56.5))
    assert error_of(layout, "0371") == "no frame of this sensor begins with 03"
    assert error_of(layout, "") == "no frame of this sensor begins with nothing"


def test_values_before_an_unknown_record_are_kept_behind_a_head_and_a_length():
    assert decode(by_head({b"\xaa\xbb": TAGGED}), "aabb0468710a0b") == [humidity(56.5), unknown("byte 5: 0a0b")]
    assert decode(by_length({5: TAGGED}), "0468710a0b") == [humidity(56.5), unknown("byte 3: 0a0b")]


@pytest.mark.parametrize(
    ("inner", "payload", "expected"),
    [
        (SHORT, "aabb", "byte 2: 1 bytes are due, 0 are left"),
        (SHORT, "aabb7170", "byte 3: 1 bytes too many"),
        (TAGGED, "aabb0a0b", "byte 2: no record of this sensor begins with 0a0b"),
        (TAGGED, "aabb046871036701", "byte 7: 2 bytes are due, 1 are left"),
        (by_bits(1, 0x01, {0x01: SHORT}), "aabb71", "byte 3: 1 bytes are due, 0 are left"),
        (by_bits(1, 0x01, {0x01: SHORT}), "aabb7100", "byte 3: no frame of this sensor has 00 in its bits 01"),
        (by_head({b"\x01": SHORT}), "aabb02", "no frame of this sensor begins with aabb02"),
        (by_head({b"\x01": SHORT}), "aabb01", "byte 3: 1 bytes are due, 0 are left"),
        (by_length({1: SHORT}), "aabb7171", "a frame of 4 bytes is not described; known: 3"),
    ],
)
def test_an_error_behind_a_head_counts_from_the_beginning_of_the_payload(inner: Layout, payload: str, expected: str):
    assert error_of(by_head({b"\xaa\xbb": inner}), payload) == expected


def test_a_function_behind_a_head_gets_the_bytes_behind_it_and_the_head():
    frames: list[Frame] = []
    layout = by_head({b"\xaa": by_head({b"\xbb": by_hand(lambda frame: frames.append(frame) or [])})})
    assert decode(layout, "aabb71") == []
    assert [(frame.payload, frame.head) for frame in frames] == [(b"\x71", b"\xaa\xbb")]


def test_what_no_head_takes_is_refused():
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.temperature"):
        encode(by_head({b"\x01": SHORT}), temperature(27.2))


def test_a_layout_behind_a_head_knows_when_the_frame_was_received():
    layout = by_head({b"\xaa": AGED})
    both(layout, "aa8101100e10", temperature(27.2, AT_NS, stored=True))


@pytest.mark.parametrize("layouts", [{}, {b"\x01": SHORT, b"\x01\x02": LONG}])
def test_heads_of_several_lengths_are_refused(layouts: dict[bytes, Layout]):
    with pytest.raises(ValueError, match="the heads of one frame are all of one length"):
        by_head(layouts)


WITH_BITS = by_bits(0, 0x90, {0x00: fixed("big", skip(1), HUMIDITY), 0x90: fixed("big", skip(1), TEMPERATURE)})


def test_bits_of_a_byte_may_tell_the_layout():
    both(WITH_BITS, "0071", humidity(56.5))
    both(WITH_BITS, "900110", temperature(27.2))
    assert decode(WITH_BITS, "6f71") == [humidity(56.5)]


def test_bits_that_no_layout_has_are_an_error():
    assert error_of(WITH_BITS, "8071") == "byte 0: no frame of this sensor has 80 in its bits 90"


def test_a_frame_that_ends_before_the_byte_with_the_bits_is_an_error():
    assert error_of(by_bits(2, 0x01, {0x01: SHORT}), "7171") == "byte 2: 1 bytes are due, 0 are left"


def test_bits_that_the_layout_writes_itself_are_left_as_they_are():
    layout = by_bits(0, 0x80, {0x00: SHORT, 0x80: SHORT})
    both(layout, "71", humidity(56.5))
    both(layout, "f1", humidity(120.5))


def test_what_no_bits_take_is_refused():
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.humidity"):
        encode(by_bits(0, 0x80, {0x00: SHORT}), humidity(120.5))
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.humidity"):
        encode(by_bits(1, 0x80, {0x00: SHORT}), humidity(56.5))


@pytest.mark.parametrize("layouts", [{}, {0x81: SHORT}])
def test_bits_outside_their_mask_are_refused(layouts: dict[int, Layout]):
    with pytest.raises(ValueError, match="the layouts of 80 are told by bits of it"):
        by_bits(0, 0x80, layouts)


def test_a_look_at_the_frame_may_tell_the_layout():
    other = fixed("big", u8("soil.moisture", div=2))
    layout = by_look(lambda frame: other if frame.payload[:1] > b"\x80" else SHORT, SHORT, other)
    both(layout, "71", humidity(56.5))
    both(layout, "c8", Reading(quantity("soil.moisture"), 100.0))
    assert [each.quantity.name for each in layout.values()] == ["air.humidity", "soil.moisture"]


def test_a_layout_that_is_not_found_again_is_not_taken():
    layout = by_look(lambda _: LONG, SHORT, LONG)
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.humidity"):
        encode(layout, humidity(56.5))


# ---------------------------------------------------------------- by hand


def by_a_function(frame: Frame) -> Iterator[Item]:
    """Read each byte as a humidity."""
    for byte in frame.payload:
        yield HUMIDITY.value.of(byte)


def test_a_function_may_read_a_frame():
    layout = by_hand(by_a_function, HUMIDITY.value)
    assert decode(layout, "7171") == [humidity(56.5), humidity(56.5)]
    assert [each.quantity.name for each in layout.values()] == ["air.humidity"]


def test_what_a_function_reads_has_no_encoder_by_itself():
    with pytest.raises(NotImplementedError, match="read by hand and has no encoder"):
        encode(by_hand(by_a_function, HUMIDITY.value), humidity(56.5))
    with pytest.raises(ValueError, match=r"no layout of this frame takes air.humidity"):
        encode(by_length({1: by_hand(by_a_function, HUMIDITY.value)}), humidity(56.5))


def test_what_a_function_reads_may_have_an_encoder():
    layout = by_hand(by_a_function, HUMIDITY.value, encoder=lambda items: bytes(len(list(items))))
    assert encode(layout, humidity(56.5), humidity(56.5)) == "0000"


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "layout",
    [
        fixed("big", HUMIDITY),
        fixed("big", in_order("little", HUMIDITY)),
        fixed("big", optional(HUMIDITY)),
        fixed("big", repeat(HUMIDITY)),
        fixed("big", in_turn(HUMIDITY)),
        fixed("big", record(HUMIDITY)),
        fixed("big", earlier(1, HUMIDITY)),
        fixed("big", series(u8("air.humidity"), step=1, every=HOURLY)),
        SAMPLES,
        fixed("big", stamped(HUMIDITY, epoch_s=0, ahead=AHEAD)),
        tlv("big", {b"\x01": HUMIDITY, b"\x02": skip(1)}),
        by_length({1: SHORT}),
        by_head({b"\x01": SHORT}),
        by_bits(0, 0x80, {0x00: SHORT}),
        by_hand(by_a_function, HUMIDITY.value),
    ],
)
def test_a_layout_declares_what_it_may_give(layout: Layout):
    assert [each.quantity.name for each in layout.values()] == ["air.humidity"]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (SHORT, True),
        (TAGGED, True),
        (by_hand(by_a_function, HUMIDITY.value), False),
        (by_hand(by_a_function, HUMIDITY.value, encoder=lambda _: b""), True),
        (by_length({1: SHORT, 3: LONG}), True),
        (by_length({1: SHORT, 3: by_hand(by_a_function, HUMIDITY.value)}), False),
        (by_head({b"\x01": SHORT}), True),
        (by_head({b"\x01": by_hand(by_a_function, HUMIDITY.value)}), False),
        (by_bits(0, 0x80, {0x00: SHORT}), True),
        (by_bits(0, 0x80, {0x00: by_hand(by_a_function, HUMIDITY.value)}), False),
        (by_look(lambda _: SHORT, SHORT, LONG), True),
        (by_look(lambda _: SHORT, SHORT, by_hand(by_a_function, HUMIDITY.value)), False),
    ],
)
def test_a_layout_says_whether_it_can_be_written(layout: Layout, *, expected: bool):
    assert layout.encodes is expected


def test_a_fault_has_the_time_of_its_sample():
    sensor = u16("probe.distance", unit="mm", invalid={0: "no_sensor"})
    fault = Fault(quantity("probe.distance"), "no_sensor", "raw value 0", "main", AT_NS, stored=True)
    both(fixed("little", record(sensor)), "9e7446630000", fault)
