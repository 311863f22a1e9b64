"""Describes decoders, and runs their test vectors."""

from typing import Any

from vdl_lora.authoring import review, vectors
from vdl_lora.catalog import Entry
from vdl_lora.decoding import Decoder, codecs
from vdl_lora.discovery import NOWHERE, DecoderFile


def quantity_names(decoder: Decoder) -> list[str]:
    """Return the names of the quantities that a decoder may give."""
    return [quantity.name for quantity in decoder.quantities()]


def summary(entry: Entry) -> dict[str, Any]:
    """Return the id, names and quantities of a sensor model."""
    return {
        "id": entry.id,
        "vendor": entry.decoder.vendor,
        "model": entry.model,
        "quantities": quantity_names(entry.decoder),
    }


def details(entry: Entry, file: DecoderFile) -> dict[str, Any]:
    """Return what else is known of a sensor model: its files, and the values of each fPort."""
    decoder = entry.decoder
    codec = codecs.javascript_of(decoder)
    known = vectors.parse(file.vectors.read_text(encoding="utf-8")) if file.vectors.is_file() else []
    return {
        "datasheet": decoder.datasheet,
        "file": str(file.path),
        "declaration": file.declaration,
        "vectors": len(known),
        "encodes": decoder.encodes,
        "codec": file.mapping.codec if file.mapping else None,
        "context": codec and ("kept" if codec.script.reusable else "fresh"),
        "unmapped": review.review(decoder, [vector.frame for vector in known]).unmapped,
        "f_ports": {str(port): _values(decoder, port) for port in decoder.f_ports},
        "f_port_can_be_set": decoder.f_port_can_be_set,
        "parameters": [
            {"name": each.name, "unit": each.unit, "default": each.default, "about": each.about}
            for each in decoder.parameters
        ],
    }


def _values(decoder: Decoder, f_port: int) -> list[dict[str, Any]]:
    unique = {
        (value.quantity.name, value.channel): {
            "quantity": value.quantity.name,
            "unit": value.quantity.unit,
            "kind": value.quantity.kind,
            "channel": value.channel,
            "faults": sorted(value.fault_codes()),
        }
        for value in decoder.f_ports[f_port].values()
    }
    return list(unique.values())


def run_vectors(file: DecoderFile) -> dict[str, Any]:
    """Run the vectors of a decoder file: their number, what failed, and which keys a mapping does not map."""
    name = file.decoder.ids[0]
    try:
        text = file.vectors.read_text(encoding="utf-8")
        known, downlinks = vectors.parse(text), vectors.parse_downlinks(text)
    except (OSError, ValueError) as error:
        return {"id": name, "vectors": 0, "failures": [f"{file.vectors}: {error}"]}
    failures = [
        f"{vector.what} ({vector.payload.hex()} on fPort {vector.f_port}): {line}"
        for vector in known
        for line in vectors.differences(file.decoder, vector)
    ]
    failures += [
        f"the downlink {downlink.what!r}: {line}"
        for downlink in downlinks
        for line in review.downlink_differences(file.decoder, downlink)
    ]
    found = review.review(file.decoder, [vector.frame for vector in known])
    failures += [f"{file.path}: {NOWHERE.format(path)}" for path in found.unused]
    return {
        "id": name,
        "vectors": len(known) + len(downlinks),
        "failures": failures if known else [f"{file.vectors} has no vector"],
        "unmapped": found.unmapped,
    }
