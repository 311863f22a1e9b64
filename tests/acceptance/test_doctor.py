"""The doctor against broken set-ups made of real parts, one a row: what it finds, what it says to do, its exit code.

The rows are looked at a few at a time by the command's own function in this process; the command itself runs for some.
"""

import asyncio
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.influxdb2 import running_influxdb2
from tests.integration.certificates import ELSEWHERE, Authority
from tests.ports import free_port
from tests.real import program, running_engine
from vdl_lora.app.build import open_site
from vdl_lora.cli.doctor import exit_code
from vdl_lora.config import load
from vdl_lora.events import RawEvent, envelope
from vdl_lora.interfaces import Accepted
from vdl_lora.journal import SqliteJournal
from vdl_lora.mark import Mark
from vdl_lora.operations.diagnosis import diagnose

from .processes import COMMAND, ChirpStack, ran, until

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

AT_ONCE = 8
SECRET = "not-to-be-seen"  # noqa: S105 - made up
KEY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJjaGlycHN0YWNrIn0.c2VjcmV0LXNpZ25hdHVyZQ"
UNAUTHORIZED = '{"code":"unauthorized","message":"unauthorized access"}'  # as InfluxDB 2.7.12 was recorded
FORBIDDEN = '{"code":"forbidden","message":"insufficient permissions for write"}'
BUCKET = "bucket of Commune de good"
INSTALLATION = '[[installation]]\ndev_eui = "24e124136b000000"\nplace = "ecole-de-bauzy"\n'
UPLINKS = 36
HOLD = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
os.pwrite(handle, f"{os.getpid()}\\n".ljust(16).encode(), 0)
print("held", flush=True)
sys.stdin.read()
"""
BROKEN_DECODER = "from vdl_lora.decoding import Decoder\n\nDECODER = Decoder(\n"


class Town:
    """The real parts that the rows share; `folder` is that of one row."""

    def __init__(self, folder):
        self.folder = folder
        self.chirpstack = ChirpStack(folder, history=10)
        self.forgetful = ChirpStack(folder / "forgetful", history=0)
        self.authority = Authority(folder)
        self.ports = {}
        self.tenants = {}
        self.keys = {}
        self._stack = ExitStack()

    def start(self, stack):
        """Start what runs, to be ended by a stack."""
        self._stack = stack
        (self.folder / "forgetful").mkdir()
        for each in (self.chirpstack, self.forgetful):
            stack.callback(each.kill)
            each.start()
        self._register()
        self._certify()
        stack.callback(_end, self._serve())
        self.engine = stack.enter_context(running_engine(self.folder / "engine"))
        self.engine.ask('create database "lora"')
        self.influxdb2 = stack.enter_context(running_influxdb2())
        self.influxdb2.make_bucket("lora")

    def hold(self, lock):
        """Let a program that is not ours take the lock of a journal."""
        command = [sys.executable, "-c", HOLD, str(lock)]
        process = self._stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        self._stack.callback(process.stdin.close)
        process.stdout.readline()

    def _register(self):
        order = self.chirpstack.order
        for name in ("good", "other", "empty"):
            self.tenants[name] = order("add_tenant", name=f"Commune de {name}")
        self.chirpstack.ups(self.chirpstack.register(3, self.tenants["good"]), 12)
        application = order("add_application", tenant_id=self.tenants["other"], name="Essais")
        profile = order("add_profile", tenant_id=self.tenants["other"], name="Prototype")
        for number, tags in enumerate(({}, {"decoder": "acme/one"}, {"decoder": "milesight/em300-th"})):
            order(
                "add_device",
                dev_eui=f"70b3d5000000000{number}",
                name=f"essai {number}",
                application_id=application,
                profile_id=profile,
                tags=tags,
            )
        self.keys = {
            "good": order("add_key", read_only=True),
            "admin": self.chirpstack.key,
            "tenant": order("add_key", tenant_id=self.tenants["good"]),
            "revoked": order("add_key", read_only=True),
            "of another": KEY,
            "empty": "",
        }
        order("revoke_key", token=self.keys["revoked"])
        self.tenants["forgetful"] = self.forgetful.order("add_tenant", name="Commune")
        self.keys["forgetful"] = self.forgetful.order("add_key", read_only=True)
        self.forgetful.ups(self.forgetful.register(2, self.tenants["forgetful"]))

    def _certify(self):
        self.authority.vouch("good", until_days=90)
        self.authority.vouch("expired", from_days=-3, until_days=-1)
        self.authority.vouch("soon", until_days=5)
        self.authority.vouch("elsewhere", names=ELSEWHERE, until_days=90)

    def _serve(self):
        """Start an nginx with a port for each way to set one up wrongly."""
        grpc = f"grpc_pass grpc://{self.chirpstack.address};"
        page = "return 200 '<h1>Bienvenue</h1>';"
        servers = [
            self._server("proxy", "ssl http2", grpc),
            self._server("http/1 only", "ssl", grpc),
            self._server("expired", "ssl http2", grpc, "expired"),
            self._server("soon", "ssl http2", grpc, "soon"),
            self._server("elsewhere", "ssl http2", grpc, "elsewhere"),
            self._server("few streams", "ssl http2", grpc, more="http2_max_concurrent_streams 8;"),
            self._server("sign-in", "ssl http2", "return 401;"),
            self._server("no grpc_pass", "ssl http2", "root /nonexistent;"),
            self._server("nothing behind", "ssl http2", f"grpc_pass grpc://127.0.0.1:{free_port()};"),
            self._server("website", "", page),
            self._server(
                "unauthorized", "", f"default_type application/json; return 401 '{UNAUTHORIZED}';", influx=True
            ),
            self._server("forbidden", "", f"default_type application/json; return 403 '{FORBIDDEN}';", influx=True),
            self._server("bad gateway", "", f"proxy_pass http://127.0.0.1:{free_port()};", influx=True),
        ]
        folder = self.folder / "nginx"
        folder.mkdir()
        temporary = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {folder}/pid; "
            f"error_log {folder}/errors; events {{ worker_connections 256; }} "
            f"http {{ access_log off; {temporary} {' '.join(servers)} }}",
            encoding="utf-8",
        )
        command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
        process = subprocess.Popen(command)
        until("nginx runs", (folder / "pid").exists)
        return process

    def _server(self, name, options, location, certificate="good", *, more="", influx=False):  # noqa: PLR0913 - a server's parts
        port = self.ports[name] = free_port()
        chain = self.authority.folder / certificate
        tls = f"ssl_certificate {chain}.pem; ssl_certificate_key {chain}.key;" if "ssl" in options else ""
        ping = "location = /ping { add_header X-Influxdb-Version v2.7.12; return 204; }" if influx else ""
        return f"server {{ listen 127.0.0.1:{port} {options}; {tls} {more} {ping} location / {{ {location} }} }}"


def _end(process):
    process.terminate()
    process.wait(20)


@dataclass
class Setup:
    """One set-up: what its configuration says, and what is in its folder."""

    town: Town
    folder: Path
    sections: dict = field(default_factory=dict)

    def __post_init__(self):
        self.folder.mkdir()
        self.key(self.town.keys["good"])
        self.sections = {
            "chirpstack": {
                "server": self.town.chirpstack.address,
                "api_key_file": str(self.folder / "key"),
                "tenants": [self.town.tenants["good"]],
            },
            "journal": {"path": str(self.folder / "data" / "journal.sqlite")},
            "store": {"path": str(self.folder / "data" / "points.sqlite")},
        }

    def key(self, key):
        """Write the key into its file."""
        (self.folder / "key").write_text(key, encoding="utf-8")
        (self.folder / "key").chmod(0o600)

    def write(self, name, text):
        """Write a file, and give its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def chirpstack(self, **keys):
        """Change [chirpstack]."""
        self.sections["chirpstack"] |= keys

    def proxy(self, name, *, ca=True):
        """Reach ChirpStack through one of the proxies."""
        self.chirpstack(server=f"https://localhost:{self.town.ports[name]}")
        if ca:
            self.chirpstack(ca_file=str(self.town.authority.file))

    def influxdb(self, url, **keys):
        """Write to an InfluxDB."""
        token_file = self.write("token", SECRET)
        Path(token_file).chmod(0o600)
        del self.sections["store"]
        self.sections["influxdb"] = {"url": url, "org": "vdl", "bucket": "lora", "token_file": token_file} | keys

    def journal(self, *events, mark=None, **keys):
        """Make a journal."""
        self.sections["journal"] |= keys
        path = Path(self.sections["journal"]["path"])

        async def make():
            journal = await SqliteJournal.open(path)
            await journal.append([Accepted(raw, envelope(raw), mark) for raw in events])
            await journal.close()

        asyncio.run(make())
        return path

    def file(self):
        """Write the configuration, and give its path."""
        text = ""
        for name, keys in self.sections.items():
            text += f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        return Path(self.write("vdl-lora.toml", text))


