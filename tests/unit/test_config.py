"""The configuration: defaults, the file, the environment, and mistakes."""

import json
import os
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from vdl_lora.app.build import build_sinks
from vdl_lora.catalog import Rule
from vdl_lora.config import example, find_file, load, schema
from vdl_lora.errors import ConfigError
from vdl_lora.operations.knowledge import load_knowledge
from vdl_lora.setting_types import declared, is_section
from vdl_lora.settings import Settings
from vdl_lora.sinks import InfluxSettings, InfluxSink, InfluxTenant, SqliteSink

ROOT = Path(__file__).parents[2]
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("VDL_LORA_")]:
        monkeypatch.delenv(name)


def written(tmp_path, text):
    path = tmp_path / "vdl-lora.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path):
    with pytest.raises(ConfigError) as raised:
        load(path)
    return [line.removeprefix(f"{path}: ") for line in raised.value.problems or (str(raised.value),)]


def test_the_example_in_config_is_the_generated_one():
    assert (ROOT / "config" / "vdl-lora.example.toml").read_text(encoding="utf-8") == example()


def test_the_example_means_the_defaults(tmp_path):
    assert load(written(tmp_path, example())) == load(None)


def test_the_example_names_every_key():
    document = tomllib.loads(example())
    sections = {name: each for name, each in declared(Settings).items() if is_section(each.type)}
    assert set(declared(Settings)) - set(sections) == {"tenants", "applications"}
    for name, section in sections.items():
        keys = {key for key, each in declared(section.type).items() if not each.setting.secret}
        assert keys == set(document[name])


def test_a_file_is_read_into_the_settings_of_the_rooms(tmp_path):
    settings = load(
        written(
            tmp_path,
            f"""
            [chirpstack]
            tenants = ["{TENANT}"]
            [tenants."{TENANT}"]
            slug = "grand-chambord"
            [points]
            tags = ["commune"]
            [decoders]
            roots = ["/srv/decoders"]
            rules = [{{ profile = "EM300*", decoder = "milesight/em300-th" }}]
            [installations]
            file = "places.toml"
            [journal]
            path = "j.sqlite"
            keep = "36h"
            max_size = "20GB"
            [store]
            path = "s.sqlite"
            """,
        )
    )
    assert settings.served == frozenset({TENANT})
    assert settings.points.tenants == {TENANT: "grand-chambord"}
    assert settings.points.tags == ("commune",)
    assert settings.decoders.roots == (Path("/srv/decoders"),)
    assert settings.decoders.rules == (Rule("milesight/em300-th", profile="EM300*"),)
    assert settings.installations.file == Path("places.toml")
    assert (settings.journal.path, settings.journal.keep_s) == (Path("j.sqlite"), 129_600)
    assert settings.journal.max_bytes == 20_000_000_000
    assert settings.store.path == Path("s.sqlite")


def test_the_environment_beats_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("VDL_LORA_JOURNAL__PATH", "/srv/other.sqlite")
    settings = load(written(tmp_path, '[journal]\npath = "j.sqlite"\nkeep = "1d"\n'))
    assert (settings.journal.path, settings.journal.keep_s) == (Path("/srv/other.sqlite"), 86_400)


def test_all_mistakes_are_told_at_once_each_with_its_key_and_what_would_be_right(tmp_path):
    found = problems(
        written(
            tmp_path,
            """
            [journals]
            path = "x"
            [journal]
            keep = "400 days"
            max_size = "big"
            pth = "x"
            [points]
            tags = ["temperature", "Commune", "time", "place"]
            [decoders]
            rules = [{ profile = "x" }]
            roots = 5
            [tenants.somebody]
            slug = "Grand Chambord"
            """,
        )
    )
    said = {line.partition(": ")[0]: line.partition(": ")[2] for line in found}
    assert "did you mean journal?" in said["journals"]
    assert "did you mean path?" in said["journal.pth"]
    assert "such as 400d" in said["journal.keep"]
    assert "such as 20GB" in said["journal.max_size"]
    assert said["decoders.rules.0.decoder"] == "is missing"
    assert "list" in said["decoders.roots"]
    assert all(f"'{name}'" in said["points.tags"] for name in ("temperature", "Commune", "time", "place"))
    assert "lower-case" in said["tenants.somebody.slug"]
    assert len(found) == 9


def test_a_mistake_in_the_environment_is_told_by_its_key(monkeypatch):
    monkeypatch.setenv("VDL_LORA_JOURNAL__KEEP", "for ever")
    assert [line for line in problems(None) if line.startswith("journal.keep: ")]


