"""`vdl-lora decoders`: which sensors are known, what they give, whether their vectors hold, and drafts of new ones."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from vdl_lora.app.build import open_engine, open_history, open_knowledge
from vdl_lora.catalog import Catalog, Entry
from vdl_lora.lorawan import DevEUI, Device
from vdl_lora.operations import decoders
from vdl_lora.operations.choice import Chosen, choose_decoder
from vdl_lora.operations.drafts import Drafted, Named, draft_object, draft_script
from vdl_lora.operations.knowledge import Knowledge
from vdl_lora.settings import Settings
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

_DEFAULT_ROOT = Path("decoders")

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
        print_json([decoders.summary(entry) for entry in entries])
        return
    rows = [
        [entry.id, entry.decoder.vendor, entry.model, ", ".join(decoders.quantity_names(entry.decoder))]
        for entry in entries
    ]
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
        document = {**decoders.summary(entry), **decoders.details(entry, file)}
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


def _results(knowledge: Knowledge, models: Sequence[str]) -> list[dict[str, Any]]:
    """Test the files of some models, or all; a broken one fails with what is wrong."""
    catalog, discovered = knowledge.catalog, knowledge.discovered
    broken = [(name, problem) for name in models if (problem := catalog.why_broken(name))]
    chosen = [_entry(catalog, name) for name in models if not catalog.why_broken(name)]
    files = [file for file in discovered.files if not models or any(each.decoder is file.decoder for each in chosen)]
    results = [
        decoders.run_vectors(file)
        for file in track(files, "testing", console=err, transient=True, disable=not err.is_terminal)
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


@app.command()
def new(  # noqa: PLR0913 - a command's options
    model: Annotated[str, typer.Argument(metavar="VENDOR/MODEL", help="Such as acme/x1.", show_default=False)],
    *,
    js: Annotated[
        Path | None, typer.Option("--js", metavar="FILE", help="The maker's script.", show_default=False)
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The maker's examples: JSON, or a line of JSON each, with fPort, bytes, and maybe what comes out.",
            show_default=False,
        ),
    ] = None,
    object_: Annotated[
        Path | None,
        typer.Option(
            "--object",
            metavar="FILE",
            help="Recorded events, for a sensor that ChirpStack decodes already.",
            show_default=False,
        ),
    ] = None,
    dev_eui: Annotated[
        str, typer.Option(metavar="DEVEUI", help="With --object: only the events of this device.", show_default=False)
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT", help="The root; without it the site's only one, or ./decoders.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a sensor: run a maker's examples, guess what each key is, and mark what a person must decide.

    It writes the mapping, the vectors, and a copy of the script, and never over a file that is there.

    Example: vdl-lora decoders new --js codec.js --vectors examples.json acme/x1, or, where ChirpStack decodes it:
    vdl-lora decoders new --object recorded.jsonl acme/x1
    """
    settings = settings_of(config)
    named = _named(model, _root(settings, into))
    if object_ is not None and js is None and vectors is None:
        drafted = asyncio.run(draft_object(named, object_, _dev_eui(dev_eui)))
    elif js is not None and vectors is not None and object_ is None:
        with open_engine(settings) as engine:
            drafted = draft_script(named, js, vectors, engine)
    else:
        raise typer.BadParameter("give --js and --vectors, or --object")
    drafted.write()
    if as_json:
        print_json(_document(named, drafted))
        return
    for path in drafted.files:
        out.print(f"written: {path}")
    for line in drafted.differences:
        say(f"see to it: {line}")
    for line in drafted.decide:
        out.print(f"decide: {line}")
    out.print()
    for number, step in enumerate(_steps(settings, named), 1):
        out.print(f"{number}. {step}")


def _named(model: str, root: Path) -> Named:
    vendor, _, name = model.partition("/")
    named = Named(vendor, name, root)
    if not all(named.id.split("/")) or "/" in name:
        raise typer.BadParameter(f"{model!r} is not VENDOR/MODEL, such as acme/x1", param_hint="VENDOR/MODEL")
    return named


