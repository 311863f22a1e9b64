"""Ways out: one file each."""

from .memory import MemorySink
from .sqlite import SqliteSink, StoreSettings

__all__ = ["MemorySink", "SqliteSink", "StoreSettings"]