def test_what_is_not_toml_is_told_with_its_line(tmp_path):
    assert "line 2" in problems(written(tmp_path, "[journal]\npath = \n"))[0]


def test_a_file_that_is_not_there_says_how_to_begin(tmp_path):
    assert "vdl-lora config example" in problems(tmp_path / "none.toml")[0]


def test_without_a_file_named_the_one_of_the_environment_or_of_the_folder_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_file(None) is None
    Path("vdl-lora.toml").touch()
    assert find_file(None) == Path("vdl-lora.toml")
    monkeypatch.setenv("VDL_LORA_CONFIG", "/etc/vdl-lora.toml")
    assert find_file(None) == Path("/etc/vdl-lora.toml")
    assert find_file(Path("mine.toml")) == Path("mine.toml")


def test_a_rule_or_an_installation_that_names_no_decoder_is_refused(tmp_path):
    places = tmp_path / "places.toml"
    places.write_text('[[installation]]\ndev_eui = "a84041c5d1827fed"\ndecoder = "dragino/ldds57"\n', encoding="utf-8")
    config = f'[decoders]\nrules = [{{ decoder = "milesight/em300" }}]\n[installations]\nfile = "{places}"\n'
    with pytest.raises(ConfigError) as raised:
        load_knowledge(load(written(tmp_path, config)))
    first, second = raised.value.problems
    assert "milesight/em300-th" in first
    assert "a84041c5d1827fed" in second
    assert "dragino/ldds75" in second


@pytest.mark.parametrize(
    ("parameters", "said"),
    [("{ log_intervall = 600 }", "log_interval"), ("{ log_interval = -1 }", "at least"), ("{ weight = 1 }", "weight")],
)
def test_a_parameter_that_nothing_takes_or_that_is_too_low_is_refused(tmp_path, parameters, said):
    places = tmp_path / "places.toml"
    places.write_text(
        '[[installation]]\ndev_eui = "70b3d5e75e012345"\ndecoder = "axioma/qalcosonic-w1"\n'
        f"parameters = {parameters}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as raised:
        load_knowledge(load(written(tmp_path, f'[installations]\nfile = "{places}"\n')))
    assert said in raised.value.problems[0]


def test_the_installations_file_has_its_mistakes_told_with_its_name(tmp_path):
    places = tmp_path / "places.toml"
    places.write_text('[[installation]]\ndev_eui = "12"\n[[installation]]\ncolour = "red"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_knowledge(load(written(tmp_path, f'[installations]\nfile = "{places}"\n')))
    assert [str(places) in line for line in raised.value.problems] == [True, True]


def test_the_schema_is_one_that_an_editor_can_use():
    document = json.loads(json.dumps(schema()))
    assert {"journal", "store", "decoders", "points"} <= document["properties"].keys()


@pytest.mark.parametrize(
    ("server", "target", "tls"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080", False),
        ("http://chirpstack:8080/", "chirpstack:8080", False),
        ("[::1]:8080", "[::1]:8080", False),
        ("https://lora.example.org", "lora.example.org:443", True),
        ("https://lora.example.org:8443/", "lora.example.org:8443", True),
    ],
)
def test_a_server_is_written_as_people_know_it(tmp_path, server, target, tls):
    chirpstack = load(written(tmp_path, f'[chirpstack]\nserver = "{server}"')).chirpstack
    assert (target, tls) == (chirpstack.target, chirpstack.tls)


@pytest.mark.parametrize(
    "server", ["", "chirpstack", "grpc://a:1", "https://a/api", "a:b", "10.0.0.1:8080/api", "a b:1"]
)
def test_what_is_no_server_is_told_with_what_would_be(tmp_path, server):
    (problem,) = problems(written(tmp_path, f'[chirpstack]\nserver = "{server}"'))
    assert "chirpstack.server" in problem
    assert "127.0.0.1:8080" in problem


def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path):
    (problem,) = problems(written(tmp_path, '[chirpstack]\napi_key = "eyJhbGciOi"'))
    assert "api_key_file" in problem
    assert "eyJ" not in problem


def test_the_key_of_the_environment_beats_the_file_that_is_named(tmp_path, monkeypatch):
    path = written(tmp_path, '[chirpstack]\napi_key_file = "key"')
    assert load(path).chirpstack.api_key_file == Path("key")
    monkeypatch.setenv("VDL_LORA_CHIRPSTACK__API_KEY", "eyJhbGciOi")
    settings = load(path)
    assert (settings.chirpstack.api_key, settings.chirpstack.api_key_file) == ("eyJhbGciOi", None)
    assert "eyJhbGciOi" not in repr(settings)


def test_the_key_stands_in_no_example_and_no_message(monkeypatch):
    monkeypatch.setenv("VDL_LORA_CHIRPSTACK__API_KEY", "eyJhbGciOi")
    monkeypatch.setenv("VDL_LORA_CHIRPSTACK__SERVER", "nowhere")
    assert "eyJhbGciOi" not in example()
    assert "api_key" not in schema()["$defs"]["ChirpStackSettings"]["properties"]
    with pytest.raises(ConfigError) as raised:
        load(None)
    assert "eyJhbGciOi" not in str(raised.value)


@pytest.mark.parametrize(
    ("section", "wrong", "problem"),
    [
        ("journal", 'keep = "23h"', "must be at least 1d"),
        ("journal", 'keep = "36501d"', "must be at most 36500d"),
        ("journal", 'keep = "1000000000d"', "must be at most 36500d"),
        ("journal", "keep = 400", "is not a duration; write a whole number and s, min, h or d, such as 400d"),
        ("journal", 'max_size = "499kB"', "must be at least 500kB"),
        ("journal", 'max_size = "101TB"', "must be at most 100TB"),
        ("journal", 'reserve = "0MB"', "must be at least 1MB"),
        ("journal", 'reserve = "1000000TB"', "must be at most 100TB"),
        ("chirpstack", 'refresh = "8d"', "must be at most 7d"),
        ("influxdb", 'timeout = "0s"', "must be at least 1s"),
        ("influxdb", 'timeout = "2h"', "must be at most 1h"),
    ],
)
def test_amount_out_of_bounds_is_refused_with_the_bound(tmp_path, section, wrong, problem):
    key = wrong.partition(" ")[0]
    assert [f"{section}.{key}: {problem}"] == problems(written(tmp_path, f"[{section}]\n{wrong}"))


def test_longest_keep_is_a_time_that_the_journal_can_hold(tmp_path):
    keep_s = load(written(tmp_path, '[journal]\nkeep = "36500d"')).journal.keep_s
    assert -(2**63) < -keep_s * 10**9
    assert isinstance(keep_s, int)


@pytest.mark.parametrize("key", ["chirpstack.server", "monitoring.bind", "influxdb.url"])
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:70000", "has port 70000; the highest port is 65535"),
        ("[::1]:65536", "has port 65536; the highest port is 65535"),
        ("256.0.0.1:80", "has a host that is neither a name nor an IP address; correct it"),
        ("a..b:80", "has a host that is neither a name nor an IP address; correct it"),
    ],
)
def test_impossible_port_or_host_is_refused_in_every_address(tmp_path, key, address, problem):
    section, name = key.split(".")
    scheme = "http://" if name == "url" else ""
    assert [f"{key}: {problem}"] == problems(written(tmp_path, f'[{section}]\n{name} = "{scheme}{address}"'))


