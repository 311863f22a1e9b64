"""ChirpStack v4 over gRPC: the channel, what its answers mean, who is there, and when to come back."""

from .answers import meaning
from .channel import BusyRetries, ChirpStackSettings, Connection
from .check import Examined, examine
from .declared import read_declared
from .gate import Gate, Pace, pause_s
from .inventory import Inventory, ListedDevice, read_inventory, read_tenants
from .wire import LogItem, Stream

__all__ = [
    "BusyRetries",
    "ChirpStackSettings",
    "Connection",
    "Examined",
    "Gate",
    "Inventory",
    "ListedDevice",
    "LogItem",
    "Pace",
    "Stream",
    "examine",
    "meaning",
    "pause_s",
    "read_declared",
    "read_inventory",
    "read_tenants",
]
