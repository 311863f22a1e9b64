"""How a journal stays within its bounds by itself: by age, by size, with a share for each tenant; both journals."""

import asyncio
import random
import sqlite3
import time
from contextlib import asynccontextmanager, closing, suppress

import pytest
from structlog.testing import capture_logs

from vdl_lora import metrics
from vdl_lora.errors import JournalBusy, JournalCorrupt, JournalFull
from vdl_lora.events import NS
from vdl_lora.interfaces import Claims, Receipt
from vdl_lora.journal import JournalReader, MemoryJournal, SqliteJournal
from vdl_lora.mark import Mark
from vdl_lora.pipeline.keep import JournalUpkeep, KeepSettings

DAY_NS = 86_400 * NS
ALL = Claims(frozenset({"sink"}))
ONLY_A = Claims(frozenset({"sink"}), frozenset({"a"}))
NOT_SERVED = Mark("accept", "not_served", "the tenant is not served here")
LIMIT = 1_000_000
CAPACITY = 2_000
SOON = KeepSettings(400 * 86_400, 0.01, 0.05)


@pytest.fixture(params=["memory", "sqlite"])
async def small(request, path):
    """A journal of each kind that is soon full."""
    if request.param == "memory":
        yield MemoryJournal(CAPACITY)
        return
    async with await SqliteJournal.open(path, max_bytes=LIMIT) as journal:
        yield journal


class Writes:
    """Appends events of tenants, each with a number of its own, and knows which are whole."""

    def __init__(self, journal, events):
        self.journal, self.events, self.number = journal, events, 0

    async def append(self, tenant, count, mark=None, **of_raw):
        """Append so many events of a tenant."""
        of_raw = {"arrived_at_ns": time.time_ns()} | of_raw
        for _ in range(0, count, 50):
            most = min(50, count)
            raws = [
                self.events.up(n, tenant=tenant, data=random.Random(n).randbytes(100), **of_raw)  # noqa: S311 - no secret
                for n in range(self.number, self.number + most)
            ]
            await self.events.append(self.journal, *raws, mark=mark)
            self.number += most

    async def fill(self, tenant, mark=None):
        """Append events of a tenant until there is no room; return how many."""
        before = self.number
        with suppress(JournalFull):
            while True:
                await self.append(tenant, 50, mark)
        return self.number - before

    async def deliver(self, *tenants, sink="sink"):
        """Let all be delivered of these tenants."""
        for tenant in tenants:
            cursor = await self.journal.cursor(sink, tenant)
            while (batch := await self.journal.read(cursor, 100)).through >= cursor.next:
                receipts = [Receipt(event.position, "d", "0", f"line {event.position}") for event in batch.events]
                cursor = await self.journal.commit(cursor, batch.through, receipts)

    async def whole(self):
        """Which events of each tenant still have their body, in order: of n, 1 where the last has one."""
        found = {}
        for event in await self.events.kept(self.journal, bodies=True):
            found.setdefault(event.tenant, []).append(event.body is not None)
        return found


@pytest.fixture
def writes(small, events):
    """Appends to the small journal."""
    return Writes(small, events)


@asynccontextmanager
async def kept(journal, claims=ALL, settings=SOON):
    """Keep a journal within its bounds meanwhile."""
    task = asyncio.create_task(JournalUpkeep(journal, claims, settings).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true):
    """Wait until something holds."""
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- by size


async def test_a_journal_that_is_not_near_its_limit_gives_nothing(small, writes):
    await writes.append("a", 500)
    await writes.deliver("a")
    assert not await small.make_room(ALL)
    assert {"a": [True] * 500} == await writes.whole()


async def test_a_journal_without_a_limit_gives_nothing(sqlite_journal, events):
    writes = Writes(sqlite_journal, events)
    await writes.append("a", 500)
    await writes.deliver("a")
    assert not await sqlite_journal.make_room(ALL)


async def test_the_oldest_bodies_go_first_and_then_there_is_room(small, writes):
    filled = await writes.fill("a")
    await writes.deliver("a")
    pruned = await small.make_room(ALL)
    whole = (await writes.whole())["a"]
    assert 0 < pruned.bodies == whole.count(False) < filled // 2
    assert sorted(whole) == whole, "those that stay are the newest"
    assert 0 < pruned.receipts
    await writes.append("a", 50)


