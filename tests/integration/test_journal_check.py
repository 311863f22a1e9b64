"""What is said of a journal, beside whoever writes to it."""

import time

import pytest

from vdl_lora import errors
from vdl_lora.events import NS
from vdl_lora.journal import JournalSettings, SqliteJournal
from vdl_lora.journal import check as room
from vdl_lora.journal.check import check_journal
from vdl_lora.mark import Mark

DAY_NS = 86_400 * NS


async def said(path, **settings):
    """Give what is said, by subject."""
    return {check.subject: check for check in await check_journal(JournalSettings(path, **settings))}


async def test_beside_its_writer_it_says_who_that_is(path):
    journal = await SqliteJournal.open(path)
    try:
        assert "writes to it: " in (await said(path))["writer"].words  # the tests are no vdl-lora
    finally:
        await journal.close()
    assert "nobody writes to it: the service does not run" == (await said(path))["writer"].words


async def test_it_says_for_how_many_days_there_is_room(sqlite_journal, path, events):
    now_ns = time.time_ns()
    await events.append(
        sqlite_journal,
        *(events.up(number, arrived_at_ns=now_ns - 2 * DAY_NS + number * DAY_NS // 100) for number in range(200)),
    )
    found = await said(path, max_bytes=10**9)
    assert "a day there is room for " in found["size"].words
    assert found["size"].words.endswith(" days")
    assert "a day there is room for " in (await said(path))["disk"].words


@pytest.mark.parametrize("free", [1 << 20, 1 << 40])
async def test_a_disk_that_is_nearly_full_is_a_warning(path, monkeypatch, free):
    monkeypatch.setattr(room, "free_bytes", lambda _path: free)
    assert ("warning" if free < room.FEWEST_BYTES else "ok") == (await said(path))["disk"].state


async def test_what_waits_is_said_with_why(sqlite_journal, path, events):
    await events.append(sqlite_journal, *events.ups(1, 3))
    cursor = await sqlite_journal.cursor("influxdb", events.tenant)
    assert "3 events still to be delivered" == (await said(path))["delivery"].words
    await sqlite_journal.say(cursor, "held", "http://a answers 404 for bucket b; create the bucket")
    check = (await said(path))["delivery"]
    assert "warning" == check.state
    assert check.words.endswith("last tried influxdb: http://a answers 404 for bucket b; create the bucket")
    assert "the service tries again by itself" in check.advice
    await sqlite_journal.say(cursor, "retrying", "http://a does not answer")
    assert "nothing is lost" in (await said(path))["delivery"].advice


async def test_quarantine_is_counted_by_code(sqlite_journal, path, events):
    await events.append(sqlite_journal, *events.ups(1, 3), mark=Mark("decode", "payload", "too short"))
    await events.append(sqlite_journal, *events.ups(4, 4), mark=Mark("decode", "what", "new"))
    found = await said(path)
    assert "3 events could not be interpreted or written" == found["quarantine payload"].words
    assert "firmware" in found["quarantine payload"].advice
    assert "`vdl-lora journal quarantine` lists them with their words" == found["quarantine what"].advice


async def test_what_takes_too_long_to_read_is_unknown(sqlite_journal, path, events, monkeypatch):
    await events.append(sqlite_journal, *events.ups(1, 2_000))
    monkeypatch.setattr(room, "LONGEST_CHECK_S", 0.0)
    assert "unknown" == (await said(path))["wholeness"].state


async def test_a_newer_journal_is_said_to_be_so(path):
    newer = await SqliteJournal.open(path, migrations=[*room.MIGRATIONS, "create table later (a);"])
    await newer.close()
    check = (await said(path))["journal"]
    assert ("failed", "install the newer version again") == (check.state, check.advice)


@pytest.mark.parametrize(
    "code",
    [
        "decoder_failed",
        "no_tenant",
        "not_served",
        *(each.code for each in (errors.BadMessage, errors.NoDecoder, errors.PayloadError, errors.CodecStopped)),
        errors.PointsRefused.code,
    ],
)
def test_each_code_has_its_advice(code):
    assert code in room._QUARANTINE  # noqa: SLF001 - it is what the rows are made of
