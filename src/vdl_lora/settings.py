"""The whole configuration as one value: a section a field, each declared by the component that it is for.

What no component below declares, such as where pages listen, is declared here. `config` fills it in.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from vdl_lora.addresses import parse_bind
from vdl_lora.catalog import Rule
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.interpret import PointSettings
from vdl_lora.journal import JournalSettings
from vdl_lora.setting_types import SLUG, Bind, Id, OptionalPath, Setting, Slug
from vdl_lora.sinks import InfluxSettings, InfluxTenant, StoreSettings


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """What an application is called in tags."""

    slug: Annotated[Slug, SLUG]


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """How devices find their decoder when neither an installation nor the device's tags name it."""

    roots: Annotated[tuple[Path, ...], Setting("folders with a site's own decoders, as <vendor>/<model>.py")] = ()
    rules: Annotated[
        tuple[Rule, ...],
        Setting(
            'the first that fits: { profile = "EM300*", decoder = "milesight/em300-th" }; '
            "with preferred = true it beats the device's tags too"
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class InstallationSettings:
    """Which device stood where, from when to when."""

    file: Annotated[OptionalPath, Setting("a TOML or CSV file; docs/howto/add-an-installation.md shows its form")] = (
        None
    )


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
class MonitoringSettings:
    """Health and metrics of the service, for those who watch it: /healthz, /readyz, /metrics. Nobody signs in there."""

    bind: Annotated[Bind, Setting("host:port to listen on; empty: nowhere")] = "127.0.0.1:8091"

    @property
    def server(self) -> ServerSettings | None:
        """Where to listen, None for nowhere; whoever writes an address that others reach means it."""
        return ServerSettings(*parse_bind(self.bind), beyond_loopback=True) if self.bind else None


_ID_IN_TAGS = "What {} is called in tags instead of its id; as many as there are."


@dataclass(frozen=True, slots=True)
class JavaScriptSettings:
    """How makers' scripts are run, where a decoder uses one."""

    require_confinement: Annotated[
        bool, Setting("refuse to start where the system cannot confine the process of scripts, by seccomp for one")
    ] = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The sections of the configuration; `http` is where the routes of sources and pages are served."""

    chirpstack: ChirpStackSettings = field(default_factory=ChirpStackSettings)
    influxdb: InfluxSettings = field(default_factory=InfluxSettings)
    tenants: Annotated[dict[Id, InfluxTenant], Setting(_ID_IN_TAGS.format("a tenant"))] = field(
        default_factory=dict[str, InfluxTenant]
    )
    applications: Annotated[dict[Id, ApplicationSettings], Setting(_ID_IN_TAGS.format("an application"))] = field(
        default_factory=dict[str, ApplicationSettings]
    )
    points: PointSettings = field(default_factory=PointSettings)
    decoders: DecoderSettings = field(default_factory=DecoderSettings)
    javascript: JavaScriptSettings = field(default_factory=JavaScriptSettings)
    installations: InstallationSettings = field(default_factory=InstallationSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    monitoring: MonitoringSettings = field(default_factory=MonitoringSettings)
    http: ServerSettings = field(default_factory=ServerSettings)

    @property
    def served(self) -> frozenset[str]:
        """The ids of the tenants that are served, none for all of them."""
        return frozenset(self.chirpstack.tenants)


def join(settings: Settings) -> Settings:
    """Hand the sections what others hold for them: the tenants and the names in tags. A secret beats its file."""
    chirpstack, influxdb = settings.chirpstack, settings.influxdb
    return replace(
        settings,
        chirpstack=replace(chirpstack, api_key_file=None if chirpstack.api_key else chirpstack.api_key_file),
        influxdb=replace(
            influxdb, tenants=settings.tenants, token_file=None if influxdb.token else influxdb.token_file
        ),
        points=replace(
            settings.points,
            tenants={each: tenant.slug for each, tenant in settings.tenants.items() if tenant.slug},
            applications={each: application.slug for each, application in settings.applications.items()},
        ),
    )
