"""Reads the configuration, one TOML file and the environment, as the settings dataclasses declare it.

Only this module knows pydantic: it builds a model of each dataclass. `VDL_LORA_<SECTION>__<KEY>` overrides any key of
the file. Paths are relative to the working directory. All mistakes are reported at once, each with its key and advice.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING
from difflib import get_close_matches
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vdl_lora.errors import ConfigError
from vdl_lora.setting_types import EXAMPLE_ID, Declared, Parsed, Setting, declared, first_paragraph, is_section, mark
from vdl_lora.settings import Settings, join

CONFIG_VARIABLE = "VDL_LORA_CONFIG"
DEFAULT_FILE = Path("vdl-lora.toml")

_EXAMPLE_HEAD = """\
# The configuration of vdl_lora. Every key is optional and stands here with its default.
# VDL_LORA_<SECTION>__<KEY> in the environment beats the file. Paths are relative to the working directory.
"""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, coerce_numbers_to_str=True)


class _File(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="VDL_LORA_",
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
        title="vdl_lora",
        validate_default=False,  # a default is the value already
    )

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


def _model(settings: type, base: type[BaseModel] = _Section) -> type[BaseModel]:
    """Return the model that reads a settings dataclass."""
    keys: dict[str, Any] = {name: (_type(each.type), _field(each)) for name, each in declared(settings).items()}
    return create_model(settings.__name__, __base__=base, __doc__=first_paragraph(settings), **keys)


def _field(key: Declared) -> Any:
    if key.default is MISSING:
        return Field(description=key.setting.description)
    extra = None if is_section(key.type) else {"default": _written(key)}
    return Field(default_factory=lambda: key.default, description=key.setting.description, json_schema_extra=extra)


def _written(key: Declared) -> Any:
    """Return the default of a key as the file writes it."""
    if parsed := mark(key.type, Parsed):
        return parsed.write(key.default)
    return str(key.default) if isinstance(key.default, Path) else key.default


def _type(hint: Any) -> Any:
    """Return a type as pydantic reads it: dataclasses through their model, what is parsed through how it is written."""
    if parsed := mark(hint, Parsed):
        return Annotated[parsed.written, AfterValidator(parsed.parse)]
    if (setting := mark(hint, Setting)) and setting.secret:
        return SkipJsonSchema[str]
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    origin, inner = get_origin(plain), get_args(plain)
    if origin is tuple:
        return Annotated[GenericAlias(list, _type(inner[0])), AfterValidator(tuple)]
    if origin is dict:
        return GenericAlias(dict, tuple(map(_type, inner)))
    return Annotated[_model(plain), AfterValidator(lambda read: _value(plain, read))] if is_section(plain) else plain


def _value(settings: Any, read: BaseModel) -> Any:
    """Return the settings that a model read."""
    return settings(**{each.field: getattr(read, name) for name, each in declared(settings).items()})


_CONFIGURATION = _model(Settings, _File)


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
    if secrets := [f"{path}: {problem}" for problem in _secrets(content)]:
        raise ConfigError(problems=secrets)
    try:
        return join(_value(Settings, _CONFIGURATION(**content)))
    except ValidationError as error:
        where = f"{path}: " if path is not None else ""
        raise ConfigError(problems=[where + _problem(each) for each in error.errors(include_url=False)]) from None


def _secrets(content: Mapping[str, Any]) -> Iterator[str]:
    """Report the secrets that stand in the file itself."""
    for section, each in declared(Settings).items():
        inside = content.get(section)
        if is_section(each.type) and isinstance(inside, dict):
            for key in (name for name, inner in declared(each.type).items() if inner.setting.secret and name in inside):
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


def _problem(error: ErrorDetails) -> str:
    """Return one mistake as a line: where it is, and what would be right."""
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        known = _keys(location[:-1])
        near = get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        return f"{key}: there is no such key; {hint}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}"


def _keys(location: Sequence[str]) -> list[str]:
    """Return the keys that a section knows."""
    settings: type = Settings
    for part in location:
        key = declared(settings).get(part)
        settings = next(_dataclasses(key.type), settings) if key is not None else settings
    return list(declared(settings))


def _dataclasses(hint: Any) -> Iterator[type]:
    if is_section(hint):
        yield hint
    for inner in get_args(hint):
        yield from _dataclasses(inner)


def example() -> str:
    """Return a commented configuration with every key at its default."""
    return "\n".join([_EXAMPLE_HEAD, *(_example(name, each) for name, each in declared(Settings).items())])


def _example(section: str, key: Declared) -> str:
    keys = declared(next(_dataclasses(key.type)))
    lines = [f"# {key.setting.description}"]
    if is_section(key.type):
        lines.append(f"[{section}]")
        for name, each in keys.items():
            if not each.setting.secret:
                lines += [f"# {each.setting.description}", f"{name} = {json.dumps(_written(each), ensure_ascii=False)}"]
    else:  # there may be many, by id
        lines.append(f'# [{section}."{EXAMPLE_ID}"]')
        lines += [
            f"# {name} = {json.dumps(each.setting.example)}" for name, each in keys.items() if each.setting.example
        ]
    return "\n".join(lines) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON schema of the file, for editors."""
    return _CONFIGURATION.model_json_schema()