# ---------------------------------------------------------------- the set-ups


def unknown_host(setup):
    setup.chirpstack(server="chirpstack.invalid:8080")


def closed_port(setup):
    setup.chirpstack(server=f"127.0.0.1:{free_port()}")


def a_website(setup):
    setup.chirpstack(server=f"127.0.0.1:{setup.town.ports['website']}")


def tls_of_a_server_in_clear(setup):
    setup.chirpstack(server=f"https://{setup.town.chirpstack.address}", ca_file=str(setup.town.authority.file))


def http_1_only(setup):
    setup.proxy("http/1 only")


def expired(setup):
    setup.proxy("expired")


def expires_soon(setup):
    setup.proxy("soon")


def of_another_name(setup):
    setup.proxy("elsewhere")


def unknown_ca(setup):
    setup.proxy("proxy", ca=False)


def few_streams(setup):
    setup.proxy("few streams")


def sign_in(setup):
    setup.proxy("sign-in")


def no_grpc_pass(setup):
    setup.proxy("no grpc_pass")


def nothing_behind(setup):
    setup.proxy("nothing behind")


def empty_key_file(setup):
    setup.key("")


def revoked_key(setup):
    setup.key(setup.town.keys["revoked"])


def key_of_another(setup):
    setup.key(setup.town.keys["of another"])


