"""The service between a ChirpStack and a real InfluxDB engine, and what goes wrong in years: counted, event by event.

Whatever happened, in the end every uplink is in the database once, at its time, with its values, and nothing else is.
Long counts where VDL_LORA_SOAK=1 is set.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import contextmanager, suppress
from email.utils import formatdate
from typing import NamedTuple

import msgspec
import pytest

from tests.ports import free_port
from tests.real import program, running_engine
from vdl_lora.events import NS, RawEvent, envelope, format_time
from vdl_lora.interfaces import Accepted
from vdl_lora.journal import SqliteJournal

from . import door as doors
from .door import Door
from .processes import Heard, Site, Up, doubled, lost, narrow, until, unwell

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

SOAK = os.environ.get("VDL_LORA_SOAK") == "1"
KILLS, DATABASE_KILLS, FLAPS, TIMES = (100, 20, 20, 15) if SOAK else (20, 3, 4, 3)
LONGEST_S, REFUSED_MINUTES = (5.0, 60) if SOAK else (0.3, 0)
TIMEOUT_S, LATE_S, TOO_LATE_S = (6, 5.0, 8.0) if SOAK else (1, 0.5, 1.5)
ROUNDS = (40, 432) if SOAK else (5, 30)
"""How often 500 devices report, each 10 minutes: 432 times are 72 hours, and 216,000 events."""

DEVICES = (300, 120, 60, 15, 5)
"""How many of them each tenant has."""

BATCH = 500
"""How many events are delivered at once."""

DISK = 16 << 20
"""The size of a database's disk."""

PERIOD_NS = 600 * NS
ALL = 100_000
"""A history that is never trimmed."""

PATIENCE_S = 90
"""The longest pause between two tries is a minute."""

TROUBLES = (
    ("late answers", doors.late(LATE_S), 1),
    ("answers that come too late", doors.late(TOO_LATE_S), 1),
    ("429 with a Retry-After", doors.too_many(lambda: "1"), 1),
    ("500 on every third request", doors.broken, 3),
    ("connections cut inside an answer", doors.cut_inside_the_answer, 1),
    ("connections cut inside a request", doors.cut_inside_the_request, 1),
)