def test_port_0_is_taken_to_listen_on_and_refused_to_reach(tmp_path):
    assert 0 == load(written(tmp_path, '[monitoring]\nbind = "127.0.0.1:0"')).monitoring.server.port
    found = problems(written(tmp_path, '[chirpstack]\nserver = "a:0"\n[influxdb]\nurl = "http://a:0"'))
    assert [True, True] == ["has port 0, on which no server listens" in line for line in found]


def test_environment_sets_lists_flags_and_tables(monkeypatch):
    monkeypatch.setenv("VDL_LORA_CHIRPSTACK__TENANTS", f'["{TENANT}"]')
    monkeypatch.setenv("VDL_LORA_DECODERS__RULES", '[{"decoder": "milesight/em300-th", "preferred": true}]')
    monkeypatch.setenv("VDL_LORA_INFLUXDB__GZIP", "false")
    monkeypatch.setenv("VDL_LORA_INFLUXDB__TIMEOUT", "2min")
    monkeypatch.setenv(f"VDL_LORA_TENANTS__{TENANT}__SLUG", "bauzy")
    settings = load(None)
    assert frozenset({TENANT}) == settings.served
    assert (Rule("milesight/em300-th", preferred=True),) == settings.decoders.rules
    assert (False, 120) == (settings.influxdb.gzip, settings.influxdb.timeout_s)
    assert {TENANT: InfluxTenant(slug="bauzy")} == settings.influxdb.tenants == settings.tenants
    assert {TENANT: "bauzy"} == settings.points.tenants


