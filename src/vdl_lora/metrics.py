"""The Prometheus metrics, declared in one place; others count with them."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

REGISTRY: Final = CollectorRegistry()

EVENTS: Final = Counter(
    "vdl_lora_events",
    "Events handed over, by kind, way in and outcome (accepted, quarantined); copies count too.",
    ("kind", "way", "outcome"),
    registry=REGISTRY,
)
COPIES: Final = Counter("vdl_lora_event_copies", "Events handed over that the journal knew already.", registry=REGISTRY)
INTERPRETED: Final = Counter(
    "vdl_lora_interpreted_events", "Events interpreted, by outcome (ok, quarantined).", ("outcome",), registry=REGISTRY
)
DECODE_FAILURES: Final = Counter(
    "vdl_lora_decode_failures",
    "Events that were quarantined when decoded, by decoder and code.",
    ("decoder", "code"),
    registry=REGISTRY,
)
POINTS: Final = Counter(
    "vdl_lora_points", "Points by sink and outcome (written, refused).", ("sink", "outcome"), registry=REGISTRY
)
SINK_FAILURES: Final = Counter(
    "vdl_lora_sink_failures", "Writes that failed, by sink and code.", ("sink", "code"), registry=REGISTRY
)
