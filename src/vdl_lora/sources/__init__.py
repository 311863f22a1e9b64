"""Ways in: a file or a folder each."""

from .file import FileSource, Skipped, export_line, parse_line
from .grpc import GrpcSource
from .memory import MemorySource

__all__ = ["FileSource", "GrpcSource", "MemorySource", "Skipped", "export_line", "parse_line"]
