"""Builds and wires: the one place where settings become rooms that know each other."""

from .build import Knowledge, build_interpreter, build_knowledge, build_sink, open_journal, read_installations
from .imports import Imported, import_files
from .service import Service, run_service, running

__all__ = [
    "Imported",
    "Knowledge",
    "Service",
    "build_interpreter",
    "build_knowledge",
    "build_sink",
    "import_files",
    "open_journal",
    "read_installations",
    "run_service",
    "running",
]
