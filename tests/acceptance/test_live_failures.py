"""The service beside a ChirpStack, two real processes, and what goes wrong in years: counted, event by event.

Long counts where VDL_LORA_SOAK=1 is set.
"""

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing

import pytest

from tests.ports import free_port

from .processes import REFRESH_S, Heard, Site, doubled, lost, measured, narrow, until, unwell

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

SOAK = os.environ.get("VDL_LORA_SOAK") == "1"
TIMES, REDIS_TIMES, KILLS = (10, 5, 10) if SOAK else (3, 1, 3)
LONGEST_S = 14.0 if SOAK else 0.6  # a stream of more than ten seconds comes back in another way than a younger one
ALL = 100_000
"""A history that is never trimmed."""


@pytest.fixture
def site(tmp_path):
    """A ChirpStack that keeps everything, and a service that does not run yet."""
    made = Site(tmp_path, history=ALL)
    yield made
    made.end()


@pytest.fixture
def forgetful(tmp_path):
    """A ChirpStack that keeps what ChirpStack keeps by default."""
    made = Site(tmp_path, history=10)
    yield made
    made.end()


def test_chirpstack_killed_and_back_while_events_flow(site):
    chance = random.Random(3)  # noqa: S311 - moments to kill at
    site.service.configure()
    with Heard(site.chirpstack, site.chirpstack.register(5)) as devices:
        site.service.run()
        for number in range(1, TIMES + 1):
            time.sleep(chance.uniform(0.1, LONGEST_S))
            site.chirpstack.kill()
            until("the loss is said", lambda number=number: site.service.abouts().count("way_lost") == number)
            site.chirpstack.start()
            until("the return is said", lambda number=number: site.service.abouts().count("way_back") == number)
        each_time = site.service.abouts()
        for _ in range(TIMES):  # back before anybody has noticed, or not
            time.sleep(chance.uniform(0.1, LONGEST_S))
            site.chirpstack.kill()
            site.chirpstack.start()
    found = site.kept(devices.sent)
    until("as many returns are said as losses", lambda: balanced(site.service))
    site.service.end()
    assert [] == doubled(found)
    assert len(lost(found, devices.sent)) <= 2 * TIMES, "what was killed before it could answer"
    assert ["service_started", *["way_lost", "way_back"] * TIMES] == each_time
    assert balanced(site.service)
    assert "service_stopped" == site.service.abouts()[-1]


def test_redis_away_and_back_while_events_flow(site):
    site.service.configure()
    missing, spans = [], []
    with Heard(site.chirpstack, site.chirpstack.register(5)) as devices:
        site.service.run()
        for number in range(1, REDIS_TIMES + 1):
            time.sleep(0.5)
            with devices.quiet():
                site.chirpstack.order("redis_fails")
                first, failed_at_ns = len(devices.sent), time.time_ns()
            until("the loss is said", lambda number=number: site.service.abouts().count("way_lost") == number)
            time.sleep(1.5)  # ChirpStack lists and opens streams meanwhile: that is no return
            with devices.quiet():
                site.chirpstack.order("redis_recovers")
                missing.append(devices.sent[first:])
                spans.append((failed_at_ns, time.time_ns()))
            until("the return is said", lambda number=number: site.service.abouts().count("way_back") == number)
    never_kept = [up for away in missing for up in away]
    found = site.kept(lost(devices.sent, never_kept))
    site.service.end()
    assert [] == doubled(found)
    assert sorted(never_kept) == sorted(lost(devices.sent, found))
    assert all(missing)
    assert ["service_started", *["way_lost", "way_back"] * REDIS_TIMES, "service_stopped"] == site.service.abouts()
    _, *said, _ = [at_ns for _, at_ns in site.service.own()]
    for (failed_at_ns, recovered_at_ns), lost_at_ns, back_at_ns in zip(spans, said[::2], said[1::2], strict=True):
        assert failed_at_ns < lost_at_ns < recovered_at_ns < back_at_ns


