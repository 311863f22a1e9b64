"""Buckets and tokens: against a small InfluxDB 2 that answers as 2.7.12 was recorded, and a real 1.6.7."""

import http.client
import json
import os
import pty
import re
import subprocess
import sys
import threading
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.influxdb2 import ORG, recorded, running_influxdb2
from tests.ports import free_port
from tests.real import Engine, program, running_engine
from vdl_lora.config import load
from vdl_lora.errors import ConfigError, SinkRefused, SinkUnavailable
from vdl_lora.events import NS
from vdl_lora.operations.provision import Needs, by_hand, look, provision
from vdl_lora.points import Point, Tags
from vdl_lora.sinks import InfluxSink
from vdl_lora.sinks.influxdb import delete_statement
from vdl_lora.sinks.influxdb_operator import Server, influxdb3_command, influxql

from .live import house_in

pytestmark = pytest.mark.enable_socket

BAUZY, CHAMBORD = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242", "d4861b76-9ef0-4e62-8a32-6a1cdd2d5d63"
DAY_S = 86_400
AT_NS = 1_795_472_297 * NS
AIR = Point("air", Tags([("dev_eui", "24e124136b500042"), ("channel", "main")]), {"temperature": 20.5}, AT_NS)


@pytest.fixture
def influxdb():
    with running_influxdb2() as made:
        yield made


class Site:
    """A folder with a configuration, and what provisioning says there."""

    def __init__(self, folder, influxdb):
        self.folder = folder
        self.influxdb = influxdb
        self.file = folder / "token"
        self.write()

    def write(self, bucket="{tenant}", influxdb="", more="", served=(BAUZY,)):
        """Write the configuration."""
        url = getattr(self.influxdb, "url", self.influxdb)
        (self.folder / "vdl-lora.toml").write_text(
            f'[chirpstack]\ntenants = {json.dumps(list(served))}\n[influxdb]\nurl = "{url}"\norg = "vdl"\n'
            f'bucket = "{bucket}"\ntoken_file = "{self.file}"\n{influxdb}\n{more}\n',
            encoding="utf-8",
        )

    @property
    def settings(self):
        return load(self.folder / "vdl-lora.toml")

    async def run(self, token=None, **options):
        """Provision, and give the steps: what, name, state, and all words."""
        steps = []
        _, needs = await look(self.settings)
        await provision(self.settings, needs, token or self.influxdb.operator, told=steps.append, **options)
        return {(each.what, each.name): (each.state, f"{each.words} -> {each.advice}") for each in steps}

    async def states(self, **options):
        return [state for state, _ in (await self.run(**options)).values()]

    async def can_write(self, tenant):
        """Write a point as the service does."""
        sink = InfluxSink(self.settings.influxdb)
        try:
            await sink.write(tenant, [AIR])
        except SinkRefused:
            return False
        finally:
            await sink.close()
        return True


@pytest.fixture
def site(tmp_path, influxdb):
    return Site(tmp_path, influxdb)


# ---------------------------------------------------------------- the small InfluxDB is as it was recorded


def test_the_small_influxdb_answers_as_the_real_one_was_recorded(influxdb):
    def asked(method, path, token=influxdb.operator, query=(), body=b""):
        return influxdb.answer(method, path, dict(query), body, token)

    answers = {}
    for name, seconds in (("rec", 0), ("rec", 0), ("rec-1h", 3600), ("rec-10s", 10)):
        rule = [{"type": "expire", "everySeconds": seconds}]
        body = json.dumps({"name": name, "retentionRules": rule}).encode()
        answer = asked("POST", "/api/v2/buckets", body=body)
        answers.setdefault(f"create bucket {name}, retention {seconds} s", []).append(answer)
    tokens = {
        "write-only": influxdb.authorize([influxdb.right("rec")])["token"],
        "read-only": influxdb.authorize([influxdb.right("rec", "read")])["token"],
    }
    for note, bucket, token in (
        ("empty body", "rec", influxdb.operator),
        ("unknown bucket", "nope", influxdb.operator),
        ("no token", "rec", ""),
        ("bad token", "rec", "bad"),
        ("read-only token", "rec", tokens["read-only"]),
        ("write-only token, another bucket", "rec-1h", tokens["write-only"]),
    ):
        answers[note] = [asked("POST", "/api/v2/write", token, {"bucket": bucket})]
    compared = 0
    for row in recorded("influxdb2_writes.jsonl"):
        if row["note"] in answers:
            answer = answers[row["note"]].pop(0)
            assert row["status"] == answer.status, row["note"]
            said = json.loads(row["body"]) if row["body"] else {}
            assert said.keys() == (answer.body or {}).keys(), row["note"]
            for key in {"code", "message", "name"} & said.keys():
                assert said[key] == answer.body[key], row["note"]
            compared += 1
    assert 10 == compared


