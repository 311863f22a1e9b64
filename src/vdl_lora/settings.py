"""The settings of all rooms, in one value: what the configuration is read into, without what reads it."""

from dataclasses import dataclass, field
from pathlib import Path

from vdl_lora.catalog import Rule
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.interpret import PointSettings
from vdl_lora.journal import JournalSettings
from vdl_lora.sinks import InfluxSettings, StoreSettings


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Where a site's own decoders are, and the rules that choose decoders."""

    roots: tuple[Path, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen (port 0: any), and the bounds: bytes of a body, connections, seconds.

    `beyond_loopback` must be said to listen on an address that others can reach.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    beyond_loopback: bool = False
    request_s: float = 10.0
    grace_s: float = 3.0
    max_body: int = 1 << 20
    max_connections: int = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of all components; `served` names the tenants that are served, none for all of them.

    `monitoring` is where health and metrics are served, `http` where the routes of sources and pages are.
    """

    points: PointSettings
    decoders: DecoderSettings
    installations: Path | None
    journal: JournalSettings
    store: StoreSettings
    served: frozenset[str]
    chirpstack: ChirpStackSettings
    monitoring: ServerSettings | None
    influxdb: InfluxSettings
    http: ServerSettings = field(default_factory=ServerSettings)
