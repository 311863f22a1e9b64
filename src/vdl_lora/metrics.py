"""The Prometheus metrics, declared in one place; others count with them.

Labels name what is few: ways, sinks, tenants, decoders, codes, states; never a device or an event.
"""

from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
)

# process_start_time_seconds says it for all; with a time of its own, every counter would be two series
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
for _collector in (PROCESS_COLLECTOR, GC_COLLECTOR, PLATFORM_COLLECTOR):
    REGISTRY.register(_collector)

BUILD: Final = Gauge("vdl_lora_build_info", "Always 1; the version that runs.", ("version",), registry=REGISTRY)

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
UNKNOWN_RECORDS: Final = Counter(
    "vdl_lora_unknown_records",
    "Events with a record that their decoder does not know, by decoder; the values before it are delivered.",
    ("decoder",),
    registry=REGISTRY,
)
POINTS: Final = Counter(
    "vdl_lora_points", "Points by sink and outcome (written, refused).", ("sink", "outcome"), registry=REGISTRY
)
SINK_FAILURES: Final = Counter(
    "vdl_lora_sink_failures", "Writes that failed, by sink and code.", ("sink", "code"), registry=REGISTRY
)

WAY_UP: Final = Gauge(
    "vdl_lora_way_up", "Whether a way in stands: 1, or 0 while it is lost.", ("way",), registry=REGISTRY
)
STREAMS: Final = Gauge(
    "vdl_lora_streams",
    "Streams of device events, one a device, by state (open, opening, waiting, refused).",
    ("state",),
    registry=REGISTRY,
)
STREAM_ENDS: Final = Counter(
    "vdl_lora_stream_ends", "Streams of device events that ended, by code.", ("code",), registry=REGISTRY
)
SILENT_STREAMS_REOPENED: Final = Counter(
    "vdl_lora_silent_streams_reopened",
    "Streams that were opened again because they were silent while the device was seen.",
    registry=REGISTRY,
)
INVENTORY_DEVICES: Final = Gauge(
    "vdl_lora_inventory_devices", "Devices in ChirpStack's inventory when it was last read.", registry=REGISTRY
)
INVENTORY_READ: Final = Gauge(
    "vdl_lora_inventory_read_timestamp_seconds",
    "When the inventory was last read whole, in s since 1970; 0: not yet.",
    registry=REGISTRY,
)
INVENTORY_FAILURES: Final = Counter(
    "vdl_lora_inventory_failures", "Readings of the inventory that failed, by code.", ("code",), registry=REGISTRY
)

JOURNAL_EVENTS: Final = Gauge("vdl_lora_journal_events", "Events in the journal.", registry=REGISTRY)
JOURNAL_QUARANTINED: Final = Gauge(
    "vdl_lora_journal_quarantined_events", "Events in the journal that are in quarantine.", registry=REGISTRY
)
JOURNAL_BYTES: Final = Gauge("vdl_lora_journal_bytes", "Bytes that the journal takes on disk.", registry=REGISTRY)
JOURNAL_LIMIT: Final = Gauge(
    "vdl_lora_journal_limit_bytes", "The most bytes that the journal may take; 0: no limit.", registry=REGISTRY
)
JOURNAL_DISK_FREE: Final = Gauge(
    "vdl_lora_journal_disk_free_bytes", "Bytes that the disk of the journal has left.", registry=REGISTRY
)
JOURNAL_RESERVE: Final = Gauge(
    "vdl_lora_journal_reserve",
    "Whether the journal has a reserve to give up when the disk is full: 1, or 0.",
    registry=REGISTRY,
)
JOURNAL_DAILY: Final = Gauge(
    "vdl_lora_journal_daily_bytes",
    "Bytes that came into the journal a day, in the last week; 0: not known yet.",
    registry=REGISTRY,
)
JOURNAL_PRUNED: Final = Counter(
    "vdl_lora_journal_pruned_bodies",
    "Bodies of events that were removed from the journal, by reason (age, size, hand).",
    ("reason",),
    registry=REGISTRY,
)
JOURNAL_DAMAGED: Final = Counter(
    "vdl_lora_journal_damaged_events",
    "Events whose body in the journal was found damaged; each is in quarantine with the code damaged.",
    registry=REGISTRY,
)
JOURNAL_READ: Final = Gauge(
    "vdl_lora_journal_read_timestamp_seconds",
    "When the figures of the journal and of delivery were last read, in s since 1970; 0: not yet.",
    registry=REGISTRY,
)
JOURNAL_OLDEST_WAITING: Final = Gauge(
    "vdl_lora_journal_oldest_waiting_seconds",
    "For how long the oldest event that is still to be delivered has been here; 0: nothing waits.",
    registry=REGISTRY,
)
DELIVERY_WAITING: Final = Gauge(
    "vdl_lora_delivery_waiting_events",
    "Events that are still to be delivered, by sink and tenant.",
    ("sink", "tenant"),
    registry=REGISTRY,
)
DELIVERY_LAG: Final = Gauge(
    "vdl_lora_delivery_lag_seconds",
    "For how long the first event that is still to be delivered has been here, by sink and tenant; 0: nothing waits.",
    ("sink", "tenant"),
    registry=REGISTRY,
)
DELIVERY_STATE: Final = Gauge(
    "vdl_lora_delivery_state",
    "How delivery goes, by sink and tenant: 1 at its state (flowing, retrying, held), 0 at the others.",
    ("sink", "tenant", "state"),
    registry=REGISTRY,
)

for _reason in ("age", "size", "hand"):
    JOURNAL_PRUNED.labels(_reason)
for _state in ("open", "opening", "waiting", "refused"):
    STREAMS.labels(_state)  # there from the start, so that a zero is no gap