def test_the_small_influxdb_deletes_as_the_real_one_was_recorded(influxdb):
    influxdb.make_bucket("b")
    for row in recorded("influxdb2_deletes.jsonl"):
        if "predicate" not in row["request"] or not row["request"]["start"] or "!=" in row["request"]["predicate"]:
            continue
        body = json.dumps(row["request"]).encode()
        answer = influxdb.answer("POST", "/api/v2/delete", {"bucket": "b"}, body, influxdb.operator)
        assert row["status"] == answer.status, row["note"]


# ---------------------------------------------------------------- making what is missing


async def test_a_bucket_and_a_token_that_can_only_write_it_are_made_and_the_service_can_write(site, influxdb):
    assert not await site.can_write(BAUZY)
    assert ["made", "made"] == await site.states(retention_s=730 * DAY_S)
    bucket = influxdb.buckets[BAUZY]
    assert 730 * DAY_S == bucket["retentionRules"][0]["everySeconds"]
    assert f"vdl_lora, for {BAUZY}" == bucket["description"]
    [made] = [each for each in influxdb.authorizations.values() if each["token"] == site.file.read_text().strip()]
    assert [{"action": "write", "resource": {"type": "buckets", "id": bucket["id"], "orgID": ORG}}] == made[
        "permissions"
    ]
    assert 0o600 == site.file.stat().st_mode & 0o777
    assert await site.can_write(BAUZY)


async def test_run_again_it_changes_nothing(site, influxdb):
    await site.run(retention_s=0)

    def everything():
        return (
            influxdb.buckets.copy(),
            influxdb.authorizations.copy(),
            {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in site.folder.iterdir()},
        )

    before = everything()
    influxdb.requests.clear()
    for options in ({}, {"retention_s": 0}, {"dry_run": True}):
        assert ["exists", "exists"] == await site.states(**options)
    assert before == everything()
    assert {"GET", "POST"} == {method for method, _ in influxdb.requests}
    assert {"/api/v2/write"} == {path for method, path in influxdb.requests if method == "POST"}


async def test_a_dry_run_says_what_would_be_made_and_makes_nothing(site, influxdb):
    found = await site.run(dry_run=True, retention_s=7 * DAY_S)
    assert "is not there; would keep points for 7 days" in found["bucket", BAUZY][1]
    assert ["would_make", "would_make"] == [state for state, _ in found.values()]
    assert {} == influxdb.buckets
    assert 1 == len(influxdb.authorizations)
    assert not site.file.exists()


async def test_the_operator_s_token_is_in_no_file_and_no_word(site, influxdb):
    found = await site.run()
    assert influxdb.operator not in str(found)
    assert [] == [path for path in site.folder.iterdir() if influxdb.operator in path.read_text()]
    assert site.file.read_text().strip() not in str(found)
    assert site.file.read_text().strip() not in (site.folder / "token.made").read_text()


