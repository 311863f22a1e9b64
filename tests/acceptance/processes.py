"""What the tests of failures hold: a virtual ChirpStack and the service, each a process of its own in one folder."""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import grpc
from chirpstack_api.api import internal_pb2, internal_pb2_grpc

from tests.ports import free_port
from vdl_lora.events import parse_time
from vdl_lora.interfaces import Counts, EventFilter, KeptEvent
from vdl_lora.journal import JournalReader

COMMAND = [sys.executable, "-m", "vdl_lora.cli"]
REFRESH_S = 5
"""The shortest period of listing that the configuration allows."""

_TAGS = {"decoder": "milesight/em300-th"}
_T = TypeVar("_T")


def ran(
    *words: str, cwd: Path | None = None, code: int | None = 0, stdin: str = "", **given: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end, which must have this code, if any; `given` are variables of its environment."""
    done = subprocess.run(
        [*COMMAND, *words],
        cwd=cwd,
        env=environment() | given,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done


class Up(NamedTuple):
    """An uplink, as ChirpStack answered the order to hear it, or as it was found; its moment tells what it says."""

    dev_eui: str
    f_cnt: int
    deduplication_id: str
    at_ns: int

    @property
    def sensed(self) -> tuple[int, float, float]:
        """The values in its payload: level of the battery, temperature, humidity."""
        number = self.at_ns // 1000
        return number % 101, (number % 700 - 200) / 10, number % 201 / 2

    @property
    def payload(self) -> bytes:
        """Its payload, as an EM300-TH sends these values."""
        battery, temperature, humidity = self.sensed
        celsius = round(temperature * 10).to_bytes(2, "little", signed=True)
        return bytes([0x01, 0x75, battery, 0x03, 0x67, *celsius, 0x04, 0x68, round(humidity * 2)])


class Gone(Exception):  # noqa: N818 - a state, no mistake
    """ChirpStack's process does not take orders now."""


class ChirpStack:
    """`vdl-lora virtual`; killed and started again it has all that it had, at the same address.

    `poll_s` is shorter than ChirpStack's second, so that a history comes back in less time.
    """

    def __init__(self, folder: Path, *, history: int, poll_s: float = 0.05) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.key = ""
        self._options = ["--history", str(history), "--poll", str(poll_s), "--state", str(folder / "chirpstack.state")]
        self._process: subprocess.Popen[bytes] | None = None
        self._door = threading.Lock()

    def start(self, address: str = "") -> None:
        """Start at its address, or at another where nobody looks for it, and return when it listens."""
        process = subprocess.Popen(
            [*COMMAND, "virtual", "--orders", "--bind", address or self.address, *self._options],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.key = json.loads(process.stdout.readline())["admin_key"]
        self._process = process  # from here on it takes orders

    def kill(self) -> None:
        """Kill it as nothing can be caught."""
        if self._process is not None:
            self._process.kill()
            with self._door:  # whoever waits for an answer hears that there is none
                _close(self._process)
                self._process = None

    def order(self, do: str, **arguments: Any) -> Any:
        """Give an order and return its answer. Raises Gone."""
        with self._door:
            if self._process is None:
                raise Gone
            try:
                self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
                self._process.stdin.flush()
                answer = json.loads(self._process.stdout.readline())
            except (OSError, ValueError):
                raise Gone from None
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["answer"]

    def register(self, count: int, tenant: str = "", *, first: int = 0) -> list[str]:
        """Register devices in an application of their own, and give their DevEUIs; without a tenant, in a new one."""
        tenant = tenant or self.order("add_tenant", name="Commune de Bauzy")
        application = self.order("add_application", tenant_id=tenant, name="Bâtiments")
        profile = self.order("add_profile", tenant_id=tenant, name="EM300-TH")
        euis = [f"24e124136b{number:06x}" for number in range(first, first + count)]
        for eui in euis:
            self.order("add_device", dev_eui=eui, name=eui, application_id=application, profile_id=profile, tags=_TAGS)
        return euis

    def up(self, dev_eui: str) -> Up:
        """Let a device be heard now."""
        now = Up(dev_eui, 0, "", time.time_ns())
        answer = self.order("up", dev_eui=dev_eui, payload=now.payload.hex(), f_port=85, at_ns=now.at_ns)
        return now._replace(f_cnt=answer["f_cnt"], deduplication_id=answer["deduplication_id"])

    def ups(self, dev_euis: Iterable[str], times: int = 1) -> list[Up]:
        """Let devices be heard, each so many times."""
        return [self.up(eui) for eui in dev_euis for _ in range(times)]

    def history(self, newest: Up) -> list[Up]:
        """Stream a device's history up to its newest uplink: what ChirpStack still has."""
        kept: list[Up] = []
        with grpc.insecure_channel(self.address) as channel:
            call = internal_pb2_grpc.InternalServiceStub(channel).StreamDeviceEvents(
                internal_pb2.StreamDeviceEventsRequest(dev_eui=newest.dev_eui),
                metadata=[("authorization", f"Bearer {self.key}")],
                timeout=30,
            )
            while newest not in kept:
                kept.append(_up(json.loads(next(call).body)))
            call.cancel()
        return kept


class Heard(threading.Thread):
    """Devices that are heard one after another until it ends; `sent` is what ChirpStack answered to, in its order."""

    def __init__(self, chirpstack: ChirpStack, dev_euis: Sequence[str], every_s: float = 0.02) -> None:
        super().__init__(name="devices", daemon=True)
        self.sent: list[Up] = []
        self._chirpstack = chirpstack
        self._dev_euis = dev_euis
        self._every_s = every_s
        self._quiet = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        """Go on, whether ChirpStack is there or not."""
        turn = 0
        while not self._ended.wait(self._every_s):
            with self._quiet:
                try:
                    self.sent.append(self._chirpstack.up(self._dev_euis[turn % len(self._dev_euis)]))
                except Gone:
                    continue
            turn += 1

    @contextmanager
    def quiet(self) -> Generator[None]:
        """Let nothing be heard meanwhile."""
        with self._quiet:
            yield

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(30)


class Service:
    """`vdl-lora run`, its log in a file; `key_file` is where it reads its key, `environment` what is set for it."""

    def __init__(self, folder: Path, chirpstack: ChirpStack) -> None:
        self.folder = folder
        self.key_file = folder / "key"
        self.log = folder / "service.log"
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._chirpstack = chirpstack

    def configure(self, *, key: str = "", tenants: Sequence[str] = (), **sections: str) -> None:
        """Write its configuration and its key, ChirpStack's own where none is given; a section is given as TOML."""
        text = f'[chirpstack]\nserver = "{self._chirpstack.address}"\napi_key_file = "key"\nrefresh = "{REFRESH_S}s"\n'
        text += f"tenants = {json.dumps(tenants)}\n"
        for name, content in ({"monitoring": 'bind = ""', "journal": 'reserve = ""'} | sections).items():
            text += f"[{name}]\n{content}\n"
        (self.folder / "vdl-lora.toml").write_text(text, encoding="utf-8")
        self.key_file.write_text(key or self._chirpstack.key, encoding="utf-8")

    def start(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("ab") as log:
            given = environment() | self.environment
            self.process = subprocess.Popen([*COMMAND, "run"], cwd=self.folder, env=given, stderr=log)

    def run(self) -> None:
        """Start it, and return when it has listed the devices."""
        before = self.said("devices were listed")
        self.start()
        until("the devices are listed", lambda: self.said("devices were listed") > before)

    def kill(self) -> None:
        """Kill it as nothing can be caught."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Signal it, and give its exit code and how long it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20), time.monotonic() - begun

    def prune(self) -> dict[str, int]:
        """Run the command that makes room in the journal."""
        command = [*COMMAND, "journal", "prune", "--older-than", "0s", "--json"]
        return json.loads(subprocess.check_output(command, cwd=self.folder, env=environment(), timeout=60))

    def status(self) -> dict[str, Any]:
        """Run the command that tells what waits."""
        command = [*COMMAND, "journal", "status", "--json"]
        return json.loads(subprocess.check_output(command, cwd=self.folder, env=environment(), timeout=60))

    def said(self, event: str) -> int:
        """Count how often its log says something."""
        return sum(event == line["event"] for line in self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return (json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))

    # ------------------------------------------------------------------ what it kept

    def ups(self) -> list[Up]:
        """Read the uplinks of the journal, in its order."""
        return [_up(json.loads(event.body)) for event in self._events("up")]

    def arrivals(self) -> list[int]:
        """Read when the uplinks of the journal arrived, in ns by the service's own clock."""
        return [event.arrived_at_ns for event in self._events("up")]

    def bodies(self) -> dict[str, bytes]:
        """Read the newest uplink of each device, as it arrived."""
        return {event.dev_eui: event.body for event in self._events("up")}

    def memory(self) -> int:
        """Read how much memory it took at most, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def tenants(self) -> dict[str, str]:
        """Read which tenant each uplink of the journal is of, by its id."""
        return {_up(json.loads(event.body)).deduplication_id: event.tenant for event in self._events("up")}

    def own(self) -> list[tuple[str, int]]:
        """Read the own events of the journal that speak of the whole: what they are about, and of when they are."""
        return [
            (json.loads(event.body)["about"], event.event_at_ns) for event in self._events("own") if not event.dev_eui
        ]

    def abouts(self) -> list[str]:
        """Read what the own events are about."""
        return [about for about, _ in self.own()]

    def own_of_devices(self) -> Counter[tuple[str, str]]:
        """Count the own events that speak of one device, by device and what they are about."""
        return Counter(
            (event.dev_eui, json.loads(event.body)["about"]) for event in self._events("own") if event.dev_eui
        )

    def points(self, columns: str = "dev_eui, f_cnt") -> list[tuple[Any, ...]]:
        """Read the uplinks of the embedded store."""
        path = self.folder / "data" / "points.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            if not store.execute("select count(*) from sqlite_schema where name = 'lorawan_uplink'").fetchone()[0]:
                return []
            return sorted(store.execute(f"select {columns} from lorawan_uplink"))  # noqa: S608 - names of ours

    def data(self) -> list[Path]:
        """Give the files of the journal and the store."""
        return list((self.folder / "data").iterdir())

    def whole(self) -> bool:
        """See whether both files are whole; only while it does not run."""
        for name in ("journal", "points"):
            with closing(sqlite3.connect(self.folder / "data" / f"{name}.sqlite")) as file:
                if file.execute("pragma integrity_check").fetchall() != [("ok",)]:
                    return False
        return True

    def counts(self) -> Counts:
        """Count what the journal has, what is marked there and what waits."""

        async def read() -> Counts:
            async with JournalReader(self.folder / "data" / "journal.sqlite") as journal:
                return await journal.counts()

        return asyncio.run(read())

    def _events(self, kind: str) -> list[KeptEvent]:
        async def read() -> list[KeptEvent]:
            async with JournalReader(self.folder / "data" / "journal.sqlite") as journal:
                return [event async for event in journal.events(EventFilter(kind=kind), bodies=True)]

        return [event for event in asyncio.run(read()) if event.body is not None]


class Site:
    """A folder with a ChirpStack and the service."""

    def __init__(self, folder: Path, *, history: int) -> None:
        self.chirpstack = ChirpStack(folder, history=history)
        self.service = Service(folder, self.chirpstack)
        self.chirpstack.start()

    def kept(self, sent: Sequence[Up], within_s: float = 30) -> list[Up]:
        """Wait until the journal has all that was sent and the store has what the journal has; give the uplinks."""
        until("all is in the journal", lambda: not lost(sent, self.service.ups()), within_s)
        until("all is in the store", lambda: self.service.points() == sorted(up[:2] for up in self.service.ups()))
        return self.service.ups()

    def end(self) -> None:
        """End what still runs; a test that failed shows what the service said."""
        self.service.kill()
        self.chirpstack.kill()
        sys.stderr.write(self.service.log.read_text(encoding="utf-8"))


def lost(sent: Iterable[Up], found: Iterable[Up]) -> list[Up]:
    """Give what was sent and not found."""
    known = set(found)
    return [up for up in sent if up not in known]


def doubled(found: Iterable[Any]) -> list[Any]:
    """Give what was found more than once."""
    return [each for each, count in Counter(found).items() if count > 1]


def until(what: str, find: Callable[[], _T], within_s: float = 30, every_s: float = 0.1) -> _T:
    """Wait until something is found, and give it."""
    deadline = time.monotonic() + within_s
    while not (found := find()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(every_s)
    return found


def narrow(service: Service, most: int | None = None) -> None:
    """Let no file of the service grow beyond so many bytes: its writes fail as on a full disk; None is no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (hard if most is None else most, hard))


def unwell(port: int) -> dict[str, str]:
    """Give what the service says is not good: the words by their subject."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            document = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        document = json.loads(error.read())
    return {check["subject"]: check["words"] for check in document["checks"] if not check["ok"]}


def measured(port: int, name: str) -> float:
    """Sum a metric of the service over its lines that begin so."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vdl_lora_{name}"))


def _up(body: dict[str, Any]) -> Up:
    return Up(body["deviceInfo"]["devEui"], body["fCnt"], body["deduplicationId"], parse_time(body["time"]))


def environment() -> dict[str, str]:
    """Give ours to a command, without what is set for the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VDL_LORA_")}


def _close(process: subprocess.Popen[bytes]) -> None:
    process.stdout.close()
    with suppress(BrokenPipeError):  # an order that it did not take
        process.stdin.close()
    process.wait(20)
