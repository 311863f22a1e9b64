"""Codecs behind mappings: what ChirpStack decoded and Cayenne LPP, held against recorded events."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from vdl_lora.catalog import Entry
from vdl_lora.decoding import Frame, PayloadError, cayenne
from vdl_lora.decoding.codecs import CayenneLpp, ChirpStackObject, JavaScript, mapped_decoder
from vdl_lora.decoding.javascript import Answer, Script
from vdl_lora.decoding.mapping import parse
from vdl_lora.discovery import discover

RECORDED = Path(__file__).parents[1] / "data" / "recordings" / "mqtt.jsonl"
ERS = """
vendor = "ELSYS"
models = ["ERS CO2 by ChirpStack"]
codec = "object"

[reads]
temperature = "air.temperature"
humidity = "air.humidity"
light = "air.illuminance"
co2 = "air.co2"
motion = "air.motion_count_delta"
vdd = { is = "device.battery_voltage", unit = "mV" }
"""


def uplinks(profile):
    bodies = [json.loads(line)["payload"] for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    events = [json.loads(body) for body in bodies if isinstance(body, str) and '"fPort"' in body]
    return [each for each in events if each["deviceInfo"]["deviceProfileName"] == profile and "object" in each]


def frame_of(event):
    decoded = json.dumps(event["object"]).encode()
    return Frame(event["fPort"], b64decode(event["data"]), 1_795_472_297_000_000_000, decoded=decoded)


def entry(name) -> Entry:
    return next(each for each in discover().entries() if each.id == name)


def test_what_chirpstack_decoded_gives_the_readings_that_our_own_decoder_gives():
    found = [
        (
            mapped_decoder(parse(ERS), ChirpStackObject()).decode(frame_of(event)),
            entry("elsys/ers-co2").decoder.decode(frame_of(event)),
        )
        for event in uplinks("ELSYS ERS CO2")
    ]
    assert 4 == len(found)
    for mapped, declared in found:
        assert {item.quantity.name: item for item in declared} == {item.quantity.name: item for item in mapped}


def test_cayenne_lpp_is_read_as_chirpstack_reads_it():
    [event] = uplinks("Générique Cayenne LPP")
    assert event["object"] == cayenne.tree(b64decode(event["data"]))


def test_every_type_of_cayenne_lpp_is_read():
    payload = b"".join(
        bytes([7, number]) + b"\x81" * kind.size * max(len(kind.parts), 1) for number, kind in cayenne.TYPES.items()
    )
    tree = cayenne.tree(payload)
    assert 26 == len(tree)
    assert (-323.83, 331.53, 0x81818181) == (tree["analogInput"]["7"], tree["voltage"]["7"], tree["genericSensor"]["7"])
    assert {"x": -32.383, "y": -32.383, "z": -32.383} == tree["accelerometer"]["7"]
    assert {"r": 129, "g": 129, "b": 129} == tree["color"]["7"]
    assert {"latitude": -828.9919, "longitude": -828.9919, "altitude": -82899.19} == tree["gpsLocation"]["7"]


def test_nan_that_chirpstack_writes_as_null_is_a_fault():
    [event] = uplinks("Codec qui rend NaN")
    mapping = 'vendor = "A"\nmodels = ["N"]\ncodec = "object"\n[reads]\nratio = "air.temperature"\nneg = "air.co2"\n'
    ratio, neg = mapped_decoder(parse(mapping), ChirpStackObject()).decode(frame_of(event))
    assert "no_value" == ratio.code
    assert 0.0 == neg.value


class Recorder:
    """An engine that answers as a test says, and keeps what it was called with."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []

    def problem(self, _script):
        return ""

    def decode(self, script, uplinked):
        self.calls.append((script, uplinked))
        return self.answer

    def close(self):
        pass


def test_a_script_is_called_with_what_the_mapping_and_the_installation_set():
    engine = Recorder(Answer(b'{"temperature": 20.5}'))
    script = Script("elsys/x", "")
    decoder = mapped_decoder(parse(ERS), JavaScript(script, engine, {"unit": "C", "height": 1.0}))
    [item] = decoder.decode(Frame(5, b"\x01", 7, {"height": 2.5}))
    assert 20.5 == item.value
    [(called, uplinked)] = engine.calls
    assert (script, b"\x01", 5, 7, {"unit": "C", "height": 2.5}) == (
        called,
        uplinked.payload,
        uplinked.f_port,
        uplinked.received_at_ns,
        uplinked.variables,
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(errors=("unknown port", "sorry")), "the codec says: unknown port; sorry"),
        (Answer(), "the codec gives no data"),
        (Answer(b"null"), "the codec gives no data"),
        (Answer(b"{"), "cannot be read"),
        (Answer(b"[" * 100_000), "cannot be read"),
        (Answer(b"7"), "gives 7 and no object"),
    ],
)
def test_a_script_that_fails_is_a_payload_error_in_its_words(answer, words):
    decoder = mapped_decoder(parse(ERS), JavaScript(Script("a", ""), Recorder(answer), {}))
    with pytest.raises(PayloadError, match=words):
        decoder.decode(Frame(5, b"\x01"))


def test_cayenne_by_the_name_of_a_mapping():
    text = 'vendor = "A"\nmodels = ["L"]\ncodec = "cayenne-lpp"\n[reads]\n"temperatureSensor.3" = "air.temperature"\n'
    [item] = mapped_decoder(parse(text), CayenneLpp()).decode(Frame(1, bytes.fromhex("036700fa")))
    assert ("main", 25.0) == (item.channel, item.value)