async def test_tenants_that_share_a_file_share_a_token_and_those_with_their_own_do_not(site, influxdb):
    own = site.folder / "own" / "token"
    third = "00000000-0000-4000-8000-000000000000"
    site.write(
        bucket="lora-{slug}",
        served=(BAUZY, CHAMBORD),
        more=f'[tenants."{BAUZY}"]\nslug = "bauzy"\n[tenants."{third}"]\nbucket = "x"\ntoken_file = "{own}"',
    )
    assert ["made"] * 5 == await site.states()
    by_token = {
        each["token"]: {right["resource"].get("id") for right in each["permissions"]}
        for each in influxdb.authorizations.values()
    }
    ids = {name: each["id"] for name, each in influxdb.buckets.items()}
    assert {ids["lora-bauzy"], ids[f"lora-{CHAMBORD}"]} == by_token[site.file.read_text().strip()]
    assert {ids["x"]} == by_token[own.read_text().strip()]
    assert 0o700 == own.parent.stat().st_mode & 0o777


async def test_a_bucket_may_have_any_name_that_influxdb_takes(site, influxdb):
    name = "l'école & 100 % + ?x=1 #é/ü"
    site.write(bucket=name)
    assert ["made", "made"] == await site.states()
    assert {name} == set(influxdb.buckets)
    assert ["exists", "exists"] == await site.states()
    assert await site.can_write(BAUZY)
    assert 1 == len(influxdb.holds(name))


async def test_a_bucket_for_all_needs_no_tenant_and_asks_nobody(site):
    site.write(bucket="lora", served=())
    found = await site.run()
    assert "for all tenants" in found["bucket", "lora"][1]
    assert ["made", "made"] == [state for state, _ in found.values()]


async def test_tenants_are_chirpstack_s_where_none_are_served(site, tmp_path):
    async with house_in(tmp_path) as house:
        key = f'[chirpstack]\nserver = "{house.chirpstack.address}"\napi_key_file = "{house.key_file}"\n'
        site.write(more=f'[tenants."{CHAMBORD}"]\nslug = "chambord"')
        text = (site.folder / "vdl-lora.toml").read_text().replace(f'[chirpstack]\ntenants = ["{BAUZY}"]\n', key)
        (site.folder / "vdl-lora.toml").write_text(text)
        found = await site.run()
        assert {("bucket", CHAMBORD), ("bucket", house.tenant)} < found.keys()
        assert "for Commune de Bauzy" in found["bucket", house.tenant][1]
        house.give_key("no key")
        found = await site.run()
        assert ("bucket", house.tenant) not in found
        state, words = found["tenants", "ChirpStack"]
        assert ("failed", True) == (state, "name the tenants in [chirpstack] tenants" in words)


async def test_without_a_tenant_nothing_can_be_made_and_that_is_said(site):
    site.write(served=())
    with pytest.raises(
        ConfigError, match=r"chirpstack.tenants: no tenant is known: chirpstack.api_key_file: is missing"
    ):
        await site.run()


# ---------------------------------------------------------------- what is there already


async def test_what_is_there_and_differs_is_said_and_left(site, influxdb):
    influxdb.make_bucket(BAUZY, 30 * DAY_S, "somebody's")
    before = influxdb.buckets[BAUZY].copy()
    state, words = (await site.run(retention_s=730 * DAY_S))["bucket", BAUZY]
    assert ("differs", True) == (
        state,
        words.startswith("keeps points for 30 days, not for 730 days -> if you mean to"),
    )
    assert before == influxdb.buckets[BAUZY]
    assert ["exists", "exists"] == await site.states()


async def test_a_token_of_somebody_else_that_can_write_stays_and_more_than_that_is_said(site, influxdb):
    influxdb.make_bucket(BAUZY)
    narrow = influxdb.authorize([influxdb.right(BAUZY)])["token"]
    wide = influxdb.authorize([influxdb.right(BAUZY), influxdb.right(BAUZY, "read")])["token"]
    for token, state, words in ((narrow, "exists", f"can write {BAUZY}"), (wide, "differs", "and more than that")):
        site.file.write_text(f"{token}\n")
        site.file.chmod(0o600)
        found = (await site.run())["token", str(site.file)]
        assert (state, True) == (found[0], words in found[1])
        assert f"{token}\n" == site.file.read_text()
    site.file.write_text(narrow)
    site.file.chmod(0o644)
    assert "chmod 600" in (await site.run())["token", str(site.file)][1]


