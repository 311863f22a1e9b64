"""The configuration: one TOML file and the environment, joined into the settings of the rooms.

Only this file knows pydantic. `VDL_LORA_<SECTION>__<KEY>` overrides any key of the file. Paths are relative to the
working directory. What is wrong is told all at once, each key with what would be right.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vdl_lora.catalog import Rule
from vdl_lora.chirpstack import ChirpStackSettings
from vdl_lora.errors import ConfigError
from vdl_lora.interpret import FIXED_TAGS, RADIO_FIELDS, PointSettings
from vdl_lora.journal import JournalSettings
from vdl_lora.quantities import QUANTITIES
from vdl_lora.settings import DecoderSettings, ServerSettings, Settings
from vdl_lora.sinks import InfluxSettings, InfluxTenant, StoreSettings

CONFIG_VARIABLE = "VDL_LORA_CONFIG"
DEFAULT_FILE = Path("vdl-lora.toml")

_DURATIONS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECRETS = (("chirpstack", "api_key"), ("influxdb", "token"))
_ARTICLES = {"tenants": "a tenant", "applications": "an application"}
_EXAMPLE_HEAD = """\
# The configuration of vdl_lora. Every key is optional and stands here with its default.
# VDL_LORA_<SECTION>__<KEY> in the environment beats the file. Paths are relative to the working directory.
"""

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TAG = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_TAGS = 40  # InfluxDB takes a series key of 65,535 bytes at most
_SERVER = re.compile(
    r"(?:http://)?(?P<clear>[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})/?|https://(?P<tls>[\w.-]+|\[[0-9a-fA-F:]+\])(?P<port>:\d{1,5})?/?"
)
_BIND = re.compile(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _duration(text: Any) -> Any:
    return _scaled(text, _DURATIONS, "duration; write a number and s, min, h or d, such as 400d")


def _size(text: Any) -> Any:
    return 0 if text == "" else _scaled(text, _SIZES, "size; write a number and kB, MB, GB or TB, such as 20GB")


def _scaled(text: Any, units: Mapping[str, int], what: str) -> int:
    found = re.fullmatch(r"(\d{1,6})\s*([A-Za-z]+)", str(text).strip())
    if found is None or found[2] not in units:
        raise ValueError(f"is no {what}")
    return int(found[1]) * units[found[2]]


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("is no slug: lower-case letters, digits, - and _, at most 63 of them")
    return text


def _slug_or_none(text: str) -> str:
    return _slug(text) if text else ""


def _server(text: str) -> str:
    if _SERVER.fullmatch(text) is None:
        raise ValueError("is no server: write host:port, such as 127.0.0.1:8080, or https://host for a proxy")
    return text


def _bind(text: str) -> str:
    if text and _BIND.fullmatch(text) is None:
        raise ValueError("is no address to listen on: write host:port, such as 127.0.0.1:8091")
    return text


def _id(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError("is no id as ChirpStack shows it, such as 52f14cd4-c6f1-4fbd-8f87-4025e1d49242")
    return text


def _tags(names: list[str]) -> list[str]:
    taken = {quantity.field for quantity in QUANTITIES.values()} | set(FIXED_TAGS) | RADIO_FIELDS | {"quantity", "time"}
    problems = [
        f"has {name!r}, which is no tag name: lower-case letters, digits and _, a letter first"
        for name in names
        if not _TAG.fullmatch(name)
    ]
    problems += [
        f"has {name!r}, which is already a tag or a field; a tag never has a field's name"
        for name in names
        if name in taken
    ]
    if len(set(names)) < len(names):
        problems.append("names a tag twice")
    if len(names) > _MOST_TAGS:
        problems.append(f"names {len(names)} tags, at most {_MOST_TAGS} fit a series")
    if problems:
        raise ValueError("; ".join(problems))
    return names


Id = Annotated[str, AfterValidator(_id)]
Slug = Annotated[str, AfterValidator(_slug)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChirpStackSection(_Section):
    """Where ChirpStack is, and the API key that we use there: a read-only one is enough."""

    server: Annotated[
        str,
        AfterValidator(_server),
        Field(
            description="host:port of ChirpStack itself, or https://host of a proxy before it",
        ),
    ] = "127.0.0.1:8080"
    api_key_file: Annotated[
        str,
        Field(
            description="a file that holds the key, such as /run/secrets/chirpstack; "
            "the key itself stands in no configuration, but may in VDL_LORA_CHIRPSTACK__API_KEY",
        ),
    ] = ""
    api_key: Annotated[SkipJsonSchema[SecretStr], Field(exclude=True)] = SecretStr("")
    ca_file: Annotated[str, Field(description="the CA that vouches for a proxy's certificate; empty: the system's")] = (
        ""
    )
    refresh: Annotated[
        int,
        BeforeValidator(_duration),
        Field(description="how often the devices are listed (s, min, h)", examples=["1min"], ge=5),
    ] = 60
    tenants: Annotated[list[Id], Field(description="ids of the tenants that are served; none: all of them")] = []


class NameSection(_Section):
    """What an id is called in tags."""

    slug: Annotated[Slug, Field(description="the tag's value instead of the id; changing it begins new series")]


class TenantSection(_Section):
    """What a tenant is called in tags, and what is its own in InfluxDB."""

    slug: Annotated[
        str,
        AfterValidator(_slug_or_none),
        Field(description="the tag's value instead of the id; changing it begins new series"),
    ] = ""
    bucket: Annotated[str, Field(description="its bucket; empty: as [influxdb] bucket says")] = ""
    token_file: Annotated[str, Field(description="a file with its own token; empty: that of [influxdb]")] = ""


class PointsSection(_Section):
    """How points are tagged, beside dev_eui, channel, tenant, application and place."""

    tags: Annotated[
        list[str],
        AfterValidator(_tags),
        Field(description="device tags of ChirpStack, or of the installation, that become tags of every point"),
    ] = ["commune", "site", "usage"]


class RuleSection(_Section):
    """A decoder for all devices of a profile or an application, by name or id, with * and ?."""

    decoder: str
    profile: str = "*"
    application: str = "*"
    preferred: bool = False


class DecodersSection(_Section):
    """How devices find their decoder when neither an installation nor the device's tags name it."""

    roots: Annotated[list[Path], Field(description="folders with a site's own decoders, as <vendor>/<model>.py")] = []
    rules: Annotated[
        list[RuleSection],
        Field(
            description='the first that fits: { profile = "EM300*", decoder = "milesight/em300-th" }; '
            "with preferred = true it beats the device's tags too"
        ),
    ] = []


