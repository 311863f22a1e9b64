"""What those who watch the service are told, over a real server."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vdl_lora import metrics
from vdl_lora.interfaces import Check
from vdl_lora.settings import ServerSettings
from vdl_lora.web import monitoring, server

pytestmark = pytest.mark.enable_socket

PATHS = ("/healthz", "/readyz", "/metrics")
PROMETHEUS = (  # the header of Prometheus 3: its default list of protocols, each with its weight
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
GOOD = Check("journal", ok=True, words="takes events")
BAD = Check("way grpc", ok=False, words="no stream is open", advice="see whether ChirpStack answers")


class Answer:
    """What was answered, read whole."""

    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body
        self.kind = response.headers["Content-Type"]

    @property
    def text(self):
        """The body as text."""
        return self.body.decode()

    @property
    def document(self):
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@asynccontextmanager
async def asking(checks=(GOOD,), **settings):
    """Serve the monitoring routes, and give a function that asks them."""
    app = server.build(monitoring.routes(lambda: checks), settings=ServerSettings(port=0, **settings))
    timeout = aiohttp.ClientTimeout(total=10)
    async with server.serve(app) as url, aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client:
        address = url.with_host("127.0.0.1")

        async def ask(path, method="GET", **headers):
            named = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
            async with client.request(method, address.with_path(path), headers=named) as response:
                return Answer(response, await response.read())

        yield ask


async def test_it_lives_where_it_answers():
    async with asking(checks=(BAD,)) as ask:
        response = await ask("/healthz")
        assert (200, {"live": True}) == (response.status, response.document)


async def test_it_is_ready_where_every_finding_is_good():
    async with asking() as ask:
        response = await ask("/readyz")
        assert response.status == 200
        assert response.document == {
            "ready": True,
            "checks": [{"subject": "journal", "ok": True, "words": "takes events", "advice": ""}],
        }


async def test_one_finding_that_is_not_good_makes_it_unready_and_stands_first():
    async with asking(checks=(GOOD, BAD)) as ask:
        response = await ask("/readyz")
        assert response.status == 503
        document = response.document
        assert document["ready"] is False
        assert ["way grpc", "journal"] == [each["subject"] for each in document["checks"]]
        assert document["checks"][0]["advice"] == "see whether ChirpStack answers"


async def test_readiness_is_asked_anew_each_time():
    checks = [GOOD]
    async with asking(checks) as ask:
        assert (await ask("/readyz")).status == 200
        checks.append(BAD)
        assert (await ask("/readyz")).status == 503
        checks.remove(BAD)
        assert (await ask("/readyz")).status == 200


async def test_what_is_found_is_told_within_bounds():
    many = [Check("x" * 10_000, ok=True, words="é" * 10_000, advice="z" * 10_000)] * 1_000
    async with asking([*many, BAD]) as ask:
        response = await ask("/readyz")
        document = response.document
        assert (503, False) == (response.status, document["ready"])
        assert len(document["checks"]) == monitoring.MAX_CHECKS
        assert document["checks"][0]["subject"] == "way grpc"
        assert monitoring.MAX_WORDS == len(document["checks"][1]["words"]) == len(document["checks"][1]["advice"])


async def test_metrics_are_told_in_the_older_form_to_whoever_asks_for_none():
    metrics.INVENTORY_DEVICES.set(1_234)
    async with asking() as ask:
        response = await ask("/metrics")
        assert (200, "text/plain; version=0.0.4; charset=utf-8") == (response.status, response.kind)
        found = {family.name: family for family in parse_text(response.text)}
        assert found["vdl_lora_inventory_devices"].samples[0].value == 1_234
        assert "process_cpu_seconds" in found
        assert "python_info" in found
        [build] = found["vdl_lora_build_info"].samples
        assert build.value == 1
        assert build.labels["version"]


async def test_metrics_are_told_to_prometheus_as_openmetrics():
    async with asking() as ask:
        response = await ask("/metrics", Accept=PROMETHEUS)
        assert response.kind.startswith("application/openmetrics-text; version=1.0.0")
        text = response.text
        assert text.endswith("# EOF\n")
        named = {family.name for family in parse_openmetrics(text)}
        assert {"vdl_lora_events", "vdl_lora_streams", "process_start_time_seconds"} <= named


@pytest.mark.parametrize(
    "accept",
    ["application/openmetrics-text;version=abc", "application/openmetrics-text;version=2.x", "nonsense", "*/*", ",;=,"],
)
async def test_metrics_are_told_whatever_form_is_asked_for(accept):
    async with asking() as ask:
        response = await ask("/metrics", Accept=accept)
        assert response.status == 200
        parse = parse_openmetrics if "openmetrics" in accept else parse_text
        assert list(parse(response.text))
        assert accept not in response.kind


async def test_metrics_are_compressed_for_whoever_takes_it():
    async with asking() as ask:
        plain, small = await ask("/metrics"), await ask("/metrics", Accept_Encoding="gzip")
        assert small.headers["Content-Encoding"] == "gzip"
        assert 3 * len(small.body) < len(plain.body)


async def test_every_state_of_a_stream_is_told_from_the_start():
    async with asking() as ask:
        text = (await ask("/metrics")).text
        for state in ("open", "opening", "waiting", "refused"):
            assert f'vdl_lora_streams{{state="{state}"}}' in text


async def test_a_tenant_may_have_any_name():
    names = ["", "d'Orléans", 'a"b', "a\\b", "a\nb 5", "\x00", "\x1e\x1f", "🌊", "é" * 300, "} 7", "# EOF"]
    for name in names:
        metrics.DELIVERY_WAITING.labels("any", name).set(len(name))
    async with asking() as ask:
        for accept, parse in ((PROMETHEUS, parse_openmetrics), ("*/*", parse_text)):
            text = (await ask("/metrics", Accept=accept)).text
            [family] = [each for each in parse(text) if each.name == "vdl_lora_delivery_waiting_events"]
            told = {each.labels["tenant"]: each.value for each in family.samples if each.labels["sink"] == "any"}
            assert {name: len(name) for name in names} == told
    metrics.DELIVERY_WAITING.clear()


async def test_no_series_says_when_it_was_made():
    async with asking() as ask:
        assert "_created" not in (await ask("/metrics")).text


@pytest.mark.parametrize("path", PATHS)
async def test_only_reading_is_possible(path):
    async with asking() as ask:
        head = await ask(path, "HEAD")
        assert (200, b"") == (head.status, head.body)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await ask(path, method)).status == 405


async def test_there_is_nothing_else():
    async with asking() as ask:
        for path in ("/", "/metrics/", "/debug", "/readyz/journal"):
            assert (await ask(path)).status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_on_loopback_a_foreign_name_gets_nothing(path):
    async with asking() as ask:
        assert (await ask(path, Host="vdl.example.org:8091")).status == 403


async def test_bound_elsewhere_on_purpose_it_answers_a_scrape_by_any_name():
    async with asking(host="0.0.0.0", beyond_loopback=True) as ask:  # noqa: S104 - asked over loopback all the same
        for name in ("vdl.example.org:8091", "192.0.2.7:8091", "vdl"):
            assert (await ask("/metrics", Host=name, Accept=PROMETHEUS)).status == 200


async def test_many_may_ask_at_once():
    async with asking() as ask:
        answers = await asyncio.gather(*(ask(PATHS[number % 3]) for number in range(60)))
        assert {200} == {each.status for each in answers}
