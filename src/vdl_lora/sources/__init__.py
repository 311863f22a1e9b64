"""Ways in: one file each."""

from .file import FileSource, Skipped
from .memory import MemorySource

__all__ = ["FileSource", "MemorySource", "Skipped"]
