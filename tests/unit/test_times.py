"""RFC 3339 times are exact ns since 1970, or refused."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdl_lora.times import NS, format_time, nanoseconds, parse_time

RECORDED = 1_795_472_297  # 2026-11-23T22:18:17+00:00

# What both an event of JSON and one of protobuf can name, whatever its fraction and offset.
FIRST, LAST = datetime(1678, 1, 1), datetime(2262, 4, 9)  # noqa: DTZ001 - an offset is drawn apart


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (RECORDED * NS, "2026-11-23T22:18:17+00:00"),
        (RECORDED * NS + 690_000_000, "2026-11-23T22:18:17.690+00:00"),
        (RECORDED * NS + 690_810_000, "2026-11-23T22:18:17.690810+00:00"),
        (RECORDED * NS + 691_304_869, "2026-11-23T22:18:17.691304869+00:00"),
        (RECORDED * NS + 1, "2026-11-23T22:18:17.000000001+00:00"),
        (RECORDED * NS + 500_000_000, "2026-11-23T22:18:17.5+00:00"),
        (RECORDED * NS + 123_456_789, "2026-11-23T22:18:17.1234567899+00:00"),
        (RECORDED * NS, "2026-11-23T22:18:17Z"),
        (RECORDED * NS, "2026-11-23t22:18:17z"),
        (RECORDED * NS, "2026-11-23 22:18:17Z"),
        (RECORDED * NS + 7, "2026-11-23T22:18:17.000000007Z"),
        (RECORDED * NS, "2026-11-23T23:18:17+01:00"),
        (RECORDED * NS + 250_000_000, "2026-11-23T16:48:17.250-05:30"),
        (RECORDED * NS, "2026-11-23T22:18:17-00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-3_600 * NS, "1970-01-01T00:00:00+01:00"),
        (0xFFFF_FFFF * NS, "2106-02-07T06:28:15Z"),
        (951_782_400 * NS, "2000-02-29T00:00:00Z"),
    ],
)
def test_a_time_is_exact_to_the_ns(expected: int, text: str):
    assert expected == parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "2263-01-01T00:00:00Z",
        "1677-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:00",
    ],
)
def test_a_time_beyond_64_bits_is_refused(text: str):
    with pytest.raises(ValueError, match="beyond"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "now",
        "1795472297",
        "2026-11-23",
        "2026-11-23T22:18:17",
        "2026-11-23T22:18:17.5",
        "2026-11-23T22:18:17.Z",
        "2026-11-23T22:18:17.+00:00",
        "2026-11-23T22:18:17,5Z",
        "2026-11-23T22:18:17.5.5Z",
        "2026-11-23T22:18:17.-5Z",
        "2026-11-23T22:18:17.5e3+00:00",
        "2026-11-23T22:18:17.\u0665Z",
        "2026-11-23T22:18:17.²+00:00",
        "2026-11-23T22:18:17+00",
        "2026-11-23T22:18:17+0000",
        "2026-11-23T22:18:17+00:00+00:00",
        "2026-11-23T22:18:17+24:00",
        "2026-11-23T22:18:17+99:99",
        "2026-11-23T22:18:17+\u0660\u0661:\u0660\u0660",
        "2026-11-23T22:18:17 +01:00",
        "2026-11-23T22:18:17ZZ",
        "2026-11-23T24:00:00Z",
        "2026-11-23T22:18:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-23X22:18:17Z",
        "2026-11-23T22+00:00",
        "2026-11-23T22+00:00Z",
        "2026-11-23T22:18+01Z",
        "2026-11-23T221817.1Z",
        "2026-W48-1T22:18:17Z",
        "\u0662\u0660\u0662\u0666-11-23T22:18:17Z",
        "+026-11-23T22:18:17Z",
        " 026-11-23T22:18:17Z",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(text: str):
    with pytest.raises(ValueError, match=r"\S"):
        parse_time(text)


NEARLY = st.from_regex(
    r"[12][0-9]{3}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
    r"(\.[0-9]{1,12})?([Zz]|[+-][01][0-9]:[0-5][0-9])",
    fullmatch=True,
)


def test_any_text_is_a_time_or_a_value_error():
    found = []

    @given(
        st.text(st.sampled_from("0123456789-:.TtZz+ W\u0663\x00"), max_size=40) | st.text(max_size=40) | NEARLY,
    )
    @example("2026-11-23T22+00:00")
    def check(text: str) -> None:
        with suppress(ValueError):
            found.append(parse_time(text))

    check()
    assert 5 < len(found)
    assert [] == [at_ns for at_ns in found if not -(1 << 63) <= at_ns < 1 << 63]


@given(
    st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(microsecond=0)),
    st.text("0123456789", max_size=12),
    st.none() | st.integers(-1439, 1439),
)
def test_a_time_is_its_seconds_its_nine_digits_and_its_offset(moment: datetime, digits: str, minutes: int | None):
    offset = "Z" if minutes is None else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{digits}{offset}"
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes or 0)))
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86_400 + since.seconds) * NS + int(f"{digits[:9]:0<9}")
    assert expected == parse_time(text)


@pytest.mark.parametrize(
    ("expected", "at_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-11-23T22:18:17Z", RECORDED * NS),
        ("2026-11-23T22:18:17.690810000Z", RECORDED * NS + 690_810_000),
        ("2106-02-07T06:28:15.000000001Z", 0xFFFF_FFFF * NS + 1),
    ],
)
def test_ns_are_formatted_in_utc(expected: str, at_ns: int):
    assert expected == format_time(at_ns)


@given(st.integers(-9_214_560_000 * NS, 9_223_200_000 * NS))
def test_what_is_formatted_is_parsed_as_it_was(at_ns: int):
    assert at_ns == parse_time(format_time(at_ns))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 500_001, tzinfo=UTC), 1_500_001_000),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -NS),
        (datetime(2022, 10, 12, 10, 2, 38, tzinfo=timezone(timedelta(hours=2))), 1_665_561_758 * NS),
        (datetime(2022, 10, 12, 8, 2, 38), 1_665_561_758 * NS),  # noqa: DTZ001 - a time without a zone is the case
        (datetime(2106, 2, 7, 6, 28, 15, 999_999, tzinfo=UTC), 4_294_967_295_999_999_000),
    ],
)
def test_a_datetime_is_exact(moment: datetime, expected: int):
    assert nanoseconds(moment) == expected
