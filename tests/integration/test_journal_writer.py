"""The one thread that writes: what it commits together, and what becomes of a job that fails."""

import asyncio
import sqlite3
import threading

import pytest

from vdl_lora.errors import JournalError
from vdl_lora.journal.writer import GROUP, Writer


class Table:
    """A file with a table of numbers, and what the writer's connection was told."""

    def __init__(self, path):
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("create table number (n integer not null unique)")
        self.statements = []
        self.connection.set_trace_callback(self.statements.append)
        self.undone = 0

    def undo(self):
        self.undone += 1

    def writer(self):
        writer = Writer(self.connection, self.path, self.undo)
        writer.start()
        return writer

    @property
    def commits(self):
        return sum(statement.lower() == "commit" for statement in self.statements)

    def numbers(self):
        """What another connection sees: only what is committed."""
        with sqlite3.connect(self.path) as other:
            found = [n for (n,) in other.execute("select n from number order by n")]
        other.close()
        return found


def insert(*numbers):
    def run(connection):
        for number in numbers:
            connection.execute("insert into number values (?)", (number,))
        return numbers

    return run


@pytest.fixture
async def table(path):
    table = Table(path)
    yield table
    table.connection.close()


@pytest.fixture
async def writer(table):
    writer = table.writer()
    yield writer
    await asyncio.to_thread(writer.stop)


async def test_what_is_written_at_once_is_committed_together(writer, table):
    jobs = [writer.do(insert(number), 1) for number in range(100)]
    assert await asyncio.gather(*jobs) == [(number,) for number in range(100)]
    assert table.numbers() == list(range(100))
    assert 1 <= table.commits <= 5


async def test_a_commit_holds_no_more_than_a_group(writer, table):
    await asyncio.gather(*(writer.do(insert(*range(10 * job, 10 * job + 10)), 10) for job in range(100)))
    assert table.numbers() == list(range(1_000))
    assert table.commits >= 1_000 // (GROUP + 10)


async def test_a_job_is_done_only_after_its_commit(writer, table):
    async def write(number):
        await writer.do(insert(number), 1)
        assert number in table.numbers()

    for first in range(0, 60, 20):
        await asyncio.gather(*(write(number) for number in range(first, first + 20)))


async def test_a_job_that_appends_nothing_does_not_wait_for_company(writer):
    async with asyncio.timeout(5):
        for number in range(200):
            await writer.do(insert(number))


async def test_jobs_are_run_in_their_order(writer):
    seen = []
    await asyncio.gather(*(writer.do(lambda _, number=number: seen.append(number), 1) for number in range(300)))
    assert seen == list(range(300))


async def test_a_job_that_fails_does_not_take_the_others_with_it(writer, table):
    jobs = [insert(1), insert(2, 1), insert(3), lambda c: c.execute("select nothing"), insert(4)]
    results = await asyncio.gather(*(writer.do(job, 1) for job in jobs), return_exceptions=True)
    assert [type(result) for result in results] == [tuple, JournalError, tuple, JournalError, tuple]
    assert "UNIQUE constraint failed" in str(results[1])
    assert table.numbers() == [1, 3, 4]
    assert table.undone >= 1


async def test_a_mistake_of_the_job_itself_reaches_its_caller(writer, table):
    def wrong(_connection):
        raise KeyError("no such name")

    with pytest.raises(KeyError, match="no such name"):
        await writer.do(wrong)
    await writer.do(insert(1))
    assert table.numbers() == [1]


async def test_a_job_whose_caller_went_away_is_done_once_all_the_same(writer, table):
    tasks = [asyncio.create_task(writer.do(insert(number), 1)) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 25
    await writer.do(lambda _: None)
    assert table.numbers() == list(range(50))


async def test_a_failure_that_nobody_waits_for_is_quiet(writer, table):
    task = asyncio.create_task(writer.do(lambda c: c.execute("select nothing"), 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.do(insert(1))
    assert table.numbers() == [1]


async def test_stopping_finishes_what_is_at_hand(table):
    writer = table.writer()
    tasks = [asyncio.create_task(writer.do(insert(number), 1)) for number in range(700)]
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.stop)
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    assert table.numbers() == list(range(700))


async def test_a_job_after_the_end_is_refused_and_does_not_hang(table):
    writer = table.writer()
    await asyncio.to_thread(writer.stop)
    async with asyncio.timeout(5):
        with pytest.raises(JournalError, match="closed"):
            await writer.do(insert(1))
    assert table.numbers() == []


async def test_callers_hear_of_it_when_nothing_can_be_read_again_after_a_failure(table):
    def undo():
        raise sqlite3.DatabaseError("database disk image is malformed")

    writer = Writer(table.connection, table.path, undo)
    writer.start()
    async with asyncio.timeout(5):
        results = await asyncio.gather(
            writer.do(insert(1), 1), writer.do(lambda c: c.execute("select nothing"), 1), return_exceptions=True
        )
        assert all(isinstance(result, JournalError) for result in results)
        with pytest.raises(JournalError):
            await writer.do(insert(2))
    await asyncio.to_thread(writer.stop)


async def test_a_job_whose_loop_is_closed_is_committed_all_the_same(table):
    closed = threading.Event()

    def slow(connection):
        closed.wait(10)
        insert(1)(connection)

    async def leave():
        writer = table.writer()
        task = asyncio.create_task(writer.do(slow, 1))
        await asyncio.sleep(0)
        task.cancel()
        return writer

    def in_a_loop_of_its_own():
        writers.append(asyncio.run(leave()))
        closed.set()

    writers = []
    await asyncio.to_thread(in_a_loop_of_its_own)
    await asyncio.to_thread(writers[0].stop)
    assert table.numbers() == [1]
