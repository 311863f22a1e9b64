"""`vdl-lora run`: the service."""

import logging

from .service import replace_process, serve
from .terminal import ConfigOption, log_to_stderr, settings_of


def run(*, config: ConfigOption = None) -> None:
    """Run the service: take events from ChirpStack, keep them, decode them, store their values.

    It logs to stderr, in colour on a terminal and as JSON otherwise. Ctrl-C or SIGTERM ends it in order, within ten
    seconds; a second one ends it at once. Either way nothing is lost: what was accepted is in the journal.

    Example: vdl-lora config example > vdl-lora.toml, name your ChirpStack there, then vdl-lora run -c vdl-lora.toml
    """
    log_to_stderr(logging.INFO)
    settings = settings_of(config)
    replace_process(settings)
    serve(settings)
