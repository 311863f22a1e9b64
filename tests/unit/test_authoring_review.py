"""Reviews of mappings: the keys that a mapping does not name, and its lines that name no key."""

import pytest

from vdl_lora.authoring.review import review
from vdl_lora.decoding import Frame
from vdl_lora.decoding.codecs import ChirpStackObject, mapped_decoder
from vdl_lora.decoding.mapping import parse
from vdl_lora.discovery import discover

ERS = """
vendor = "ELSYS"
models = ["ERS CO2 by ChirpStack"]
codec = "object"

[reads]
temperature = "air.temperature"
humidity = "air.humidity"
battery = { is = "device.battery_voltage", unit = "mV" }
"""


def test_review_names_unmapped_keys_and_unused_paths():
    frame = Frame(5, b"", decoded=b'{"temperature": 21.5, "humidity": 40, "light": 3, "vdd": 3600}')
    found = review(mapped_decoder(parse(ERS), ChirpStackObject()), [frame])
    assert (("light", "vdd"), ("battery",)) == (found.unmapped, found.unused)


def test_review_without_a_readable_frame_finds_nothing():
    found = review(mapped_decoder(parse(ERS), ChirpStackObject()), [Frame(5, b"\x01")])
    assert ((), ()) == (found.unmapped, found.unused)


@pytest.mark.parametrize("name", ["elsys/ers-co2"])
def test_review_of_a_declared_decoder_finds_nothing(name: str):
    decoder = next(each.decoder for each in discover().entries() if each.id == name)
    found = review(decoder, [Frame(5, b"\x01")])
    assert ((), ()) == (found.unmapped, found.unused)
