"""`vdl-lora config`: an example to begin with, a check, the schema."""

import typer

from vdl_lora import config as settings
from vdl_lora.app.build import build_sinks, open_knowledge
from vdl_lora.terminal import ConfigOption, JsonOption, commands, print_json, warn

app = commands("config", "Write, check and describe the configuration.")


@app.command()
def example() -> None:
    """Print a commented configuration with every key at its default.

    Begin with: vdl-lora config example > vdl-lora.toml
    """
    typer.echo(settings.example(), nl=False)


@app.command()
def check(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check a configuration, the installations and decoders that it names; all mistakes are told at once.

    The exit code is 78 where something is wrong.

    Example: vdl-lora config check -c vdl-lora.toml
    """
    file = settings.find_file(config)
    loaded = settings.load(file)
    with open_knowledge(loaded) as knowledge:
        build_sinks(loaded)
    stored = f"InfluxDB {loaded.influxdb.url}" if loaded.influxdb.url else f"store {loaded.store.path}"
    summary = {
        "file": str(file) if file else None,
        "decoders": len(knowledge.catalog.entries),
        "broken_decoders": knowledge.discovered.broken,
        "installations": sum(1 for _ in knowledge.installations),
        "journal": str(loaded.journal.path),
        "store": str(loaded.store.path),
        "influxdb": loaded.influxdb.url or None,
    }
    if as_json:
        print_json(summary)
        return
    warn(knowledge.discovered.warnings)
    where = f"{file} is right" if file else "no file: the defaults hold"
    typer.echo(
        f"{where}: {summary['decoders']} sensor models, {summary['installations']} installations, "
        f"journal {loaded.journal.path}, {stored}"
    )


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for an editor that completes and checks it.

    Example: vdl-lora config schema > vdl-lora.schema.json
    """
    print_json(settings.schema())
