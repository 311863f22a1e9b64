"""What interpreting needs: decoders and installations, loaded and checked against each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from vdl_lora.catalog import Catalog
from vdl_lora.decoding.javascript import Engine
from vdl_lora.discovery import Discovered, discover
from vdl_lora.errors import ConfigError
from vdl_lora.events import JournalEvent
from vdl_lora.installations import Installation, Installations, parse_installations
from vdl_lora.interpret import Interpretation, PointSettings, interpret
from vdl_lora.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The decoders, what was found wrong with a site's, and the installations."""

    discovered: Discovered
    catalog: Catalog
    installations: Installations
    engine: Engine | None = None

    def close(self) -> None:
        """Stop the makers' scripts that run just now, and run none any more."""
        if self.engine is not None:
            self.engine.close()


class Interpreter:
    """`interpret` with a site's decoders and tags; its installations can be replaced while the service runs.

    Each event is interpreted with one whole snapshot of the installations, the newest at that moment.
    """

    def __init__(self, knowledge: Knowledge, points: PointSettings) -> None:
        self.installations = knowledge.installations
        self._catalog = knowledge.catalog
        self._points = points

    def __call__(self, event: JournalEvent) -> Interpretation:
        """Interpret an event; called from worker threads too."""
        return interpret(event, self._catalog, self.installations, self._points)


def load_knowledge(settings: Settings, engine: Engine | None = None) -> Knowledge:
    """Load the decoders and the installations; without an engine, makers' scripts count as broken.

    Raises ConfigError with every mistake; a site's broken decoder file is no mistake here: `discovered` names it, and
    who calls reports it, once.
    """
    discovered = discover(settings.decoders.roots, engine)
    catalog = Catalog(discovered.entries(), settings.decoders.rules, discovered.broken)
    installations = read_installations(settings.installations.file)
    check_installations(catalog, installations)
    return Knowledge(discovered, catalog, installations, engine)


def log_warnings(discovered: Discovered) -> None:
    """Log each decoder file that is broken, and each decoder that replaces another: what a service does with it."""
    for problem in discovered.problems:
        log.error("a decoder file is broken; its devices wait in quarantine", action="quarantine", file=problem)
    for line in discovered.replaced:
        log.warning("a decoder replaces another", action="replace", what=line)


def read_installations(path: Path | None) -> Installations:
    """Read the installations' file; none where no path is given.

    Raises ConfigError with every mistake.
    """
    if path is None:
        return Installations()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"installations.file: {path} cannot be read: {error}") from error
    try:
        return Installations(parse_installations(text, "csv" if path.suffix.lower() == ".csv" else "toml"))
    except ConfigError as error:
        problems = error.problems or (str(error),)
        raise ConfigError(problems=[f"{path}: {problem}" for problem in problems]) from error


def check_installations(catalog: Catalog, installations: Installations) -> None:
    """Check the decoders that rules and installations name, and the parameters of installations.

    A decoder whose file is broken is no mistake here. Raises ConfigError with every mistake.
    """
    named = [(f"decoders.rules[{number}]", rule.decoder) for number, rule in enumerate(catalog.rules)]
    named += [(f"the installation of {each.dev_eui}", each.decoder) for each in installations if each.decoder]
    problems = [
        f"{where}: there is no decoder {name!r}; near it: {catalog.near(name)}"
        for where, name in named
        if catalog.entry(name) is None and not catalog.why_broken(name)
    ]
    problems += [problem for each in installations for problem in _parameter_problems(catalog, each)]
    if problems:
        raise ConfigError(problems=problems)


def _parameter_problems(catalog: Catalog, installation: Installation) -> Iterator[str]:
    """Say which parameters nobody takes; where the device's own tags choose the decoder, nobody can tell yet."""
    entry = catalog.entry(installation.decoder) if installation.decoder else None
    if entry is None:
        return
    taken = {each.name: each for each in entry.decoder.parameters}
    read = {name for each in installation.reads for name in each.parameters}
    where = f"the installation of {installation.dev_eui}"
    for name, given in installation.parameters.items():
        parameter = taken.get(name)
        if parameter is None and name not in read:
            known = ", ".join(sorted({*taken, *read})) or "none"
            yield f"{where}: nothing takes the parameter {name!r}; known here: {known}"
        elif parameter is not None and parameter.minimum is not None and given < parameter.minimum:
            yield f"{where}: {name} is at least {parameter.minimum:g}, not {given:g}"
