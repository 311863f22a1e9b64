"""How the C library keeps memory for us: a service that runs for years gives back what a burst took."""

import asyncio
import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_OPTIONS: Final[Mapping[str, tuple[int, int]]] = {
    "MALLOC_ARENA_MAX": (-8, 2),  # threads share two heaps: by default up to eight a core, no faster here
    "MALLOC_MMAP_THRESHOLD_": (-3, 256 << 10),  # what is larger is a mapping of its own, gone when it is freed
    "MALLOC_TRIM_THRESHOLD_": (-1, 1 << 20),  # what is free at the end of a heap goes back
}
"""By the variable that beats it: the option of glibc's malloc.h, and its value.

Left alone, glibc learns from the first large block that is freed to keep tens of MB.
"""


GIVE_BACK_S = 5.0


def keep_heaps_small() -> None:
    """Set how much memory is kept, once all is imported: before that it would cost time."""
    with suppress(AttributeError, OSError):  # another C library
        set_option = ctypes.CDLL(None).mallopt
        for variable, (option, value) in _OPTIONS.items():
            if variable not in os.environ:
                set_option(option, value)


async def give_back() -> None:
    """Give pages that are free amid a heap back, again and again: what a burst took lies between what stays."""
    with suppress(AttributeError, OSError):  # another C library
        trim = ctypes.CDLL(None).malloc_trim
        while True:
            await asyncio.sleep(GIVE_BACK_S)
            await asyncio.to_thread(trim, 0)
