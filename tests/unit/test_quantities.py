"""The vocabulary is one that others build on: its rows, their units and conversions."""

import csv
import re
from fractions import Fraction
from pathlib import Path

import pytest

from vdl_lora.quantities import CONVERSIONS, QUANTITIES, Quantity, conversion, quantity

# The first quantities as the syndicate's data teams were given them: our own table, agreed before there was code.
# Rows are only ever added to the registry, so this file is never edited to suit it.
FIRST = Path(__file__).parents[1] / "data" / "quantities.csv"

ADDED_SINCE = {
    "air.iaq_rating",
    "air.light_level",
    "air.sound_peak",
    "air.tvoc_mass",
    "device.acceleration",
    "device.battery_low",
    "device.error",
    "device.movement_count_delta",
    "device.tilted",
    "heating.set_point",
    "probe.connected",
    "probe.digital",
    "probe.interrupt",
    "probe.pulses_delta",
    "probe.threshold_alarm",
    "water_meter.alarm_code",
    "water_meter.burst_alarm",
    "water_meter.dry_alarm",
    "water_meter.freeze_alarm",
}

# Codes that a UCUM library accepts (https://ucum.org), with the unit as it is written for people.
UCUM = {
    "": "-",
    "%": "%",
    "1": "-",
    "A": "A",
    "Bq/m3": "Bq/m³",
    "Cel": "°C",
    "Hz": "Hz",
    "Pa": "Pa",
    "V": "V",
    "V.A": "V·A",
    "V.A{reactive}": "var",
    "W": "W",
    "W/m2": "W/m²",
    "[g]": "g",
    "[pH]": "pH",
    "[ppb]": "ppb",
    "[ppm]": "ppm",
    "dS/m": "dS/m",
    "dB[SPL]": "dB",
    "deg": "°",
    "hPa": "hPa",
    "kPa": "kPa",
    "kV.A": "kV·A",
    "kW.h": "kW·h",
    "lx": "lx",
    "m": "m",
    "m/s": "m/s",
    "m3": "m³",
    "m3/h": "m³/h",
    "m3/s": "m³/s",
    "mA": "mA",
    "mm": "mm",
    "mm/h": "mm/h",
    "uS/cm": "µS/cm",
    "ug/m3": "µg/m³",
    "umol/(m2.s)": "µmol/(m²·s)",
    "{NTU}": "NTU",
    "{count}": "count",
}


def first_rows() -> list[dict[str, str]]:
    with FIRST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", first_rows(), ids=lambda row: f"{row['measurement']}.{row['field']}")
def test_a_first_quantity_never_changes(row: dict[str, str]):
    expected = Quantity(
        name=f"{row['measurement']}.{row['field']}",
        label=row["label"],
        kind=row["kind"],
        type=row["type"],
        unit=row["unit"],
        ucum=row["ucum"],
        minimum=float(row["min"]) if row["min"] else None,
        maximum=float(row["max"]) if row["max"] else None,
        senml=row["senml"],
        ipso=row["ipso"],
        ttn=row["ttn_normalized"],
    )
    assert expected == quantity(expected.name)


def test_no_quantity_is_there_without_being_known_here():
    first = [f"{row['measurement']}.{row['field']}" for row in first_rows()]
    assert first == list(QUANTITIES)[: len(first)]
    assert set(QUANTITIES) - set(first) == ADDED_SINCE


@pytest.mark.parametrize("row", QUANTITIES.values(), ids=lambda row: row.name)
def test_a_quantity_is_well_formed(row: Quantity):
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", row.name)
    assert f"{row.measurement}.{row.field}" == row.name
    assert row.label
    assert UCUM[row.ucum] == row.unit.removesuffix("(A)")
    assert (row.kind == "delta") == row.name.endswith("_delta")
    assert row.kind in ("gauge", "counter", "delta", "state", "event")
    assert row.type in ("float", "int", "bool")
    assert row.minimum is None or row.maximum is None or row.minimum < row.maximum


