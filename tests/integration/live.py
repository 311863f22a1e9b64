"""What the live tests hold: a virtual ChirpStack with a tenant, keys and devices, and connections to it."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from vdl_lora.chirpstack import ChirpStackSettings, Connection, Inventory, read_inventory
from vdl_lora.errors import JournalFull
from vdl_lora.events import parse_time
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.sources import GrpcSource
from vdl_lora.sources.grpc.settings import GrpcSettings
from vdl_lora.virtual import VirtualChirpStack

POLL_S = 0.05
SHORT = GrpcSettings(
    sure_s=0.2,
    healthy_s=0.5,
    at_once_s=0.05,
    sweep_s=0.05,
    soonest_s=0.2,
    look_s=0.05,
    end_s=1.0,
    full_s=0.05,
    first_s=0.05,
    held_s=0.4,
)
"""What takes seconds takes a tenth of them."""


class House:
    """A virtual ChirpStack of one tenant, and what is registered there."""

    def __init__(self, chirpstack, key_file):
        self.chirpstack = chirpstack
        self.key_file = key_file
        self.tenant = chirpstack.add_tenant("Commune de Bauzy")
        self.application = chirpstack.add_application(self.tenant, "Bâtiments")
        self.profile = chirpstack.add_profile(self.tenant, "EM300-TH")
        self.give_key(chirpstack.add_key(read_only=True))

    def give_key(self, key):
        """Write a key into the file that the settings name."""
        self.key_file.write_text(f"{key}\n", encoding="utf-8")
        self.key = key

    def settings(self, *, target="", tls=False, **changes):
        """Give settings that read the key from its file."""
        server = ("https://" if tls else "") + (target or self.chirpstack.address)
        return ChirpStackSettings(**{"server": server, "api_key_file": self.key_file, "refresh_s": 0.3} | changes)

    def add(self, *numbers, application="", profile=""):
        """Register devices, and give their DevEUIs."""
        euis = [f"{number:016x}" for number in numbers]
        for eui in euis:
            self.chirpstack.add_device(eui, f"device {eui}", application or self.application, profile or self.profile)
        return euis

    async def inventory(self, before=None, **changes):
        """Read the inventory through a connection of its own."""
        async with connected(self.settings(**changes)) as connection:
            return await read_inventory(connection, before or Inventory())


@asynccontextmanager
async def house_in(folder, **options):
    """Start one; its key is kept in a folder."""
    async with VirtualChirpStack(poll_s=POLL_S, **options) as chirpstack:
        yield House(chirpstack, folder / "key")


@asynccontextmanager
async def connected(settings):
    """Give a connection, and close it."""
    connection = Connection(settings)
    try:
        yield connection
    finally:
        await connection.close()


async def until(what, timeout_s=10.0):
    """Wait until something holds."""
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110 - what a server or a log holds tells nobody
            await asyncio.sleep(0.01)


class Live:
    """A source that runs, and what it has handed over; `full` is whether the journal is."""

    def __init__(self, house, source, journal=None):
        self.house = house
        self.source = source
        self.raws = []
        self.full = False
        self.task = None
        self._acceptor = Acceptor(journal) if journal is not None else None

    async def accept(self, events):
        """Take events as the service does."""
        if self.full:
            raise JournalFull("no room")
        if self._acceptor is not None:
            await self._acceptor(events)
        self.raws += events

    def ids(self, kind="up"):
        """Give the deduplication ids of what was handed over, in order."""
        return [json.loads(raw.body)["deduplicationId"] for raw in self.raws if raw.kind == kind]

    def own(self):
        """Give the own events: what about, of which device, when, and its words."""
        bodies = [json.loads(raw.body) for raw in self.raws if raw.kind == "own"]
        return [Own(each["about"], each["devEui"], parse_time(each["time"]), each["detail"]) for each in bodies]

    def abouts(self):
        """Give what the own events are about, and of which device."""
        return [(each.about, each.dev_eui) for each in self.own()]

    def state(self):
        """Give how it goes, by subject."""
        return {check.subject: (check.ok, check.words) for check in self.source.state()}

    async def opened(self, count):
        """Wait until so many streams are open, and have been for long enough to be sure of."""
        await until(lambda: self.source.open_streams() == count == self.house.chirpstack.streams.open)

    def opened_at_s(self, dev_eui):
        """Give when a device's stream was opened."""
        return self.source._streams[dev_eui].opened_at_s  # noqa: SLF001 - nobody else asks

    async def end(self):
        """Cancel it, and wait for its end."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class Own(NamedTuple):
    """An own event."""

    about: str
    dev_eui: str
    at_ns: int
    detail: dict


@asynccontextmanager
async def streaming(house, *, journal=None, settings=SHORT, **changes):
    """Run a source."""
    async with connected(house.settings(**changes)) as connection:
        live = Live(house, GrpcSource(connection, settings=settings), journal)
        live.task = asyncio.create_task(live.source.run(live.accept))
        try:
            yield live
        finally:
            await live.end()


class Trouble:
    """Makes the streams of single devices fail, or bring what no ChirpStack sends; counts who opens when."""

    def __init__(self, house):
        self.errors = {}
        self.once = set()
        self.first = {}
        self.opens = []
        self._real = house.chirpstack.streams.run
        self._changed = asyncio.Event()
        house.chirpstack.streams.run = self._run

    def fail(self, dev_eui, error):
        """End a device's stream with an error, and each that is opened from now on; None: no longer."""
        self.errors[dev_eui] = error
        self._changed.set()
        self._changed = asyncio.Event()

    def cut(self, dev_eui, error):
        """End a device's stream with an error, this time only."""
        self.once.add(dev_eui)
        self.fail(dev_eui, error)

    async def _run(self, dev_eui, context):
        self.opens.append((asyncio.get_running_loop().time(), dev_eui))
        opening = _Context(context, self.first.get(dev_eui, ()))
        reading = asyncio.ensure_future(self._real(dev_eui, opening))
        try:
            await opening.opened.wait()
            while (error := self.errors.get(dev_eui)) is None and not reading.done():
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait([reading, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            reading.cancel()
        if error is not None:
            if dev_eui in self.once:
                del self.errors[dev_eui]
            raise error
        await reading


class _Context:
    """A call's context that sends some items first."""

    def __init__(self, context, first):
        self.opened = asyncio.Event()
        self.write = context.write
        self._context = context
        self._first = first

    async def send_initial_metadata(self, metadata):
        await self._context.send_initial_metadata(metadata)
        for item in self._first:
            await self.write(item)
        self.opened.set()