async def test_one_noisy_tenant_does_not_cost_the_others_their_history(small, writes):
    await writes.append("a", 150)
    await writes.append("noisy", 100)
    await writes.append("b", 150)
    await writes.deliver("a", "b", "noisy")
    for _ in range(4):
        await writes.fill("noisy")
        await writes.deliver("noisy")
        assert await small.make_room(ALL)
    whole = await writes.whole()
    assert [[True] * 150] * 2 == [whole["a"], whole["b"]]
    assert sorted(whole["noisy"]) == whole["noisy"]


async def test_tenants_that_have_as_much_give_as_much(small, writes):
    with suppress(JournalFull):
        while True:
            for tenant in "abcd":
                await writes.append(tenant, 10)
    await writes.deliver(*"abcd")
    assert await small.make_room(ALL)
    gone = [each.count(False) for each in (await writes.whole()).values()]
    assert min(gone) > 0
    assert max(gone) - min(gone) <= max(gone) // 3


async def test_what_waits_for_delivery_stays_and_the_others_give_for_it(small, writes):
    await writes.append("a", 600)
    await writes.deliver("a")
    await small.cursor("sink", "waiting")
    waiting = await writes.fill("waiting")
    assert await small.make_room(ALL)
    whole = await writes.whole()
    assert [True] * waiting == whole["waiting"]
    assert False in whole["a"]


async def test_a_tenant_for_which_no_cursor_was_made_yet_waits_all_the_same(small, writes):
    filled = await writes.fill("a")
    assert not await small.make_room(ALL)
    await writes.deliver("a", sink="another")
    assert not await small.make_room(ALL), "a sink that is not ours has no say"
    assert {"a": [True] * filled} == await writes.whole()


async def test_what_a_backlog_has_ahead_stays_and_what_was_delivered_after_it_goes(small, writes):
    await writes.append("a", 500)
    await small.leave_backlog(await small.cursor("sink", "a"))
    await writes.fill("a")
    await writes.deliver("a")
    assert await small.make_room(ALL)
    whole = (await writes.whole())["a"]
    assert [True] * 500 == whole[:500]
    assert [False] * 50 == whole[500:550]


async def test_a_full_journal_of_what_waits_gives_nothing_says_so_and_recovers_once_it_is_delivered(small, writes):
    await writes.fill("a")
    assert not await small.make_room(ALL)
    assert ["journal size"] == [check.subject for check in small.state() if not check.ok]
    with pytest.raises(JournalFull):
        await writes.append("a", 50)
    await writes.deliver("a")
    assert await small.make_room(ALL)
    assert [] == small.state()
    await writes.append("a", 50)


@pytest.mark.parametrize(("delivered", "enough"), [(800, True), (100, False)])
async def test_what_nobody_waits_for_goes_last(small, writes, delivered, enough):
    await writes.append("stranger", 200, NOT_SERVED)
    await writes.append("a", delivered)
    await writes.deliver("a")
    waiting = await writes.fill("b")
    assert await small.make_room(Claims(frozenset({"sink"}), frozenset("ab")))
    whole = await writes.whole()
    assert [True] * waiting == whole["b"]
    assert (enough, enough) == (all(whole["stranger"]), any(whole["a"]))


async def test_a_stranger_that_takes_more_than_its_share_gives_first(small, writes):
    await writes.append("a", 300)
    await writes.deliver("a")
    await writes.fill("stranger", NOT_SERVED)
    assert await small.make_room(ONLY_A)
    whole = await writes.whole()
    assert [True] * 300 == whole["a"]
    assert False in whole["stranger"]


async def test_the_cursor_of_a_tenant_that_is_served_no_more_holds_nothing(small, writes):
    await small.cursor("sink", "gone")
    filled = await writes.fill("gone")
    assert not await small.make_room(ALL)
    assert await small.make_room(ONLY_A)
    assert 0 < (await writes.whole())["gone"].count(False) < filled