def test_the_service_killed_and_started_again_while_events_flow(site):
    chance = random.Random(5)  # noqa: S311 - moments to kill at
    site.service.configure()
    with Heard(site.chirpstack, site.chirpstack.register(5)) as devices:
        for _ in range(KILLS):
            site.service.start()
            time.sleep(chance.uniform(0.3, 2.5))
            site.service.kill()
        site.service.run()
    found = site.kept(devices.sent)
    site.service.end()
    assert ([], [], []) == (lost(devices.sent, found), lost(found, devices.sent), doubled(found))
    assert sorted(up[:2] for up in devices.sent) == site.service.points()
    assert site.service.whole()
    abouts = site.service.abouts()
    assert "service_stopped" not in abouts[:-1]
    assert 2 <= abouts.count("service_started") <= KILLS + 1, "it was killed before it had begun, each time"


def test_an_outage_longer_than_the_history_loses_what_fell_out_and_says_when(forgetful):
    chirpstack, service = forgetful.chirpstack, forgetful.service
    busy, quiet = chirpstack.register(2)
    service.configure()
    service.run()
    before = chirpstack.ups([busy, quiet], 5)
    forgetful.kept(before)
    service.end()
    ended_at_ns = time.time_ns()
    meanwhile = chirpstack.ups([busy], 60) + chirpstack.ups([quiet], 3)
    kept = chirpstack.history(meanwhile[59]) + chirpstack.history(meanwhile[-1])
    service.run()
    found = forgetful.kept([*before, *kept])
    fell_out = lost(meanwhile, kept)
    assert 30 < len(fell_out) <= 50
    assert fell_out == lost([*before, *meanwhile], found)
    assert sorted(before + lost(meanwhile, fell_out)) == sorted(found)
    (_, _), (stopped, stopped_at_ns), (started, started_at_ns) = service.own()
    assert ("service_stopped", "service_started") == (stopped, started)
    assert stopped_at_ns <= ended_at_ns < started_at_ns


def test_an_unreachable_chirpstack_that_goes_on_hearing_loses_what_fell_out_and_the_way_says_when(forgetful):
    chirpstack, service = forgetful.chirpstack, forgetful.service
    busy, quiet = chirpstack.register(2)
    service.configure()
    service.run()
    before = chirpstack.ups([busy, quiet], 5)
    forgetful.kept(before)
    chirpstack.kill()
    chirpstack.start(f"127.0.0.1:{free_port()}")  # where the service does not look for it
    until("the loss is said", lambda: "way_lost" in service.abouts())
    began_at_ns = time.time_ns()
    meanwhile = chirpstack.ups([busy], 60) + chirpstack.ups([quiet], 3)
    ended_at_ns = time.time_ns()
    chirpstack.kill()
    chirpstack.start()
    kept = chirpstack.history(meanwhile[59]) + chirpstack.history(meanwhile[-1])
    found = forgetful.kept([*before, *kept])
    until("the return is said", lambda: "way_back" in service.abouts())
    fell_out = lost(meanwhile, kept)
    assert 30 < len(fell_out) <= 50
    assert fell_out == lost([*before, *meanwhile], found)
    assert [] == doubled(found)
    _, (_, lost_at_ns), (_, back_at_ns) = service.own()
    assert lost_at_ns <= began_at_ns < ended_at_ns <= back_at_ns


