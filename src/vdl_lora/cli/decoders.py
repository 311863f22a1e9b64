"""`vdl-lora decoders`: which sensors are known, what they give, and whether their vectors hold."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.progress import track

from vdl_lora.app.build import open_knowledge
from vdl_lora.authoring import review, vectors
from vdl_lora.catalog import Catalog, Entry
from vdl_lora.decoding import Decoder, codecs
from vdl_lora.discovery import NOWHERE, DecoderFile
from vdl_lora.operations.knowledge import Knowledge
from vdl_lora.terminal import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    commands,
    err,
    out,
    print_json,
    print_table,
    say,
    settings_of,
    warn,
)

from . import decoders_new

app = commands("decoders", "List, show, test and draft the sensors' decoders.")


@app.command("list")
def list_(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every sensor model, with the quantities that it gives.

    Example: vdl-lora decoders list --json
    """
    with open_knowledge(settings_of(config)) as knowledge:
        warn(knowledge.discovered.warnings)
        entries = list(knowledge.catalog.entries.values())
    if as_json:
        print_json([_summary(entry) for entry in entries])
        return
    rows = [[entry.id, entry.decoder.vendor, entry.model, ", ".join(_names(entry.decoder))] for entry in entries]
    print_table(["id", "vendor", "model", "quantities"], rows)


@app.command()
def show(model: str, *, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what a sensor model gives: quantities, units, channels, faults, parameters, and its datasheet.

    Example: vdl-lora decoders show milesight/em300-th
    """
    with open_knowledge(settings_of(config)) as knowledge:
        entry = _entry(knowledge.catalog, model)
        warn(knowledge.discovered.warnings)
        file = next(each for each in knowledge.discovered.files if each.decoder is entry.decoder)
        document = {**_summary(entry), **_details(entry, file)}
    if as_json:
        print_json(document)
        return
    out.print(f"{entry.decoder.vendor} {entry.model}", style="bold")
    for key in ("id", "datasheet", "file", "declaration", "vectors", "encodes"):
        out.print(f"{key}: {document[key]}")
    if document["context"]:
        out.print(f"context: {document['context']}")
    for f_port, values in document["f_ports"].items():
        any_f_port = document["f_port_can_be_set"] and len(document["f_ports"]) == 1
        out.print("\nany fPort" if any_f_port else f"\nfPort {f_port}", style="bold")
        columns = ("quantity", "unit", "kind", "channel", "faults")
        print_table(
            columns, [[*(str(value[key]) for key in columns[:4]), ", ".join(value["faults"])] for value in values]
        )
    if document["unmapped"]:
        out.print(f"\nnot mapped, as far as the vectors show: {', '.join(document['unmapped'])}")
    if document["parameters"]:
        out.print("\nparameters", style="bold")
        rows = [[each["name"], each["unit"], str(each["default"]), each["about"]] for each in document["parameters"]]
        print_table(["name", "unit", "default", "about"], rows)


@app.command("test")
def run_vectors(
    models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", show_default=False)] = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the test vectors of all sensors, or of those named. The exit code is 1 where one does not hold.

    Of a mapping it also names the keys that it does not map, and fails where one of its paths leads nowhere.

    Example: vdl-lora decoders test milesight/em300-th
    """
    with open_knowledge(settings_of(config)) as knowledge:
        warn(knowledge.discovered.replaced)
        results = _results(knowledge, models or [])
    if as_json:
        print_json(results)
    else:
        for result in results:
            for failure in result["failures"]:
                say(f"{result['id']}: {failure}")
            if result.get("unmapped"):
                say(f"{result['id']}: not mapped: {', '.join(result['unmapped'])}")
        held = sum(not result["failures"] for result in results)
        out.print(f"{sum(result['vectors'] for result in results)} vectors, {held} of {len(results)} decoders hold")
    if any(result["failures"] for result in results):
        raise typer.Exit(EXIT_FAILED)


app.command("new")(decoders_new.new)
app.command("choose")(decoders_new.choose)


def _results(knowledge: Knowledge, models: Sequence[str]) -> list[dict[str, Any]]:
    """Test the files of some models, or all; a broken one fails with what is wrong."""
    catalog, discovered = knowledge.catalog, knowledge.discovered
    broken = [(name, problem) for name in models if (problem := catalog.why_broken(name))]
    chosen = [_entry(catalog, name) for name in models if not catalog.why_broken(name)]
    files = [file for file in discovered.files if not models or any(each.decoder is file.decoder for each in chosen)]
    results = [
        _test(file) for file in track(files, "testing", console=err, transient=True, disable=not err.is_terminal)
    ]
    if not models:
        ids = list(discovered.broken.items())
        broken = [(next((name for name, why in ids if why == each), ""), each) for each in discovered.problems]
    return results + [{"id": name, "vectors": 0, "failures": [problem]} for name, problem in broken]


def _entry(catalog: Catalog, model: str) -> Entry:
    found = catalog.entry(model)
    if found is None:
        why = catalog.why_broken(model) or f"there is no decoder {model!r}; near it: {catalog.near(model)}"
        raise typer.BadParameter(why, param_hint="MODEL")
    return found


def _names(decoder: Decoder) -> list[str]:
    return [quantity.name for quantity in decoder.quantities()]


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "vendor": entry.decoder.vendor,
        "model": entry.model,
        "quantities": _names(entry.decoder),
    }


def _details(entry: Entry, file: DecoderFile) -> dict[str, Any]:
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


def _test(file: DecoderFile) -> dict[str, Any]:
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
