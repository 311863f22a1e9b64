"""The journal: what arrived, as it arrived, durable before anything decodes it."""

from .backup import Backup, BackupStage, back_up
from .check import check_journal
from .memory import MemoryJournal
from .requests import ask
from .salvage import Salvaged, Saved, salvage_journal
from .sqlite import JournalReader, JournalSettings, SqliteJournal

__all__ = [
    "Backup",
    "BackupStage",
    "JournalReader",
    "JournalSettings",
    "MemoryJournal",
    "Salvaged",
    "Saved",
    "SqliteJournal",
    "ask",
    "back_up",
    "check_journal",
    "salvage_journal",
]