@pytest.mark.parametrize("hides", [False, True])
async def test_a_token_of_somebody_else_that_cannot_write_is_never_overwritten(site, influxdb, hides):
    influxdb.hides = hides
    site.file.write_text("theirs")
    state, words = (await site.run())["token", str(site.file)]
    assert ("failed", "theirs") == (state, site.file.read_text())
    assert "was not made by this command" in words
    assert 1 == len(influxdb.authorizations)


@pytest.mark.parametrize("hides", [False, True])
async def test_a_token_of_ours_that_cannot_write_any_more_is_made_anew(site, influxdb, hides):
    influxdb.hides = hides
    await site.run()
    first = site.file.read_text().strip()
    for break_it in (
        influxdb.revoke,
        lambda _token: next(reversed(influxdb.authorizations.values())).update(status="inactive"),
    ):
        token = site.file.read_text().strip()
        break_it(token)
        assert not await site.can_write(BAUZY)
        assert ["exists", "would_make"] == await site.states(dry_run=True)
        assert ["exists", "made"] == await site.states()
        assert token != site.file.read_text().strip()
        assert await site.can_write(BAUZY)
    assert first != site.file.read_text().strip()


async def test_a_service_that_runs_takes_each_new_token_at_its_next_write(site, influxdb):
    sink = InfluxSink(site.settings.influxdb)
    for _ in range(3):
        with pytest.raises(SinkRefused):
            await sink.write(BAUZY, [AIR])
        await site.run()
        await sink.write(BAUZY, [AIR])
        influxdb.revoke(site.file.read_text().strip())
    await sink.close()
    assert [{"temperature": 20.5}] == list(influxdb.holds(BAUZY).values())


async def test_a_file_of_ours_that_somebody_changed_is_theirs(site):
    await site.run()
    site.file.write_text("theirs")
    assert ["exists", "failed"] == await site.states()
    assert "theirs" == site.file.read_text()


async def test_a_tenant_more_makes_a_token_for_all_and_the_old_one_stays_in_force(site, influxdb):
    await site.run()
    old = site.file.read_text().strip()
    site.write(served=(BAUZY, CHAMBORD))
    assert ["exists", "would_make", "would_make"] == await site.states(dry_run=True)
    found = await site.run()
    assert "may be revoked once nobody uses it" in found["token", str(site.file)][1]
    assert [True, True] == [await site.can_write(each) for each in (BAUZY, CHAMBORD)]
    assert old in [each["token"] for each in influxdb.authorizations.values()]


async def test_an_empty_file_is_filled_and_keeps_its_owner(site):
    site.file.touch(0o640)
    if os.geteuid() == 0:
        os.chown(site.file, 10001, 10002)
    owner = site.file.stat()
    assert ["made", "made"] == await site.states()
    after = site.file.stat()
    assert (owner.st_uid, owner.st_gid, 0o600) == (after.st_uid, after.st_gid, after.st_mode & 0o777)
    assert await site.can_write(BAUZY)


async def test_a_link_to_a_file_stays_one(site):
    (site.folder / "real").touch(0o600)
    site.file.symlink_to(site.folder / "real")
    await site.run()
    assert site.file.is_symlink()
    assert await site.can_write(BAUZY)


# ---------------------------------------------------------------- what goes wrong


async def test_where_the_file_cannot_be_written_no_token_is_made(site, influxdb):
    site.file = Path("/proc/token")
    site.write()
    for dry_run in (True, False):
        state, words = (await site.run(dry_run=dry_run))["token", "/proc/token"]
        assert ("failed", True) == (state, "cannot be written" in words)
    assert 1 == len(influxdb.authorizations)


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_token_whose_file_cannot_be_written_after_all_is_revoked(site, influxdb, revoked):
    """Somebody else writes the file between the look at it and the token's making."""

    def interfere(method, path):
        if (method, path) == ("POST", "/api/v2/authorizations"):
            site.file.write_text("theirs")
        if method == "DELETE" and not revoked:
            influxdb.authorizations.clear()

    influxdb.before = interfere
    state, words = (await site.run())["token", str(site.file)]
    assert ("failed", "theirs") == (state, site.file.read_text())
    assert ("its token is revoked" if revoked else "is still in force") in words
    assert (1 if revoked else 0) == len(influxdb.authorizations)
    assert {"token", "vdl-lora.toml"} == {path.name for path in site.folder.iterdir()}