@pytest.mark.parametrize("row", QUANTITIES.values(), ids=lambda row: row.name)
def test_a_kind_has_a_type_that_suits_it(row: Quantity):
    suits = {
        "gauge": ("float",),
        "counter": ("float", "int"),
        "delta": ("float", "int"),
        "state": ("bool", "int"),
        "event": ("bool",),
    }
    assert row.type in suits[row.kind]
    assert (row.type == "bool") == (row.ucum == "")


def test_no_two_quantities_have_one_name():
    names = [row.name for row in QUANTITIES.values()]
    assert sorted(set(names)) == sorted(names)


def test_no_field_has_the_name_of_a_tag():
    tags = {"dev_eui", "channel", "tenant", "application", "place", "quantity", "commune", "site", "usage"}
    assert not tags & {row.field for row in QUANTITIES.values()}


def test_the_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        QUANTITIES["air.temperature"] = QUANTITIES["air.humidity"]  # type: ignore[index]


def test_a_quantity_that_is_not_there_names_the_nearest():
    with pytest.raises(ValueError, match=r"no quantity 'air.temperature2'; near it: air.temperature"):
        quantity("air.temperature2")


def test_a_quantity_that_is_like_no_other_points_to_the_list():
    with pytest.raises(ValueError, match=r"near it: see docs/reference/quantities.md"):
        quantity("xyzzy")


@pytest.mark.parametrize("unit", ["", "°C"])
def test_a_unit_that_is_the_same_is_not_converted(unit: str):
    assert (Fraction(1), Fraction(0)) == conversion(unit, "°C")


@pytest.mark.parametrize(
    ("wire", "canonical", "there", "here"),
    [
        ("K", "°C", "273.15", "0"),
        ("K", "°C", "293.15", "20"),
        ("°F", "°C", "32", "0"),
        ("°F", "°C", "-40", "-40"),
        ("mm", "m", "2821", "2.821"),
        ("cm", "m", "305", "3.05"),
        ("L", "m³", "13609", "13.609"),
        ("dL", "m³", "1", "0.0001"),
        ("L/h", "m³/h", "1500", "1.5"),
        ("mV", "V", "3660", "3.66"),
        ("µA", "mA", "4000", "4"),
        ("mA", "A", "4000", "4"),
        ("kW", "W", "1.5", "1500"),
        ("Wh", "kW·h", "1500", "1.5"),
        ("W·h", "kW·h", "1500", "1.5"),
        ("MW·h", "kW·h", "1.5", "1500"),
        ("kV·A", "V·A", "6", "6000"),
        ("V·A", "kV·A", "6000", "6"),
        ("Pa", "hPa", "101325", "1013.25"),
        ("kPa", "hPa", "101.325", "1013.25"),
        ("bar", "kPa", "1", "100"),
        ("mbar", "kPa", "1013.25", "101.325"),
        ("mg/m³", "µg/m³", "0.5", "500"),
        ("km/h", "m/s", "36", "10"),
        ("µS/cm", "dS/m", "1500", "1.5"),
        ("mS/cm", "dS/m", "1.5", "1.5"),
        ("m/s²", "g", "9.80665", "1"),
        ("mg", "g", "1000", "1"),
    ],
)
def test_a_unit_is_converted_exactly(wire: str, canonical: str, there: str, here: str):
    factor, offset = conversion(wire, canonical)
    assert Fraction(here) == Fraction(there) * factor + offset


def test_every_conversion_leads_to_a_unit_of_the_registry():
    assert {canonical for _, canonical in CONVERSIONS} <= {row.unit for row in QUANTITIES.values()}


def test_a_unit_that_cannot_be_converted_is_an_error():
    with pytest.raises(ValueError, match="no conversion from 'V' to '°C'"):
        conversion("V", "°C")
