"""Builds and wires: the one place where settings become rooms that know each other."""

from .build import (
    Knowledge,
    build_interpreter,
    build_knowledge,
    build_sink,
    open_journal,
    open_knowledge,
    read_installations,
)
from .choice import Chosen, choose_decoder
from .diagnosis import Finding, diagnose
from .drafts import Drafted, Named, draft_object, draft_script
from .imports import Imported, import_files
from .prune import prune_journal
from .quarantine import with_logged_words
from .service import Service, run_service, running

__all__ = [
    "Chosen",
    "Drafted",
    "Finding",
    "Imported",
    "Knowledge",
    "Named",
    "Service",
    "build_interpreter",
    "build_knowledge",
    "build_sink",
    "choose_decoder",
    "diagnose",
    "draft_object",
    "draft_script",
    "import_files",
    "open_journal",
    "open_knowledge",
    "prune_journal",
    "read_installations",
    "run_service",
    "running",
    "with_logged_words",
]
