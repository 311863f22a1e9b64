"""What those who watch the service ask: does it live, is it ready, and how much of what. It tells no secret.

Served on a bind of its own, for nobody has to sign in: Prometheus, an orchestrator, a person with curl.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from vdl_lora import metrics
from vdl_lora.interfaces import Check

Ready = Callable[[], Sequence[Check]]
"""Gives what each room knows of itself at once, from memory: it is asked in the event loop, as often as others like."""

MAX_CHECKS = 200
MAX_WORDS = 500

_OPENMETRICS: Final = "application/openmetrics-text"


def routes(ready: Ready) -> web.RouteTableDef:
    """Give the routes of the monitoring bind."""
    table = web.RouteTableDef()
    metrics.BUILD.labels(version("vdl_lora")).set(1)

    async def readyz(_request: web.Request) -> web.StreamResponse:
        return _readiness(ready())

    table.get("/healthz")(_healthz)
    table.get("/readyz")(readyz)
    table.get("/metrics")(_metrics)
    return table


async def _healthz(_request: web.Request) -> web.StreamResponse:
    """Answer: that it answers at all says that the process and its event loop live."""
    return _json({"live": True})


def _readiness(checks: Sequence[Check]) -> web.StreamResponse:
    """Tell every finding, what is wrong first, and by the status whether all is well."""
    wrong = [check for check in checks if not check.ok]
    found = [*wrong, *(check for check in checks if check.ok)][:MAX_CHECKS]
    document = {
        "ready": not wrong,
        "checks": [
            {
                "subject": check.subject[:MAX_WORDS],
                "ok": check.ok,
                "words": check.words[:MAX_WORDS],
                "advice": check.advice[:MAX_WORDS],
            }
            for check in found
        ],
    }
    return _json(document, 503 if wrong else 200)


async def _metrics(request: web.Request) -> web.StreamResponse:
    """Give the metrics, as OpenMetrics where it is asked for, otherwise in Prometheus's older text form."""
    wanted = _OPENMETRICS in request.headers.get("Accept", "").lower()
    encode, kind = choose_encoder(_OPENMETRICS if wanted else "")  # given the header itself, it may raise
    response = web.Response(body=encode(metrics.REGISTRY), headers={"Content-Type": kind})
    response.enable_compression()
    return response


def _json(document: Mapping[str, Any], status: int = 200) -> web.StreamResponse:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
