"""Builds the rooms of settings: knowledge, interpreter, journal."""

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from vdl_lora.catalog import Catalog
from vdl_lora.decoding.javascript import Engine
from vdl_lora.discovery import Discovered, discover
from vdl_lora.errors import ConfigError
from vdl_lora.installations import Installation, Installations, parse_installations
from vdl_lora.interfaces import Claims
from vdl_lora.interpret import interpret
from vdl_lora.javascript import QuickJs
from vdl_lora.journal import SqliteJournal
from vdl_lora.pipeline.deliver import Interpret
from vdl_lora.settings import Settings
from vdl_lora.sinks import InfluxSink, SqliteSink

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What interpreting needs: the decoders, what was found wrong with a site's, and the installations."""

    discovered: Discovered
    catalog: Catalog
    installations: Installations
    engine: Engine | None = None

    def close(self) -> None:
        """Stop the makers' scripts that run just now, and run none any more."""
        if self.engine is not None:
            self.engine.close()


@contextmanager
def open_knowledge(settings: Settings) -> Generator[Knowledge]:
    """Find the decoders, makers' scripts among them, and end in the end what runs those; nothing runs where none is.

    Raises ConfigError with every mistake; a site's broken decoder file is only logged.
    """
    with closing(QuickJs(require_confinement=settings.javascript.require_confinement)) as engine:
        yield build_knowledge(settings, engine)


def build_knowledge(settings: Settings, engine: Engine | None = None) -> Knowledge:
    """Find the decoders and read the installations; without an engine, makers' scripts count as broken.

    Raises ConfigError with every mistake; a site's broken decoder file is only logged.
    """
    discovered = discover(settings.decoders.roots, engine)
    for problem in discovered.problems:
        log.error("a decoder file is broken; its devices wait in quarantine", action="quarantine", file=problem)
    for line in discovered.replaced:
        log.warning("a decoder replaces another", action="replace", what=line)
    catalog = Catalog(discovered.entries(), settings.decoders.rules, discovered.broken)
    installations = read_installations(settings.installations)
    _check(catalog, installations)
    return Knowledge(discovered, catalog, installations, engine)


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


def _check(catalog: Catalog, installations: Installations) -> None:
    """Refuse decoders that are not there, unless merely broken, and parameters that nothing takes or are too low."""
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


def build_interpreter(settings: Settings, knowledge: Knowledge) -> Interpret:
    """Give the function that makes points of an event."""
    return partial(
        interpret, catalog=knowledge.catalog, installations=knowledge.installations, settings=settings.points
    )


def build_sink(settings: Settings) -> SqliteSink | InfluxSink:
    """Give the way out: InfluxDB where one is configured, the embedded store otherwise.

    Raises ConfigError where what is configured cannot be right.
    """
    return InfluxSink(settings.influxdb) if settings.influxdb.url else SqliteSink(settings.store.path)


def claims_of(settings: Settings) -> Claims:
    """Give whose events wait for delivery."""
    sink = InfluxSink if settings.influxdb.url else SqliteSink
    return Claims(frozenset({sink.name}), settings.served)


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncGenerator[SqliteJournal]:
    """Open the journal for writing, and close it in the end."""
    wanted = settings.journal
    journal = await SqliteJournal.open(wanted.path, max_bytes=wanted.max_bytes, reserve_bytes=wanted.reserve_bytes)
    try:
        yield journal
    finally:
        await journal.close()