class InstallationsSection(_Section):
    """Which device stood where, from when to when."""

    file: Annotated[str, Field(description="a TOML or CSV file; docs/howto/add-an-installation.md shows its form")] = ""


class MonitoringSection(_Section):
    """Health and metrics of the service, for those who watch it: /healthz, /readyz, /metrics. Nobody signs in there."""

    bind: Annotated[str, AfterValidator(_bind), Field(description="host:port to listen on; empty: nowhere")] = (
        "127.0.0.1:8091"
    )


class JournalSection(_Section):
    """What arrived, as it arrived: nothing is acknowledged before it is here."""

    path: Annotated[Path, Field(description="one SQLite file; its folder is made")] = Path("data/journal.sqlite")
    keep: Annotated[
        int, BeforeValidator(_duration), Field(description="how long bodies are kept (s, min, h, d)", examples=["400d"])
    ] = 400 * 86_400
    max_size: Annotated[
        int,
        BeforeValidator(_size),
        Field(
            description="the most it may take (kB, MB, GB, TB), an eighth kept for deliveries; empty: no limit",
            examples=[""],
        ),
    ] = 0
    reserve: Annotated[
        int,
        BeforeValidator(_size),
        Field(
            description="room that a file beside it takes, to be given up when the disk is full (MB, GB); empty: none",
            examples=["64MB"],
        ),
    ] = 64 * 10**6