def tenant_key(setup):
    setup.key(setup.town.keys["tenant"])
    setup.chirpstack(tenants=[])


def tenant_key_of_another(setup):
    setup.key(setup.town.keys["tenant"])
    setup.chirpstack(tenants=[setup.town.tenants["other"]])


def key_that_may_write(setup):
    setup.key(setup.town.keys["admin"])


def key_that_all_may_read(setup):
    (setup.folder / "key").chmod(0o644)


def tenant_without_devices(setup):
    setup.chirpstack(tenants=[setup.town.tenants["empty"]])


def no_history(setup):
    setup.key(setup.town.keys["forgetful"])
    setup.chirpstack(server=setup.town.forgetful.address, tenants=[setup.town.tenants["forgetful"]])


def other_devices(setup):
    setup.chirpstack(tenants=[setup.town.tenants["other"]])


def installation_of_nobody(setup):
    text = '[[installation]]\ndev_eui = "70b3d5ffffffffff"\nplace = "cosson-bracieux"\n'
    setup.sections["installations"] = {"file": setup.write("installations.toml", text)}


def broken_decoder(setup):
    setup.write("decoders/acme/one.py", BROKEN_DECODER)
    setup.sections["decoders"] = {"roots": [str(setup.folder / "decoders")]}


def monitoring_for_all(setup):
    setup.sections["monitoring"] = {"bind": "0.0.0.0:8091"}


def influxdb_down(setup):
    setup.influxdb(f"http://127.0.0.1:{free_port()}")


