"""The engine behind makers' JavaScript codecs: quickjs-ng, in child processes that can harm nobody."""

from .child import Limits
from .engine import QuickJs
from .worker import LIMITS

__all__ = ["LIMITS", "Limits", "QuickJs"]
