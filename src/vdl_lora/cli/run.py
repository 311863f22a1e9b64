"""`vdl-lora run`: the service."""

from vdl_lora.app.process import serve
from vdl_lora.terminal import ConfigOption, commands, settings_of

app = commands()


@app.command("run")
def run(*, config: ConfigOption = None) -> None:
    """Run the service: take events from ChirpStack, keep them, decode them, store their values.

    It logs to stderr, in colour on a terminal and as JSON otherwise. Ctrl-C or SIGTERM ends it in order, within ten
    seconds; a second one ends it at once. Either way nothing is lost: what was accepted is in the journal.

    Example: vdl-lora config example > vdl-lora.toml, name your ChirpStack there, then vdl-lora run -c vdl-lora.toml
    """
    serve(settings_of(config))
