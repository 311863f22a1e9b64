"""A decoder: its ids, its fPorts, and what it declares."""

from typing import Any

import pytest

from vdl_lora.decoding import (
    MAX_PAYLOAD,
    NS,
    Decoder,
    Fault,
    Frame,
    Parameter,
    PayloadError,
    Reading,
    by_hand,
    earlier,
    fixed,
    i16,
    slug,
    tlv,
    u8,
    u16,
)
from vdl_lora.decoding.reading import PAYLOAD, unknown_record
from vdl_lora.quantities import quantity

TEMPERATURE = i16("air.temperature", div=10, invalid={0x7FFF: "no_sensor"})
SEVERAL = {2: fixed("big", TEMPERATURE), 3: fixed("big", TEMPERATURE, u8("air.humidity"))}


def decoder(**changes: Any) -> Decoder:
    declared = {
        "vendor": "Acme",
        "models": ("T1",),
        "datasheet": "https://acme.example/t1.pdf",
        "f_ports": SEVERAL,
        "ignored_f_ports": {10: "settings"},
    }
    return Decoder(**declared | changes)


def frame(f_port: int, payload: str) -> Frame:
    return Frame(f_port, bytes.fromhex(payload))


def error_of(declared: Decoder, told: Frame) -> str:
    with pytest.raises(PayloadError) as caught:
        declared.decode(told)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EM300-TH", "em300-th"),
        ("ERS CO2 Lite", "ers-co2-lite"),
        ("Qalcosonic W1", "qalcosonic-w1"),
        ("Élan (2e)", "elan-2e"),
        (" a  b ", "a-b"),
    ],
)
def test_an_id_is_in_kebab_case(name: str, expected: str):
    assert slug(name) == expected


def test_each_model_has_an_id():
    assert decoder(models=("T1", "T1 Lite")).ids == ("acme/t1", "acme/t1-lite")


@pytest.mark.parametrize("changes", [{"models": ()}, {"f_ports": {}}])
def test_a_decoder_of_nothing_is_refused(changes: dict[str, Any]):
    with pytest.raises(ValueError, match="a decoder of Acme names no model or no fPort"):
        decoder(**changes)


def test_a_model_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match="a decoder of Acme names a model twice: acme/t1, acme/t1"):
        decoder(models=("T1", "T-1".replace("-", "")))


@pytest.mark.parametrize(
    "changes",
    [{"ignored_f_ports": {2: "words"}}, {"f_ports": {0: SEVERAL[2]}}, {"f_ports": {256: SEVERAL[2]}}],
)
def test_an_f_port_that_is_named_twice_or_cannot_be_is_refused(changes: dict[str, Any]):
    with pytest.raises(ValueError, match="names an fPort twice or an impossible one"):
        decoder(**changes)


def test_each_f_port_has_its_layout():
    assert [Reading(quantity("air.temperature"), 27.2)] == decoder().decode(frame(2, "0110"))
    assert [
        Reading(quantity("air.temperature"), 27.2),
        Reading(quantity("air.humidity"), 50.0),
    ] == decoder().decode(frame(3, "011032"))


def test_an_unknown_f_port_is_an_error_that_names_the_known_ones():
    assert error_of(decoder(), frame(5, "0110")) == "the datasheet knows no fPort 5 (known: 2, 3)"


def test_an_ignored_f_port_gives_nothing():
    assert decoder().decode(frame(10, "ffff")) == []


def test_where_the_f_port_can_be_set_the_first_layout_holds_for_the_others():
    settable = decoder(f_port_can_be_set=True)
    assert [Reading(quantity("air.temperature"), 27.2)] == settable.decode(frame(200, "0110"))
    assert settable.decode(frame(10, "ffff")) == []
    assert settable.layout_of(3) is SEVERAL[3]
    assert settable.layout_of(10) is None


def test_more_bytes_than_lorawan_carries_are_an_error():
    assert error_of(decoder(), Frame(2, bytes(MAX_PAYLOAD + 1))) == "256 bytes are more than LoRaWAN carries"


def test_each_quantity_is_named_once_in_the_order_of_declaration():
    assert [each.name for each in decoder().quantities()] == ["air.temperature", "air.humidity"]


def test_what_is_declared_is_known():
    declared = decoder()
    assert declared.declares(Reading(quantity("air.humidity"), 1.0))
    assert declared.declares(Fault(quantity("air.temperature"), "no_sensor"))
    assert not declared.declares(Fault(quantity("air.temperature"), "melted"))
    assert not declared.declares(Fault(quantity("air.humidity"), "no_sensor"))
    assert not declared.declares(Reading(quantity("air.humidity"), 1.0, "roof"))
    assert not declared.declares(Reading(quantity("air.co2"), 1.0))


def test_only_the_kits_own_faults_of_a_whole_payload_are_declared():
    assert decoder().declares(unknown_record(b"\x01\x02", 1))
    assert not decoder().declares(Fault(PAYLOAD, "no_sensor"))
    assert not decoder().declares(Reading(PAYLOAD, value=True))


def test_no_field_can_be_declared_of_the_whole_payload():
    with pytest.raises(ValueError, match="there is no quantity 'payload'"):
        u8("payload")


def test_items_are_written_as_the_frame_of_an_f_port():
    assert bytes.fromhex("0110") == decoder().encode(2, [Reading(quantity("air.temperature"), 27.2)])


def test_a_frame_of_an_unknown_f_port_cannot_be_written():
    with pytest.raises(ValueError, match="no fPort 5 in this decoder"):
        decoder().encode(5, [])


def test_an_age_is_written_for_the_time_at_which_the_frame_is_received():
    aged = decoder(f_ports={2: tlv("big", {b"\x81": earlier(2, u16("air.co2"))})})
    item = Reading(quantity("air.co2"), 800.0, measured_at_ns=1000 * NS, stored=True)
    assert bytes.fromhex("8103200e10") == aged.encode(2, [item], 4600 * NS)


def test_a_decoder_says_whether_every_f_port_can_be_written():
    assert decoder().encodes
    assert not decoder(f_ports={**SEVERAL, 4: by_hand(lambda _: [])}).encodes


def test_a_decoder_says_what_it_must_be_told():
    period = Parameter("period", "s", "the time between two samples", 600.0)
    assert (period,) == decoder(parameters=(period,)).parameters
