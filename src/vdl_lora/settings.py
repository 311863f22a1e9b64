"""The settings of all rooms, in one value: what the configuration is read into, without what reads it."""

from dataclasses import dataclass
from pathlib import Path

from vdl_lora.catalog import Rule
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.interpret import PointSettings
from vdl_lora.journal import JournalSettings
from vdl_lora.sinks import InfluxSettings, StoreSettings
from vdl_lora.web.server import ServerSettings


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Where a site's own decoders are, and the rules that choose decoders."""

    roots: tuple[Path, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class JavaScriptSettings:
    """Whether makers' scripts are refused where the system cannot confine the process that runs them."""

    require_confinement: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of every room; `served` names the tenants that are served, none for all of them."""

    points: PointSettings
    decoders: DecoderSettings
    installations: Path | None
    journal: JournalSettings
    store: StoreSettings
    served: frozenset[str]
    chirpstack: ChirpStackSettings
    monitoring: ServerSettings | None
    influxdb: InfluxSettings
    javascript: JavaScriptSettings = JavaScriptSettings()
