"""Ways out: one file each."""

from .influxdb import InfluxSettings, InfluxSink, InfluxTenant
from .memory import MemorySink
from .sqlite import SqliteSink, StoreSettings

__all__ = [
    "InfluxSettings",
    "InfluxSink",
    "InfluxTenant",
    "MemorySink",
    "SqliteSink",
    "StoreSettings",
]