def no_database(setup):
    setup.influxdb(setup.town.engine.url, bucket="nowhere")


def a_website_for_influxdb(setup):
    setup.influxdb(f"http://127.0.0.1:{setup.town.ports['website']}")


def token_refused(setup):
    setup.influxdb(f"http://127.0.0.1:{setup.town.ports['unauthorized']}")


def token_without_the_right(setup):
    setup.influxdb(f"http://127.0.0.1:{setup.town.ports['forbidden']}")


def no_token_file(setup):
    setup.influxdb(setup.town.engine.url, token_file=str(setup.folder / "nowhere"))


def nothing_behind_influxdb(setup):
    setup.influxdb(f"http://127.0.0.1:{setup.town.ports['bad gateway']}")


def token_that_all_may_read(setup):
    setup.influxdb(setup.town.engine.url)
    (setup.folder / "token").chmod(0o644)


def token_of_an_operator(setup):
    setup.influxdb(setup.town.influxdb2.url)
    (setup.folder / "token").write_text(setup.town.influxdb2.operator)


def token_of_another_bucket(setup):
    influxdb = setup.town.influxdb2
    influxdb.make_bucket("another")
    setup.influxdb(influxdb.url)
    (setup.folder / "token").write_text(influxdb.authorize([influxdb.right("another")])["token"])


def journal_below_a_file(setup):
    setup.sections["journal"]["path"] = setup.write("a file", "") + "/journal.sqlite"


def journal_where_nobody_may_write(setup):
    setup.sections["journal"]["path"] = "/proc/journal.sqlite"


def journal_of_another_program(setup):
    path = Path(setup.sections["journal"]["path"])
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("create table contacts (name)")


def journal_that_is_rubbish(setup):
    setup.journal().write_bytes(b"rubbish " * 4096)


def journal_damaged(setup):
    path = setup.journal()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 4 * 4096] = bytes(4096)
    path.write_bytes(content)


def journal_missing(setup):
    setup.journal().unlink()


def journal_held_by_another_program(setup):
    journal_damaged(setup)
    setup.town.hold(Path(setup.sections["journal"]["path"] + ".lock"))


def journal_nearly_full(setup):
    filling = random.Random(1).randbytes(400_000).hex()  # noqa: S311 - bytes that compression leaves as many
    body = f'{{"deduplicationId":"1","deviceInfo":{{"devEui":"70b3d50000000000"}},"filling":"{filling}"}}'
    setup.journal(RawEvent("up", "json", body.encode(), "grpc", time.time_ns()), max_size="500kB")


def journal_with_quarantine(setup):
    body = b'{"deduplicationId":"1","deviceInfo":{"tenantId":"t","devEui":"70b3d50000000000"}}'
    setup.journal(RawEvent("up", "json", body, "grpc", time.time_ns()), mark=Mark("decode", "no_decoder", "none"))


def store_of_another_program(setup):
    path = Path(setup.sections["store"]["path"])
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("create table contacts (name)")


def store_below_a_file(setup):
    setup.sections["store"]["path"] = setup.write("a file", "") + "/points.sqlite"


class Row(NamedTuple):
    """A set-up, and what is found in it: words and advice are a part of what is said."""

    setup: Callable[[Setup], None]
    group: str
    subject: str
    state: str
    words: str
    advice: str


