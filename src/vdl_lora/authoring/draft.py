"""Drafts a mapping from what a codec gives: guesses quantities and units from keys and values. Pure.

What it is sure of stands ready; what a person must decide is marked with `decide:`, what it does not know is listed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec

from vdl_lora.decoding import MAIN, Fault, Frame, Item, slug
from vdl_lora.decoding.codecs import Codec, mapped_decoder
from vdl_lora.decoding.mapping import parse
from vdl_lora.decoding.paths import Place, Tree, leaves, text_of
from vdl_lora.errors import DecodeError
from vdl_lora.hexadecimal import parse_hex
from vdl_lora.quantities import QUANTITIES, Quantity, conversion
from vdl_lora.times import NS, nanoseconds

_F_PORTS = ("fPort", "f_port", "port")
_PAYLOADS = ("bytes", "hex", "bytes_hex", "payload", "data")
_RESULTS = ("object", "output", "expected", "result", "data")
_TIMES = ("recvTime", "received_at", "time")
_LEAST_KEPT = 16
"""So many examples become vectors at least; of what is more, those that show a key that the others do not."""

SHOWN = 4
"""How many different values of a key are shown."""

_UNITS: Final = {
    "mv": "mV", "cm": "cm", "mm": "mm", "m": "m", "l": "L", "liter": "L", "liters": "L", "litre": "L", "litres": "L",
    "wh": "Wh", "kwh": "kW·h", "hpa": "hPa", "pa": "Pa", "kpa": "kPa", "mbar": "mbar", "bar": "bar", "v": "V",
    "ma": "mA", "a": "A", "w": "W", "kw": "kW", "m3": "m³", "us": "µS/cm", "ppm": "ppm", "ppb": "ppb", "lux": "lx",
    "c": "°C", "celsius": "°C", "degc": "°C", "°c": "°C", "f": "°F", "fahrenheit": "°F", "%": "%", "percent": "%",
    "pct": "%", "rh": "%", "lx": "lx", "db": "dB(A)", "dba": "dB(A)", "°": "°", "deg": "°", "hz": "Hz", "kmh": "km/h",
}  # fmt: skip
"""What the last word of a key, or the text behind a number, says of the unit."""


@dataclass(frozen=True, slots=True)
class _Hint:
    """Words that a key holds, and the quantity that it then may be; `sure` where nothing else has such a name."""

    words: str
    quantity: str
    sure: bool = True


# The first that fits. Words are whole words of the path, in lower case: `batteryVoltage` is `battery voltage`.
_HINTS: Final = (
    _Hint(r"threshold|alarm|limit|interval|change|min time|max time|config|setting|\btime\b|timestamp|\bdate\b", ""),
    _Hint(r"(bat|batt|battery|vbat|bat v|vdd|supply).*(volt|voltage|vol|mv|v)\b|\bbat v|\bbatv|\bvbat|\bv bat|\bvdd|"
          r"supply voltage|battery v\b", "device.battery_voltage"),
    _Hint(r"(bat|batt|battery).*(level|percent|percentage|pct|capacity|remaining|soc)\b|^batt?(ery)?$",
          "device.battery_level"),
    _Hint(r"low batt?(ery)?|batt?(ery)? low", "device.battery_low"),
    _Hint(r"(soil|ground).*(temp|temperature)|(temp|temperature).*soil", "soil.temperature"),
    _Hint(r"(soil|vwc|volumetric).*(moist|moisture|water|content)|\bvwc\b|water soil|soil moisture", "soil.moisture"),
    _Hint(r"(soil|bulk).*(cond|conductivity|ec)\b|conduct soil", "soil.conductivity", sure=False),
    _Hint(r"(board|internal|cpu|chip|device|circuit|mcu).*temp", "device.internal_temperature"),
    _Hint(r"(ext|external|probe|ds18b20|ds|pt100|pt1000|remote|channel).*temp|temp.*(ds18b20|ds|ext|external|probe)\b|"
          r"temp(erature)? \d+", "probe.temperature"),
    _Hint(r"(target|set|setpoint).*(temp|temperature|point)|setpoint", "heating.set_point"),
    _Hint(r"(water|flow|return).*(temp|temperature)", "probe.temperature", sure=False),
    _Hint(r"dew|heat index", ""),
    _Hint(r"\bt\b|\btemp\b|temperature", "air.temperature", sure=False),
    _Hint(r"\bco2\b|carbon dioxide", "air.co2"),
    _Hint(r"humidity|\bhum\b|\bhumi\b|\brh\b", "air.humidity", sure=False),
    _Hint(r"\btvoc\b|\bvoc\b", "air.tvoc", sure=False),
    _Hint(r"pm ?2 ?5\b", "air.pm2_5"),
    _Hint(r"pm ?10\b", "air.pm10"),
    _Hint(r"pm ?1( 0)?\b", "air.pm1"),
    _Hint(r"radon", "air.radon"),
    _Hint(r"(diff|differential).*pressure", "air.pressure_diff"),
    _Hint(r"barometer|barometric|(air|atmospheric) pressure|\bpressure\b", "air.pressure", sure=False),
    _Hint(r"illuminance|\blux\b|luminosity|light|illumination", "air.illuminance", sure=False),
    _Hint(r"noise|sound|\blaeq\b", "air.sound_level", sure=False),
    _Hint(r"parking|occupied", "parking.occupied", sure=False),
    _Hint(r"occupancy|\bpir\b|presence|motion", "presence.occupied", sure=False),
    _Hint(r"door|window|\bopen\b|contact|magnet", "contact.open", sure=False),
    _Hint(r"leak", "water.leak", sure=False),
    _Hint(r"tamper", "device.tamper"),
    _Hint(r"(people|counter|total|period).*\bin\b", "presence.people_in_total", sure=False),
    _Hint(r"(people|counter|total|period).*\bout\b", "presence.people_out_total", sure=False),
    _Hint(r"fill|filling", "waste.fill_level", sure=False),
    _Hint(r"distance|\blevel\b|depth|\bproxx?\b|\bheight\b", "probe.distance", sure=False),
    _Hint(r"volume|water meter|\bindex\b", "water_meter.volume", sure=False),
    _Hint(r"pulse|\bcount(er)?\b", "probe.pulses_total", sure=False),
    _Hint(r"rain.*(rate|intensity)", "weather.rain_rate"),
    _Hint(r"rain", "weather.rain_total", sure=False),
    _Hint(r"wind.*(gust|max)", "weather.wind_gust"),
    _Hint(r"wind.*(dir|direction)", "weather.wind_direction"),
    _Hint(r"wind", "weather.wind_speed", sure=False),
    _Hint(r"\bph\b", "water.ph", sure=False),
    _Hint(r"energy.*(export|injected|produced|reverse)|(export|injected).*energy", "electricity.energy_export"),
    _Hint(r"energy|\bkwh\b|\bwh\b", "electricity.energy_import", sure=False),
    _Hint(r"(apparent).*power|\bpapp\b", "electricity.power_apparent"),
    _Hint(r"(reactive).*power", "electricity.power_reactive"),
    _Hint(r"power factor", "electricity.power_factor"),
    _Hint(r"power", "electricity.power_active", sure=False),
    _Hint(r"(volt|voltage).*\b(l ?[123]( ?n)?|phase.*|rms|mains)\b|\b(urms|mains|rms).*volt", "electricity.voltage"),
    _Hint(r"(curr|current).*\b(l ?[123]|phase.*|rms|mains)\b|\b(irms|mains|rms).*curr", "electricity.current"),
    _Hint(r"frequency", "electricity.frequency", sure=False),
    _Hint(r"voltage|\bvolt\b", "probe.voltage", sure=False),
    _Hint(r"current|\bamp", "probe.current", sure=False),
    _Hint(r"\blat(itude)?\b", "position.latitude"),
    _Hint(r"\b(lon|lng|long|longitude)\b", "position.longitude"),
)  # fmt: skip

_DESCRIBES = re.compile(
    r"\b(version|firmware|hardware|serial|manufacturer|vendor|maker|brand|product|model|codec|class)\b"
    r"|\b(dev ?eui|mac|f ?port)\b"
)
"""Words of keys that say what the device or the frame is, and nothing that was measured."""

_OF_UNITS = re.compile(r"\.(unit|units)")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STRING = r'("(?:[^"\\]|\\.)*")'
_NO_JSON = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?\*/|\b0[xX]([0-9a-fA-F]+)\b", re.DOTALL)
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=\s*[\]}}])", re.DOTALL)
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(\D*?)\s*")
_YES = frozenset({"true", "on", "open", "opened", "yes", "leak", "occupied", "alarm", "active", "trigger"})
_NO = frozenset({"false", "off", "close", "closed", "no", "normal", "vacant", "free", "noalarm", "no_leak", "inactive"})
_OFTEN = ("mV", "Pa", "mm", "cm", "L", "Wh", "mA", "°F")
"""Units in which codecs give values that are stored in larger ones."""

_MOST_OF_A_CELL = 5


class Example(msgspec.Struct, frozen=True):
    """A frame and, where the maker says it, what a codec gives for it."""

    f_port: int
    payload: bytes
    given: Tree = None
    received_at_ns: int = 0
    decoded: bytes = b""

    @property
    def frame(self) -> Frame:
        """The frame that it is about."""
        return Frame(self.f_port, self.payload, self.received_at_ns, decoded=self.decoded)


@dataclass(frozen=True, slots=True)
class Guess:
    """A path, the values that were seen there, and what they may be: a line of [reads], empty where nobody knows.

    `ignored` says that it is known to be no quantity.
    """

    path: str
    seen: tuple[Tree, ...]
    line: str = ""
    decide: str = ""
    ignored: bool = False

    @property
    def open(self) -> str:
        """What a person must decide; empty where nothing is."""
        return self.decide or ("" if self.line or self.ignored else "no quantity is known for it")


def guesses(trees: Iterable[Tree]) -> list[Guess]:
    """Guess what each key of some answers is; the values of a list or of numbered keys are one line with a star."""
    seen: dict[str, list[Tree]] = {}
    for tree in filter(None, trees):
        for place, value in leaves(tree):
            values = seen.setdefault(_starred(place), [])
            if not any(type(each) is type(value) and each == value for each in values):
                values.append(value)
    units = _units_beside(seen)
    taken: set[tuple[str, str]] = set()
    return [
        Guess(path, tuple(values), ignored=True)
        if _describes(path, units)
        else _guess(path, values, units.get(_parent(path), ""), taken)
        for path, values in seen.items()
    ]


def _units_beside(seen: Mapping[str, Sequence[Tree]]) -> dict[str, str]:
    """Give the units that stand beside values, as in `{"value": 5, "unit": "mA"}`, by where both stand."""
    found: dict[str, str] = {}
    for path, values in seen.items():
        if _OF_UNITS.fullmatch(path, len(_parent(path))) and len(values) == 1 and isinstance(values[0], str):
            found[_parent(path)] = values[0]
    return found


def _describes(path: str, units: Mapping[str, str]) -> bool:
    beside = _parent(path) in units and _OF_UNITS.fullmatch(path, len(_parent(path))) is not None
    return beside or _DESCRIBES.search(_words(path)) is not None


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def kept(examples: Sequence[Example], trees: Sequence[Tree]) -> list[Example]:
    """Choose the examples that are to be vectors: each frame once, and not hundreds that show the same keys."""
    frames: set[tuple[int, bytes]] = set()
    paths: set[str] = set()
    chosen: list[Example] = []
    for example, tree in zip(examples, trees, strict=True):
        shown = {_starred(place) for place, _ in leaves(tree)} if tree else set[str]()
        if (example.f_port, example.payload) not in frames and (len(chosen) < _LEAST_KEPT or shown - paths):
            chosen.append(example)
            frames.add((example.f_port, example.payload))
            paths |= shown
    return chosen


def vectors_of(mapping: str, codec: Codec, examples: Sequence[Example], source: str) -> str:
    """Write a file of vectors: what the draft of a mapping makes of examples, for a person to compare."""
    try:
        decoder = mapped_decoder(parse(mapping), codec)
    except ValueError:  # it names nothing yet
        decoder = None
    parts = [f"# What the draft makes of {source}: compare each value with what the maker says of it.\n"]
    for number, example in enumerate(examples, 1):
        lines = ["[[vector]]", f"f_port = {example.f_port}", f'hex = "{example.payload.hex(" ").upper()}"']
        lines += [f'what = "example {number}"', f"source = {_quoted(source)}"]
        if example.received_at_ns:
            lines.append(f"received_at = {_moment(example.received_at_ns)}")
        if example.decoded:
            lines.append(f"object = {_inline(json.loads(example.decoded))}")
        try:
            items = decoder.decode(example.frame) if decoder is not None else []
        except DecodeError as error:
            parts.append("\n".join([*lines, f"error = {_quoted(str(error))}", ""]))
            continue
        parts.append("\n".join([*lines, *_said(items), ""]))
    return "\n".join(parts)


def _said(items: Sequence[Item]) -> Iterator[str]:
    """Write the keys of a vector that these readings and faults fit."""
    with_uplink = [item for item in items if item.measured_at_ns is None]
    yield f"values = {_values(with_uplink)}"
    if faults := _faults(with_uplink):
        yield f"faults = {faults}"
    moments = dict.fromkeys((item.measured_at_ns, item.stored) for item in items if item.measured_at_ns is not None)
    samples: list[str] = []
    for at_ns, stored in moments:
        own = [item for item in items if (item.measured_at_ns, item.stored) == (at_ns, stored)]
        faults = _faults(own)
        samples.append(
            f"    {{ at = {_moment(at_ns or 0)}, {'' if stored else 'stored = false, '}values = {_values(own)}"
            f"{f', faults = {faults}' if faults else ''} }},\n"
        )
    if samples:
        yield f"samples = [\n{''.join(samples)}]"


def _values(items: Iterable[Item]) -> str:
    return _inline({_name(item): item.value for item in items if not isinstance(item, Fault)})


def _faults(items: Iterable[Item]) -> str:
    faults = {_name(item): item.code for item in items if isinstance(item, Fault)}
    return _inline(faults) if faults else ""


def _name(item: Item) -> str:
    return item.quantity.name if item.channel == MAIN else f"{item.quantity.name}@{item.channel}"


def _moment(at_ns: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // (NS // 1_000_000))
    return moment.isoformat().replace("+00:00", "Z")


def _inline(value: Tree) -> str:
    """Write what JSON holds as TOML, without the nulls, which TOML does not know."""
    if isinstance(value, dict):
        entries = cast("dict[str, Tree]", value).items()
        inner = [f"{_key(key)} = {_inline(each)}" for key, each in entries if each is not None]
        return "{ " + ", ".join(inner) + " }" if inner else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(each) for each in cast("Sequence[Tree]", value) if each is not None) + "]"
    return _quoted(value)


def parse_examples(text: str) -> list[Example]:
    """Read a maker's examples: a list or lines of JSON, each with fPort, bytes (hex or numbers), and maybe the result.

    `{"input": {"fPort": 2, "bytes": [1, 2]}, "output": {"data": {…}}}` is read as well as
    `{"fPort": 2, "bytes": "0102", "object": {…}}`; so are the comments, hexadecimal numbers and last commas that makers
    write. An example that names no fPort has 1. Raises ValueError, naming the example, where it is none.
    """
    plain = _LAST_COMMA.sub(lambda found: found[1] or "", _NO_JSON.sub(_as_json, text))
    try:
        rows: Any = json.loads(plain)
    except ValueError as error:
        try:
            rows = [json.loads(line) for line in plain.splitlines() if line.strip()]
        except ValueError:
            raise ValueError(f"neither JSON nor lines of JSON: {error}") from error
    if isinstance(rows, dict):
        rows = cast("dict[str, Any]", rows).get("examples", [rows])
    return [_example(number, row) for number, row in enumerate(cast("list[Any]", rows), 1)]


def _as_json(found: re.Match[str]) -> str:
    """Keep a string, write a hexadecimal number as a decimal one, and leave out a comment."""
    string, hexadecimal = found.groups()
    return string or (str(int(hexadecimal, 16)) if hexadecimal else " ")


def _example(number: int, row: Any) -> Example:
    if not isinstance(row, dict):
        raise ValueError(f"example {number} is no object")  # noqa: TRY004 - what is wrong is the file
    fields = cast("dict[str, Any]", row)
    asked = {**fields, **cast("dict[str, Any]", fields.get("input") or {})}
    f_port = next((asked[name] for name in _F_PORTS if isinstance(asked.get(name), int)), 1)
    content = next((asked[name] for name in _PAYLOADS if isinstance(asked.get(name), str | list)), None)
    if content is None:
        raise ValueError(f"example {number} has no {_PAYLOADS[0]}")
    try:
        payload = parse_hex(content) if isinstance(content, str) else bytes(cast("list[int]", content))
    except (TypeError, ValueError) as error:
        raise ValueError(f"example {number}: {error}") from error
    given = next((fields[name] for name in _RESULTS if isinstance(fields.get(name), dict | list)), None)
    if isinstance(given, dict) and isinstance(cast("dict[str, Any]", given).get("data"), dict | list):
        given = cast("dict[str, Any]", given)["data"]
    return Example(f_port, payload, given, _received_at_ns(asked))


def _received_at_ns(asked: Mapping[str, Any]) -> int:
    for text in (asked.get(name) for name in _TIMES):
        if isinstance(text, str):
            try:
                return max(nanoseconds(datetime.fromisoformat(text)), 0)
            except ValueError:
                continue
    return 0


def draft(vendor: str, model: str, codec: str, found: Sequence[Guess]) -> str:
    """Write a mapping file from guesses."""
    head = [
        f"# {vendor} {model}: a draft. See each line that says `decide:`, and whether each unit is the codec's.",
        f"vendor = {_quoted(vendor)}",
        f"models = [{_quoted(model)}]",
        'datasheet = ""  # decide: where the maker documents the payload',
        f"codec = {_quoted(codec)}",
        "",
        "# Keys that are known and are no quantity: move here what needs no mapping.",
        f"ignore = {_inline([guess.path for guess in found if guess.ignored])}",
        "",
        "[reads]",
    ]
    found = [guess for guess in found if not guess.ignored]
    return "\n".join([*head, *(line for guess in found for line in _lines(guess)), ""])


def _lines(guess: Guess) -> Iterator[str]:
    seen = ", ".join(_quoted(value) for value in guess.seen[:SHOWN])
    seen = seen if len(guess.seen) <= SHOWN else f"{seen}, …"
    if not guess.line:
        yield f'# {_key(guess.path)} = ""  # decide: {guess.open}; seen: {seen}'
    else:
        said = f"  # decide: {guess.decide}; seen: {seen}" if guess.decide else f"  # seen: {seen}"
        yield f"{_key(guess.path)} = {guess.line}{said}"


def _guess(path: str, seen: Sequence[Tree], beside: str, taken: set[tuple[str, str]]) -> Guess:
    """Guess what a key is; `beside` is the unit that stands beside it, where one does."""
    words = _words(_parent(path) if beside else path)
    hint = next((each for each in _HINTS if re.search(each.words, words)), None)
    values = tuple(seen)
    if hint is None or not hint.quantity:
        return Guess(path, values)
    numbers, suffix = _numbers(values)
    name, unit, doubt = _fitted(hint, words, numbers, suffix or beside)
    is_state = QUANTITIES[name].type == "bool"
    states = _states(values) if is_state else {}
    if not (states or all(value in (0, 1) for value in values) if is_state else numbers):
        return Guess(path, values)
    odd = [] if is_state else [each for each in values if isinstance(each, str) and _NUMBER.fullmatch(each) is None]
    if odd:
        doubt = "; ".join(filter(None, (doubt, "which fault is each word")))
    channel = "input_{1}" if "*" in path else ""
    if (name, channel) in taken:
        channel = f"{slug(words).replace('-', '_')}{'_{1}' if channel else ''}"
        doubt = "; ".join(filter(None, (doubt, f"another key is {name} already")))
    taken.add((name, channel))
    meaning = {
        "unit": unit and _quoted(unit),
        "channel": channel and _quoted(channel),
        "suffix": suffix and _quoted(suffix),
        "states": _table({key: str(state).lower() for key, state in states.items()}),
        "invalid": _table(dict.fromkeys(odd[:SHOWN], _quoted("no_sensor"))),
    }
    more = "".join(f", {key} = {text}" for key, text in meaning.items() if text)
    return Guess(path, values, f"{{ is = {_quoted(name)}{more} }}" if more else _quoted(name), doubt)


def _table(entries: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_key(key)} = {text}" for key, text in entries.items()) + " }" if entries else ""


def _fitted(hint: _Hint, words: str, numbers: Sequence[float], suffix: str) -> tuple[str, str, str]:
    """Give the quantity, the unit on the wire where it is another than the quantity's, and what is in doubt."""
    name, doubt = hint.quantity, "" if hint.sure else f"is it {hint.quantity}"
    highest = max(numbers, default=0.0)
    if name == "device.battery_level" and not suffix and highest <= _MOST_OF_A_CELL and not highest.is_integer():
        name = "device.battery_voltage"
    unit = _UNITS.get(suffix.lower()) or _UNITS.get(words.rsplit(" ", 1)[-1], "")
    if not unit and (likely := _likely_unit(QUANTITIES[name], numbers)):
        unit, doubt = likely, f"is it in {likely}"
    canonical = QUANTITIES[name].unit
    if unit == canonical:
        return name, "", doubt
    try:
        conversion(unit, canonical)
    except ValueError:
        return name, "", f"its unit seems to be {unit}, {name} is in {canonical}"
    return name, unit, doubt


