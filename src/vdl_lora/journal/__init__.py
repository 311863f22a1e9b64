"""The journal: what arrived, as it arrived, durable before anything decodes it.

Backup, check and salvage are commands of their own, and no service holds them in memory.
"""

from .memory import MemoryJournal
from .sqlite import JournalReader, JournalSettings, SqliteJournal

__all__ = ["JournalReader", "JournalSettings", "MemoryJournal", "SqliteJournal"]
