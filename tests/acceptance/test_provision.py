"""From nothing to values: buckets and tokens are made, the doctor finds all well, and the service stores with them."""

import json
import subprocess

import pytest

from tests.influxdb2 import running_influxdb2

from .processes import COMMAND, ChirpStack, ran, until

pytestmark = pytest.mark.enable_socket

UPLINKS = 4


@pytest.fixture
def influxdb():
    with running_influxdb2() as made:
        yield made


@pytest.fixture
def chirpstack(tmp_path):
    made = ChirpStack(tmp_path, history=10)
    made.start()
    yield made
    made.kill()


@pytest.mark.long
def test_after_provisioning_each_tenant_s_values_are_in_its_bucket(influxdb, chirpstack, tmp_path):
    tenants = {name: chirpstack.order("add_tenant", name=f"Commune de {name}") for name in ("Bauzy", "Bracieux")}
    (tmp_path / "key").write_text(chirpstack.order("add_key", read_only=True), encoding="utf-8")
    (tmp_path / "vdl-lora.toml").write_text(
        f'[chirpstack]\nserver = "{chirpstack.address}"\napi_key_file = "key"\n'
        f'[influxdb]\nurl = "{influxdb.url}"\norg = "vdl"\ntoken_file = "influxdb.token"\n'
        f'[tenants."{tenants["Bauzy"]}"]\nslug = "bauzy"\nbucket = "bauzy"\ntoken_file = "bauzy.token"\n'
        '[journal]\nreserve = ""\n[monitoring]\nbind = ""\n',
        encoding="utf-8",
    )
    for path in (tmp_path / "key", tmp_path / "vdl-lora.toml"):
        path.chmod(0o600)
    buckets = {"Bauzy": "bauzy", "Bracieux": tenants["Bracieux"]}
    sent = {
        name: chirpstack.ups(chirpstack.register(2, tenant, first=number * 100), UPLINKS)
        for number, (name, tenant) in enumerate(tenants.items())
    }
    told = json.loads(
        ran("influxdb", "provision", "--json", "-c", "vdl-lora.toml", cwd=tmp_path, stdin=influxdb.operator).stdout
    )
    assert {"made"} == {each["state"] for each in told["steps"]}
    assert set(buckets.values()) <= set(influxdb.buckets)
    findings = json.loads(ran("doctor", "--json", "-c", "vdl-lora.toml", cwd=tmp_path).stdout)
    assert [] == [each for each in findings if each["group"] == "InfluxDB" and each["state"] != "ok"]
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen([*COMMAND, "run", "-c", "vdl-lora.toml"], cwd=tmp_path, stderr=log)
        try:
            until("all is stored", lambda: counts(influxdb, buckets) == {name: len(ups) for name, ups in sent.items()})
        finally:
            service.terminate()
            service.wait(20)
    for name, bucket in buckets.items():
        euis = {up.dev_eui for up in sent[name]}
        assert euis == {dict(tags)["dev_eui"] for _, tags, _ in influxdb.holds(bucket)}
    rights = [each["permissions"] for each in influxdb.authorizations.values() if each["token"] != influxdb.operator]
    assert {"write"} == {right["action"] for each in rights for right in each}
    assert influxdb.operator not in (tmp_path / "log").read_text(encoding="utf-8")


def counts(influxdb, buckets):
    """Count the uplinks in each bucket."""
    return {
        name: sum(measurement == "lorawan_uplink" for measurement, _, _ in list(influxdb.holds(bucket)))
        for name, bucket in buckets.items()
    }