ROWS = [
    Row(unknown_host, "ChirpStack", "name", "failed", "chirpstack.invalid is not known", "this machine's DNS"),
    Row(
        closed_port,
        "ChirpStack",
        "TCP",
        "failed",
        "nothing listens at 127.0.0.1:",
        "host and port in [chirpstack] server",
    ),
    Row(a_website, "ChirpStack", "HTTP/2", "failed", "speaks no HTTP/2", "write https:// for a proxy"),
    Row(tls_of_a_server_in_clear, "ChirpStack", "TLS", "failed", "does not speak TLS", "without https://"),
    Row(http_1_only, "ChirpStack", "HTTP/2", "failed", "HTTPS without HTTP/2", "nginx: http2 on"),
    Row(expired, "ChirpStack", "TLS", "failed", "has expired", "renew it"),
    Row(expires_soon, "ChirpStack", "TLS", "warning", "by The CA ca, is good until", "renew it"),
    Row(of_another_name, "ChirpStack", "TLS", "failed", "is for another name", "use its name in"),
    Row(unknown_ca, "ChirpStack", "TLS", "failed", "nobody whom we trust vouches", "name its CA in"),
    Row(few_streams, "ChirpStack", "HTTP/2", "warning", "up to 8 calls", "http2_max_concurrent_streams"),
    Row(sign_in, "ChirpStack", "gRPC", "failed", "wants a sign-in of its own", "let it pass /api.* without one"),
    Row(no_grpc_pass, "ChirpStack", "gRPC", "failed", "speaks HTTP/2, but not gRPC", "nginx: grpc_pass"),
    Row(nothing_behind, "ChirpStack", "gRPC", "failed", "ChirpStack behind it does not", "see whether ChirpStack runs"),
    Row(empty_key_file, "ChirpStack", "API key", "failed", "/key is empty", "set [chirpstack] api_key_file"),
    Row(revoked_key, "ChirpStack", "API key", "failed", "the key was revoked", "see API keys in ChirpStack"),
    Row(key_of_another, "ChirpStack", "API key", "failed", "mistyped, of another ChirpStack", "make a new one"),
    Row(tenant_key, "ChirpStack", "rights", "failed", "is a tenant's", "its tenant into [chirpstack] tenants"),
    Row(tenant_key_of_another, "ChirpStack", "rights", "failed", "not for the tenants in", "see their ids"),
    Row(key_that_may_write, "ChirpStack", "API key", "warning", "may change and delete", "make a read-only one"),
    Row(key_that_all_may_read, "ChirpStack", "API key", "warning", "every user of this machine may read", "chmod o="),
    Row(tenant_without_devices, "ChirpStack", "rights", "warning", "lists no device", "register some there"),
    Row(no_history, "ChirpStack", "history", "failed", "no stream brings anything", "per_device_event_log_max_history"),
    Row(other_devices, "Devices", "no decoder", "failed", "70b3d50000000000 essai 0", "set the device tag `decoder`"),
    Row(other_devices, "Devices", "no decoder", "failed", "no decoder 'acme/one' (tag decoder)", "correct that name"),
    Row(other_devices, "Devices", "never heard", "warning", "3 devices not heard yet", "see its keys and the gateway"),
    Row(installation_of_nobody, "Devices", "installations", "warning", "70b3d5ffffffffff cosson", "correct the DevEUI"),
    Row(broken_decoder, "Configuration", "decoders", "failed", "one.py: SyntaxError", "mend this file"),
    Row(monitoring_for_all, "Monitoring", "monitoring", "warning", "answers other machines", "127.0.0.1"),
    Row(influxdb_down, "InfluxDB", "TCP", "failed", "nothing listens at 127.0.0.1:", "host and port in [influxdb] url"),
    Row(no_database, "InfluxDB", BUCKET, "failed", "database not found", "create the bucket"),
    Row(a_website_for_influxdb, "InfluxDB", BUCKET, "failed", "answers 200", "another server"),
    Row(token_refused, "InfluxDB", BUCKET, "failed", "unauthorized access", "check the token"),
    Row(token_without_the_right, "InfluxDB", BUCKET, "failed", "insufficient", "the right to write"),
    Row(no_token_file, "InfluxDB", BUCKET, "failed", "nowhere cannot be read", "let us read it"),
    Row(nothing_behind_influxdb, "InfluxDB", BUCKET, "failed", "answers 502", "see that it runs"),
    Row(token_of_an_operator, "InfluxDB", "token", "warning", "can do more than write", "influxdb provision"),
    Row(token_of_another_bucket, "InfluxDB", BUCKET, "failed", "insufficient permissions", "the right to write"),
    Row(token_that_all_may_read, "InfluxDB", "token", "warning", "every user of this machine", "chmod o="),
    Row(journal_below_a_file, "Journal", "journal", "failed", "Not a directory", "in [journal]"),
    Row(
        journal_where_nobody_may_write, "Journal", "journal", "failed", "cannot be written", "name a path in [journal]"
    ),
    Row(journal_of_another_program, "Journal", "journal", "failed", "no journal of vdl_lora", "name another path"),
    Row(journal_that_is_rubbish, "Journal", "journal", "failed", "file is not a database", "restore a backup"),
    Row(journal_damaged, "Journal", "journal", "failed", "is damaged", "restore a backup"),
    Row(journal_missing, "Journal", "journal", "failed", "is missing, and there was a journal", "put it back"),
    Row(journal_held_by_another_program, "Journal", "writer", "failed", "writes to it: ", "end that program"),
    Row(journal_held_by_another_program, "Journal", "wholeness", "failed", "is damaged", "restore a backup"),
    Row(journal_nearly_full, "Journal", "size", "warning", "of the 500.0 kB that it may", "raise [journal] max_size"),
    Row(
        journal_with_quarantine,
        "Journal",
        "quarantine no_decoder",
        "warning",
        "1 event could not",
        "set the device tag",
    ),
    Row(store_of_another_program, "Store", "store", "failed", "no store of vdl_lora", "name a path in [store]"),
    Row(store_below_a_file, "Store", "store", "failed", "Not a directory", "name a path in [store]"),
]
SETUPS = list(dict.fromkeys(row.setup for row in ROWS))


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    program("nginx")
    town = Town(tmp_path_factory.mktemp("town"))
    with ExitStack() as stack:
        town.start(stack)
        yield town


