"""Ways out: one file each."""

from .influxdb import InfluxSettings, InfluxSink, InfluxTenant
from .influxdb_check import check_influxdb
from .memory import MemorySink
from .sqlite import SqliteSink, StoreSettings

__all__ = [
    "InfluxSettings",
    "InfluxSink",
    "InfluxTenant",
    "MemorySink",
    "SqliteSink",
    "StoreSettings",
    "check_influxdb",
]
