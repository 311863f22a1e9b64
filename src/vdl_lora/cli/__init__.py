"""The command `vdl-lora`: one file per noun."""

from .main import main

__all__ = ["main"]
