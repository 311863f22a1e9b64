"""Vectors: how they are written, what is wrong in them, and what a decoder gives that they do not say."""

import math

import pytest

from vdl_lora.authoring.vectors import differences, parse, parse_downlinks
from vdl_lora.decoding import NS, Decoder, Frame, record, tlv, u8, u16

DECODER = Decoder(
    vendor="Acme",
    models=("T1",),
    datasheet="https://acme.example/t1.pdf",
    f_ports={
        1: tlv(
            "big",
            {
                b"\x01": u8("air.temperature", div=10, invalid={255: "no_sensor"}),
                b"\x02": u8("water.leak"),
                b"\x03": record(u16("air.co2")),
                b"\x04": record(u8("air.humidity"), stored=False),
                b"\x05": u8("air.temperature", div=10, channel="roof"),
                b"\x06": u8("probe.pulses_total"),
            },
        )
    },
)

HEAD = '[[vector]]\nf_port = 1\nwhat = "words"\nsource = "words"\n'
AT = "2022-10-12T08:02:38Z"


def lines(rest: str) -> list[str]:
    """Give what is different in the one vector that ends so."""
    (vector,) = parse(HEAD + rest)
    return differences(DECODER, vector)


def mistake(text: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    return str(caught.value)


# ---------------------------------------------------------------- reading


def test_a_vector_has_all_that_is_written():
    (vector,) = parse(
        HEAD
        + f"""hex = "01 10"
        values = {{ "air.temperature" = 1.6 }}
        faults = {{ "water.leak" = "unknown_state" }}
        samples = [{{ at = {AT}, values = {{ "air.co2" = 800 }} }}, {{ at = {AT}, stored = false }}]
        received_at = {AT}
        parameters = {{ period = 600 }}
        model = "T1"
        """
    )
    at_ns = 1_665_561_758 * NS
    assert Frame(1, b"\x01\x10", at_ns, {"period": 600}) == vector.frame
    assert (vector.what, vector.source, vector.model) == ("words", "words", "T1")
    assert {(None, "air.temperature"): 1.6, (at_ns, "air.co2"): 800} == vector.values
    assert vector.faults == {(None, "water.leak"): "unknown_state"}
    assert frozenset({at_ns}) == vector.not_stored


def test_a_file_may_hold_no_vector():
    assert parse("# none yet\n") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[vectors]]\n", "vectors stand under [[vector]] or [[downlink]], not under vectors"),
        ("[[vector]]\n", "vector 1: it names either an error, or values, faults or samples"),
        (HEAD + 'hex = "01"\nvalues = {}\nerror = "words"\n', "vector 1: it names either an error"),
        (HEAD + 'hex = "01"\nvalues = {}\nvalue = 1\nport = 1\n', "vector 1: port, value is no key of a vector"),
        (HEAD + "values = {}\n", "vector 1: it has no hex"),
        ('[[vector]]\nhex = "01"\nvalues = {}\n', "vector 1: it has no f_port"),
        ('[[vector]]\nf_port = 1\nhex = "01"\nvalues = {}\n', "vector 1: it has no what"),
        ('[[vector]]\nf_port = 1\nhex = "01"\nwhat = "words"\nvalues = {}\n', "vector 1: it has no source"),
        (HEAD + 'hex = "0g"\nvalues = {}\n', "vector 1: '0g' is not hexadecimal, two digits a byte"),
        (HEAD + 'hex = "01"\nvalues = { "air.co2" = "800" }\n', "vector 1: air.co2 cannot be '800'"),
        (HEAD + 'hex = "01"\nfaults = { "air.co2" = 1 }\n', "vector 1: air.co2 cannot be 1"),
        (HEAD + 'hex = "01"\nsamples = [{ values = {} }]\n', "vector 1: it has no at"),
        (HEAD + f'hex = "01"\nsamples = [{{ at = {AT}, value = 1 }}]\n', "vector 1: value is no key of a sample"),
        (HEAD + 'hex = "01"\nsamples = [{ at = "now" }]\n', "vector 1: "),
        (HEAD + "hex = 1\nvalues = {}\n", "vector 1: "),
        (HEAD + 'hex = "01"\nvalues = {}\n' + HEAD + "hex = 1\nvalues = {}\n", "vector 2: "),
        ("no TOML", "Expected"),
    ],
)
def test_a_mistake_is_named_with_its_vector(text: str, words: str):
    assert mistake(text).startswith(words)


# ---------------------------------------------------------------- comparing


