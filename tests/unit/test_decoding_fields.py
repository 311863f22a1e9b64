"""The fields of the kit: every kind, both byte orders, exact conversions, faults, and back again."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.decoding import (
    NONZERO,
    Element,
    Fault,
    Item,
    Items,
    PayloadError,
    Reading,
    Readout,
    bits,
    constant,
    f32,
    f64,
    flag,
    i8,
    i16,
    i24,
    i32,
    padding,
    refuse,
    skip,
    skip_counted,
    skip_rest,
    u8,
    u16,
    u24,
    u32,
    value,
    word,
)
from vdl_lora.decoding.fields import ByteOrder
from vdl_lora.quantities import quantity

TEMPERATURE = quantity("air.temperature")
DISTANCE = quantity("probe.distance")
LEAK = quantity("water.leak")
PULSES = quantity("probe.pulses_total")


def read(element: Element, payload: str, order: ByteOrder = "big") -> list[Item]:
    """Read all of a payload with one element."""
    data = bytes.fromhex(payload)
    out = Readout()
    assert len(data) == element.read(data, 0, order, out)
    return out.items


def write(element: Element, *items: Item, order: ByteOrder = "big") -> str:
    left = Items(items)
    written = element.write(left, order).hex()
    assert not left
    return written


def error_of(element: Element, payload: str, at: int = 0) -> str:
    with pytest.raises(PayloadError) as caught:
        element.read(bytes.fromhex(payload), at, "big", Readout())
    return str(caught.value)


# ---------------------------------------------------------------- integers


@pytest.mark.parametrize(
    ("element", "big", "raw"),
    [
        (u8, "ff", 255),
        (i8, "ff", -1),
        (i8, "80", -128),
        (u16, "0110", 272),
        (u16, "8000", 32768),
        (i16, "ffec", -20),
        (i16, "7fff", 32767),
        (u24, "800001", 8388609),
        (i24, "800001", -8388607),
        (i24, "7fffff", 8388607),
        (u32, "80000000", 2147483648),
        (u32, "ffffffff", 4294967295),
        (i32, "ffffffff", -1),
        (i32, "80000000", -2147483648),
    ],
)
def test_an_integer_is_read_and_written_in_both_byte_orders(element: Any, big: str, raw: int):
    field = element("air.temperature")
    little = bytes.fromhex(big)[::-1].hex()
    assert [Reading(TEMPERATURE, float(raw))] == read(field, big, "big")
    assert [Reading(TEMPERATURE, float(raw))] == read(field, little, "little")
    assert big == write(field, Reading(TEMPERATURE, float(raw)), order="big")
    assert little == write(field, Reading(TEMPERATURE, float(raw)), order="little")


def test_tenths_are_divided_and_not_multiplied():
    assert [Reading(TEMPERATURE, 27.2)] == read(i16("air.temperature", div=10), "0110")


def test_an_integer_quantity_stays_an_integer():
    (item,) = read(u32("probe.pulses_total"), "80000000")
    assert type(item.value) is int


def test_a_float_quantity_is_a_float():
    (item,) = read(u8("air.humidity"), "32")
    assert type(item.value) is float


@pytest.mark.parametrize(
    ("meaning", "raw", "expected"),
    [
        ({"div": 10}, 272, 27.2),
        ({"mul": 10}, 27, 270.0),
        ({"mul": 175, "div": 65535, "add": -45}, 65535, 130.0),
        ({"add": -40}, 90, 50.0),
        ({"div": 10, "add": -0.5}, 272, 26.7),
        ({"unit": "K", "div": 100}, 29315, 20.0),
        ({"unit": "°F"}, 212, 100.0),
    ],
)
def test_scale_shift_and_unit_are_one_exact_conversion(meaning: Any, raw: int, expected: float):
    field = u16("air.temperature", **meaning)
    assert [Reading(TEMPERATURE, expected)] == read(field, f"{raw:04x}")
    assert f"{raw:04x}" == write(field, Reading(TEMPERATURE, expected))


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.sampled_from([1, 2, 10, 63, 100, 1000, 10_000, 1_000_000]))
def test_every_raw_number_comes_back_from_its_value(raw: int, div: int):
    field = i32("air.temperature", div=div)
    payload = struct.pack(">i", raw).hex()
    (item,) = read(field, payload)
    assert raw / div == item.value
    assert payload == write(field, item)


def test_a_value_between_two_raw_numbers_becomes_the_nearest():
    assert write(i16("air.temperature", div=10), Reading(TEMPERATURE, 21.234)) == "00d4"


@pytest.mark.parametrize(("raw", "size"), [(70_000.0, "2"), (-1.0, "2")])
def test_a_value_that_does_not_fit_is_refused(raw: float, size: str):
    with pytest.raises(ValueError, match=f"does not fit {size} bytes"):
        write(u16("air.temperature"), Reading(TEMPERATURE, raw))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float):
    with pytest.raises(ValueError, match=r"is no number|NaN"):
        write(u16("air.temperature"), Reading(TEMPERATURE, number))


def test_another_quantity_than_the_due_one_is_refused():
    with pytest.raises(ValueError, match=r"air.temperature \(main\) is due, probe.distance came"):
        write(u8("air.temperature"), Reading(DISTANCE, 1.0))


def test_another_channel_than_the_due_one_is_refused():
    with pytest.raises(ValueError, match=r"air.temperature \(roof\) is due"):
        write(u8("air.temperature", channel="roof"), Reading(TEMPERATURE, 1.0))


def test_a_value_with_a_time_where_none_can_be_is_refused():
    with pytest.raises(ValueError, match=r"air.temperature cannot have a time of its own here"):
        write(u8("air.temperature"), Reading(TEMPERATURE, 1.0, measured_at_ns=1))


def test_too_few_values_are_refused():
    with pytest.raises(ValueError, match=r"air.temperature \(main\) is due, nothing came"):
        write(u8("air.temperature"))


def test_nothing_is_first_of_nothing():
    with pytest.raises(ValueError, match="nothing is left to write"):
        _ = Items([]).first


@pytest.mark.parametrize(
    ("element", "due"), [(u8("air.humidity"), 1), (u32("air.humidity"), 4), (f32("air.humidity"), 4), (skip(3), 3)]
)
def test_a_field_beyond_the_end_says_where_it_begins_and_what_is_left(element: Element, due: int):
    assert f"byte 2: {due} bytes are due, 0 are left" == error_of(element, "0102", 2)


def test_a_field_that_begins_beyond_the_end_has_nothing_left():
    assert error_of(u8("air.humidity"), "0102", 5) == "byte 5: 1 bytes are due, 0 are left"


# ---------------------------------------------------------------- invalid raw numbers


def test_an_invalid_raw_number_is_a_fault_and_comes_back():
    field = u16("probe.distance", unit="mm", invalid={0: "no_sensor", range(1, 280): "too_near"})
    assert [Fault(DISTANCE, "no_sensor", "raw value 0")] == read(field, "0000")
    assert [Fault(DISTANCE, "too_near", "raw value 279")] == read(field, "0117")
    assert [Reading(DISTANCE, 0.28)] == read(field, "0118")
    assert write(field, Fault(DISTANCE, "too_near", "raw value 279")) == "0117"


def test_a_fault_without_words_is_written_as_the_first_raw_number_that_means_it():
    field = u16("probe.distance", unit="mm", invalid={0: "no_sensor", range(1, 280): "too_near"})
    assert write(field, Fault(DISTANCE, "too_near")) == "0001"


def test_a_fault_that_is_not_declared_is_refused():
    with pytest.raises(ValueError, match=r"probe.distance has no raw value for the fault melted"):
        write(u16("probe.distance"), Fault(DISTANCE, "melted"))


def test_a_value_that_would_be_read_as_a_fault_is_refused():
    field = u16("probe.distance", unit="mm", invalid={20: "too_near"})
    with pytest.raises(ValueError, match=r"probe.distance 0.02 would be read as too_near"):
        write(field, Reading(DISTANCE, 0.02))


def test_the_faults_of_a_field_are_known_beforehand():
    field = u16("probe.distance", invalid={0: "no_sensor", range(1, 280): "too_near"})
    assert frozenset({"no_sensor", "too_near"}) == field.value.fault_codes()
    assert frozenset() == u8("air.humidity").value.fault_codes()
    assert frozenset({"unknown_state"}) == u8("water.leak").value.fault_codes()
    assert frozenset() == u8("water.leak", states=NONZERO).value.fault_codes()
    assert frozenset({"not_a_number"}) == f32("air.humidity").value.fault_codes()


# ---------------------------------------------------------------- states


def test_a_bool_is_0_or_1_and_nothing_else():
    field = u8("water.leak")
    assert [Reading(LEAK, value=False)] == read(field, "00")
    assert [Reading(LEAK, value=True)] == read(field, "01")
    assert [Fault(LEAK, "unknown_state", "raw value 2")] == read(field, "02")
    assert [
        write(field, item)
        for item in (Reading(LEAK, value=False), Reading(LEAK, value=True), Fault(LEAK, "unknown_state", "raw value 2"))
    ] == ["00", "01", "02"]


def test_a_bool_may_be_anything_but_0():
    field = u8("water.leak", states=NONZERO)
    assert [[Reading(LEAK, value=False)], [Reading(LEAK, value=True)]] == [read(field, "00"), read(field, "11")]
    assert write(field, Reading(LEAK, value=True)) == "01"


def test_states_are_told_by_a_table():
    field = u8("water.leak", states={0: False, 1: True, 2: True})
    assert [Reading(LEAK, value=True)] == read(field, "02")
    assert write(field, Reading(LEAK, value=True)) == "01"


def test_a_state_that_is_not_in_the_table_cannot_be_written():
    field = u8("water.leak", states={1: True})
    with pytest.raises(ValueError, match=r"water.leak has no state False"):
        write(field, Reading(LEAK, value=False))


@pytest.mark.parametrize("detail", ["", "raw value 1"])
def test_an_unknown_state_without_its_number_cannot_be_written(detail: str):
    with pytest.raises(ValueError, match="has no raw value for the fault unknown_state"):
        write(u8("water.leak"), Fault(LEAK, "unknown_state", detail))


@pytest.mark.parametrize(
    ("name", "states"),
    [("water.leak", {0: 0}), ("water_meter.alarm_code", {0: False}), ("air.temperature", {0: 1})],
)
def test_a_state_of_another_type_than_its_quantity_is_refused(name: str, states: Any):
    with pytest.raises(ValueError, match="its state"):
        u8(name, states=states)


# ---------------------------------------------------------------- declarations


def test_an_unknown_quantity_is_refused_and_the_nearest_named():
    with pytest.raises(ValueError, match=r"near it: air.temperature"):
        u8("air.temperature2")


def test_a_unit_that_cannot_be_converted_is_refused():
    with pytest.raises(ValueError, match="no conversion from 'mV' to '°C'"):
        u8("air.temperature", unit="mV")


def test_a_fraction_of_an_integer_quantity_is_refused():
    with pytest.raises(ValueError, match=r"probe.pulses_total is an integer"):
        u32("probe.pulses_total", div=10)


def test_a_counter_says_where_it_begins_again():
    assert value("probe.pulses_total", wraps_at=1 << 32).wraps_at == 1 << 32


@pytest.mark.parametrize("noun", [f32, f64])
@pytest.mark.parametrize("name", ["probe.pulses_total", "water.leak"])
def test_an_ieee_number_of_a_quantity_that_is_no_float_is_refused(noun: Any, name: str):
    with pytest.raises(ValueError, match="an IEEE 754 number is not"):
        noun(name)


# ---------------------------------------------------------------- IEEE 754


@pytest.mark.parametrize(("noun", "code"), [(f32, "f"), (f64, "d")])
def test_an_ieee_number_is_read_and_written_in_both_byte_orders(noun: Any, code: str):
    field = noun("air.temperature")
    big, little = struct.pack(">" + code, -3.2).hex(), struct.pack("<" + code, -3.2).hex()
    assert [Reading(TEMPERATURE, -3.2)] == read(field, big, "big")
    assert [Reading(TEMPERATURE, -3.2)] == read(field, little, "little")
    assert big == write(field, Reading(TEMPERATURE, -3.2), order="big")
    assert little == write(field, Reading(TEMPERATURE, -3.2), order="little")


@pytest.mark.parametrize(("number", "expected"), [(1.001, 1001.0), (2.3, 2300.0), (4.35, 4350.0)])
def test_an_ieee_number_is_converted_as_the_decimal_that_was_meant(number: float, expected: float):
    field = f32("electricity.power_active", unit="kW")
    power = quantity("electricity.power_active")
    assert [Reading(power, expected)] == read(field, struct.pack(">f", number).hex())
    assert struct.pack(">f", number).hex() == write(field, Reading(power, expected))


@pytest.mark.parametrize(("payload", "detail"), [("7fc00000", "nan"), ("7f800000", "inf"), ("ff800000", "-inf")])
def test_what_is_no_number_is_a_fault_and_comes_back(payload: str, detail: str):
    field = f32("air.temperature")
    expected = Fault(TEMPERATURE, "not_a_number", detail)
    assert [expected] == read(field, payload)
    assert [expected] == read(field, write(field, expected))


def test_a_fault_without_words_is_written_as_nan():
    assert write(f32("air.temperature"), Fault(TEMPERATURE, "not_a_number")) == "7fc00000"


def test_a_number_that_its_unit_makes_too_great_is_a_fault_and_comes_back():
    field = f64("electricity.power_active", unit="kW")
    payload = struct.pack(">d", 1e308).hex()
    (fault,) = read(field, payload)
    assert Fault(quantity("electricity.power_active"), "not_a_number", "1e+308") == fault
    assert payload == write(field, fault)


def test_an_invalid_ieee_number_is_a_fault_and_comes_back():
    field = f32("air.temperature", invalid={-9999: "no_sensor"})
    payload = struct.pack(">f", -9999.0).hex()
    assert [Fault(TEMPERATURE, "no_sensor", "raw value -9999.0")] == read(field, payload)
    assert payload == write(field, Fault(TEMPERATURE, "no_sensor", "raw value -9999.0"))


@pytest.mark.parametrize("noun", [f32, f64])
def test_a_number_whose_unit_makes_it_too_great_is_refused(noun: Any):
    with pytest.raises(ValueError, match="does not fit the field"):
        write(noun("air.temperature", div=10), Reading(TEMPERATURE, 1e308))


def test_a_number_that_is_no_float32_is_refused():
    with pytest.raises(ValueError, match=r"1e\+39 does not fit 4 bytes"):
        write(f32("air.temperature"), Reading(TEMPERATURE, 1e39))


# ---------------------------------------------------------------- words of bits


def test_a_word_holds_several_values_in_both_byte_orders():
    field = word(2, bits(0, 14, "device.battery_voltage", unit="mV"), flag(15, "water.leak"))
    expected = [Reading(quantity("device.battery_voltage"), 3.338), Reading(LEAK, value=True)]
    assert expected == read(field, "cd0a", "big")
    assert expected == read(field, "0acd", "little")
    assert write(field, *expected, order="big") == "8d0a"
    assert write(field, *expected, order="little") == "0a8d"


@pytest.mark.parametrize(("payload", "expected"), [("7f", -1.0), ("40", -64.0), ("3f", 63.0), ("bf", 63.0)])
def test_bits_may_have_a_sign(payload: str, expected: float):
    field = word(1, bits(0, 7, "air.temperature", signed=True))
    assert [Reading(TEMPERATURE, expected)] == read(field, payload)
    assert [Reading(TEMPERATURE, expected)] == read(field, write(field, Reading(TEMPERATURE, expected)))


@pytest.mark.parametrize(("signed", "number"), [(True, 64.0), (True, -65.0), (False, 128.0), (False, -1.0)])
def test_a_value_that_does_not_fit_its_bits_is_refused(*, signed: bool, number: float):
    field = word(1, bits(0, 7, "air.temperature", signed=signed))
    with pytest.raises(ValueError, match="does not fit 7 bits"):
        write(field, Reading(TEMPERATURE, number))


def test_a_word_beyond_the_end_is_refused():
    assert error_of(word(2, flag(0, "water.leak")), "01") == "byte 0: 2 bytes are due, 1 are left"


@pytest.mark.parametrize(
    "parts",
    [
        (bits(0, 4, "air.humidity"), bits(3, 2, "air.temperature")),
        (bits(0, 4, "air.humidity"), bits(0, 4, "air.temperature")),
        (bits(6, 3, "air.humidity"),),
        (bits(0, 0, "air.humidity"),),
    ],
)
def test_bits_that_overlap_or_lie_outside_are_refused(parts: Any):
    with pytest.raises(ValueError, match="overlap or lie outside"):
        word(1, *parts)


ALARMS = word(
    1,
    bits(0, 2, "water_meter.leak_alarm", states={0: False, 1: True, 2: False}),
    bits(0, 2, "water_meter.burst_alarm", states={0: False, 1: False, 2: True}),
)


def alarms(*, leak: bool, burst: bool) -> list[Item]:
    return [Reading(quantity("water_meter.leak_alarm"), leak), Reading(quantity("water_meter.burst_alarm"), burst)]


@pytest.mark.parametrize(("payload", "leak", "burst"), [("00", False, False), ("01", True, False), ("02", False, True)])
def test_one_code_may_say_which_of_several_states_there_is(payload: str, *, leak: bool, burst: bool):
    expected = alarms(leak=leak, burst=burst)
    assert expected == read(ALARMS, payload)
    assert payload == write(ALARMS, *expected)


def test_a_code_that_is_unknown_is_a_fault_of_each_state_and_comes_back():
    items = read(ALARMS, "03")
    assert [item.code for item in items if isinstance(item, Fault)] == ["unknown_state", "unknown_state"]
    assert write(ALARMS, *items) == "03"


def test_states_that_exclude_each_other_are_refused():
    with pytest.raises(ValueError, match="excludes another state of the same bits"):
        write(ALARMS, *alarms(leak=True, burst=True))


def test_a_word_says_what_it_may_give():
    assert [each.quantity.name for each in ALARMS.values()] == ["water_meter.leak_alarm", "water_meter.burst_alarm"]


# ---------------------------------------------------------------- bytes without a value


def test_a_gap_is_passed_over_and_written_as_zeros():
    assert read(skip(3), "aabbcc") == []
    assert write(skip(3)) == "000000"
    assert error_of(skip(3), "aabb") == "byte 0: 3 bytes are due, 2 are left"


def test_padding_may_be_absent_at_the_end_and_only_whole():
    assert read(padding(2), "") == []
    assert read(padding(2), "aabb") == []
    assert error_of(padding(2), "aa") == "byte 0: 2 bytes are due, 1 are left"


def test_counted_bytes_are_passed_over():
    assert read(skip_counted(), "03aabbcc") == []
    assert read(skip_counted(), "00") == []
    assert write(skip_counted()) == "00"
    assert error_of(skip_counted(), "") == "byte 0: 1 bytes are due, 0 are left"
    assert error_of(skip_counted(), "03aabb") == "byte 1: 3 bytes are due, 2 are left"


def test_the_rest_is_passed_over():
    assert read(skip_rest(), "aabbccdd") == []
    assert read(skip_rest(), "") == []
    assert not write(skip_rest())


def test_a_constant_must_be_as_declared():
    field = constant(b"\x2f\x2f")
    assert read(field, "2f2f") == []
    assert write(field) == "2f2f"
    assert error_of(field, "002f00", 1) == "byte 1: 2f2f is due, 2f00 came"
    assert error_of(field, "00", 1) == "byte 1: 2f2f is due, nothing came"


def test_a_constant_of_no_bytes_is_refused():
    with pytest.raises(ValueError, match="at least one byte"):
        constant(b"")


def test_what_the_datasheet_leaves_open_is_refused_in_its_own_words():
    field = refuse("this type is not described")
    assert error_of(field, "00ff", 1) == "byte 1: this type is not described"
    with pytest.raises(ValueError, match="this type is not described"):
        write(field)


@pytest.mark.parametrize(
    "element", [skip(1), padding(1), skip_counted(), skip_rest(), constant(b"\x00"), refuse("words")]
)
def test_bytes_without_a_value_declare_none(element: Element):
    assert list(element.values()) == []


@pytest.mark.parametrize("element", [u8("air.humidity"), f32("air.humidity")])
def test_a_field_declares_its_value(element: Element):
    assert [each.quantity.name for each in element.values()] == ["air.humidity"]


def test_a_reading_takes_the_time_that_holds():
    out = Readout(measured_at_ns=5, stored=True)
    u8("air.humidity").read(b"\x01", 0, "big", out)
    assert [Reading(quantity("air.humidity"), 1.0, "main", 5, stored=True)] == out.items


def test_a_pulse_counter_matches_only_its_own_channel():
    counter = value("probe.pulses_total", channel="input_2")
    assert counter.matches(Reading(PULSES, 1, "input_2"))
    assert not counter.matches(Reading(PULSES, 1, "input_1"))
    assert not counter.matches(Reading(LEAK, value=True, channel="input_2"))