async def test_a_bucket_that_cannot_be_made_holds_up_no_other_and_leaves_its_token_unmade(site):
    site.write(served=(BAUZY, CHAMBORD), more=f'[tenants."{BAUZY}"]\nbucket = "_x"\ntoken_file = "{site.folder}/x"')
    found = await site.run()
    assert "may not start with underscore" in found["bucket", "_x"][1]
    assert "_x is not there, so no token is made" in found["token", f"{site.folder}/x"][1]
    assert ("made", "made") == (found["bucket", CHAMBORD][0], found["token", str(site.file)][0])


async def test_a_bucket_that_somebody_makes_meanwhile_is_taken(site, influxdb):
    def interfere(method, path):
        if (method, path) == ("POST", "/api/v2/buckets") and BAUZY not in influxdb.buckets:
            influxdb.make_bucket(BAUZY)

    influxdb.before = interfere
    assert ["made", "made"] == await site.states()
    assert await site.can_write(BAUZY)


async def test_a_token_that_is_no_operator_s_is_refused_in_words(site, influxdb):
    influxdb.make_bucket("x")
    with pytest.raises(SinkRefused, match="it does not know this token: copy it again"):
        await site.run("no-token")
    found = await site.run(influxdb.authorize([influxdb.right("x")])["token"])
    assert ["failed", "failed"] == [state for state, _ in found.values()]
    assert "take the operator's token, or an all-access one" in found["bucket", BAUZY][1]
    assert {"x"} == set(influxdb.buckets)


async def test_an_organization_that_is_not_there_is_named_with_those_that_are(site, influxdb):
    influxdb.org = "syndicat"
    with pytest.raises(ConfigError, match=r"influxdb.org: there is no organization 'vdl'; this token sees: syndicat"):
        await site.run()


async def test_no_file_for_a_token_is_said_and_one_in_the_environment_is_tried(site, influxdb, monkeypatch):
    text = (site.folder / "vdl-lora.toml").read_text().replace(f'token_file = "{site.file}"\n', "")
    (site.folder / "vdl-lora.toml").write_text(text)
    assert ("failed", True) == ((found := await site.run())["token", "token_file"][0], "name one" in str(found))
    monkeypatch.setenv("VDL_LORA_INFLUXDB__TOKEN", influxdb.authorize([influxdb.right(BAUZY)])["token"])
    assert "exists" == (await site.run())["token", "VDL_LORA_INFLUXDB__TOKEN"][0]
    monkeypatch.setenv("VDL_LORA_INFLUXDB__TOKEN", "another")
    assert "failed" == (await site.run())["token", "VDL_LORA_INFLUXDB__TOKEN"][0]


async def test_what_is_no_influxdb_is_not_provided_with_anything(tmp_path, influxdb):
    influxdb.version = ""
    with pytest.raises(SinkRefused, match="does not say that it is an InfluxDB"):
        await look(Site(tmp_path, influxdb).settings)
    with pytest.raises(SinkUnavailable):
        await look(Site(tmp_path, f"http://127.0.0.1:{free_port()}").settings)


# ---------------------------------------------------------------- versions that are told what to run


def test_3_is_told_commands_that_a_shell_takes(site):
    needs = Needs(buckets={"lora bauzy": [], "x'y": []}, files={site.file: ["lora bauzy", "x'y"]})
    told = by_hand(site.settings, Server("3.5.0", "3"), needs, 730 * DAY_S)
    assert (
        "influxdb3 create database --retention-period 17520h 'lora bauzy'",
        "influxdb3 create database --retention-period 17520h 'x'\"'\"'y'",
    ) == tuple(told.lines)
    assert str(site.file) in told.words
    assert "influxdb3 create database lora" == influxdb3_command("lora", 0)


