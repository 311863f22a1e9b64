"""Ways in: one file each."""

from .file import FileSource, Skipped, export_line, parse_line
from .memory import MemorySource

__all__ = ["FileSource", "MemorySource", "Skipped", "export_line", "parse_line"]
