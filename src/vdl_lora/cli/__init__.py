"""The command `vdl-lora`: one file per noun."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes past Python, and reads this when it is imported

from .main import main

__all__ = ["main"]