async def test_many_events_that_come_at_once_find_room_after_some_tries(small, writes, events):
    await writes.fill("a")
    await writes.deliver("a")
    many = [
        events.up(n, data=random.Random(n).randbytes(100), arrived_at_ns=time.time_ns())  # noqa: S311 - no secret
        for n in range(10_000, 10_800)
    ]
    tries = 0
    while True:
        tries += 1
        with suppress(JournalFull):
            assert 800 == await events.append(small, *many)
            break
        await small.make_room(ALL)
    assert 2 < tries < 12
    left = sum((await writes.whole())["a"])
    assert 0 < left, "it gave no more than was needed"
    assert left < (await small.make_room(ALL)).bodies + left + 1


async def test_a_file_that_is_larger_than_its_new_limit_shrinks_to_it(path, events):
    async with await SqliteJournal.open(path, max_bytes=LIMIT) as journal:
        writes = Writes(journal, events)
        await writes.fill("a")
        await writes.deliver("a")
    assert path.stat().st_size > LIMIT * 3 // 4
    async with await SqliteJournal.open(path, max_bytes=LIMIT * 3 // 5) as journal:
        with pytest.raises(JournalFull):
            await events.append(journal, *events.ups(10_000, 10_499))
        async with kept(journal):

            async def is_smaller():
                return path.stat().st_size <= LIMIT * 3 // 5

            await until(is_smaller)
        assert 50 == await events.append(journal, *events.ups(10_000, 10_049))


# ---------------------------------------------------------------- by age


async def test_old_bodies_go_and_those_that_wait_or_are_younger_stay(journal, events):
    writes = Writes(journal, events)
    now = time.time_ns()
    for days in (30, 20, 10):
        for tenant in ("a", "waiting"):
            await writes.append(tenant, 2, arrived_at_ns=now - days * DAY_NS)
    await writes.deliver("a")
    await journal.cursor("sink", "waiting")
    assert 4 == (await journal.prune_old(now - 15 * DAY_NS, ALL)).bodies
    whole = await writes.whole()
    assert [False] * 4 + [True] * 2 == whole["a"]
    assert [True] * 6 == whole["waiting"]
    await writes.deliver("waiting")
    assert 4 == (await journal.prune_old(now - 15 * DAY_NS, ALL)).bodies, "it goes back to what had to wait"
    assert not await journal.prune_old(now - 15 * DAY_NS, ALL)


async def test_old_events_of_nobody_go_too(journal, events):
    writes = Writes(journal, events)
    now = time.time_ns()
    await writes.append("stranger", 3, NOT_SERVED, arrived_at_ns=now - 30 * DAY_NS)
    await events.append(journal, events.unreadable(arrived_at_ns=now - 30 * DAY_NS))
    assert 1 == (await journal.prune_old(now - 15 * DAY_NS, ALL)).bodies, "that of no tenant"
    assert 3 == (await journal.prune_old(now - 15 * DAY_NS, ONLY_A)).bodies


async def test_what_came_while_the_clock_was_ahead_does_not_hold_up_the_others(journal, events):
    writes = Writes(journal, events)
    now = time.time_ns()
    await writes.append("a", 3, arrived_at_ns=now + 4_000 * DAY_NS)
    await writes.append("a", 3, arrived_at_ns=now - 30 * DAY_NS)
    await writes.deliver("a")
    assert 3 == (await journal.prune_old(now - 15 * DAY_NS, ALL)).bodies
    assert {"a": [True] * 3 + [False] * 3} == await writes.whole()


async def test_identities_of_bodies_that_went_by_size_are_forgotten_after_40_days(path, events):
    async with await SqliteJournal.open(path, max_bytes=LIMIT) as journal:
        writes = Writes(journal, events)
        now = time.time_ns()
        await writes.append("a", 100, arrived_at_ns=now - 50 * DAY_NS)
        for days in (45, 39):
            await writes.append("noisy", 800 if days == 45 else 50, arrived_at_ns=now - days * DAY_NS)
        await writes.fill("noisy")
        await writes.deliver("a", "noisy")
        pruned = await journal.make_room(ALL)
        assert 0 < pruned.bodies
        assert pruned.bodies == pruned.events, "older than 40 days, they go at once"
        with closing(sqlite3.connect(path)) as file, file:  # a body that went while it was young
            file.execute("update event set body = null where tenant = 2 and arrived_at_ns < ?", (now - 44 * DAY_NS,))
            [[bare]] = file.execute("select count(*) from event where body is null")
        assert bare > 0
        assert (0, bare) == ((gone := await journal.prune_old(now - 400 * DAY_NS, ALL)).bodies, gone.events)
        assert [True] * 100 == (await writes.whole())["a"]


async def test_a_walk_goes_on_where_the_last_one_ended_also_after_a_start(path, events):
    now = time.time_ns()
    async with await SqliteJournal.open(path) as journal:
        writes = Writes(journal, events)
        await writes.append("a", 2_000, arrived_at_ns=now - 30 * DAY_NS)
        await writes.append("a", 10, arrived_at_ns=now)
        await writes.deliver("a")
        assert 2_000 == (await journal.prune_old(now - DAY_NS, ALL)).bodies
    async with await SqliteJournal.open(path) as journal:
        steps = []
        journal._connection.set_trace_callback(  # noqa: SLF001 - what SQLite was really asked
            lambda statement: steps.append(statement) if "order by position\nlimit" in statement else None
        )
        assert not await journal.prune_old(now - DAY_NS, ALL)
        assert len(steps) <= 2


# ---------------------------------------------------------------- the task of the service


async def test_the_service_keeps_to_the_limit_while_five_times_as_much_flows_and_loses_nothing(path, events):
    async with await SqliteJournal.open(path, max_bytes=LIMIT) as journal:
        writes = Writes(journal, events)
        delivered = []
        async with kept(journal):
            while writes.number < 5_000:
                with suppress(JournalFull):
                    await writes.append("a", 50)
                    delivered += range(writes.number - 50, writes.number)
                cursor = await journal.cursor("sink", "a")
                batch = await journal.read(cursor, 500)
                assert [*events.numbers(batch)] == delivered[len(delivered) - len(batch.events) :]
                await journal.commit(cursor, max(batch.through, cursor.next - 1))
                assert path.stat().st_size <= LIMIT
        assert 5_000 <= (await journal.counts()).events == len(delivered)


async def test_it_says_what_it_removed_once_a_round_and_only_then(small, writes):
    await writes.append("a", 10, arrived_at_ns=time.time_ns() - 500 * DAY_NS)
    await writes.deliver("a")
    before = {reason: pruned(reason) for reason in ("age", "size")}
    with capture_logs() as said:
        async with kept(small):

            async def is_said():
                return bool(said)

            await until(is_said)
            await asyncio.sleep(0.3)
            assert [("age", 10)] == [(each["reason"], each["bodies"]) for each in said]
            await writes.fill("a")
            await writes.deliver("a")

            async def is_roomy():
                return pruned("size") > before["size"]

            await until(is_roomy)
    assert "size" in [each["reason"] for each in said]
    assert 10 == pruned("age") - before["age"]


def pruned(reason):
    """How many bodies the metrics say were removed."""
    return metrics.REGISTRY.get_sample_value("vdl_lora_journal_pruned_bodies_total", {"reason": reason})


class Troubled(MemoryJournal):
    """A journal whose upkeep fails as it is told to."""

    def __init__(self, *errors):
        super().__init__()
        self.errors = list(errors)

    async def tidy(self):
        if self.errors:
            raise self.errors.pop()


async def test_trouble_that_passes_is_said_once_and_its_end_too():
    with capture_logs() as said:
        journal = Troubled(*([JournalFull()] * 3), *([JournalBusy()] * 3))
        async with kept(journal):

            async def is_over():
                return any(each["action"] == "resume" for each in said)

            await until(is_over)
    assert ["journal_busy", "journal_full", None] == [each.get("code") for each in said]


async def test_damage_ends_it():
    with pytest.raises(JournalCorrupt):
        await JournalUpkeep(Troubled(JournalCorrupt()), ALL, SOON).run()


# ---------------------------------------------------------------- steps that are short, files that shrink


@pytest.mark.parametrize("way", ["by hand", "by age", "by size"])
async def test_no_job_of_a_prune_blocks_the_writer_for_long(path, events, soak, way):
    count = 200_000 if soak else 20_000
    now = time.time_ns()
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, count, 500):
            await events.append(
                journal,
                *(
                    events.up(n, tenant="ab"[n % 3 == 0], dev_eui=f"24e124136b{n % 2_000:06x}", arrived_at_ns=now)
                    for n in range(first, first + 500)
                ),
            )
        await Writes(journal, events).deliver("a", "b")
    limit = int(path.stat().st_size * 1.1)
    async with await SqliteJournal.open(path, max_bytes=limit) as journal:
        writer = journal._writer  # noqa: SLF001 - how long it is busy is what this is about
        commit, took_s = writer._commit, []  # noqa: SLF001

        def timed(group):
            began = time.monotonic()
            commit(group)
            took_s.append(time.monotonic() - began)

        writer._commit = timed  # noqa: SLF001
        if way == "by hand":
            assert count == (await journal.prune(now + 1)).bodies
        elif way == "by age":
            assert count == (await journal.prune_old(now + 1, ALL)).bodies
        else:
            assert 1_000 < (await journal.make_room(ALL)).bodies < count
        await journal.tidy()
    assert len(took_s) > 5
    assert sorted(took_s)[len(took_s) // 2] < 0.05
    if soak:
        assert sorted(took_s)[-3] < 0.05, "all but what a busy machine interrupts"


async def test_the_file_and_the_log_ahead_of_it_shrink_while_it_is_in_use(path, events):
    async with await SqliteJournal.open(path) as journal, JournalReader(path) as reader:
        now = time.time_ns()
        for first in range(0, 20_000, 500):
            await events.append(journal, *events.ups(first, first + 499, arrived_at_ns=now - 100 * DAY_NS))
        await events.walk(journal, await journal.cursor("sink", events.tenant))
        assert 20_000 == (await reader.counts()).events
        await journal.tidy()
        full = path.stat().st_size
        log = path.with_name(path.name + "-wal")
        assert 20_000 == (await journal.prune_old(now, ALL)).events
        assert log.stat().st_size > 1_000_000
        appends = [asyncio.create_task(events.append(journal, events.up(number))) for number in range(30_000, 30_050)]
        await journal.tidy()
        assert [1] * 50 == await asyncio.gather(*appends)
        await journal.tidy()
        assert path.stat().st_size < full / 5
        assert log.stat().st_size < 100_000
        assert 50 == (await reader.counts()).events


async def test_whoever_reads_just_now_puts_the_shortening_of_the_log_off(path, events):
    async with await SqliteJournal.open(path) as journal:
        await events.append(journal, *events.ups(1, 5_000))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin")
            other.execute("select count(*) from event").fetchone()
            await events.append(journal, *events.ups(5_001, 10_000))
            began = time.monotonic()
            await journal.tidy()
            assert time.monotonic() - began < 3, "it does not wait"
            assert [(5_000,)] == other.execute("select count(*) from event").fetchall()
            other.execute("rollback")
        assert 1 == await events.append(journal, events.up(20_000))


# ---------------------------------------------------------------- how full it is


async def test_depth_says_how_much_room_there_is(path, events):
    async with await SqliteJournal.open(path, max_bytes=LIMIT, reserve_bytes=1_000_000) as journal:
        await events.append(journal, events.up(1, arrived_at_ns=time.time_ns()))
        depth = await journal.depth()
        assert (LIMIT, False, None, None) == (depth.limit, depth.reserve, depth.daily, depth.days_left)
        assert depth.disk_free > 0
        await journal.tidy()
        assert (await journal.depth()).reserve
    async with JournalReader(path) as reader:
        depth = await reader.depth()
        assert (None, True) == (depth.limit, depth.reserve)


@pytest.mark.parametrize(("days", "each_day"), [(5, 800), (20, 200)])
async def test_depth_says_what_comes_a_day_and_for_how_long_there_is_room(path, events, days, each_day):
    now, count = time.time_ns(), days * each_day
    async with await SqliteJournal.open(path) as journal:
        for first in range(0, count, 100):
            numbers = range(first, first + 100)
            raws = [events.up(n, arrived_at_ns=now - (count - n) * DAY_NS // each_day) for n in numbers]
            await events.append(journal, *raws, *raws[:1] * 100)  # copies take positions, and no room
    async with JournalReader(path, max_bytes=10_000_000) as journal:
        depth = await journal.depth()
        assert depth.daily == pytest.approx(each_day * path.stat().st_size / count, rel=0.3)
        assert depth.days_left == pytest.approx((10_000_000 - depth.bytes) / depth.daily)