def _likely_unit(quantity: Quantity, numbers: Sequence[float]) -> str:
    """Give a unit in which values that are out of their quantity's bounds are within; empty where all are."""
    low, high = quantity.minimum, quantity.maximum
    if low is None or high is None or not numbers or (low <= min(numbers) and max(numbers) <= high):
        return ""
    for unit in _OFTEN:
        try:
            factor, offset = conversion(unit, quantity.unit)
        except ValueError:
            continue
        if all(low <= number * factor + offset <= high for number in numbers):
            return unit
    return ""


def _numbers(values: Sequence[Tree]) -> tuple[list[float], str]:
    """Give the numbers among values, also of texts, and what stands behind those."""
    numbers: list[float] = []
    suffix = ""
    for value in values:
        if isinstance(value, str):
            found = _NUMBER.fullmatch(value)
            if found is not None:
                numbers.append(float(found[1]))
                suffix = suffix or found[2]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(float(value))
    return numbers, suffix


def _states(values: Sequence[Tree]) -> dict[str, bool]:
    """Give the texts of a state where each is known to mean yes or no."""
    texts = {value: value.lower().replace(" ", "") for value in values if isinstance(value, str)}
    known = {text: plain in _YES for text, plain in texts.items() if plain in _YES | _NO}
    return known if len(known) == len(texts) else {}


def _starred(place: Place) -> str:
    """Write a place with a star for each index and each key that is a number."""
    text = ""
    for key in place:
        if isinstance(key, int):
            text += "[*]"
        else:
            part = "*" if key.isdecimal() else text_of((key,))
            text += f".{part}" if text else part
    return text


def _words(path: str) -> str:
    """Give the words of a path, in lower case and with a space between them."""
    return " ".join(re.split(r"[^a-z0-9%°]+", _CAMEL.sub(" ", path).lower())).strip()


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quoted(text)


def _quoted(value: Tree) -> str:
    """Write a value as JSON, of which TOML takes the strings as they are but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
