"""The journal: what arrived, as it arrived, durable before anything decodes it."""

from .memory import MemoryJournal
from .sqlite import JournalReader, JournalSettings, SqliteJournal

__all__ = ["JournalReader", "JournalSettings", "MemoryJournal", "SqliteJournal"]