def test_a_key_revoked_while_streaming_and_a_new_one_in_its_file(site):
    chirpstack, service = site.chirpstack, site.service
    tenant = chirpstack.order("add_tenant", name="Commune de Bauzy")
    old, new = (chirpstack.order("add_key", tenant_id=tenant, read_only=True) for _ in range(2))
    service.configure(key=old, tenants=[tenant])
    with Heard(chirpstack, chirpstack.register(5, tenant)) as devices:
        service.run()
        site.kept(devices.sent[:5])
        chirpstack.order("revoke_key", token=old)
        until("the refusal is said", lambda: service.said("ChirpStack's devices cannot be listed"))
        flowing = len(devices.sent)
        time.sleep(0.5)
        site.kept(devices.sent[: flowing + 1])  # ChirpStack looks at the key when a stream opens, and never again
        assert ["service_started"] == service.abouts()
        chirpstack.kill()
        chirpstack.start()
        until("the loss is said", lambda: "way_lost" in service.abouts())
        service.key_file.write_text(new + "\n", encoding="utf-8")
        until("the return is said", lambda: "way_back" in service.abouts(), 8)
    found = site.kept(devices.sent)
    service.end()
    assert [] == doubled(found)
    assert ["service_started", "way_lost", "way_back", "service_stopped"] == service.abouts()
    said = service.log.read_text(encoding="utf-8")
    assert not [token for token in (old, new) if token in said or token.rpartition(".")[2] in said]


def test_300_devices_added_at_once(site):
    chirpstack, service = site.chirpstack, site.service
    port = free_port()
    service.configure(monitoring=f'bind = "127.0.0.1:{port}"')
    tenant = chirpstack.order("add_tenant", name="Commune de Bauzy")
    sent = chirpstack.ups(chirpstack.register(3, tenant), 2)
    service.run()
    until("they are streamed", lambda: measured(port, 'streams{state="open"}') == 3)
    added = chirpstack.register(300, tenant, first=3)
    begun = time.monotonic()
    sent += chirpstack.ups(added, 2)
    until("all are streamed", lambda: measured(port, 'streams{state="open"}') == 303, REFRESH_S + 2)
    sent += chirpstack.ups(added)
    found = site.kept(sent, REFRESH_S + 5 - (time.monotonic() - begun))
    assert sorted(sent) == sorted(found)
    assert 0 == measured(port, "stream_ends_total"), "nothing else was opened again"


def test_a_device_deleted_and_created_again_in_another_tenant(site):
    chirpstack, service = site.chirpstack, site.service
    port = free_port()
    service.configure(monitoring=f'bind = "127.0.0.1:{port}"')
    one, other = (chirpstack.order("add_tenant", name=name) for name in ("Commune de Bauzy", "Commune de Neuvy"))
    [eui, _] = chirpstack.register(2, one)
    old = chirpstack.ups([eui], 3)
    service.run()
    site.kept(old)
    chirpstack.order("delete_device", dev_eui=eui)
    until("it is dropped", lambda: measured(port, 'streams{state="open"}') == 1)
    chirpstack.register(1, one)
    old += chirpstack.ups([eui], 3)  # of the first tenant, and nobody streams it yet
    chirpstack.order("delete_device", dev_eui=eui)
    chirpstack.register(1, other)
    new = chirpstack.ups([eui], 2)
    found = site.kept([*old, *new])
    service.end()
    assert sorted(old + new) == sorted(found)
    expected = {up.deduplication_id: one for up in old} | {up.deduplication_id: other for up in new}
    assert expected == service.tenants()
    points = [(tenant, up.f_cnt) for tenant, ups in ((one, old), (other, new)) for up in ups]
    assert sorted(points) == service.points("tenant, f_cnt")


def test_an_orderly_end_while_events_flow_loses_nothing(site):
    site.service.configure()
    with Heard(site.chirpstack, site.chirpstack.register(5)) as devices:
        for number in (signal.SIGTERM, signal.SIGINT):
            site.service.run()
            time.sleep(0.5)
            code, took_s = site.service.end(number)
            assert 0 == code
            assert took_s < 10
            assert sorted(up[:2] for up in site.service.ups()) == site.service.points(), "it delivers what it can"
        site.service.run()
    found = site.kept(devices.sent)
    site.service.end()
    assert sorted(devices.sent) == sorted(found)
    assert ["service_started", "service_stopped"] * 3 == site.service.abouts()