@pytest.fixture(scope="module")
def found(town):
    """What the doctor finds in each set-up."""
    gate = asyncio.Semaphore(AT_ONCE)
    files = {}
    for make in SETUPS:
        setup = Setup(town, town.folder / make.__name__)
        make(setup)
        files[make] = setup.file()

    async def look(file):
        async with gate, open_site(load(file), file) as site:
            return await diagnose(site)

    async def look_at_all():
        return await asyncio.gather(*map(look, files.values()))

    return dict(zip(files, asyncio.run(look_at_all()), strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.setup.__name__}: {row.subject}")
def test_what_is_broken_is_named_with_what_to_do(found, row):
    said = [
        each.check.advice
        for each in found[row.setup]
        if row[1:4] == (each.group, each.check.subject, each.check.state) and row.words in each.check.words
    ]
    assert [True] == [row.advice in each for each in said], told(found[row.setup])


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.__name__)
def test_nothing_else_is_said_to_be_wrong(found, setup):
    expected = {row[1:4] for row in ROWS if row.setup is setup}
    wrong = {
        (each.group, each.check.subject, each.check.state)
        for each in found[setup]
        if each.check.state in ("failed", "warning")
    }
    assert expected == wrong, told(found[setup])


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.__name__)
def test_only_what_failed_makes_the_exit_code_1(found, setup):
    failed = any(row.state == "failed" for row in ROWS if row.setup is setup)
    assert (1 if failed else 0) == exit_code(found[setup])


def test_whatever_has_a_state_other_than_ok_has_words_and_what_failed_has_advice(found):
    for findings in found.values():
        for each in findings:
            assert each.check.words, each
            assert each.check.advice or each.check.state in ("ok", "unknown"), each


def test_no_secret_is_told(found, town):
    text = " ".join(f"{each.check.words} {each.check.advice}" for findings in found.values() for each in findings)
    tokens = [each["token"] for each in town.influxdb2.authorizations.values()]
    assert [] == [secret for secret in (SECRET, *tokens, *filter(None, town.keys.values())) if secret in text]


def told(findings):
    return "\n".join(
        f"{each.group}, {each.check.subject}: {each.check.state}: {each.check.words} -> {each.check.advice}"
        for each in findings
    )


