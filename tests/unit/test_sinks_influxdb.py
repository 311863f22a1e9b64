"""The pure parts of the InfluxDB sink: buckets, bodies, and what answers say."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdl_lora.errors import ConfigError
from vdl_lora.sinks.influxdb import (
    InfluxSettings,
    InfluxSink,
    InfluxTenant,
    bucket_of,
    compressed,
    delete_statement,
    halve,
    pieces,
    predicate,
    rfc3339,
)
from vdl_lora.sinks.influxdb_wire import Answer, retry_after, words_of

URL = "http://127.0.0.1:8086"
BODIES = st.lists(st.text("ab ,=", max_size=12), min_size=1, max_size=40).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode()
)

# ---------------------------------------------------------------- settings


def test_a_bucket_is_the_template_with_the_tenant_s_id_and_slug_or_the_tenant_s_own():
    settings = InfluxSettings(
        bucket="lora-{slug} {tenant}",
        tenants={"52f1": InfluxTenant(slug="grand-chambord"), "d486": InfluxTenant("db/{slug}")},
    )
    assert "lora-grand-chambord 52f1" == bucket_of(settings, "52f1")
    assert "lora-77 77" == bucket_of(settings, "77")
    assert "db/d486" == bucket_of(settings, "d486")
    assert "{slug}" == bucket_of(InfluxSettings(), "{slug}")


@pytest.mark.parametrize("template", ["{application}", "x{}", "{tenant.x}", "{0}", ""])
def test_a_template_that_names_something_else_is_no_bucket(template):
    with pytest.raises(ConfigError, match=r"influxdb.bucket"):
        InfluxSink(InfluxSettings(url=URL, bucket=template))


@pytest.mark.parametrize("url", ["", "127.0.0.1:8086", "ftp://x", "http://user:pass@x", "http://x/?token=1", "http://"])
def test_an_address_is_a_url_without_secrets(url):
    with pytest.raises(ConfigError, match=r"influxdb.url") as raised:
        InfluxSink(InfluxSettings(url=url))
    assert "pass@" not in str(raised.value)


def test_a_ca_file_must_hold_a_certificate(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        InfluxSink(InfluxSettings(url=URL, ca_file=tmp_path / "none"))
    (tmp_path / "empty").write_text("nothing")
    with pytest.raises(ConfigError, match="no certificate"):
        InfluxSink(InfluxSettings(url=URL, ca_file=tmp_path / "empty"))


def test_a_token_is_in_no_representation():
    assert "secret" not in repr(InfluxSettings(url=URL, token="secret"))  # noqa: S106 - made up


# ---------------------------------------------------------------- bodies


def test_a_body_is_gzip_at_level_1():
    body = b"".join(b"air,dev_eui=%d temperature=%d.5 %d\n" % (each % 7, each % 31, each) for each in range(2000))
    assert body == gzip.decompress(compressed(body))
    assert compressed(body)[10:-8] == zlib.compress(body, 1, wbits=-15)


@given(BODIES)
def test_halves_are_whole_lines_and_make_the_body(body):
    halves = halve(body)
    if body.count(b"\n") == 1:
        assert halves is None
        return
    assert body == b"".join(halves)
    assert [True, True] == [half.endswith(b"\n") for half in halves]


@given(BODIES, st.integers(1, 60))
def test_pieces_are_no_longer_than_allowed_unless_they_are_one_line(body, most):
    found = pieces(body, most)
    assert body == b"".join(found)
    assert all(len(piece) <= most or piece.count(b"\n") == 1 for piece in found)
    assert [body] == pieces(body, len(body))


# ---------------------------------------------------------------- what answers say


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (b'{"code":"invalid","message":"unable to parse"}', "unable to parse", "invalid"),
        (b'{"error":"partial write: dropped=1"}', "partial write: dropped=1", ""),
        (b'{"results":[{"statement_id":0,"error":"no"}]}', "no", ""),
        (b'{"results":[{"statement_id":0}]}', "", ""),
        (
            b'{"error":"partial write of line protocol occurred","data":[{"line_number":2,"error_message":"why"}]}',
            "partial write of line protocol occurred: why",
            "",
        ),
    ],
)
def test_words_are_read_of_any_version_s_json(body, words, code):
    assert (words, code) == words_of(body)


@pytest.mark.parametrize(
    "body", [b"", b"<h1>502\n\n  Bad</h1>", b"\xff\xfe", b'"text"', b"[" * 60_000, b'{"error":{}}']
)
def test_other_answers_are_their_text_on_one_line(body):
    words, code = words_of(body)
    assert "" == code
    assert " ".join(body.decode(errors="replace").split())[:200] in words


@given(st.binary(max_size=3000))
def test_words_are_short_and_on_one_line(body):
    words, _ = words_of(body)
    assert len(words) <= 500
    assert "\n" not in words


def test_long_words_keep_their_end_where_the_reason_is():
    words, _ = words_of(b"unable to parse '" + b"x" * 5000 + b"': missing field value")
    assert words.startswith("unable to parse 'xxx")
    assert words.endswith("xxx': missing field value")


@pytest.mark.parametrize(
    ("status", "words", "meaning"),
    [
        (422, "failure writing points to database: partial write: field type conflict: … dropped=1", "points"),
        (422, "partial write: dropped 1 points outside retention policy of duration 1h0m0s", "points"),
        (400, "unable to parse 'air x=': missing field value", "points"),
        (400, "partial write: points beyond retention policy dropped=3", "points"),
        (400, "partial write: max-series-per-database limit exceeded: (1000000) dropped=1", "limits"),
        (400, "invalid precision; valid precision units are ns, us, ms, and s", "doubt"),
        (400, "<html>400 Bad Request</html>", "doubt"),
        (500, "unable to read data: unexpected EOF", "doubt"),
        (503, "partial write", "none"),
        (404, 'bucket "unable to parse" not found', "none"),
    ],
)
def test_whether_an_answer_speaks_of_points_stands_in_its_words(status, words, meaning):
    answer = Answer(status, words)
    found = "points" if answer.speaks_of_points else "limits" if answer.speaks_of_limits else "doubt"
    assert meaning == (found if found != "doubt" or answer.doubtful else "none")


def test_only_204_and_a_201_without_refusals_are_stored():
    stored = [status for status in range(100, 600) if Answer(status).stored]
    assert [201, 204] == stored
    assert not Answer(201, "partial write of line protocol occurred").stored


def test_a_retry_after_is_seconds_or_a_date():
    assert 30.0 == retry_after("30")
    assert 25 < (retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)) or 0) <= 30
    assert 0.0 == retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    assert [None, None, None] == [retry_after(each) for each in ("", "soon", "-3")]


@given(st.text(max_size=40))
def test_any_retry_after_is_read(text):
    found = retry_after(text)
    assert found is None or found >= 0


# ---------------------------------------------------------------- deletes


def test_a_row_is_named_by_measurement_every_tag_and_its_nanosecond():
    tags = [("channel", "main"), ("place", 'l\'École "1" \\ 2')]
    assert '_measurement="air" AND channel="main" AND place="l\'École \\"1\\" \\\\ 2"' == predicate("air", tags)
    assert (
        'DELETE FROM "air" WHERE "channel" = \'main\' AND "place" = \'l\\\'École "1" \\\\ 2\' AND time = -5'
        == delete_statement("air", tags, -5)
    )


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [(0, "1970-01-01T00:00:00.000000000Z"), (1_795_473_134_511_659_307, "2026-11-23T22:32:14.511659307Z"),
     (-1, "1969-12-31T23:59:59.999999999Z")],
)  # fmt: skip
def test_a_time_is_written_to_the_nanosecond(at_ns, text):
    assert text == rfc3339(at_ns)