def test_every_key_can_be_set_in_the_environment(monkeypatch):
    """Each default, written as text, is read back as the default, and an unknown key is not."""
    for section, each in declared(Settings).items():
        for name in declared(each.type) if is_section(each.type) else ():
            shown = tomllib.loads(example())[section].get(name, "")
            text = shown if isinstance(shown, str) else json.dumps(shown)
            monkeypatch.setenv(f"VDL_LORA_{section}__{name}".upper(), text)
    assert Settings() == load(None)
    monkeypatch.setenv("VDL_LORA_JOURNAL__KEPT", "400d")
    assert ["journal.kept: there is no such key; did you mean keep?"] == problems(None)


def test_settings_hold_nothing_of_the_library_that_reads_them():
    """What `load` gives can be handed to a process that has not imported pydantic."""
    names = {type(value).__module__ for value in vars_of(load(None))}
    assert not [name for name in names if name.startswith("pydantic")]


def vars_of(settings):
    """Give a dataclass and all that it holds."""
    yield settings
    for each in fields(settings) if is_dataclass(settings) else ():
        yield from vars_of(getattr(settings, each.name))


def test_schema_describes_each_key_as_the_file_writes_it():
    """An editor that follows the schema takes the example, defaults and all."""
    document, sections = tomllib.loads(example()), schema()["$defs"]
    types = {str: "string", bool: "boolean", list: "array"}
    for name, keys in document.items():
        described = sections[schema()["properties"][name]["$ref"].rpartition("/")[2]]["properties"]
        assert keys == {key: each["default"] for key, each in described.items()}
        assert [types[type(value)] for value in keys.values()] == [each["type"] for each in described.values()]
        assert all(each["description"] for each in described.values())


def test_a_period_of_listing_has_a_least_length(tmp_path):
    assert load(written(tmp_path, '[chirpstack]\nrefresh = "5s"')).chirpstack.refresh_s == 5
    (problem,) = problems(written(tmp_path, '[chirpstack]\nrefresh = "4s"'))
    assert "chirpstack.refresh" in problem


@pytest.mark.parametrize(
    ("bind", "expected"),
    [("127.0.0.1:8091", ("127.0.0.1", 8091)), ("0.0.0.0:9000", ("0.0.0.0", 9000)), ("[::1]:1", ("::1", 1)), ("", None)],  # noqa: S104 - read, not listened on
)
def test_where_monitoring_listens(tmp_path, bind, expected):
    found = load(written(tmp_path, f'[monitoring]\nbind = "{bind}"')).monitoring.server
    assert expected == (found and (found.host, found.port))


def test_what_is_no_address_is_told(tmp_path):
    (problem,) = problems(written(tmp_path, '[monitoring]\nbind = "8091"'))
    assert "monitoring.bind" in problem
    assert "127.0.0.1:8091" in problem


def test_without_a_url_points_go_to_the_embedded_store(tmp_path):
    settings = load(written(tmp_path, f'[store]\npath = "{tmp_path}/points.sqlite"'))
    assert isinstance(build_sinks(settings)[0], SqliteSink)


def test_with_a_url_points_go_to_influxdb_each_tenant_as_it_is_written(tmp_path):
    settings = load(
        written(
            tmp_path,
            f"""
            [influxdb]
            url = "http://127.0.0.1:8086"
            org = "vdl"
            bucket = "{{slug}}"
            token_file = "all.token"
            timeout = "2s"
            gzip = false
            [tenants."{TENANT}"]
            slug = "grand-chambord"
            bucket = "heating"
            token_file = "own.token"
            """,
        )
    )
    assert isinstance(build_sinks(settings)[0], InfluxSink)
    assert settings.influxdb == InfluxSettings(
        url="http://127.0.0.1:8086",
        org="vdl",
        bucket="{slug}",
        token_file=Path("all.token"),
        tenants={TENANT: InfluxTenant("heating", Path("own.token"), slug="grand-chambord")},
        timeout_s=2,
        gzip=False,
    )


def test_a_tenant_may_have_a_bucket_and_no_slug(tmp_path):
    settings = load(written(tmp_path, f'[tenants."{TENANT}"]\nbucket = "heating"'))
    assert settings.points.tenants == {}
    assert settings.influxdb.tenants == {TENANT: InfluxTenant("heating")}


def test_a_token_in_the_file_is_refused_and_that_of_the_environment_beats_the_file_that_is_named(tmp_path, monkeypatch):
    (problem,) = problems(written(tmp_path, '[influxdb]\ntoken = "abcdefgh"'))
    assert "token_file" in problem
    assert "abcdefgh" not in problem
    monkeypatch.setenv("VDL_LORA_INFLUXDB__TOKEN", "abcdefgh")
    settings = load(written(tmp_path, '[influxdb]\ntoken_file = "token"'))
    assert (settings.influxdb.token, settings.influxdb.token_file) == ("abcdefgh", None)
    assert "abcdefgh" not in repr(settings)
