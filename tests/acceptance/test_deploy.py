"""What is packed to be run elsewhere: the site for compose, the unit for systemd, alarms, dashboards, and going back.

What reads these files is asked where it is there: systemd, docker's compose, Mosquitto; the queries run on a real
VictoriaMetrics and a real InfluxDB.
"""

import http.client
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
import tomllib
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from tests.pages import blocks
from tests.ports import free_port
from tests.real import program, running_engine, running_victoria_metrics
from vdl_lora import metrics
from vdl_lora.config import load
from vdl_lora.journal.schema import APPLICATION_ID, MIGRATIONS
from vdl_lora.quantities import QUANTITIES

from .dockerfile import ROOT, stages, steps
from .processes import ran

pytestmark = pytest.mark.enable_socket

DEPLOY = ROOT / "deploy"
LAST_STAGE = {step.keyword: step.text for step in stages(steps(ROOT / "Dockerfile"))[-1]}
SITE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = SITE["services"]
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DEPLOY.glob("grafana/dashboards/*")}
UNIT = DEPLOY / "vdl-lora.service"
EXPOSED_AT_MOST = 20
"""What `systemd-analyze security` may give the unit at most, in tenths: 0 is locked up, 100 is anything goes."""


def there(name):
    """Give a program that CI does not install, or skip by its name."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not there")
    return found


# ---------------------------------------------------------------- compose


def test_compose_itself_takes_the_site(tmp_path):
    docker = there("docker")
    version = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if version.returncode:
        pytest.skip("docker has no compose")
    environment = {name: value for name, value in os.environ.items() if name != "SECRETS"}
    command = [
        docker,
        "compose",
        "--file",
        str(DEPLOY / "compose.yaml"),
        "--env-file",
        "/dev/null",
        "config",
        "--quiet",
    ]
    without = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert without.returncode
    assert "run ./make-secrets first" in without.stderr
    done = subprocess.run(command, env=environment | {"SECRETS": str(tmp_path)}, capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)


def mounts(service):
    """Give the source and the target of each mount of a service, and whether it is read-only."""
    for mount in service.get("volumes", ()):
        source, target, *mode = mount.split(":")
        yield source, target, mode == ["ro"]


def test_every_file_volume_network_and_secret_that_the_site_names_is_there():
    for name, service in SERVICES.items():
        for source, _, read_only in mounts(service):
            if source.startswith("./"):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
                assert read_only, f"{name}: {source}"
            else:
                assert source in SITE["volumes"], f"{name}: {source}"
        assert set(service.get("networks", ())) <= set(SITE["networks"]), name
        named = {each["source"] if isinstance(each, dict) else each for each in service.get("secrets", ())}
        assert named <= set(SITE["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(SERVICES), name
    used = {source for service in SERVICES.values() for source, _, _ in mounts(service)}
    assert set(SITE["volumes"]) <= used
    waited = [each for service in SERVICES.values() for each in service.get("depends_on", {}).items()]
    assert [] == [
        name for name, how in waited if how["condition"] == "service_healthy" and "healthcheck" not in SERVICES[name]
    ]


def test_images_have_a_version_and_ports_are_this_machine_s():
    for name, service in SERVICES.items():
        if "build" not in service:
            assert re.search(r":v?\d+\.\d+[\w.-]*$", service["image"]), name
        for port in service.get("ports", ()):
            assert port.startswith(("127.0.0.1:", "${GATEWAY_BIND:-127.0.0.1}:")), f"{name}: {port}"
            assert "front" in service["networks"], name
        assert "privileged" not in service
        assert ["no-new-privileges:true"] == service["security_opt"], name
    assert [True] * (len(SITE["networks"]) - 1) == [each["internal"] for each in SITE["networks"].values() if each]


def test_the_service_finds_in_the_site_what_its_image_wants():
    ours = SERVICES["vdl-lora"]
    assert ours["read_only"]
    assert ["ALL"] == ours["cap_drop"]
    targets = {target: source for source, target, _ in mounts(ours)}
    assert "vdl_lora" == targets[LAST_STAGE["VOLUME"]]
    assert "./vdl-lora.toml" == targets[f"{LAST_STAGE['WORKDIR']}/vdl-lora.toml"]
    settings = load(DEPLOY / "vdl-lora.toml")
    assert "chirpstack:8080" == settings.chirpstack.target
    assert settings.chirpstack.api_key_file == Path("/run/secrets") / ours["secrets"][0]
    assert str(settings.influxdb.token_file.parent) in targets
    influxdb = SERVICES["influxdb"]["environment"]
    assert influxdb["DOCKER_INFLUXDB_INIT_ORG"] == settings.influxdb.org
    assert influxdb["DOCKER_INFLUXDB_INIT_BUCKET"] == settings.influxdb.bucket
    assert settings.monitoring.bind == "0.0.0.0:8091"
    script = (DEPLOY / "influxdb" / "tokens.sh").read_text(encoding="utf-8")
    assert f"make write {LAST_STAGE['USER'].partition(':')[0]} vdl_lora" in script
    subprocess.run([program("bash"), "-n", str(DEPLOY / "influxdb" / "tokens.sh")], check=True)
    shared = {each for each in ours["networks"] if each in SERVICES["prometheus"]["networks"]}
    assert {"watch"} == shared


def test_secrets_are_made_once_for_nobody_else_and_are_all_that_the_site_names(tmp_path):
    script = tmp_path / "make-secrets"
    shutil.copy(DEPLOY / "make-secrets", script)
    secrets = tmp_path / "secrets"

    def content():
        return {path.name: path.read_bytes() for path in secrets.iterdir()}

    subprocess.run([program("sh"), str(script)], check=True, stdout=subprocess.DEVNULL)
    before = content()
    (secrets / "chirpstack_api_key").write_text("a key")
    subprocess.run([program("sh"), str(script)], check=True, stdout=subprocess.DEVNULL)
    assert before | {"chirpstack_api_key": b"a key"} == content()
    assert "SECRETS=./secrets\n" == (tmp_path / ".env").read_text()
    assert 0o700 == secrets.stat().st_mode & 0o777
    named = {each["file"].rpartition("/")[2] for each in SITE["secrets"].values()}
    assert named == set(before)
    passwords = [text for name, text in before.items() if name.endswith("_password")]
    assert len(passwords) == len(set(passwords))
    assert {48} == {len(each) for each in passwords}
    chirpstack = tomllib.loads(before["chirpstack.toml"].decode())
    assert before["postgres_password"].decode() in chirpstack["postgresql"]["dsn"]
    others = [tomllib.loads(path.read_text(encoding="utf-8")) for path in (DEPLOY / "chirpstack").glob("*.toml")]
    assert [] == [name for other in others for name in other.keys() & chirpstack.keys()]


def test_mosquitto_takes_its_configuration(tmp_path):
    mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or there("mosquitto")
    port = free_port()
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    (tmp_path / "conf").write_text(text.replace("listener 1883", f"listener {port} 127.0.0.1"), encoding="utf-8")
    process = subprocess.Popen([mosquitto, "-c", str(tmp_path / "conf")], stderr=subprocess.PIPE, text=True)
    try:
        told = ""
        while "running" not in told:
            told = process.stderr.readline()
            assert told, "mosquitto ended"
    finally:
        process.kill()  # between this line and its loop it would forget a SIGTERM
        process.communicate(timeout=20)


# ---------------------------------------------------------------- systemd


def settings_of_unit():
    """Give the assignments of the unit."""
    pairs = [
        line.partition("=")[::2] for line in UNIT.read_text(encoding="utf-8").splitlines() if re.match(r"\w+=", line)
    ]
    return {name: [value for key, value in pairs if key == name] for name, _ in pairs}


def test_systemd_takes_the_unit_and_finds_it_locked_up(tmp_path):
    analyze = there("systemd-analyze")
    command = tmp_path / "vdl-lora"
    command.symlink_to("/bin/true")
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/opt/vdl_lora/bin/vdl-lora", str(command))
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "" == done.stderr.strip()
    locked = subprocess.run(
        [analyze, "security", "--offline=yes", f"--threshold={EXPOSED_AT_MOST}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == locked.returncode, locked.stdout


def test_the_unit_and_the_page_that_installs_it_name_the_same_places():
    unit = settings_of_unit()
    page = "docs/howto/install-and-upgrade.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    program_, _, arguments = unit["ExecStart"][0].partition(" ")
    assert program_.removesuffix("/bin/vdl-lora") in text
    assert arguments.rpartition(" ")[2] in text
    assert f"useradd --system --home-dir {unit['WorkingDirectory'][0]}" in text
    assert (unit["User"], unit["Group"]) == (["vdl-lora"], ["vdl-lora"])
    [configuration] = [block.text for block in blocks(page) if block.language == "toml"]
    named = re.findall(r'_file = "/run/credentials/vdl-lora.service/(\w+)"', configuration)
    handed = dict(each.split(":") for each in unit["LoadCredential"])
    assert set(named) == set(handed)
    for path in handed.values():
        assert path in text
    assert "78" in unit["RestartPreventExitStatus"]
    assert page in UNIT.read_text(encoding="utf-8")


def test_the_configuration_of_the_page_that_installs_is_right(tmp_path):
    page = "docs/howto/install-and-upgrade.md"
    [configuration] = [block.text for block in blocks(page) if block.language == "toml"]
    (tmp_path / "vdl-lora.toml").write_text(configuration, encoding="utf-8")
    settings = load(tmp_path / "vdl-lora.toml")
    assert settings.journal.path.is_relative_to(settings_of_unit()["WorkingDirectory"][0])


# ---------------------------------------------------------------- alarms


def anchors(page):
    """Give the headings of a page as their anchors, with what stands below each."""
    parts = re.split(r"^## (.+)$", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alarm_has_its_section_with_what_it_means_and_what_to_do(rule):
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    section = anchors(page)[rule["alert"]]
    assert anchor == rule["alert"].lower()
    assert re.search(r"\*\*Means\*\*: .+\n\n\*\*Do\*\*: .+", section)
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]


def test_no_section_is_of_an_alarm_that_there_is_not():
    assert [rule["alert"] for rule in RULES] == list(anchors("docs/howto/alarms.md"))


NAMES = {
    told.name + ("_total" if told.type == "counter" else ""): set(each._labelnames)  # noqa: SLF001 - nothing else tells
    for each in vars(metrics).values()
    if isinstance(each, MetricWrapperBase)
    for told in each.describe()
}


def expressions():
    """Give every expression of the alarms and of the dashboard of the service, with where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARDS["service"]["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_alarms_and_dashboards_name_metrics_and_labels_that_there_are(where, expression):
    for name, labels in re.findall(r"\b(vdl_lora_\w+)(?:\{([^}]*)\})?", re.sub(r'"[^"]*"', '""', expression)):
        assert name in NAMES, where
        assert set(re.findall(r"(\w+)=", labels)) <= NAMES[name], where
    for labels in re.findall(r"by \(([\w, ]+)\) \(.*?(vdl_lora_\w+)", expression):
        assert set(labels[0].split(", ")) <= NAMES[labels[1]], where


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_summary_of_an_alarm_names_labels_that_its_metrics_have(rule):
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= set().union(*(NAMES[name] for name in re.findall(r"vdl_lora_\w+", rule["expr"]))) | {"job"}


@pytest.fixture(scope="module")
def victoria(tmp_path_factory):
    with running_victoria_metrics(tmp_path_factory.mktemp("victoria")) as server:
        yield server


def ask_victoria(port, path, query, body=None):
    """Ask over HTTP, or hand a body over."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET" if body is None else "POST", f"{path}?{urlencode(query)}", body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_real_server_takes_every_expression(victoria):
    for where, expression in EXPRESSIONS:
        status, said = ask_victoria(victoria.port, "/api/v1/query", {"query": expression})
        assert 200 == status, f"{where}: {said}"


GOOD = {
    'up{job="vdl_lora"}': 1,
    "vdl_lora_way_up": 1,
    'vdl_lora_streams{state="refused"}': 0,
    "vdl_lora_inventory_read_timestamp_seconds": None,
    'vdl_lora_delivery_lag_seconds{tenant="t",sink="influxdb"}': 3,
    'vdl_lora_delivery_state{tenant="t",sink="influxdb",state="held"}': 0,
    "vdl_lora_journal_bytes": 1e9,
    "vdl_lora_journal_limit_bytes": 0,
    "vdl_lora_journal_reserve": 1,
    "vdl_lora_journal_disk_free_bytes": 1e11,
    "vdl_lora_journal_daily_bytes": 5e7,
    "vdl_lora_journal_read_timestamp_seconds": None,
}
BROKEN = {
    "ServiceIsAway": {'up{job="vdl_lora"}': 0},
    "WayInIsLost": {"vdl_lora_way_up": 0},
    "InventoryIsOld": {"vdl_lora_inventory_read_timestamp_seconds": 1},
    "StreamsAreRefused": {'vdl_lora_streams{state="refused"}': 2},
    "ValuesAreLate": {'vdl_lora_delivery_lag_seconds{tenant="t",sink="influxdb"}': 1000},
    "DeliveryWaitsForAPerson": {'vdl_lora_delivery_state{tenant="t",sink="influxdb",state="held"}': 1},
    "JournalIsNearlyFull": {"vdl_lora_journal_limit_bytes": 1.1e9},
    "ReserveIsGivenUp": {"vdl_lora_journal_reserve": 0},
    "DiskIsNearlyFull": {"vdl_lora_journal_disk_free_bytes": 3e8},
    "FiguresAreOld": {"vdl_lora_journal_read_timestamp_seconds": 1},
}


MINUTES = 240
QUIET = {  # what each says at a minute
    'process_start_time_seconds{job="vdl_lora"}': lambda _minute: 7,
    'vdl_lora_events_total{kind="up",way="grpc",outcome="accepted"}': lambda minute: minute,
    "vdl_lora_silent_streams_reopened_total": lambda minute: minute // 60,
    'vdl_lora_points_total{sink="influxdb",outcome="refused"}': lambda _minute: 5,
    "vdl_lora_journal_quarantined_events": lambda _minute: 47,
    'vdl_lora_unknown_records_total{decoder="milesight/am307"}': lambda _minute: 3,
}
LOUD = {
    "ServiceRestartsAgainAndAgain": ('process_start_time_seconds{job="vdl_lora"}', lambda minute: minute // 10),
    "NothingArrives": (
        'vdl_lora_events_total{kind="up",way="grpc",outcome="accepted"}',
        lambda minute: min(minute, 110),
    ),
    "StreamsStaySilent": ("vdl_lora_silent_streams_reopened_total", lambda minute: minute // 4),
    "PointsAreRefused": ('vdl_lora_points_total{sink="influxdb",outcome="refused"}', lambda minute: minute // 50),
    "QuarantineGrows": ("vdl_lora_journal_quarantined_events", lambda minute: minute // 50),
    "RecordsAreUnknown": (
        'vdl_lora_unknown_records_total{decoder="milesight/am307"}',
        lambda minute: minute // 50,
    ),
}


def firing(port, alarms, at_s):
    """Give those of some alarms that a server finds at a time."""
    found = []
    for rule in RULES:
        if rule["alert"] in alarms:
            query = {"query": rule["expr"].replace("time()", f"{at_s}"), "time": at_s, "nocache": 1}
            status, said = ask_victoria(port, "/api/v1/query", query)
            assert 200 == status, said
            found += [rule["alert"]] if json.loads(said)["data"]["result"] else []
    return found


def hand_over(port, lines):
    """Let a server have samples."""
    assert 204 == ask_victoria(port, "/api/v1/import/prometheus", {}, "".join(lines))[0]
    ask_victoria(port, "/internal/force_flush", {})


def test_every_alarm_is_tried():
    assert {rule["alert"] for rule in RULES} == BROKEN.keys() | LOUD.keys()


def test_each_alarm_of_a_state_fires_when_that_is_broken_and_no_other(victoria):
    now_s = round(time.time())
    states = [("", {}), *BROKEN.items()]
    days = {alarm: now_s - (number + 1) * 86_400 for number, (alarm, _) in enumerate(states)}  # none sees another
    hand_over(
        victoria.port,
        [
            f"{name} {days[alarm] - 5 if value is None else value} {days[alarm] * 1000}\n"
            for alarm, broken in states
            for name, value in (GOOD | broken).items()
        ],
    )
    for alarm, at_s in days.items():
        assert ([alarm] if alarm else []) == firing(victoria.port, BROKEN, at_s)


def test_each_alarm_of_hours_fires_when_they_are_bad_and_no_other(victoria):
    now_s = round(time.time())
    hours = [("", {}), *((alarm, dict([loud])) for alarm, loud in LOUD.items())]
    days = {alarm: now_s - (number + 100) * 86_400 for number, (alarm, _) in enumerate(hours)}
    hand_over(
        victoria.port,
        [
            f"{name} {says(minute)} {(days[alarm] - (MINUTES - minute) * 60) * 1000}\n"
            for alarm, loud in hours
            for name, says in (QUIET | loud).items()
            for minute in range(MINUTES)
        ],
    )
    for alarm, at_s in days.items():
        assert ([alarm] if alarm else []) == firing(victoria.port, LOUD, at_s - 60)


# ---------------------------------------------------------------- dashboards


def test_dashboards_read_from_places_that_there_are():
    text = (DEPLOY / "grafana" / "provisioning" / "datasources" / "datasources.yaml").read_text(encoding="utf-8")
    places = {each["uid"]: each for each in yaml.safe_load(text)["datasources"]}
    targets = {target for _, target, _ in mounts(SERVICES["grafana"])}
    for name, dashboard in DASHBOARDS.items():
        used = {panel["datasource"]["uid"] for panel in dashboard["panels"] if panel.get("datasource")}
        assert used <= places.keys(), name
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"] == places["data"]["jsonData"]["dbName"]
    assert "/run/influxdb" in targets
    providers = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "dashboards" / "dashboards.yaml").read_text(encoding="utf-8")
    )["providers"]
    assert {each["options"]["path"] for each in providers} <= targets


def test_a_real_influxdb_takes_every_query_of_the_values_and_each_names_what_is_stored(tmp_path):
    fields = {(each.measurement, each.field) for each in QUANTITIES.values()}
    with running_engine(tmp_path / "engine") as engine:
        engine.ask('create database "lora"')
        for panel in DASHBOARDS["data"]["panels"]:
            for target in panel.get("targets", ()):
                query = target["query"]
                for field in re.findall(r"(?:mean|last)\((\w+)\)", query):
                    [measurement] = re.findall(r'from "(\w+)"', query)
                    if not measurement.startswith("lorawan_"):
                        assert (measurement, field) in fields, panel["title"]
                for old, new in (
                    ("$timeFilter", "time > now() - 1h"),
                    ("$__interval", "1m"),
                    ("$tenant", ".*"),
                ):
                    query = query.replace(old, new)
                engine.ask(query, "lora")


# ---------------------------------------------------------------- going back


@pytest.mark.long
def test_an_older_version_refuses_a_newer_journal_unchanged_and_takes_the_backup_from_before(tmp_path):
    """The page is followed: back up, upgrade, go back with the backup, and take over what came between."""
    recordings = ROOT / "tests" / "data" / "recordings"
    journal = tmp_path / "journal.sqlite"
    (tmp_path / "vdl-lora.toml").write_text('[journal]\npath = "journal.sqlite"\nreserve = ""\n', encoding="utf-8")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    lines = (recordings / "mqtt.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    first.write_text("".join(lines[:20]), encoding="utf-8")
    second.write_text("".join(lines[20:]), encoding="utf-8")
    ran("journal", "import", "first.jsonl", cwd=tmp_path)
    ran("journal", "backup", "before.sqlite", cwd=tmp_path)
    ran("journal", "import", "second.jsonl", cwd=tmp_path)
    newer = len(MIGRATIONS) + 1
    with closing(sqlite3.connect(journal)) as connection:  # as the newer version leaves it
        connection.executescript(f"create table later (a); pragma user_version = {newer};")
        assert APPLICATION_ID == connection.execute("pragma application_id").fetchone()[0]
    for path in tmp_path.glob("journal.sqlite-*"):
        path.unlink()
    content = journal.read_bytes()
    for words in (("status",), ("import", "first.jsonl")):
        said = ran("journal", *words, code=1, cwd=tmp_path).stderr
        assert f"has schema {newer}, this vdl_lora knows schemas up to {len(MIGRATIONS)}" in said
        assert "install the newer version again" in said
    assert content == journal.read_bytes()
    (tmp_path / "newer").mkdir()
    for path in tmp_path.glob("journal.sqlite*"):
        if path.name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
            path.rename(tmp_path / "newer" / path.name)
    shutil.copy(tmp_path / "before.sqlite", journal)
    status = json.loads(ran("journal", "status", "--json", cwd=tmp_path).stdout)
    ran("journal", "import", "second.jsonl", cwd=tmp_path)
    after = json.loads(ran("journal", "status", "--json", cwd=tmp_path).stdout)
    assert (20, 45) == (status["events"], after["events"])