# ---------------------------------------------------------------- the command itself


def run(folder, *arguments, **environment):
    """Run the command in a folder."""
    return ran("doctor", "-c", "vdl-lora.toml", *arguments, cwd=folder, code=None, **environment)


PAGE = """\
Configuration
  ✔ file                   FOLDER/vdl-lora.toml
  ✔ version                vdl_lora VERSION on Python VERSION
  ✔ clock                  it is TIME here
  ✔ decoders               N sensor models can be decoded

ChirpStack
  ✔ name                   localhost is ADDRESS
  ✔ TCP                    localhost:PORT takes connections, in N ms
  ✔ TLS                    the certificate of localhost, 127.0.0.1, by The CA ca, is good until TIME, 90 more days
  ✔ HTTP/2                 spoken, with up to 128 calls on a connection
  ✔ gRPC                   ChirpStack answers at https://localhost:PORT
  ? version                it does not tell its version to an API key
  ✔ clock                  that of ChirpStack and ours agree to within 10 s
  ✔ API key                ChirpStack takes it; it is an admin's that only reads
  ✔ rights                 it reads 3 devices in 1 application of 1 tenant
  ✔ history                ChirpStack keeps some N events of a device; of the busiest that lasts LONG

Devices
  ✔ milesight/em300-th     3 devices: 3 by tag decoder
  ✔ installations          1 installation of devices that are there
  ✔ heard                  3 of 3 devices within a day

Journal
  ✔ journal                FOLDER/data/journal.sqlite has N events in SIZE
  ✔ writer                 process N writes to it, a vdl-lora
  ✔ disk                   SIZE are free
  ✔ wholeness              every page of it is sound
  ✔ quarantine             no event is in quarantine
  ✔ delivery               all that can be is delivered

InfluxDB
  ✔ TCP                    127.0.0.1:PORT takes connections, in N ms
  ✔ version                InfluxDB 1.6.7: /api/v2 since 1.8; buckets are `database/policy`, tokens `user:password`
  ✔ clock                  that of InfluxDB and ours agree to within 10 s
  ✔ buckets                lora can be written

27 findings in SHORT: all is well, 1 not known
"""


@pytest.fixture(scope="module")
def good(town):
    """A good system: through a proxy with TLS, with an installation, into a real engine; its service has run."""
    setup = Setup(town, town.folder / "good")
    setup.proxy("proxy")
    setup.influxdb(town.engine.url)
    setup.sections["installations"] = {"file": setup.write("installations.toml", INSTALLATION)}
    setup.sections["monitoring"] = {"bind": ""}
    setup.sections["journal"] = {"path": "data/journal.sqlite", "reserve": ""}
    setup.file()
    before = run(setup.folder, "--json")
    command = [*COMMAND, "run", "-c", "vdl-lora.toml"]
    with (setup.folder / "log").open("w") as log, subprocess.Popen(command, cwd=setup.folder, stderr=log) as service:
        try:
            until("all is delivered", lambda: town.engine.count("lorawan_uplink", "f_cnt", "lora") == UPLINKS)
            beside = run(setup.folder)
        finally:
            service.terminate()
    return setup.folder, before, beside


def test_a_good_system_gives_a_page_without_advice(good):
    folder, _, beside = good
    assert ("", 0) == (beside.stderr, beside.returncode)
    assert PAGE == same(beside.stdout, folder)


def test_before_the_first_start_there_is_no_journal_and_that_is_well(good):
    folder, before, _ = good
    findings = json.loads(before.stdout)
    assert 0 == before.returncode
    [words] = [each["words"] for each in findings if (each["group"], each["subject"]) == ("Journal", "journal")]
    assert f"there is none at {folder}/data/journal.sqlite yet: the service makes it when it first starts" == words
    assert [["group", "subject", "state", "words", "advice"]] * len(findings) == [list(each) for each in findings]
    assert [] == [each for each in findings if each["advice"]]