class Territory(Site):
    """A site whose service writes into an engine, into a database for each tenant."""

    def __init__(self, folder, engine, door=None):
        super().__init__(folder, history=ALL)
        self.engine = engine
        self.tenants = {}
        self._url = (door or engine).url

    def configure(self, timeout_s=10, **sections):
        """Write the service's configuration."""
        self.service.configure(influxdb=f'url = "{self._url}"\ntimeout = "{timeout_s}s"', **sections)

    def settle(self, *counts, databases=True):
        """Register so many devices of so many tenants, make their databases, and give the DevEUIs."""
        euis = []
        for count in counts:
            tenant = self.chirpstack.order("add_tenant", name=f"Commune {len(self.tenants)}")
            added = self.chirpstack.register(count, tenant, first=len(self.tenants))
            self.tenants |= dict.fromkeys(added, tenant)
            euis += added
            if databases:
                self.engine.ask(f'create database "{tenant}"')
        return euis

    def stored(self, tenants=None):
        """Count the uplinks in the databases of some tenants, or of all."""
        return sum(self.engine.count("lorawan_uplink", "f_cnt", each) for each in tenants or self.databases())

    def databases(self):
        """Give the databases of tenants that there are."""
        return {row["name"] for row in self.engine.ask("show databases")} & set(self.tenants.values())

    def delivered(self, sent, within_s=PATIENCE_S):
        """Wait until all that was sent is stored, and see that each is there once, and nothing else is anywhere."""
        until("all is stored", lambda: self.stored() >= len(sent), within_s)
        until("nothing is ahead", lambda: not any(each.waiting for each in self.service.counts().delivery), within_s)
        assert {} == self.difference(sent)
        counts = self.service.counts()
        assert (0, len(sent)) == (counts.quarantined, counts.by_kind["up"])
        assert {"flowing"} == {each.state for each in counts.delivery}
        sys.stderr.write(f"{len(sent)} uplinks were sent, and each is stored once\n")

    def difference(self, sent, tenants=None):
        """Give what is missing in the databases of some tenants, or of all, and what is there beside, in short."""
        expected, found = Counter(), Counter()
        for up in sent:
            battery, temperature, humidity = up.sensed
            key = (self.tenants[up.dev_eui], up.dev_eui, up.at_ns)
            expected.update(
                {
                    (*key, "lorawan_uplink", up.f_cnt): 1,
                    (*key, "device", battery): 1,
                    (*key, "air", temperature, humidity): 1,
                }
            )
        for tenant in tenants or self.databases():
            for measurement, fields in self._fields(tenant).items():
                statement = f'select dev_eui, {", ".join(fields)} from "{measurement}"'  # noqa: S608 - names of ours
                rows = self.engine.ask(statement, tenant)
                found.update(
                    (tenant, row["dev_eui"], row["time"], measurement, *(row.get(field) for field in fields))
                    for row in rows
                )
        difference = {"missing": expected - found, "beside": found - expected}
        return {what: (each.total(), list(each)[:5]) for what, each in difference.items() if each}

    def _fields(self, tenant):
        """Give the fields to look at in each measurement of a tenant's database; of one that should not be, all."""
        known = {"lorawan_uplink": ["f_cnt"], "device": ["battery_level"], "air": ["temperature", "humidity"]}
        return {row["name"]: known.get(row["name"], ["*"]) for row in self.engine.ask("show measurements", tenant)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine that nothing happens to."""
    with running_engine(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture
def door(engine):
    """A door before it."""
    made = Door(engine.port)
    made.open()
    yield made
    made.close()


@pytest.fixture
def site(tmp_path, engine):
    """A territory without tenants, and a service that does not run yet."""
    made = Territory(tmp_path, engine)
    yield made
    made.end()


@pytest.fixture
def behind_a_door(tmp_path, engine, door):
    """The same with a door between service and engine."""
    made = Territory(tmp_path, engine, door)
    yield made
    made.end()


class Refused(NamedTuple):
    """A territory of 20 tenants and of one whose database is not there, and what was sent."""

    site: Territory
    tenant: str
    sent: list[Up]
    port: int

    @property
    def others(self):
        """The tenants that have a database."""
        return set(self.site.tenants.values()) - {self.tenant}

    @property
    def theirs(self):
        """What their devices sent."""
        return [up for up in self.sent if self.site.tenants[up.dev_eui] != self.tenant]


@pytest.fixture(scope="module")
def refused(tmp_path_factory, engine):
    """It runs on while other tests do: what was refused is tried again after a minute."""
    site, port = Territory(tmp_path_factory.mktemp("refused"), engine), free_port()
    try:
        devices = site.settle(*[1] * 20) + site.settle(1, databases=False)
        site.configure(monitoring=f'bind = "127.0.0.1:{port}"')
        with Heard(site.chirpstack, devices, every_s=0.05 if SOAK else 0.005) as heard:
            made = Refused(site, site.tenants[devices[-1]], heard.sent, port)
            site.service.run()
            until("each is heard", lambda: len(heard.sent) > 5 * len(devices))
            until("one is refused", lambda: site.service.said("delivery waits"))
            for _ in range(REFUSED_MINUTES):
                time.sleep(60)
                with heard.quiet():
                    until("the others are stored", lambda: site.stored(made.others) >= len(made.theirs), 5)
        yield made
    finally:
        site.end()


def test_a_tenant_that_is_refused_waits_alone_and_says_why_while_20_flow(refused):
    site, tenant, sent, port = refused
    theirs = refused.theirs
    until("the others are stored", lambda: site.stored(refused.others) >= len(theirs))
    assert {} == site.difference(theirs, refused.others)
    assert tenant not in site.databases()

    def state():
        return {each["tenant"]: each for each in site.service.status()["delivery"]}

    found = until(
        "only it has something ahead", lambda: {each: all_ for each, all_ in state().items() if all_["waiting"]}
    )
    assert {tenant} == found.keys()
    assert ("held", len(sent) - len(theirs)) == (found[tenant]["state"], found[tenant]["waiting"])
    unready = unwell(port)
    assert {f"influxdb {tenant}"} == unready.keys()
    for words in (found[tenant]["words"], unready[f"influxdb {tenant}"]):
        assert "answers 404" in words
        assert "database not found" in words
    assert 1 == site.service.said("delivery waits")
    site.engine.ask(f'create database "{tenant}"')  # the last test looks at what comes of it, a minute later


def test_the_service_killed_and_started_again_while_events_flow(site):
    chance = random.Random(7)  # noqa: S311 - moments to kill at
    devices = site.settle(4, 1)
    site.configure()
    with Heard(site.chirpstack, devices) as heard:
        for number in range(KILLS):
            before = site.stored()
            site.service.start()
            if number % 2:
                until("it delivers", lambda before=before: site.stored() > before, every_s=0.02)
            time.sleep(chance.uniform(0, 0.3 if number % 2 else 2.0))  # at its work, or whatever it is at
            site.service.kill()
        site.service.run()
    site.delivered(heard.sent)
    found = site.service.ups()
    assert ([], [], []) == (lost(heard.sent, found), lost(found, heard.sent), doubled(found))
    assert KILLS // 2 < site.service.abouts().count("service_started") <= KILLS + 1


def test_the_database_killed_and_started_again_while_events_flow(tmp_path):
    chance = random.Random(11)  # noqa: S311 - moments to kill at
    with running_engine(tmp_path / "engine") as engine:
        site = Territory(tmp_path, engine)
        try:
            devices = site.settle(4, 1)
            site.configure()
            with Heard(site.chirpstack, devices) as heard:
                site.service.run()
                for number in range(1, DATABASE_KILLS + 1):
                    before = site.stored()
                    until("it is delivered", lambda before=before: site.stored() > before, PATIENCE_S)
                    time.sleep(chance.uniform(0, LONGEST_S))
                    if number % 2:
                        engine.kill()  # nginx answers 502
                    else:
                        engine.stop()  # nobody listens
                    until(
                        "it waits", lambda: not all(each.state == "flowing" for each in site.service.counts().delivery)
                    )
                    time.sleep(chance.uniform(0, LONGEST_S))
                    engine.start()
            site.delivered(heard.sent)
        finally:
            site.end()


def test_all_is_stored_once_whatever_stood_before_the_database(behind_a_door, door):
    site = behind_a_door
    devices = site.settle(3, 1, 1)
    site.configure(TIMEOUT_S)
    with Heard(site.chirpstack, devices) as heard:
        site.service.run()
        for name, trouble, every in TROUBLES:
            sys.stderr.write(f"{name}\n")
            with door.trouble(trouble, every):
                until(name, lambda: door.met >= TIMES, PATIENCE_S)
            with heard.quiet():
                site.delivered(heard.sent)
        door.flap(FLAPS, random.Random(13), 1 + LONGEST_S)  # noqa: S311 - times to be away for
        with heard.quiet():
            site.delivered(heard.sent)


def test_a_disk_that_is_full_while_the_database_is_away_costs_nothing(behind_a_door, door):
    site = behind_a_door
    service = site.service
    devices = site.settle(3, 2)
    site.configure()
    with Heard(site.chirpstack, devices, every_s=0.002) as heard:
        service.run()
        until("something is stored", site.stored)
        door.close()
        narrow(service, most=max(file.stat().st_size for file in service.data()) + 100_000)
        until("the disk is full", lambda: service.said("nothing is read while the journal takes no events"))
        time.sleep(0.5)
        held = service.ups()
        time.sleep(0.5)
        assert held == service.ups(), "nothing is taken that cannot be kept"
        narrow(service)
        door.open()
        until("it goes on", lambda: service.said("the journal takes events again"))
    site.delivered(heard.sent)
    assert lost(heard.sent, held)
    assert not lost(held, service.ups())
    assert 0 == service.end()[0]
    assert site.service.data()


@contextmanager
def disk(folder, size):
    """A disk of so many bytes; skip where this machine lets nobody mount one."""
    folder.mkdir()
    mount = [program("mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    made = subprocess.run(mount, check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no disk of its own can be mounted: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([program("umount"), str(folder)], check=True)


def test_a_database_whose_disk_is_full_costs_nothing(tmp_path):
    with disk(tmp_path / "disk", DISK) as folder, running_engine(folder / "engine") as engine:
        site = Territory(tmp_path, engine)
        try:
            devices = site.settle(3, 2)
            site.configure()
            with Heard(site.chirpstack, devices, every_s=0.002) as heard:
                site.service.run()
                until("something is stored", site.stored)
                filling = folder / "others"
                with filling.open("wb", buffering=0) as file, suppress(OSError):  # others fill it
                    while file.write(bytes(4096)):
                        pass
                until("it waits", lambda: site.service.said("delivery waits"))
                time.sleep(1)
                filling.unlink()
                engine.kill()  # 1.6.7 writes nothing more, whatever room there is, until it is started again
                engine.start()
            site.delivered(heard.sent)
        finally:
            site.end()


class Clock:
    """The clock of a service, which jumps; ours and ChirpStack's do not."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self.jump("+0")
        asked = [program("faketime"), "-m", "-f", "+0", "printenv", "LD_PRELOAD"]
        self.environment = {
            "LD_PRELOAD": subprocess.check_output(asked, text=True).strip(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, to):
        """Let it be so far from ours."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{to}\n", encoding="ascii")
        beside.replace(self._file)


def test_a_clock_that_jumps_loses_and_moves_nothing(behind_a_door, door, tmp_path):
    site, clock = behind_a_door, Clock(tmp_path)
    service = site.service
    devices = site.settle(3, 2)
    site.configure()
    service.environment = clock.environment

    def ahead_s():
        newest, arrived = service.ups()[-1], service.arrivals()[-1]
        return (arrived - newest.at_ns) / NS

    def has_jumped(near_s):
        until("its clock has jumped", lambda: abs(ahead_s() - near_s) < 60)

    with Heard(site.chirpstack, devices) as heard:
        service.run()
        until("it takes events", service.ups)
        for jump, near_s in (("+1d", 86_400), ("-1h", -3_600)):
            has_jumped(0)
            clock.jump(jump)
            has_jumped(near_s)
            service.kill()
            service.run()
            if jump == "+1d" or SOAK:  # an hour back it is waited for five minutes, and no longer
                with door.trouble(doors.too_many(lambda: formatdate(time.time() + 1, usegmt=True))):
                    until("it must wait", lambda: door.met)
            before = len(heard.sent)
            until("it goes on", lambda before=before: site.stored() > before, 400)
            clock.jump("+0")
        has_jumped(0)
    site.delivered(heard.sent)
    found = service.ups()
    assert ([], []) == (lost(heard.sent, found), doubled(found))


def test_in_light_traffic_an_event_is_in_the_database_at_once(site):
    [device] = site.settle(1)
    site.configure()
    site.service.run()
    sent, took = [], []
    for number in range(1, 6):
        begun = time.monotonic()
        sent.append(site.chirpstack.up(device))
        until("it is stored", lambda number=number: site.stored() == number, every_s=0.02)
        took.append(time.monotonic() - begun)
        time.sleep(0.3)
    site.delivered(sent)
    assert statistics.median(took) < 1.5


def test_after_an_outage_of_days_the_newest_come_first_and_no_tenant_waits_for_another(tmp_path, engine):
    most = [drained(tmp_path / str(rounds), engine, rounds) for rounds in ROUNDS]
    assert max(most) - min(most) < 50 << 20, "memory does not grow with the backlog"


def drained(folder, engine, rounds):
    """Deliver what a journal took in so many rounds while the database was away; give the memory that this took."""
    folder.mkdir()
    door = Door(engine.port)
    door.open()
    site = Territory(folder, engine, door)
    service = site.service
    try:
        live = site.settle(*[1] * len(DEVICES))
        site.configure()
        service.run()
        first = site.chirpstack.ups(live)
        site.delivered(first)
        assert 0 == service.end()[0]
        backlog = outage(site, live, rounds)
        door.writes.clear()
        begun = time.monotonic()
        with Heard(site.chirpstack, live, every_s=0.1) as heard:
            service.start()
            until("all is stored", lambda: site.stored() >= len(first) + len(backlog), 120, every_s=0.5)
            took_s = time.monotonic() - begun
            most = service.memory()
        site.delivered([*first, *backlog, *heard.sent])
        come_newest_first_and_side_by_side(door.writes, {up.at_ns for up in backlog})
        late_s = sorted(delays_s(door.writes, heard.sent))
        assert late_s[len(late_s) // 2] < 5, "what comes now does not wait for the backlog"
        figures = {
            "events": len(backlog),
            "took_s": round(took_s, 1),
            "per_s": round(len(backlog) / took_s),
            "memory_mib": most >> 20,
            "live": len(late_s),
            "live_late_s": [round(statistics.median(late_s), 2), round(late_s[-1], 2)],
        }
        sys.stderr.write(json.dumps(figures) + "\n")
    finally:
        site.end()
        door.close()
    return most


def outage(site, live, rounds):
    """Let 500 devices have been heard in so many rounds until now, and the journal have taken it in; give it."""
    kept = site.service.bodies()
    devices = []
    for eui, count in zip(live, DEVICES, strict=True):
        for _ in range(count):
            other = f"24e124136c{len(devices):06x}"
            site.tenants[other] = site.tenants[eui]
            devices.append((other, msgspec.json.decode(kept[eui])))
    spacing_ns = PERIOD_NS // len(devices)
    begun_ns = time.time_ns() - rounds * PERIOD_NS
    ups, accepted = [], []
    for number in range(rounds * len(devices)):
        f_cnt, which = divmod(number, len(devices))
        eui, body = devices[which]
        up = Up(eui, f_cnt, str(uuid.uuid4()), begun_ns + number * spacing_ns)
        raw = RawEvent("up", "json", spoken(up, body), "grpc", up.at_ns + NS)
        ups.append(up)
        accepted.append(Accepted(raw, envelope(raw)))

    async def keep():
        async with await SqliteJournal.open(site.service.folder / "data" / "journal.sqlite") as journal:
            for first in range(0, len(accepted), BATCH):
                await journal.append(accepted[first : first + BATCH])

    asyncio.run(keep())
    return ups


def spoken(up, body):
    """Give an uplink as ChirpStack sends it; all but what tells it from others is taken from another body."""
    at = format_time(up.at_ns)
    body |= {"deduplicationId": up.deduplication_id, "time": at, "fCnt": up.f_cnt, "data": up.payload}
    body["deviceInfo"]["devEui"] = body["deviceInfo"]["deviceName"] = up.dev_eui
    for reception in body["rxInfo"]:
        reception |= {"gwTime": at, "nsTime": at}
    return msgspec.json.encode(body)


def times(write):
    """Give of when the uplinks in a write are."""
    return {int(line.rpartition(" ")[2]) for line in write.lines if line.startswith("lorawan_uplink,")}


def come_newest_first_and_side_by_side(writes, waited):
    """See that each tenant's newest come before what waited longer, and that others get as many turns meanwhile."""
    turns = Counter()
    came = {}
    for write in writes:
        turns[write.bucket] += 1
        if moments := times(write) & waited:
            came.setdefault(write.bucket, []).append((moments, turns.copy()))
    assert 1 < max(map(len, came.values())), "all came in one batch each, so none was before another"
    for bucket, batches in came.items():
        newest, *older = [moments for moments, _ in batches]
        if older:
            assert len(newest) > BATCH // 2
            assert min(newest) > max(map(max, older))
            assert [min(moments) for moments in older] == sorted(min(moments) for moments in older)
        _, until_done = batches[-1]
        assert max(until_done.values()) <= 2 * until_done[bucket] + len(DEVICES), "none waits for another"


def delays_s(writes, sent):
    """Give how long each uplink took until the database had acknowledged it."""
    came = {}
    for write in writes:
        for at_ns in times(write):
            came.setdefault(at_ns, write.at_ns)
    return [(came[up.at_ns] - up.at_ns) / NS for up in sent]


def test_a_tenant_that_was_refused_is_stored_once_it_has_a_database(refused):
    site, tenant, sent, _ = refused
    site.engine.ask(f'create database "{tenant}"')
    site.delivered(sent)
    assert site.service.said("delivery goes on")