def test_statements_for_1_x_make_no_database_twice():
    statements = influxql(["lora/week", "lora/year", 'x"y'], "vdl_lora", 3600)
    assert [
        'CREATE DATABASE "lora"',
        'CREATE RETENTION POLICY "week" ON "lora" DURATION 3600s REPLICATION 1',
        'CREATE RETENTION POLICY "year" ON "lora" DURATION 3600s REPLICATION 1',
        'CREATE DATABASE "x\\"y" WITH DURATION 3600s',
        "CREATE USER \"vdl_lora\" WITH PASSWORD '<a new password>'",
        'GRANT WRITE ON "lora" TO "vdl_lora"',
        'GRANT WRITE ON "x\\"y" TO "vdl_lora"',
    ] == statements


async def test_a_real_1_x_takes_the_statements_twice_and_then_what_the_service_writes(tmp_path):
    with running_engine(tmp_path / "engine") as engine:
        site = Site(tmp_path, engine)
        site.write(served=(BAUZY, CHAMBORD), more=f'[tenants."{CHAMBORD}"]\nslug = "chambord"\ntoken_file = "x"')
        server, needs = await look(site.settings)
        assert ("1.x", True) == (server.generation, server.version.startswith("1.6.7"))
        told = by_hand(site.settings, server, needs, 730 * DAY_S)
        for _ in range(2):
            for line in told.lines:
                engine.ask(line)
        assert {BAUZY, CHAMBORD} == {row["name"] for row in engine.ask("show databases")}
        [policy] = engine.ask(f'show retention policies on "{BAUZY}"')
        assert "17520h0m0s" == policy["duration"]
        for user, database in (("vdl_lora", BAUZY), ("vdl_lora_chambord", CHAMBORD)):
            assert [(database, "WRITE")] == [
                (row["database"], row["privilege"]) for row in engine.ask(f'show grants for "{user}"')
            ]
        site.file.write_text("vdl_lora:a-new-password\n")
        assert await site.can_write(BAUZY)
        assert [20.5] == [row["temperature"] for row in engine.ask("select temperature from air", BAUZY)]