def test_every_device_is_named_with_its_decoder_and_why(good):
    folder, _, _ = good
    page = run(folder, "--devices").stdout
    names = re.findall(r"^  ✔ (24e124136b00000\d)       (.*)$", page, re.MULTILINE)
    assert 3 == len(names)
    assert [True] * 3 == [words.endswith(" has milesight/em300-th, by tag decoder") for _, words in names]
    listed = json.loads(run(folder, "--devices", "--json").stdout)
    assert [eui for eui, _ in names] == [each["subject"] for each in listed if each["subject"].startswith("24e1")]


def test_it_changes_nothing(good, town):
    folder, _, _ = good

    def dump():
        with closing(sqlite3.connect(f"file:{folder}/data/journal.sqlite?mode=ro", uri=True)) as journal:
            return (
                list(journal.iterdump()),
                town.engine.ask("show measurements", "lora"),
                town.chirpstack.order("counts"),
            )

    before, files = dump(), sorted(folder.rglob("*"))
    assert 0 == run(folder).returncode
    assert before == dump()
    assert files == sorted(folder.rglob("*"))


def test_a_terminal_that_knows_no_signs_gets_letters(good):
    folder, _, _ = good
    page = run(folder, PYTHONIOENCODING="ascii", VDL_LORA_CHIRPSTACK__SERVER=f"127.0.0.1:{free_port()}").stdout
    assert "  no TCP " in page
    assert "     -> see whether it runs, and host and port in [chirpstack] server\n" in page
    assert "  ok environment            VDL_LORA_CHIRPSTACK__SERVER beat the file\n" in page


def test_on_a_terminal_lines_are_broken_below_their_words_and_progress_is_shown(good):
    folder, _, _ = good
    narrow = {"FORCE_COLOR": "1", "COLUMNS": "60", "VDL_LORA_CHIRPSTACK__SERVER": f"127.0.0.1:{free_port()}"}
    ended = run(folder, **narrow)
    assert "\x1b[1;31m  ✘\x1b[0m TCP " in ended.stdout
    assert "looking at " in ended.stderr
    page = re.sub(r"\x1b\[[\d;]*m", "", ended.stdout).splitlines()
    assert max(map(len, page)) <= 60
    at = page.index("    → see whether it runs, and host and port in [chirpstack]")
    assert "      server" == page[at + 1]


def test_a_wrong_configuration_is_told_first_and_whole(town):
    setup = Setup(town, town.folder / "wrong")
    setup.chirpstack(server="https://localhost:1", ca_file=setup.write("ca.pem", ""), api_key_file="")
    installation = '[[installation]]\ndev_eui = "70b3d50000000000"\nfrom = 2026-02-01\nuntil = 2026-01-01\n'
    setup.sections["installations"] = {"file": setup.write("installations.toml", installation)}
    setup.influxdb(town.engine.url, bucket="{commune}")
    setup.file()
    ended = run(setup.folder, "--json")
    assert (78, "") == (ended.returncode, ended.stdout)
    for words in ("api_key_file: is missing", "`until` is not after `from`", "'{commune}' is no bucket"):
        assert words in ended.stderr


def same(page, folder):
    """Put words in the place of what differs from run to run."""
    for pattern, word in (
        (re.escape(str(folder)), "FOLDER"),
        (r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT"),
        (r"vdl_lora \S+ on Python \S+", "vdl_lora VERSION on Python VERSION"),
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?", "TIME"),
        (r"\d+ ms", "N ms"),
        (r"\d+\.\d [kMGT]B", "SIZE"),
        (r"process \d+", "process N"),
        (r"\d+ events", "N events"),
        (r"\d+ sensor models", "N sensor models"),
        (r"lasts \d+ \w+", "lasts LONG"),
        (r"in \d+\.\d s", "in SHORT"),
        (r"InfluxDB 1\.6\.7\S*:", "InfluxDB 1.6.7:"),
        (r"localhost is [\d.:, ]+", "localhost is ADDRESS"),
    ):
        page = re.sub(pattern, word, page)
    return page