@pytest.mark.parametrize(
    "rest",
    [
        'hex = "0110"\nvalues = { "air.temperature" = 1.6 }\n',
        'hex = "0110"\nvalues = { "air.temperature" = 1.6000000000000001 }\n',
        'hex = "0114"\nvalues = { "air.temperature" = 2 }\n',
        'hex = "0201"\nvalues = { "water.leak" = true }\n',
        'hex = "01ff 0202"\nfaults = { "air.temperature" = "no_sensor", "water.leak" = "unknown_state" }\n',
        'hex = "0510"\nvalues = { "air.temperature@roof" = 1.6 }\n',
        f'hex = "03 6346749e 0320"\nsamples = [{{ at = {AT}, values = {{ "air.co2" = 800 }} }}]\n',
        f'hex = "04 6346749e 32"\nsamples = [{{ at = {AT}, stored = false, values = {{ "air.humidity" = 50 }} }}]\n',
        'hex = "01"\nerror = "bytes are due"\n',
    ],
)
def test_a_vector_that_holds_has_no_differences(rest: str):
    assert lines(rest) == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ('hex = ""\nvalues = { "air.temperature" = 1.6 }\n', "air.temperature: expected 1.6, got nothing"),
        ('hex = "0110"\nvalues = {}\n', "air.temperature: expected nothing, got 1.6"),
        ('hex = "0110"\nvalues = { "air.temperature" = 1.7 }\n', "air.temperature: expected 1.7, got 1.6"),
        ('hex = "0201"\nvalues = { "water.leak" = false }\n', "water.leak: expected False, got True"),
        ('hex = "0201"\nvalues = { "water.leak" = 1 }\n', "water.leak: expected 1, got True"),
        (
            'hex = "0601"\nvalues = { "probe.pulses_total" = true }\n',
            "probe.pulses_total: expected True, got 1",
        ),
        (
            'hex = "01ff"\nfaults = { "air.temperature" = "melted" }\n',
            "air.temperature: expected 'melted', got 'no_sensor'",
        ),
        (
            'hex = "03 6346749e 0320"\nvalues = {}\n',
            "air.co2 at 2022-10-12T08:02:38+00:00: expected nothing, got 800.0",
        ),
        (
            f'hex = "04 6346749e 32"\nsamples = [{{ at = {AT}, values = {{ "air.humidity" = 50 }} }}]\n',
            "air.humidity at 2022-10-12T08:02:38+00:00: must be a stored sample",
        ),
        (
            f'hex = "03 6346749e 0320"\nsamples = [{{ at = {AT}, stored = false, values = {{ "air.co2" = 800 }} }}]\n',
            "air.co2 at 2022-10-12T08:02:38+00:00: must not be a stored sample",
        ),
        ('hex = "01"\nvalues = {}\n', "expected 'readings', got the error: byte 1: 1 bytes are due, 0 are left"),
        ('hex = "01"\nerror = "melted"\n', "expected 'melted', got the error: byte 1: 1 bytes are due, 0 are left"),
        ('hex = "0110"\nerror = "bytes are due"\n', "expected the error 'bytes are due', got 1 readings and faults"),
    ],
)
def test_each_difference_is_a_line(rest: str, expected: str):
    assert lines(rest) == [expected]


def test_a_value_that_is_no_number_is_like_no_other():
    assert lines('hex = "0110"\nvalues = { "air.temperature" = nan }\n') == [
        f"air.temperature: expected {math.nan!r}, got 1.6"
    ]


DOWNLINK = '[[downlink]]\nf_port = 6\nhex = "3E 02"\nwhat = "words"\nsource = "ours"\ndata = { period = 2 }\n'


def test_downlinks_stand_beside_vectors():
    text = HEAD + 'hex = "01"\nvalues = {}\n' + DOWNLINK
    assert 1 == len(parse(text))
    [found] = parse_downlinks(text)
    assert (6, b"\x3e\x02", {"period": 2}, "") == (found.f_port, found.payload, found.data, found.error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DOWNLINK.replace('hex = "3E 02"\n', ""), "downlink 1: it has no hex"),
        (DOWNLINK.replace("data", "object"), "downlink 1: object is no key of a downlink"),
        (DOWNLINK.replace("3E", "3"), "downlink 1: '3 02' is not hexadecimal"),
        (DOWNLINK + DOWNLINK.replace("what", "why"), "downlink 2: why is no key of a downlink"),
    ],
)
def test_a_mistake_in_a_downlink_is_named(text: str, words: str):
    with pytest.raises(ValueError, match="downlink") as caught:
        parse_downlinks(text)
    assert str(caught.value).startswith(words)