def test_a_second_ctrl_c_ends_at_once_and_loses_nothing(site):
    site.service.configure()
    sent = site.chirpstack.ups(site.chirpstack.register(2))
    site.service.run()
    site.kept(sent)
    with closing(sqlite3.connect(site.service.folder / "data" / "points.sqlite", isolation_level=None)) as store:
        store.execute("begin immediate")  # an end that must wait for this store takes seconds
        sent += site.chirpstack.ups([sent[0].dev_eui], 3)
        until("all is in the journal", lambda: not lost(sent, site.service.ups()))
        site.service.process.send_signal(signal.SIGINT)
        until("the end began", lambda: site.service.said("the service ends"))
        code, took_s = site.service.end(signal.SIGINT)
        assert 130 == code
        assert took_s < 1
        store.execute("rollback")
    site.service.run()
    assert sorted(sent) == sorted(site.kept(sent))


def test_a_journal_full_of_what_waits_stops_the_reading_and_goes_on_by_itself_once_that_is_delivered(site):
    chirpstack, service = site.chirpstack, site.service
    port = free_port()
    service.configure(journal='max_size = "800kB"\nreserve = ""', monitoring=f'bind = "127.0.0.1:{port}"')
    with Heard(chirpstack, chirpstack.register(5), every_s=0.002) as devices:
        service.run()
        until("something is stored", service.points)
        with closing(sqlite3.connect(service.folder / "data" / "points.sqlite", isolation_level=None)) as store:
            store.execute("begin immediate")  # nothing can be delivered
            until("the journal is full", lambda: service.said("nothing is read while the journal takes no events"))
            held = service.ups()
            until("it is said", lambda: {"journal", "journal size"} <= unwell(port).keys())
            assert set(service.ups()) <= set(held), "nothing is taken that cannot be kept"  # what was stored may go
            store.execute("rollback")
        until("it goes on", lambda: service.said("the journal takes events again"))
    until("all is in the store", lambda: sorted(up[:2] for up in devices.sent) == service.points())
    assert lost(devices.sent, held)
    until("it is well", lambda: not unwell(port))
    assert 0 == service.end()[0]
    assert 0 < service.said("the journal was pruned")
    assert (service.folder / "data" / "journal.sqlite").stat().st_size <= 800_000
    assert service.whole()


def test_a_journal_stays_within_its_limit_while_more_and_more_is_delivered(site):
    chirpstack, service = site.chirpstack, site.service
    service.configure(journal='max_size = "600kB"\nreserve = ""')
    with Heard(chirpstack, chirpstack.register(5), every_s=0.002) as devices:
        service.run()
        until("it was pruned", lambda: service.said("the journal was pruned"))
    until("all is in the store", lambda: sorted(up[:2] for up in devices.sent) == service.points())
    found = service.ups()
    assert lost(devices.sent, found), "the oldest bodies are gone"
    assert 0 < service.prune()["bodies"], "the service does as the command asks; it may have begun by itself"
    assert not service.ups()
    assert 0 == service.end()[0]
    assert (service.folder / "data" / "journal.sqlite").stat().st_size <= 600_000


def test_a_full_disk_stops_the_reading_and_goes_on_by_itself_when_there_is_room(site):
    chirpstack, service = site.chirpstack, site.service
    service.configure()
    with Heard(chirpstack, chirpstack.register(5), every_s=0.002) as devices:
        service.run()
        site.kept(devices.sent[:10])
        narrow(service, most=max(file.stat().st_size for file in service.data()) + 100_000)
        until("the disk is full", lambda: service.said("nothing is read while the journal takes no events"))
        time.sleep(0.5)
        held = service.ups()
        time.sleep(1)
        assert held == service.ups(), "nothing is taken that cannot be kept"
        narrow(service)
        until("it goes on", lambda: service.said("the journal takes events again"), 10)
    found = site.kept(devices.sent)
    assert sorted(devices.sent) == sorted(found)
    assert 0 == service.end()[0]
    assert service.whole()


def balanced(service):
    """Whether each loss that was said has its return, and only one, the whole's and each device's."""
    of = Counter(service.own_of_devices())
    of.update(("", about) for about in service.abouts())
    return all(of[dev_eui, "way_lost"] == of[dev_eui, "way_back"] for dev_eui, _ in of)
