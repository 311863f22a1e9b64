"""Which tenants have new events, for those who wait for them."""

import asyncio
from collections.abc import Iterable
from itertools import takewhile

from vdl_lora.interfaces import Arrived


class Arrivals:
    """The last position of each tenant, as far as known; `tenants` may have events up to `last` already."""

    def __init__(self, last: int = 0, tenants: Iterable[str] = ()) -> None:
        self.last = last
        self._of_tenant = dict.fromkeys(tenants, last)  # in the order of their last events
        self._newest = last
        self._grown = asyncio.Event()

    def add(self, tenants: Iterable[str], last: int) -> None:
        """Wake those who wait: these tenants have new events, and `last` is the last position now."""
        self.last = last
        for tenant in tenants:
            self._of_tenant.pop(tenant, None)
            self._of_tenant[tenant] = self._newest = last
        self._grown.set()

    async def wait(self, after: int, timeout_s: float) -> Arrived:
        """Wait until an event beyond position `after` is kept, or for `timeout_s`; see `Journal.wait`."""
        if self._newest <= after:
            self._grown.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._grown.wait()
            except TimeoutError:
                pass
        of_tenant = self._of_tenant
        return Arrived(self.last, tuple(takewhile(lambda tenant: of_tenant[tenant] > after, reversed(of_tenant))))