class InfluxSection(_Section):
    """InfluxDB 2.x, 3 Core, 1.8 or later, or another 1.x behind a v2 path. A token that can only write is enough."""

    url: Annotated[str, Field(description="such as http://127.0.0.1:8086; empty: the embedded store")] = ""
    org: Annotated[str, Field(description="the organization; 2.x needs it")] = ""
    bucket: Annotated[
        str,
        Field(description="a template: {tenant} is the id, {slug} what tags call it; in 1.x database/retention-policy"),
    ] = "{tenant}"
    token_file: Annotated[
        str,
        Field(
            description="a file that holds the token, in 1.x user:password; "
            "the token itself stands in no configuration, but may in VDL_LORA_INFLUXDB__TOKEN"
        ),
    ] = ""
    token: Annotated[SkipJsonSchema[SecretStr], Field(exclude=True)] = SecretStr("")
    timeout: Annotated[
        int,
        BeforeValidator(_duration),
        Field(description="how long an answer may take (s, min)", examples=["10s"], ge=1),
    ] = 10
    ca_file: Annotated[str, Field(description="the CA that vouches for its certificate; empty: the system's")] = ""
    gzip: Annotated[bool, Field(description="whether bodies are compressed")] = True


class StoreSection(_Section):
    """The embedded default: used when no database is configured. A view per measurement: time (ns), tags, fields."""

    path: Annotated[Path, Field(description="one SQLite file; open it with sqlite3")] = Path("data/points.sqlite")


