"""The vocabulary: every quantity that a reading can be, with its one unit, type and bounds.

A quantity's name is `<measurement>.<field>`; data teams read `select <field> from <measurement>`. Rows are only ever
added: another unit, kind or type is another name. Units are written as people write them, with their UCUM code
(https://ucum.org) beside; SenML, IPSO and The Things Network's names stand there for those who map to or from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

Kind = Literal["gauge", "counter", "delta", "state", "event"]
ValueType = Literal["float", "int", "bool"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a reading measures: `minimum` and `maximum` bound a believable value, in `unit`."""

    name: str
    label: str
    kind: Kind
    type: ValueType
    unit: str
    ucum: str
    minimum: float | None = None
    maximum: float | None = None
    senml: str = ""
    ipso: str = ""
    ttn: str = ""

    measurement: str = made(init=False)
    """The measurement (the domain) that holds it: `air` of `air.temperature`."""
    field: str = made(init=False)
    """Its field in that measurement: `temperature` of `air.temperature`."""

    def __post_init__(self) -> None:
        measurement, _, name = self.name.partition(".")
        object.__setattr__(self, "measurement", measurement)
        object.__setattr__(self, "field", name)


_row = Quantity

# fmt: off
_ROWS = (
    _row("air.temperature", "Air temperature", "gauge", "float", "°C", "Cel", -40.0, 60.0, senml="Cel", ipso="3303", ttn="air.temperature"),
    _row("air.humidity", "Relative humidity", "gauge", "float", "%", "%", 0.0, 100.0, senml="%RH", ipso="3304", ttn="air.relativeHumidity"),
    _row("air.co2", "CO2 concentration", "gauge", "float", "ppm", "[ppm]", 350.0, 10000.0, senml="ppm", ipso="3325", ttn="air.co2"),
    _row("air.tvoc", "Total VOC", "gauge", "float", "ppb", "[ppb]", 0.0, 60000.0, senml="ppb", ipso="3325"),
    _row("air.pm1", "PM1", "gauge", "float", "µg/m³", "ug/m3", 0.0, 1000.0, senml="ug/m3", ipso="3325"),
    _row("air.pm2_5", "PM2.5", "gauge", "float", "µg/m³", "ug/m3", 0.0, 1000.0, senml="ug/m3", ipso="3325"),
    _row("air.pm10", "PM10", "gauge", "float", "µg/m³", "ug/m3", 0.0, 2000.0, senml="ug/m3", ipso="3325"),
    _row("air.radon", "Radon activity", "gauge", "float", "Bq/m³", "Bq/m3", 0.0, 10000.0, senml="Bq/m3", ipso="3325"),
    _row("air.pressure", "Atmospheric pressure (station)", "gauge", "float", "hPa", "hPa", 800.0, 1100.0, senml="hPa", ipso="3315", ttn="air.pressure"),
    _row("air.pressure_diff", "Differential pressure (ducts/filters)", "gauge", "float", "Pa", "Pa", -1000.0, 1000.0, senml="Pa", ipso="3323"),
    _row("air.illuminance", "Illuminance", "gauge", "float", "lx", "lx", 0.0, 150000.0, senml="lx", ipso="3301", ttn="air.lightIntensity"),
    _row("air.sound_level", "Sound pressure level LAeq", "gauge", "float", "dB(A)", "dB[SPL]", 30.0, 130.0, senml="dB", ipso="3324"),
    _row("air.motion_count_delta", "Motion detections since the last uplink", "delta", "int", "count", "{count}", 0.0, 65535.0, senml="count", ipso="3302", ttn="action.motion.count"),
    _row("water_meter.volume", "Volume index (forward)", "counter", "float", "m³", "m3", 0.0, 10000000.0, senml="m3", ipso="3424", ttn="metering.water.total (L)"),
    _row("water_meter.volume_reverse", "Volume index (reverse)", "counter", "float", "m³", "m3", 0.0, 1000000.0, senml="m3", ipso="3424"),
    _row("water_meter.flow", "Flow rate", "gauge", "float", "m³/h", "m3/h", 0.0, 500.0, senml="m3/h", ipso="3424"),
    _row("water_meter.water_temperature", "Water temperature", "gauge", "float", "°C", "Cel", -5.0, 95.0, senml="Cel", ipso="3303", ttn="water.temperature.current"),
    _row("water_meter.leak_alarm", "Leak alarm of the meter", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("water_meter.backflow_alarm", "Backflow alarm", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("water.level", "Water level above the place's declared zero", "gauge", "float", "m", "m", -5.0, 100.0, senml="m", ipso="3319"),
    _row("water.pressure", "Hydrostatic/network pressure", "gauge", "float", "kPa", "kPa", 0.0, 2500.0, senml="kPa", ipso="3323"),
    _row("water.temperature", "Water temperature", "gauge", "float", "°C", "Cel", -5.0, 60.0, senml="Cel", ipso="3303", ttn="water.temperature.current"),
    _row("water.flow", "Stream/sewer flow", "gauge", "float", "m³/s", "m3/s", 0.0, 2000.0, senml="m3/s", ipso="3346"),
    _row("water.conductivity", "Water conductivity", "gauge", "float", "µS/cm", "uS/cm", 0.0, 60000.0, senml="S/m", ipso="3327"),
    _row("water.ph", "pH", "gauge", "float", "pH", "[pH]", 0.0, 14.0, senml="pH", ipso="3326"),
    _row("water.turbidity", "Turbidity", "gauge", "float", "NTU", "{NTU}", 0.0, 4000.0, senml="NTU"),
    _row("water.leak", "Leak detected (rope/spot)", "state", "bool", "-", "", 0.0, 1.0, ipso="3200", ttn="water.leak"),
    _row("water.depth", "Water depth above the sensor", "gauge", "float", "m", "m", 0.0, 200.0),
    _row("probe.distance", "Distance to a surface, medium not known", "gauge", "float", "m", "m", 0.0, 30.0, senml="m", ipso="3330"),
    _row("probe.temperature", "Temperature of an external probe, medium not known", "gauge", "float", "°C", "Cel", -200.0, 1000.0),
    _row("probe.humidity", "Humidity of an external probe", "gauge", "float", "%", "%", 0.0, 100.0),
    _row("probe.pulses_total", "Pulse counter, weight not known", "counter", "int", "count", "{count}", 0.0, 4294967295.0),
    _row("probe.voltage", "Analogue input", "gauge", "float", "V", "V", -100.0, 100.0),
    _row("probe.current", "Analogue input", "gauge", "float", "mA", "mA", 0.0, 100.0),
    _row("probe.contact", "Dry contact closed", "state", "bool", "-", "", None, None),
    _row("soil.moisture", "Volumetric water content", "gauge", "float", "%", "%", 0.0, 100.0, senml="%", ipso="3320", ttn="soil.moisture"),
    _row("soil.temperature", "Soil temperature", "gauge", "float", "°C", "Cel", -30.0, 70.0, senml="Cel", ipso="3303", ttn="soil.temperature"),
    _row("soil.conductivity", "Bulk electrical conductivity", "gauge", "float", "dS/m", "dS/m", 0.0, 25.0, senml="S/m", ipso="3327", ttn="soil.ec"),
    _row("soil.water_potential", "Soil matric potential", "gauge", "float", "kPa", "kPa", -1500.0, 0.0, senml="kPa", ipso="3323"),
    _row("weather.rain_delta", "Rain since the last report", "delta", "float", "mm", "mm", 0.0, 100.0, senml="mm", ttn="rain.cumulative"),
    _row("weather.rain_rate", "Rain intensity", "gauge", "float", "mm/h", "mm/h", 0.0, 400.0, senml="mm/h", ttn="rain.intensity"),
    _row("weather.wind_speed", "Mean wind speed", "gauge", "float", "m/s", "m/s", 0.0, 75.0, senml="m/s", ipso="3346", ttn="wind.speed"),
    _row("weather.wind_gust", "Gust", "gauge", "float", "m/s", "m/s", 0.0, 100.0, senml="m/s", ipso="3346"),
    _row("weather.wind_direction", "Wind direction (from; 0=N)", "gauge", "float", "°", "deg", 0.0, 360.0, senml="deg", ipso="3332", ttn="wind.direction"),
    _row("weather.irradiance", "Global solar irradiance", "gauge", "float", "W/m²", "W/m2", 0.0, 1500.0, senml="W/m2"),
    _row("weather.par", "PAR photon flux", "gauge", "float", "µmol/(m²·s)", "umol/(m2.s)", 0.0, 3000.0),
    _row("weather.uv_index", "UV index", "gauge", "float", "-", "1", 0.0, 16.0, senml="/"),
    _row("weather.leaf_wetness", "Leaf wetness", "gauge", "float", "%", "%", 0.0, 100.0, senml="%", ipso="3320"),
    _row("weather.rain_total", "Rain, running total", "counter", "float", "mm", "mm", 0.0, 1000000.0),
    _row("waste.fill_level", "Container fill level", "gauge", "float", "%", "%", 0.0, 100.0, senml="%", ipso="3435"),
    _row("waste.tilt", "Container tilt", "gauge", "float", "°", "deg", 0.0, 180.0, senml="deg"),
    _row("electricity.energy_import", "Active energy index drawn (Linky EAST/BASE)", "counter", "float", "kW·h", "kW.h", 0.0, 10000000.0, senml="kWh", ipso="3331"),
    _row("electricity.energy_export", "Active energy index injected (EAIT)", "counter", "float", "kW·h", "kW.h", 0.0, 10000000.0, senml="kWh", ipso="3331"),
    _row("electricity.power_active", "Active power", "gauge", "float", "W", "W", -250000.0, 250000.0, senml="W", ipso="3328"),
    _row("electricity.power_apparent", "Apparent power (PAPP/SINSTS)", "gauge", "float", "V·A", "V.A", 0.0, 250000.0, senml="VA", ipso="3328"),
    _row("electricity.power_reactive", "Reactive power", "gauge", "float", "var", "V.A{reactive}", -250000.0, 250000.0, senml="var"),
    _row("electricity.voltage", "RMS voltage", "gauge", "float", "V", "V", 0.0, 480.0, senml="V", ipso="3316"),
    _row("electricity.current", "RMS current (IINST/IRMS1)", "gauge", "float", "A", "A", 0.0, 600.0, senml="A", ipso="3317"),
    _row("electricity.power_factor", "Power factor", "gauge", "float", "-", "1", -1.0, 1.0, senml="/", ipso="3329"),
    _row("electricity.frequency", "Mains frequency", "gauge", "float", "Hz", "Hz", 45.0, 55.0, senml="Hz", ipso="3318"),
    _row("electricity.power_subscribed", "Subscribed power (PREF)", "gauge", "float", "kV·A", "kV.A", 3.0, 250.0, senml="kVA", ipso="3328"),
    _row("heat.energy", "Thermal energy index", "counter", "float", "kW·h", "kW.h", 0.0, 10000000.0, senml="kWh", ipso="3331"),
    _row("gas.volume", "Gas volume index", "counter", "float", "m³", "m3", 0.0, 10000000.0, senml="m3"),
    _row("lighting.on", "Lamp or circuit on", "state", "bool", "-", "", 0.0, 1.0, ipso="3311"),
    _row("lighting.dimming", "Dimming level", "gauge", "float", "%", "%", 0.0, 100.0, senml="%", ipso="3311"),
    _row("parking.occupied", "Bay occupied", "state", "bool", "-", "", 0.0, 1.0, ipso="3302", ttn="action.occupancy (proposed)"),
    _row("presence.occupied", "Room or desk occupied", "state", "bool", "-", "", 0.0, 1.0, ipso="3302", ttn="action.motion.detected"),
    _row("presence.people_in_delta", "People in since the last report", "delta", "int", "count", "{count}", 0.0, 65535.0, senml="count"),
    _row("presence.people_out_delta", "People out since the last report", "delta", "int", "count", "{count}", 0.0, 65535.0, senml="count"),
    _row("presence.people_in_total", "People in, running count", "counter", "int", "count", "{count}", 0.0, 4294967295.0),
    _row("presence.people_out_total", "People out, running count", "counter", "int", "count", "{count}", 0.0, 4294967295.0),
    _row("contact.open", "Door/window/valve/lid open", "state", "bool", "-", "", 0.0, 1.0, ipso="3200", ttn="action.contactState"),
    _row("contact.open_total", "Openings, running count", "counter", "int", "count", "{count}", 0.0, 4294967295.0, senml="count", ipso="3200"),
    _row("position.latitude", "Latitude WGS84", "gauge", "float", "°", "deg", -90.0, 90.0, senml="lat", ipso="3336", ttn="position.latitude"),
    _row("position.longitude", "Longitude WGS84", "gauge", "float", "°", "deg", -180.0, 180.0, senml="lon", ipso="3336", ttn="position.longitude"),
    _row("device.battery_voltage", "Battery voltage", "gauge", "float", "V", "V", 0.0, 24.0, senml="V", ipso="3316", ttn="battery"),
    _row("device.battery_level", "Battery level", "gauge", "float", "%", "%", 0.0, 100.0, senml="%EL", ipso="3411"),
    _row("device.internal_temperature", "Board temperature", "gauge", "float", "°C", "Cel", -40.0, 85.0, senml="Cel", ipso="3303"),
    _row("device.tamper", "Tamper alarm", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    # Asked for by decoders since.
    _row("air.sound_peak", "Peak sound pressure level", "gauge", "float", "dB", "dB[SPL]", 0.0, 140.0, senml="dB", ipso="3324"),
    _row("heating.set_point", "Room temperature asked for", "gauge", "float", "°C", "Cel", 0.0, 40.0, senml="Cel", ipso="3308"),
    _row("probe.pulses_delta", "Pulses since the last report, weight not known", "delta", "int", "count", "{count}", 0.0, 65535.0, senml="count"),
    _row("probe.digital", "Digital input high, meaning not known", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("probe.connected", "Probe detected by its device", "state", "bool", "-", "", 0.0, 1.0),
    _row("probe.interrupt", "Uplink caused by the interrupt input", "event", "bool", "-", "", 0.0, 1.0),
    _row("water_meter.burst_alarm", "Burst alarm of the meter", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("water_meter.freeze_alarm", "Low temperature alarm of the meter", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("water_meter.dry_alarm", "No water in the meter", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
    _row("water_meter.alarm_code", "Alarm code of the meter, in its maker's numbers", "state", "int", "-", "1", 0.0, 255.0),
    _row("device.battery_low", "Battery low, by the device's own word", "state", "bool", "-", "", 0.0, 1.0),
    _row("device.error", "Permanent error that the device finds in itself", "state", "bool", "-", "", 0.0, 1.0),
    _row("device.acceleration", "Acceleration of the device", "gauge", "float", "g", "[g]", -16.0, 16.0, ipso="3313"),
    _row("device.movement_count_delta", "Movements of the device since the last report", "delta", "int", "count", "{count}", 0.0, 65535.0, senml="count"),
    _row("air.iaq_rating", "Indoor air quality rating by VOC, up to 5 (the higher, the worse)", "gauge", "float", "-", "1", 0.0, 5.0),
    _row("air.tvoc_mass", "Total VOC by mass", "gauge", "float", "µg/m³", "ug/m3", 0.0, 60000.0, senml="ug/m3", ipso="3325"),
    _row("air.light_level", "Light level, from 0 (dark) to 5 (bright)", "state", "int", "-", "1", 0.0, 5.0),
    _row("device.tilted", "Device tilted", "state", "bool", "-", "", 0.0, 1.0),
    _row("probe.threshold_alarm", "Value of a probe beyond a threshold that is set on its device", "state", "bool", "-", "", 0.0, 1.0, ipso="3200"),
)
# fmt: on

QUANTITIES: Mapping[str, Quantity] = MappingProxyType({row.name: row for row in _ROWS})

# (wire unit, unit of the registry) -> (factor, offset): value = wire * factor + offset, exactly
CONVERSIONS: Mapping[tuple[str, str], tuple[Fraction, Fraction]] = MappingProxyType(
    {
        (wire, canonical): (Fraction(factor), Fraction(offset))
        for wire, canonical, factor, offset in (
            ("K", "°C", "1", "-273.15"),
            ("°F", "°C", "5/9", "-160/9"),
            ("mm", "m", "1/1000", "0"),
            ("cm", "m", "1/100", "0"),
            ("L", "m³", "1/1000", "0"),
            ("dL", "m³", "1/10000", "0"),
            ("L/h", "m³/h", "1/1000", "0"),
            ("mV", "V", "1/1000", "0"),
            ("µA", "mA", "1/1000", "0"),
            ("mA", "A", "1/1000", "0"),
            ("A", "mA", "1000", "0"),
            ("kW", "W", "1000", "0"),
            ("Wh", "kW·h", "1/1000", "0"),
            ("W·h", "kW·h", "1/1000", "0"),
            ("MW·h", "kW·h", "1000", "0"),
            ("kV·A", "V·A", "1000", "0"),
            ("V·A", "kV·A", "1/1000", "0"),
            ("Pa", "hPa", "1/100", "0"),
            ("kPa", "hPa", "10", "0"),
            ("bar", "kPa", "100", "0"),
            ("mbar", "kPa", "1/10", "0"),
            ("mg/m³", "µg/m³", "1000", "0"),
            ("km/h", "m/s", "5/18", "0"),
            ("µS/cm", "dS/m", "1/1000", "0"),
            ("mS/cm", "dS/m", "1", "0"),
            ("m/s²", "g", "100000/980665", "0"),
            ("mg", "g", "1/1000", "0"),
        )
    }
)


def quantity(name: str) -> Quantity:
    """Give the quantity of this name.

    Raises ValueError, naming the nearest ones, where the vocabulary has none.
    """
    found = QUANTITIES.get(name)
    if found is None:
        from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

        near = ", ".join(get_close_matches(name, QUANTITIES, n=3, cutoff=0.5)) or "see docs/reference/quantities.md"
        raise ValueError(f"there is no quantity {name!r}; near it: {near}")
    return found


def conversion(wire: str, canonical: str) -> tuple[Fraction, Fraction]:
    """Give factor and offset from a unit on the wire to a quantity's unit: canonical = wire * factor + offset.

    Raises ValueError where no conversion is known.
    """
    if wire in ("", canonical):
        return Fraction(1), Fraction(0)
    known = CONVERSIONS.get((wire, canonical))
    if known is None:
        raise ValueError(f"no conversion from {wire!r} to {canonical!r}")
    return known
