"""Builds and wires: the one place where settings become rooms that know each other.

Here is what a service needs, which for years holds in memory all that it imports; commands import their own files.
"""

from .build import (
    Knowledge,
    build_interpreter,
    build_knowledge,
    build_sink,
    open_journal,
    open_knowledge,
    read_installations,
)
from .service import Service, run_service, running

__all__ = [
    "Knowledge",
    "Service",
    "build_interpreter",
    "build_knowledge",
    "build_sink",
    "open_journal",
    "open_knowledge",
    "read_installations",
    "run_service",
    "running",
]
