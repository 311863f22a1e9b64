"""`vdl-lora decode`: readings and faults of one payload."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from vdl_lora.app.build import open_knowledge
from vdl_lora.catalog import Catalog, Entry
from vdl_lora.decoding import Fault, Frame, Item, Reading
from vdl_lora.errors import DecodeError
from vdl_lora.hexadecimal import parse_hex
from vdl_lora.terminal import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    commands,
    out,
    print_json,
    print_table,
    say,
    settings_of,
    warn,
)
from vdl_lora.times import format_time, nanoseconds

_MODEL_AND_HEX = 2


app = commands()


@app.command("decode")
def decode(  # noqa: PLR0913 - a command's options
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] HEX",
            help="The sensor model, such as milesight/em300-th, and the payload, such as 01755C03671001046871. "
            "Without a model, every decoder is tried.",
            show_default=False,
        ),
    ],
    *,
    f_port: Annotated[int, typer.Option("--f-port", min=0, max=255, metavar="N", help="The uplink's fPort.")],
    received_at: Annotated[
        datetime | None, typer.Option(help="When it was received (UTC), for sensors whose frames tell ages.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="What the installation says of the device, such as period=600."),
    ] = None,
    object_: Annotated[
        str, typer.Option("--object", metavar="JSON", help="What ChirpStack's codec gave, for mappings of that.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode one payload and print its readings and faults.

    Example: vdl-lora decode milesight/em300-th --f-port 85 01755C03671001046871
    """
    if len(words) > _MODEL_AND_HEX:
        raise typer.BadParameter("give a model and a payload; write the payload's bytes without spaces or in quotes")
    frame = Frame(
        f_port,
        _payload(words[-1]),
        nanoseconds(received_at) if received_at else 0,
        dict(_parameter(text) for text in parameter or []),
        object_.encode(),
    )
    with open_knowledge(settings_of(config)) as knowledge:
        if len(words) == _MODEL_AND_HEX:
            entry = _entry(knowledge.catalog, words[0])
            warn(knowledge.discovered.warnings)
            _decode_one(entry, frame, as_json=as_json)
        else:
            warn(knowledge.discovered.warnings)
            _try_all(knowledge.catalog, frame, as_json=as_json)


def _payload(text: str) -> bytes:
    try:
        return parse_hex(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="HEX") from None


def _parameter(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not NAME=NUMBER", param_hint="--parameter") from None


def _entry(catalog: Catalog, name: str) -> Entry:
    found = catalog.entry(name)
    if found is None:
        near = f"there is no decoder {name!r}; near it: {catalog.near(name)}. `vdl-lora decoders list` shows all"
        raise typer.BadParameter(catalog.why_broken(name) or near, param_hint="MODEL")
    return found


def _decode_one(entry: Entry, frame: Frame, *, as_json: bool) -> None:
    try:
        items = entry.decoder.decode(frame)
    except DecodeError as error:
        if as_json:
            failed = {"code": error.code, "message": str(error)}
            print_json({"decoder": entry.id, "readings": [], "faults": [], "error": failed})
        else:
            say(f"{entry.id}: {error}")
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        print_json(_document(entry, items))
    else:
        _print(entry, items)


def _try_all(catalog: Catalog, frame: Frame, *, as_json: bool) -> None:
    """Show every decoder that reads the payload; a family of models is one."""
    found: list[tuple[Entry, list[Item]]] = []
    seen: set[int] = set()
    for entry in catalog.entries.values():
        if id(entry.decoder) in seen:
            continue
        seen.add(id(entry.decoder))
        try:
            items = entry.decoder.decode(frame)
        except DecodeError:
            continue
        if items:
            found.append((entry, items))
    if as_json:
        print_json([_document(entry, items) for entry, items in found])
    for entry, items in found if not as_json else ():
        _print(entry, items)
        out.print()
    if not found:
        say(f"none of the {len(seen)} decoders reads this payload on fPort {frame.f_port}")
        raise typer.Exit(EXIT_FAILED)


def _document(entry: Entry, items: Sequence[Item]) -> dict[str, Any]:
    return {
        "decoder": entry.id,
        "readings": [
            {
                "quantity": item.quantity.name,
                "value": item.value,
                "unit": item.quantity.unit,
                "channel": item.channel,
                "measured_at": _time(item),
            }
            for item in items
            if isinstance(item, Reading)
        ],
        "faults": [
            {
                "quantity": item.quantity.name,
                "code": item.code,
                "detail": item.detail,
                "channel": item.channel,
                "measured_at": _time(item),
            }
            for item in items
            if isinstance(item, Fault)
        ],
    }


def _time(item: Item) -> str | None:
    return None if item.measured_at_ns is None else format_time(item.measured_at_ns)


def _print(entry: Entry, items: Sequence[Item]) -> None:
    out.print(entry.id, style="bold")
    rows = [
        [
            item.quantity.name,
            f"fault: {item.code}" if isinstance(item, Fault) else f"{item.value}",
            item.detail if isinstance(item, Fault) else item.quantity.unit,
            item.channel,
            _time(item) or "with the uplink",
        ]
        for item in items
    ]
    print_table(["quantity", "value", "unit", "channel", "measured at"], rows)