def _root(settings: Settings, into: Path | None) -> Path:
    if into is not None:
        return into
    roots = settings.decoders.roots
    if len(roots) > 1:
        raise typer.BadParameter(f"name one of your roots: {', '.join(map(str, roots))}", param_hint="--into")
    return roots[0] if roots else _DEFAULT_ROOT


def _steps(settings: Settings, named: Named) -> list[str]:
    known = {root.absolute() for root in settings.decoders.roots}
    steps = [
        f"See each line of {named.file('.mapping.toml')} that says `decide:`, and whether each unit is the codec's.",
        f"Compare the values in {named.file('.toml')} with the maker's.",
    ]
    if named.root.absolute() not in known:
        steps.append(f'Name the root in the configuration: [decoders] roots = ["{named.root}"]')
    return [
        *steps,
        f"Run `vdl-lora decoders test {named.id}`.",
        f"Set the device tag `decoder` to `{named.id}` in ChirpStack, or a rule in [decoders] rules; start again.",
    ]


def _document(named: Named, drafted: Drafted) -> dict[str, Any]:
    return {
        "id": named.id,
        "files": [str(path) for path in drafted.files],
        "decide": drafted.decide,
        "differences": drafted.differences,
    }


@app.command()
def choose(  # noqa: PLR0913 - a command's options
    dev_eui: Annotated[
        str, typer.Argument(metavar="DEVEUI", help="A device that the journal has uplinks of.", show_default=False)
    ] = "",
    *,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TEXT", help="A tag of the device; it beats that of its uplink.")
    ] = None,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Its device profile.", show_default=False)] = "",
    application: Annotated[str, typer.Option(metavar="NAME", help="Its application.", show_default=False)] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which decoder a device has and who chose it: its newest uplink tells its tags, profile and application.

    What would be chosen otherwise can be asked with --tag, --profile and --application, with a DevEUI or without. The
    exit code is 1 where none is chosen.

    Example: vdl-lora decoders choose 24e124136b500042, or: vdl-lora decoders choose --tag decoder=acme/x1
    """
    if not (dev_eui or tag or profile or application):
        raise typer.BadParameter("give a DevEUI, or --tag, --profile or --application")
    asked = Device(
        dev_eui=DevEUI(_dev_eui(dev_eui)),
        tags=dict(_tag(text) for text in tag or []),
        device_profile_name=profile,
        application_name=application,
    )
    chosen = asyncio.run(_choose(settings_of(config), asked))
    if as_json:
        print_json(_choice(chosen))
    else:
        _print_choice(chosen)
    if not chosen.decoder:
        raise typer.Exit(EXIT_FAILED)


async def _choose(settings: Settings, asked: Device) -> Chosen:
    with open_knowledge(settings) as knowledge:
        warn(knowledge.discovered.warnings)
        if not settings.journal.path.exists():
            return await choose_decoder(knowledge, None, asked)
        async with open_history(settings) as history:
            return await choose_decoder(knowledge, history, asked)


def _print_choice(chosen: Chosen) -> None:
    device = chosen.device
    if chosen.decoder:
        out.print(f"{chosen.decoder}, by {chosen.by}: {chosen.file}")
    else:
        out.print(f"none: {chosen.by}")
    tags = " ".join(f"{name}={text}" for name, text in device.tags.items())
    for name, text in (
        ("device", f"{device.dev_eui} {device.device_name}".strip()),
        ("profile", device.device_profile_name),
        ("application", device.application_name),
        ("tags", tags),
        ("place", chosen.place),
    ):
        if text:
            out.print(f"{name}: {text}")


def _choice(chosen: Chosen) -> dict[str, Any]:
    device = chosen.device
    return {
        "dev_eui": str(device.dev_eui) or None,
        "decoder": chosen.decoder or None,
        "by": chosen.by if chosen.decoder else None,
        "why_none": None if chosen.decoder else chosen.by,
        "file": chosen.file or None,
        "profile": device.device_profile_name or None,
        "application": device.application_name or None,
        "tags": device.tags,
        "place": chosen.place or None,
    }


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=TEXT", param_hint="--tag")
    return name, value


def _dev_eui(text: str) -> str:
    try:
        return DevEUI.parse(text) if text else ""
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="DEVEUI") from None