class ConfigFile(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(
        env_prefix="VDL_LORA_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        title="vdl_lora",
    )

    chirpstack: ChirpStackSection = ChirpStackSection()
    influxdb: InfluxSection = InfluxSection()
    tenants: dict[Id, TenantSection] = {}
    applications: dict[Id, NameSection] = {}
    points: PointsSection = PointsSection()
    decoders: DecodersSection = DecodersSection()
    installations: InstallationsSection = InstallationsSection()
    journal: JournalSection = JournalSection()
    store: StoreSection = StoreSection()
    monitoring: MonitoringSection = MonitoringSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - secrets come from files that the keys name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment beat the file."""
        return env_settings, init_settings


def find_file(given: Path | None) -> Path | None:
    """Give the configuration file: the given one, that of VDL_LORA_CONFIG, or vdl-lora.toml if it is here."""
    if given is not None:
        return given
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def load(path: Path | None) -> Settings:
    """Read the settings; without a file, the defaults and the environment.

    Raises ConfigError with every mistake.
    """
    content = _read(path) if path is not None else {}
    if secrets := [f"{path}: {words}" for words in _secrets(content)]:
        raise ConfigError(problems=secrets)
    try:
        return _settings(ConfigFile(**content))
    except ValidationError as error:
        where = f"{path}: " if path is not None else ""
        raise ConfigError(problems=[where + _problem(each) for each in error.errors(include_url=False)]) from None


def _secrets(content: Mapping[str, Any]) -> Iterator[str]:
    """Say which secrets stand in the file itself."""
    for section, key in _SECRETS:
        if isinstance(content.get(section), dict) and key in content[section]:
            yield f"{section}.{key}: is a secret; write it into a file of its own and name that in {key}_file"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            advice=f"`vdl-lora config example > {path}` writes one to begin with",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _settings(file: ConfigFile) -> Settings:
    return Settings(
        points=PointSettings(
            tags=tuple(file.points.tags),
            tenants={each: name.slug for each, name in file.tenants.items() if name.slug},
            applications={each: name.slug for each, name in file.applications.items()},
        ),
        decoders=DecoderSettings(
            roots=tuple(file.decoders.roots),
            rules=tuple(
                Rule(rule.decoder, rule.profile, rule.application, rule.preferred) for rule in file.decoders.rules
            ),
        ),
        installations=Path(file.installations.file) if file.installations.file else None,
        journal=JournalSettings(file.journal.path, file.journal.keep, file.journal.max_size, file.journal.reserve),
        store=StoreSettings(file.store.path),
        served=frozenset(file.chirpstack.tenants),
        chirpstack=_chirpstack(file.chirpstack),
        monitoring=_monitoring(file.monitoring.bind),
        influxdb=_influxdb(file),
    )


def _chirpstack(section: ChirpStackSection) -> ChirpStackSettings:
    found = _SERVER.fullmatch(section.server)
    clear = found["clear"] if found is not None else None
    key = section.api_key.get_secret_value()
    return ChirpStackSettings(
        target=clear or f"{found['tls']}{found['port'] or ':443'}" if found is not None else "",
        tls=clear is None,
        api_key=key,
        api_key_file=Path(section.api_key_file) if section.api_key_file and not key else None,
        ca_file=Path(section.ca_file) if section.ca_file else None,
        tenants=tuple(section.tenants),
        refresh_s=section.refresh,
    )


def _influxdb(file: ConfigFile) -> InfluxSettings:
    section = file.influxdb
    token = section.token.get_secret_value()
    return InfluxSettings(
        url=section.url,
        org=section.org,
        bucket=section.bucket,
        token=token,
        token_file=_path(section.token_file) if not token else None,
        tenants={each: InfluxTenant(one.bucket, _path(one.token_file)) for each, one in file.tenants.items()},
        slugs={each: one.slug for each, one in file.tenants.items() if one.slug},
        timeout_s=section.timeout,
        ca_file=_path(section.ca_file),
        gzip=section.gzip,
    )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _monitoring(bind: str) -> ServerSettings | None:
    """Give where to listen; an address that others reach is one that somebody wrote down on purpose."""
    found = _BIND.fullmatch(bind)
    if found is None:
        return None
    return ServerSettings(found["host"].strip("[]"), int(found["port"]), beyond_loopback=True)


def _problem(error: ErrorDetails) -> str:
    """Say one mistake: where it is, and what would be right."""
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        known = _keys(location[:-1])
        near = get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        return f"{key}: there is no such key; {hint}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    words = error["msg"].removeprefix("Value error, ")
    return f"{key}: {words[0].lower()}{words[1:]}"


def _keys(location: Sequence[str]) -> list[str]:
    """Give the keys that a section knows."""
    model: type[BaseModel] = ConfigFile
    for part in location:
        inner = next(_models(model.model_fields[part].annotation), None) if part in model.model_fields else model
        model = inner or model
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def example() -> str:
    """Write a commented configuration with every key at its default."""
    parts = [_EXAMPLE_HEAD]
    for name, field in ConfigFile.model_fields.items():
        if name in _ARTICLES:
            parts.append(
                f"# What {_ARTICLES[name]} is called in tags instead of its id; as many as there are.\n"
                f'# [{name}."52f14cd4-c6f1-4fbd-8f87-4025e1d49242"]\n# slug = "grand-chambord"\n'
            )
            continue
        section = next(iter(_models(field.annotation)))
        lines = [f"# {section.__doc__}", f"[{name}]"]
        for key, inner in section.model_fields.items():
            if inner.exclude:  # a secret: the environment alone may hold it
                continue
            shown = inner.examples[0] if inner.examples else _plain(inner.default)
            lines += [f"# {inner.description}", f"{key} = {json.dumps(shown, ensure_ascii=False)}"]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _plain(default: Any) -> Any:
    return str(default) if isinstance(default, Path) else default


def schema() -> dict[str, Any]:
    """Give the JSON schema of the file, for editors."""
    return ConfigFile.model_json_schema()
