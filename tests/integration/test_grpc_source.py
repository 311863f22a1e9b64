"""Every device that is listed is streamed; what was handed over is known; whatever breaks is said once and mended."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import replace

import grpc
import pytest
from chirpstack_api.api import internal_pb2
from structlog.testing import capture_logs

from vdl_lora import metrics
from vdl_lora.chirpstack import wire
from vdl_lora.errors import JournalCorrupt
from vdl_lora.events import NS
from vdl_lora.interfaces import EventFilter
from vdl_lora.journal import MemoryJournal
from vdl_lora.sources import GrpcSource
from vdl_lora.virtual import Refused

from .live import SHORT, Trouble, connected, house_in, streaming, until

pytestmark = pytest.mark.enable_socket

XREAD = Refused(grpc.StatusCode.INTERNAL, "XREAD event stream: WRONGTYPE")


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


def said(logs, *, but=("devices were listed",)):
    """What was logged: words and action."""
    return [(each["event"], each["action"]) for each in logs if each["event"] not in but]


def counted(metric):
    """The value of a counter without labels."""
    return metric.collect()[0].samples[0].value


class TurnedClock:
    """A clock that may be set."""

    def __init__(self):
        self.ahead_ns = 0

    def __call__(self):
        return time.time_ns() + self.ahead_ns


# ---------------------------------------------------------------- what is streamed


async def test_each_device_has_one_stream_with_its_dev_eui_in_lower_case(house, monkeypatch):
    asked = []
    real = wire.stream_device_events
    monkeypatch.setattr(
        wire, "stream_device_events", lambda channel, eui, key: asked.append(str(eui)) or real(channel, eui, key)
    )
    euis = house.add(0x24E124136B500042, 0xA84041C5D1827FED, 0xA81758FFFE0A1001)
    sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
    async with streaming(house) as live:
        await live.opened(3)
        await until(lambda: len(live.ids()) == 3)
    assert sorted(euis) == sorted(asked)
    assert [eui.lower() for eui in asked] == asked
    assert sorted(sent) == sorted(live.ids())


async def test_what_is_handed_over_is_what_the_stream_brought(house):
    [eui] = house.add(1)
    before = time.time_ns()
    up = house.chirpstack.up(eui, b"\x01\x75\x5c", f_port=85)
    async with streaming(house) as live:
        await until(lambda: live.raws)
    [raw] = live.raws
    ms, _, number = raw.mark.partition("-")
    assert ("up", "json", "grpc", "0") == (raw.kind, raw.encoding, raw.way, number)
    assert before - NS <= int(ms) * 1_000_000 <= raw.arrived_at_ns <= time.time_ns()
    assert up.deduplication_id == json.loads(raw.body)["deduplicationId"]


async def test_a_new_device_is_streamed_and_a_removed_one_dropped_within_a_period_and_no_other_is_opened_again(house):
    euis = house.add(1, 2, 3)
    async with streaming(house) as live:
        await live.opened(3)
        [new] = house.add(4)
        sent = house.chirpstack.up(new).deduplication_id
        async with asyncio.timeout(2):
            await live.opened(4)
            await until(lambda: live.ids() == [sent])
        house.chirpstack.delete_device(euis[0])
        async with asyncio.timeout(2):
            await live.opened(3)
        await asyncio.sleep(0.7)
        assert 4 == house.chirpstack.streams.opened
        assert (True, "3 of 3 streams are open") == live.state()["chirpstack"]
        assert [] == live.own()


async def test_300_devices_added_at_once_are_all_streamed_and_share_their_channels(house):
    async with streaming(house) as live:
        await until(lambda: "inventory" not in live.state())
        euis = house.add(*range(300))
        sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
        await live.opened(300)
        await until(lambda: len(live.ids()) == 300)
        assert [100, 100, 100] == [lane.streams for lane in live.source.connection._lanes]  # noqa: SLF001 - nobody else shows it
        assert sorted(sent) == sorted(live.ids())
        assert 300 == house.chirpstack.streams.opened


async def test_without_a_device_it_waits_and_says_so(house):
    with capture_logs() as logs:
        async with streaming(house) as live:
            await until(lambda: any("lists no device" in each["event"] for each in logs))
            await asyncio.sleep(0.7)
            assert (True, "0 of 0 streams are open") == live.state()["chirpstack"]
            [eui] = house.add(1)
            await live.opened(1)
            assert house.chirpstack.up(eui).deduplication_id
            await until(live.ids)
    assert [("wait", "warning"), ("listed", "info")] == [
        (each.get("action", "listed"), each["log_level"]) for each in logs
    ]


async def test_a_device_made_again_in_another_tenant_brings_its_old_events_and_keeps_its_stream(house):
    [eui] = house.add(1)
    sent = [house.chirpstack.up(eui).deduplication_id for _ in range(2)]
    async with streaming(house) as live:
        await until(lambda: len(live.ids()) == 2)
        house.chirpstack.delete_device(eui)
        await live.opened(0)
        elsewhere = house.chirpstack.add_tenant("Muides-sur-Loire")
        house.add(1, application=house.chirpstack.add_application(elsewhere, "A"))
        await live.opened(1)
        sent.append(house.chirpstack.up(eui).deduplication_id)
        await until(lambda: set(sent) == set(live.ids()))
        assert elsewhere == live.source.inventory.devices[eui].tenant_id
    tenants = {
        (body["deduplicationId"], body["deviceInfo"]["tenantId"])
        for body in (json.loads(raw.body) for raw in live.raws if raw.kind == "up")
    }
    assert {(sent[0], house.tenant), (sent[1], house.tenant), (sent[2], elsewhere)} == tenants


# ---------------------------------------------------------------- what comes again


async def test_a_history_that_comes_again_is_not_handed_over_twice(house):
    euis = house.add(1, 2)
    sent = [house.chirpstack.up(eui).deduplication_id for eui in euis for _ in range(8)]
    async with streaming(house) as live:
        await until(lambda: len(live.ids()) == 16)
        for number in range(1, 4):
            await house.chirpstack.stop()
            await house.chirpstack.start()
            sent += [house.chirpstack.up(eui).deduplication_id for eui in euis]
            await until(lambda number=number: len(live.ids()) >= 16 + 2 * number)
        await asyncio.sleep(0.2)
        assert sorted(sent) == sorted(live.ids())


async def test_after_a_restart_of_ours_the_journal_knows_what_comes_again(house):
    [eui] = house.add(1)
    journal = MemoryJournal()
    for number in range(9):
        house.chirpstack.up(eui, bytes([number]))
    house.chirpstack.join(eui)
    for _ in range(3):
        async with streaming(house, journal=journal) as live:
            await until(lambda live=live: len(live.raws) == 10)
    counts = await journal.counts()
    assert (10, 20) == (counts.events, counts.copies)


async def test_another_event_under_an_id_that_is_known_is_handed_over(tmp_path):
    now = time.time_ns()
    async with house_in(tmp_path, clock=lambda: now) as house:
        [eui] = house.add(1)
        first = house.chirpstack.up(eui).deduplication_id
        async with streaming(house) as live:
            await until(lambda: live.ids() == [first])
            house.chirpstack.histories.flush()
            second = house.chirpstack.up(eui).deduplication_id
            await house.chirpstack.stop()
            await house.chirpstack.start()
            await until(lambda: live.ids() == [first, second])
        assert 1 == len({raw.mark for raw in live.raws if raw.kind == "up"})


async def test_what_was_read_but_never_kept_comes_again(house):
    [eui] = house.add(1)
    async with streaming(house) as live:
        await live.opened(1)
        live.full = True
        sent = house.chirpstack.up(eui).deduplication_id
        await until(lambda: "journal" in live.state())
        await live.end()
        assert [] == live.raws
    async with streaming(house) as again:
        await until(lambda: again.ids() == [sent])


async def test_a_full_journal_holds_the_streams_back_and_nothing_is_lost(tmp_path):
    async with house_in(tmp_path, history=1000) as house:
        euis = house.add(*range(4))
        async with streaming(house) as live:
            await live.opened(4)
            live.full = True
            sent = [house.chirpstack.up(eui).deduplication_id for _ in range(60) for eui in euis]
            await until(lambda: "journal" in live.state())
            assert (False, "no room") == live.state()["journal"]
            live.full = False
            await until(lambda: len(live.ids()) == 240)
            assert "journal" not in live.state()
        assert sorted(sent) == sorted(live.ids())


# ---------------------------------------------------------------- what breaks


async def test_one_stream_that_fails_is_said_once_lost_and_once_back_and_the_others_flow_on(house):
    bad, *good = house.add(1, 2, 3)
    trouble = Trouble(house)
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(3)
            opened = [live.opened_at_s(eui) for eui in good]
            await asyncio.sleep(0.6)
            failed_at_ns = time.time_ns()
            trouble.fail(bad, XREAD)
            await until(lambda: live.abouts() == [("way_lost", bad)])
            sent = [house.chirpstack.up(eui).deduplication_id for eui in good]
            await until(lambda: sorted(live.ids()) == sorted(sent))
            await asyncio.sleep(0.5)
            assert 2 == live.source.open_streams()
            assert (True, "2 of 3 streams are open") == live.state()["chirpstack"]
            mended_at_ns = time.time_ns()
            missed = house.chirpstack.up(bad).deduplication_id
            trouble.fail(bad, None)
            await until(lambda: len(live.own()) == 2)
            assert missed in live.ids()
            assert [("way_lost", bad), ("way_back", bad)] == live.abouts()
            assert opened == [live.opened_at_s(eui) for eui in good], "nothing else is opened again"
        lost, back = live.own()
    assert failed_at_ns <= lost.at_ns <= failed_at_ns + 0.3 * NS
    assert mended_at_ns <= back.at_ns <= time.time_ns()
    assert ("grpc", "source_unavailable") == (lost.content["way"], lost.content["code"])
    assert "Redis" in lost.content["words"]
    assert [("streams were lost", "retry"), ("streams are back", "resume")] == said(logs)
    assert [bad] == logs[-1]["dev_euis"] == logs[-2]["dev_euis"]


async def test_a_stream_that_is_cut_now_and_then_comes_back_without_a_word(house):
    [eui] = house.add(1)
    trouble = Trouble(house)
    with capture_logs() as logs:
        async with streaming(house) as live:
            for number in range(1, 3):
                await live.opened(1)
                await asyncio.sleep(0.6)
                trouble.cut(eui, Refused(grpc.StatusCode.UNAVAILABLE, "the proxy's read timeout"))
                await until(lambda number=number: len(trouble.opens) == number + 1)
            sent = house.chirpstack.up(eui).deduplication_id
            await until(lambda: live.ids() == [sent])
    assert ([], []) == (said(logs), live.own())


@pytest.mark.long
@pytest.mark.parametrize("wait_s", [0.0, 0.6])
async def test_streams_of_a_locked_database_open_without_a_word(house, monkeypatch, wait_s):
    """With a wait, ChirpStack refuses a stream that has counted as open for some time."""
    lost = []
    monkeypatch.setattr(GrpcSource, "lost", lambda _self, *which: lost.append(which))
    euis = house.add(*range(100))
    house.chirpstack.lock_database(calls=5, share=0.2, wait_s=wait_s)
    with capture_logs() as logs:
        async with streaming(house, settings=replace(SHORT, sure_s=2.0, healthy_s=10.0)) as live:
            await until(lambda: len(live.source.inventory.devices) == 100, timeout_s=30)
            sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
            await until(lambda: sorted(sent) == sorted(live.ids()), timeout_s=30)
            await live.opened(100)
            assert (True, "100 of 100 streams are open") == live.state()["chirpstack"]
    assert house.chirpstack.lock.refused > 5
    assert ([], [], []) == (lost, said(logs), live.own())


async def test_stream_that_ends_while_the_database_is_locked_comes_back_without_a_word(house):
    [eui] = house.add(1)
    trouble = Trouble(house)
    with capture_logs() as logs:
        async with streaming(house, refresh_s=60) as live:
            await live.opened(1)
            await asyncio.sleep(0.6)
            house.chirpstack.lock_database(calls=4)
            trouble.cut(eui, Refused(grpc.StatusCode.UNAVAILABLE, "the proxy's read timeout"))
            sent = house.chirpstack.up(eui).deduplication_id
            await until(lambda: live.ids() == [sent])
    assert 4 == house.chirpstack.lock.refused
    assert ([], []) == (said(logs), live.own())


async def test_stream_of_a_database_that_stays_locked_is_lost_and_comes_back(house):
    [eui, other] = house.add(1, 2)
    trouble = Trouble(house)
    with capture_logs() as logs:
        async with streaming(house, refresh_s=60, busy_s=0.5) as live:
            await live.opened(2)
            await asyncio.sleep(0.6)
            house.chirpstack.lock_database(share=1)
            trouble.cut(eui, Refused(grpc.StatusCode.UNAVAILABLE, "the proxy's read timeout"))
            await until(lambda: live.abouts() == [("way_lost", eui)])
            house.chirpstack.lock_database()
            sent = [house.chirpstack.up(each).deduplication_id for each in (eui, other)]
            await until(lambda: sorted(live.ids()) == sorted(sent))
            await until(lambda: live.abouts() == [("way_lost", eui), ("way_back", eui)])
        lost, _ = live.own()
    assert ("source_busy", True) == (lost.content["code"], "database was locked" in lost.content["words"])
    assert ("streams were lost", "retry") in said(logs)


async def test_return_of_redis_is_said_once_while_the_database_is_locked_now_and_then(house):
    house.add(*range(20))
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(20)
            await asyncio.sleep(0.6)
            house.chirpstack.lock_database(share=0.2)
            house.chirpstack.redis_fails()
            await until(lambda: live.abouts() == [("way_lost", "")])
            house.chirpstack.redis_recovers()
            await until(lambda: live.abouts() == [("way_lost", ""), ("way_back", "")])
            await live.opened(20)
    assert house.chirpstack.lock.refused
    assert [("ChirpStack is lost", "retry"), ("ChirpStack is back", "resume")] == said(logs)


async def test_all_streams_that_end_because_of_redis_are_said_once(house):
    euis = house.add(*range(20))
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(20)
            await asyncio.sleep(0.6)
            for _ in range(2):
                own = len(live.own())
                failed_at_ns = time.time_ns()
                house.chirpstack.redis_fails()
                await until(lambda own=own: len(live.own()) == own + 1)
                assert (False, True) == (live.state()["chirpstack"][0], "Redis" in live.state()["chirpstack"][1])
                await asyncio.sleep(0.5)
                assert len(live.own()) == own + 1, "ChirpStack lists and opens streams meanwhile: that is no return"
                house.chirpstack.redis_recovers()
                mended_at_ns = time.time_ns()
                await until(lambda own=own: len(live.own()) == own + 2)
                lost, back = live.own()[-2:]
                assert failed_at_ns <= lost.at_ns <= failed_at_ns + 0.3 * NS
                assert mended_at_ns <= back.at_ns
                await live.opened(20)
            sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
            await until(lambda: len(live.ids()) == 20)
            assert sorted(sent) == sorted(live.ids())
    assert [("way_lost", ""), ("way_back", "")] * 2 == live.abouts()
    assert [("ChirpStack is lost", "retry"), ("ChirpStack is back", "resume")] * 2 == said(logs)


async def test_a_server_that_goes_and_comes_is_said_once_each_and_what_it_kept_meanwhile_arrives(house):
    euis = house.add(*range(20))
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(20)
            await asyncio.sleep(0.6)
            went_at_ns = time.time_ns()
            await house.chirpstack.stop()
            await until(lambda: live.abouts() == [("way_lost", "")])
            assert "nothing listens" in live.state()["chirpstack"][1]
            sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
            await asyncio.sleep(0.3)
            came_at_ns = time.time_ns()
            await house.chirpstack.start()
            await until(lambda: len(live.ids()) == 20)
            await until(lambda: len(live.own()) == 2)
            assert live.state()["chirpstack"][0]
        lost, back = live.own()
    assert sorted(sent) == sorted(live.ids())
    assert went_at_ns <= lost.at_ns <= went_at_ns + 0.3 * NS
    assert came_at_ns <= back.at_ns <= time.time_ns()
    assert [("ChirpStack is lost", "retry"), ("ChirpStack is back", "resume")] == said(logs)


async def test_a_server_that_is_not_there_yet_is_waited_for(house):
    await house.chirpstack.stop()
    house.add(1)
    with capture_logs() as logs:
        async with streaming(house) as live:
            await until(lambda: live.abouts() == [("way_lost", "")])
            assert {"chirpstack": False, "inventory": False} == {name: ok for name, (ok, _) in live.state().items()}
            await house.chirpstack.start()
            await live.opened(1)
            await until(lambda: live.abouts() == [("way_lost", ""), ("way_back", "")])
    assert [("ChirpStack is lost", "retry"), ("ChirpStack is back", "resume")] == said(logs)


@pytest.mark.long
async def test_nobody_is_stormed_while_redis_is_away_or_after(house):
    house.add(*range(200))
    trouble = Trouble(house)

    def most_in(window_s, opens):
        return max(sum(at <= other < at + window_s for other in opens) for at in opens)

    async with streaming(house, settings=replace(SHORT, opens_per_s=200)) as live:
        await live.opened(200)
        await asyncio.sleep(0.6)
        first = len(trouble.opens)
        house.chirpstack.redis_fails()
        await until(lambda: live.abouts() == [("way_lost", "")])
        await asyncio.sleep(0.6)  # those that were being opened are, and end
        quiet = len(trouble.opens)
        await asyncio.sleep(1.2)
        assert len(trouble.opens) - quiet <= 3 * 6, "three scouts a listing, no stream of the 200"
        house.chirpstack.redis_recovers()
        await live.opened(200)
    opens = [at for at, _ in trouble.opens]
    assert first == 200
    assert opens[199] - opens[0] >= 0.9
    assert most_in(0.5, opens) < 180, "100 at this pace, some more where this process stood still; all 200 in a storm"


async def test_a_server_that_cancels_a_stream_ends_no_task_of_ours(house):
    bad, good = house.add(1, 2)
    trouble = Trouble(house)
    async with streaming(house) as live:
        await live.opened(2)
        trouble.fail(bad, Refused(grpc.StatusCode.CANCELLED, ""))
        await until(lambda: live.abouts() == [("way_lost", bad)])
        trouble.fail(bad, None)
        sent = [house.chirpstack.up(eui).deduplication_id for eui in (bad, good)]
        await until(lambda: sorted(live.ids()) == sorted(sent))
        await until(lambda: live.abouts()[-1] == ("way_back", bad))
        assert not live.task.done()


async def test_a_server_that_ends_streams_in_order_is_come_back_to(house, monkeypatch):
    [eui] = house.add(1)

    async def end_at_once(_dev_eui, _context):
        pass

    real = house.chirpstack.streams.run
    monkeypatch.setattr(house.chirpstack.streams, "run", end_at_once)
    async with streaming(house) as live:
        await until(lambda: live.abouts() == [("way_lost", "")])
        await until(lambda: "ends every stream at once" in live.state()["chirpstack"][1])
        monkeypatch.setattr(house.chirpstack.streams, "run", real)
        sent = house.chirpstack.up(eui).deduplication_id
        await until(lambda: live.ids() == [sent])


async def test_a_key_revoked_while_streaming_stops_the_list_and_no_stream_and_a_new_one_goes_on(house):
    [eui] = house.add(1)
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(1)
            house.chirpstack.revoke_key(house.key)
            await until(lambda: not live.state()["chirpstack"][0])
            assert "the key was revoked" in live.state()["chirpstack"][1]
            sent = house.chirpstack.up(eui).deduplication_id
            await until(lambda: live.ids() == [sent])
            await asyncio.sleep(0.5)
            house.give_key(house.chirpstack.add_key(read_only=True))
            await until(lambda: live.state()["chirpstack"][0])
            [new] = house.add(2)
            await live.opened(2)
            assert new in live.source.inventory.devices
    assert [
        ("ChirpStack's devices cannot be listed", "wait"),
        ("ChirpStack's devices are listed again", "resume"),
    ] == said(logs)
    assert [] == live.own()


async def test_a_key_revoked_before_a_restart_loses_the_way_until_a_new_one_is_given(house):
    [eui] = house.add(1)
    with capture_logs() as logs:
        async with streaming(house) as live:
            await live.opened(1)
            await house.chirpstack.stop()
            await until(lambda: live.abouts() == [("way_lost", "")])
            house.chirpstack.revoke_key(house.key)
            await house.chirpstack.start()
            await until(lambda: "the key was revoked" in live.state()["chirpstack"][1])
            sent = house.chirpstack.up(eui).deduplication_id
            await asyncio.sleep(0.5)
            assert [] == live.ids()
            house.give_key(house.chirpstack.add_key())
            await until(lambda: live.ids() == [sent])
            await until(lambda: len(live.own()) == 2)
    assert [("way_lost", ""), ("way_back", "")] == live.abouts()
    assert [
        ("ChirpStack is lost", "retry"),
        ("ChirpStack refuses us", "wait"),
        ("ChirpStack is back", "resume"),
    ] == said(logs)


async def test_a_key_file_that_is_taken_away_is_no_reason_to_hurry(house):
    house.add(1)
    async with streaming(house) as live:
        await live.opened(1)
        failed = metrics.INVENTORY_FAILURES.labels("source_refused")
        before = failed._value.get()  # noqa: SLF001 - the client's own way to read it
        house.key_file.unlink()
        await until(lambda: not live.state()["chirpstack"][0])
        began = time.monotonic()
        await asyncio.sleep(1.0)
        assert time.monotonic() - began < 1.5, "the loop was held up"
        assert 1 <= failed._value.get() - before <= 8  # noqa: SLF001 - as above
        house.give_key(house.key)
        await until(lambda: live.state()["chirpstack"][0])


async def test_a_device_refused_alone_is_asked_for_again_later(house):
    bad, good = house.add(1, 2)
    trouble = Trouble(house)
    trouble.fail(bad, Refused(grpc.StatusCode.UNAUTHENTICATED, ""))
    async with streaming(house) as live:
        await until(lambda: live.abouts() == [("way_lost", bad)])
        sent = house.chirpstack.up(good).deduplication_id
        await until(lambda: live.ids() == [sent])
        await until(lambda: live.state()["chirpstack"] == (True, "1 of 2 streams are open"))  # it is open for a moment
        trouble.fail(bad, None)
        await until(lambda: live.abouts() == [("way_lost", bad), ("way_back", bad)])


async def test_a_lost_stream_whose_device_is_deleted_is_not_missed(house):
    """Its end asks for the list at once: a period may be long."""
    bad, _ = house.add(1, 2)
    trouble = Trouble(house)
    async with streaming(house, refresh_s=60) as live:
        await live.opened(2)
        trouble.fail(bad, Refused(grpc.StatusCode.UNAUTHENTICATED, ""))
        await until(lambda: live.abouts() == [("way_lost", bad)])
        house.chirpstack.delete_device(bad)
        await until(lambda: live.state()["chirpstack"] == (True, "1 of 1 streams are open"))
        await asyncio.sleep(0.3)
        assert [("way_lost", bad)] == live.abouts()


# ---------------------------------------------------------------- what is silent


async def test_a_stream_that_is_silent_although_its_device_is_heard_is_opened_again_and_counted(tmp_path):
    """Redis's clock was ahead and is put right: the server's loop waits for ids that come in an hour."""
    clock = TurnedClock()
    async with house_in(tmp_path, clock=clock) as house:
        silent, other = house.add(1, 2)
        clock.ahead_ns = 3600 * NS
        first = house.chirpstack.up(silent).deduplication_id
        reopened = counted(metrics.SILENT_STREAMS_REOPENED)
        with capture_logs() as logs:
            async with streaming(house, refresh_s=0.2) as live:
                await until(lambda: live.ids() == [first])
                await asyncio.sleep(0.3)
                clock.ahead_ns = 0
                house.chirpstack.histories.flush()
                second = house.chirpstack.up(silent).deduplication_id
                await until(lambda: live.ids() == [first, second])
                assert reopened + 1 == counted(metrics.SILENT_STREAMS_REOPENED)
                third, elsewhere = (house.chirpstack.up(eui).deduplication_id for eui in (silent, other))
                await until(lambda: {third, elsewhere} < set(live.ids()))
                await asyncio.sleep(1.0)
                assert reopened + 1 == counted(metrics.SILENT_STREAMS_REOPENED)
                assert 3 == house.chirpstack.streams.opened
    [(words, action)] = said(logs)
    assert ("streams are silent although their devices were heard", "reopen") == (words.partition(";")[0], action)
    assert [silent] == logs[-1]["dev_euis"]
    assert [] == live.own()


async def test_streams_that_bring_what_is_heard_are_never_opened_again(house):
    euis = house.add(1, 2, 3)
    async with streaming(house, refresh_s=0.06) as live:
        await live.opened(3)
        sent = []
        for number in range(60):
            sent.append(house.chirpstack.up(euis[number % 3]).deduplication_id)
            await asyncio.sleep(0.025)
        await until(lambda: len(live.ids()) == 60)
        await asyncio.sleep(0.3)
        assert 3 == house.chirpstack.streams.opened


async def test_streams_that_a_full_journal_holds_back_are_not_silent(house):
    [eui] = house.add(1)
    async with streaming(house, refresh_s=0.06, settings=replace(SHORT, most_events=2)) as live:
        await live.opened(1)
        live.full = True
        sent = []
        for _ in range(12):
            sent.append(house.chirpstack.up(eui).deduplication_id)
            await asyncio.sleep(0.06)
        live.full = False
        await until(lambda: live.ids() == sent)
        assert 1 == house.chirpstack.streams.opened


async def test_a_chirpstack_that_keeps_no_history_is_asked_again_ever_more_rarely(tmp_path):
    async with house_in(tmp_path, history=0) as house:
        [eui] = house.add(1)
        reopened = counted(metrics.SILENT_STREAMS_REOPENED)
        async with streaming(house, refresh_s=0.03) as live:
            await live.opened(1)
            for _ in range(60):
                house.chirpstack.up(eui)
                await asyncio.sleep(0.03)
            assert 2 <= counted(metrics.SILENT_STREAMS_REOPENED) - reopened <= 5
            assert [] == live.own()


# ---------------------------------------------------------------- what is odd


async def test_a_kind_that_nobody_knows_does_no_harm(house):
    [eui] = house.add(1)
    trouble = Trouble(house)
    trouble.first[eui] = [
        internal_pb2.LogItem(id="1-0", description="integration", body='{"deviceInfo": {"devEui": "01"}}'),
        internal_pb2.LogItem(id="2-0", description="k" * 1000, body="no JSON at all"),
        internal_pb2.LogItem(),
        internal_pb2.LogItem(id="x" * 1000, description="up", body="{}"),
    ]
    journal = MemoryJournal()
    sent = house.chirpstack.up(eui).deduplication_id
    async with streaming(house, journal=journal) as live:
        await until(lambda: any(sent.encode() in raw.body for raw in live.raws))
        assert 5 == len(live.raws)
        assert max(len(raw.kind) for raw in live.raws) <= 64
        assert max(len(raw.mark) for raw in live.raws) <= 64
    counts = await journal.counts()
    assert counts.events == 5
    assert 3 <= counts.quarantined <= 4


async def test_a_body_over_1_mib_is_kept_in_part_in_quarantine_and_the_stream_goes_on(house):
    [eui] = house.add(1)
    trouble = Trouble(house)
    trouble.first[eui] = [internal_pb2.LogItem(id="1-0", description="up", body="{" + " " * (5 << 20))]
    journal = MemoryJournal()
    sent = house.chirpstack.up(eui).deduplication_id
    async with streaming(house, journal=journal) as live:
        await until(lambda: any(sent.encode() in raw.body for raw in live.raws[1:]))
    [large] = [event async for event in journal.events(EventFilter(quarantined=True), bodies=True)]
    assert "bad_message" == large.mark.code
    assert len(large.body) <= 1 << 20


async def test_a_body_over_16_mib_ends_its_stream_alone_in_words_and_is_tried_again(house):
    bad, good = house.add(1, 2)
    trouble = Trouble(house)
    trouble.first[bad] = [internal_pb2.LogItem(id="1-0", description="up", body=" " * (17 << 20))]
    async with streaming(house) as live:
        await until(lambda: live.abouts() == [("way_lost", bad)])
        [lost] = live.own()
        assert "source_refused" == lost.content["code"]
        assert "answers with more than we take" in lost.content["words"]
        assert "; see what is so large there" in lost.content["words"]
        sent = house.chirpstack.up(good).deduplication_id
        await until(lambda: live.ids() == [sent])
        del trouble.first[bad]
        sent = house.chirpstack.up(bad).deduplication_id
        await until(lambda: sent in live.ids())
        await until(lambda: live.abouts() == [("way_lost", bad), ("way_back", bad)])


# ---------------------------------------------------------------- how it ends


async def test_it_ends_within_a_moment_and_hands_over_what_was_read(tmp_path):
    async with house_in(tmp_path, history=100) as house:
        euis = house.add(*range(150))
        async with streaming(house) as live:
            await live.opened(150)
            live.full = True
            sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
            await until(lambda: "journal" in live.state())
            await asyncio.sleep(0.3)
            live.task.cancel()
            await asyncio.sleep(0)
            live.full = False
            began = time.monotonic()
            with suppress(asyncio.CancelledError):
                await live.task
            assert time.monotonic() - began < 0.9 * SHORT.end_s
        assert sorted(sent) == sorted(live.ids())
        await until(lambda: house.chirpstack.streams.open == 0)


async def test_a_journal_that_stays_full_does_not_hold_the_end_up(house):
    [eui] = house.add(1)
    async with streaming(house) as live:
        await live.opened(1)
        live.full = True
        house.chirpstack.up(eui)
        await until(lambda: "journal" in live.state())
        began = time.monotonic()
        await live.end()
        assert time.monotonic() - began < SHORT.end_s + 1


async def test_it_ends_while_it_waits_for_a_server_too(house):
    await house.chirpstack.stop()
    async with streaming(house) as live:
        await until(live.own)
        async with asyncio.timeout(2):
            await live.end()


async def test_a_journal_that_cannot_be_used_any_more_ends_it(house):
    [eui] = house.add(1)

    async def accept(_events):
        raise JournalCorrupt

    house.chirpstack.up(eui)
    async with connected(house.settings()) as connection:
        with pytest.raises((JournalCorrupt, ExceptionGroup)) as raised:
            async with asyncio.timeout(5):
                await GrpcSource(connection).run(accept)
    assert raised.group_contains(JournalCorrupt) if isinstance(raised.value, ExceptionGroup) else True


async def test_check_says_what_is_there_and_what_to_do(house):
    house.add(1, 2)
    async with connected(house.settings()) as connection:
        good = await GrpcSource(connection).check()
        assert [] == [check for check in good if not check.ok or check.advice]
        assert "it reads 2 devices in 1 application of 2 tenants" in [check.words for check in good]
        house.give_key(house.chirpstack.add_key(house.tenant))
        [bad] = [check for check in await GrpcSource(connection).check() if not check.ok]
        assert "write the id of its tenant into [chirpstack] tenants" == bad.advice