class LockedEngine(Engine):
    """An influxd that lets nobody in without a password, asked without nginx: 1.6.7 takes no tokens."""

    def _configure(self):
        super()._configure()
        file = self.folder / "influxdb.conf"
        text = file.read_text(encoding="utf-8").replace(
            "log-enabled = false", "log-enabled = false\nauth-enabled = true"
        )
        file.write_text(text, encoding="utf-8")
        self.direct = int(re.search(r'\[http\]\nbind-address = "127.0.0.1:(\d+)"', text)[1])

    def call(self, user, path, body="", **query):
        """Call as a user; gives the status and what is said."""
        headers = {"Authorization": f"Basic {b64encode(f'{user}:secret'.encode()).decode()}"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.direct, timeout=20)) as connection:
            connection.request("POST", f"{path}?{urlencode(query)}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


def test_the_user_of_a_real_1_x_can_write_and_erase_and_neither_read_nor_reach_another_database(tmp_path):
    program("influxd")
    engine = LockedEngine(tmp_path / "engine")
    try:
        engine.start()
        admin = "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES"
        assert 200 == engine.call("", "/query", q=admin)[0]
        for statement in ("CREATE DATABASE other", *influxql(["lora"], "vdl_lora", 0)):
            status, said = engine.call("admin", "/query", q=statement.replace("<a new password>", "secret"))
            assert (200, False) == (status, "error" in said)
        assert 204 == engine.call("vdl_lora", "/write", "air,place=a t=1 1\nair,place=b t=1 1\n", db="lora")[0]
        assert 403 == engine.call("vdl_lora", "/write", "air t=1 1", db="other")[0]
        assert 403 == engine.call("vdl_lora", "/query", q="SELECT * FROM air", db="lora")[0]
        erased = delete_statement("air", [("place", "a")], 1)
        assert (200, False) == ((told := engine.call("vdl_lora", "/query", q=erased, db="lora"))[0], "error" in told[1])
        left = engine.call("admin", "/query", q="SELECT place FROM (SELECT * FROM air)", db="lora")[1]
        assert ('"b"' in left, '"a"' in left) == (True, False)
    finally:
        engine.stop()


# ---------------------------------------------------------------- the command


def command(site, *arguments, stdin="", code=0, **environment):
    """Run the command in the site's folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")}
    done = subprocess.run(
        [sys.executable, "-m", "vdl_lora.cli", "influxdb", "provision", "-c", "vdl-lora.toml", *arguments],
        cwd=site.folder,
        env=inherited | {"PYTHONWARNINGS": "error"} | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert code == done.returncode, done.stdout + done.stderr
    assert site.influxdb.operator not in done.stdout + done.stderr
    return done


@pytest.mark.long
def test_a_script_gives_the_token_on_stdin_in_the_environment_or_in_a_file(site, influxdb):
    (site.folder / "operator").write_text(f"{influxdb.operator}\n")
    done = command(site, "--dry-run", stdin=f"{influxdb.operator}\n")
    assert f"would make bucket {BAUZY}: is not there; would keep points for ever, for {BAUZY}\n" in done.stdout
    done = command(site, "--json", "--retention", "730d", VDL_LORA_OPERATOR_TOKEN=influxdb.operator)
    document = json.loads(done.stdout)
    assert {"url", "version", "generation", "dry_run", "steps"} == document.keys()
    assert ["made", "made"] == [each["state"] for each in document["steps"]]
    assert [["what", "name", "state", "words", "advice"]] * 2 == [list(each) for each in document["steps"]]
    done = command(site, "--token-file", "operator", "--retention", "none", code=1)
    assert f"differs    bucket {BAUZY}: keeps points for 730 days, not for ever\n" in done.stdout
    assert "           -> if you mean to, run `influx bucket update" in done.stdout


def test_a_person_is_asked_for_the_token_and_it_is_not_shown(site, influxdb):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "vdl_lora.cli", "influxdb", "provision", "-c", "vdl-lora.toml"]
    process = subprocess.Popen(
        words, cwd=site.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = []

    def converse():
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            try:
                while part := terminal.read(4096):
                    said.append(part.decode())
                    if "".join(said).endswith("InfluxDB: "):
                        terminal.write(f"{influxdb.operator}\n".encode())
            except OSError:  # Linux: EIO where nobody is left
                return

    thread = threading.Thread(target=converse)
    thread.start()
    assert 0 == process.wait(60)
    thread.join(20)
    text = "".join(said)
    assert "Operator's token of InfluxDB: " in text
    assert f"made       bucket {BAUZY}" in text
    assert influxdb.operator not in text


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["--retention", "59min"], "x", "must be at least 1h"),
        (["--retention", "0h"], "x", "must be at least 1h"),
        ([], "\n", "holds no token"),
        ([], "two words\n", "holds no token"),
        (["--token-file", "nowhere"], "", "nowhere"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(site, influxdb, arguments, stdin, words):
    assert words in command(site, *arguments, stdin=stdin, code=2).stderr
    assert {} == influxdb.buckets


def test_what_was_made_before_a_refusal_is_in_the_json_too(site, influxdb):
    def break_down(method, path):
        if (method, path) == ("POST", "/api/v2/authorizations"):
            influxdb.authorizations.clear()

    influxdb.before = break_down
    operator = influxdb.operator
    done = command(site, "--json", stdin=operator, code=1)
    assert [("bucket", "made"), ("token", "failed")] == [
        (each["what"], each["state"]) for each in json.loads(done.stdout)["steps"]
    ]
    done = command(site, "--json", stdin=operator, code=1)
    assert [] == json.loads(done.stdout)["steps"]
    assert "does not know this token" in done.stderr


def test_3_is_said_by_the_command_and_asks_for_no_token(site, influxdb):
    influxdb.version = "3.5.0"
    done = command(site, "--retention", "730d")
    assert f"influxdb3 create database --retention-period 17520h {BAUZY}\n" == done.stdout
    assert "Core has no token that can only write" in done.stderr
    assert ["influxdb3 create database " + BAUZY] == json.loads(command(site, "--json").stdout)["by_hand"]
