"""Emitting events in process: what ChirpStack makes of what its gateways hear and its downlinks meet."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from . import bodies
from .bodies import Frame, Heard
from .history import Histories, RedisGone, event_key
from .model import Database, DeviceRow
from .push import Pusher
from .services.device import random_dev_addr
from .state import State
from .wire import device

EVENT = "event"
"""The kind of the state's records that hold an entry of a history."""

_RETRANSMITTED = "Uplink was flagged as re-transmission / frame-counter did not increment"
_WENT_BACK = "Frame-counter reset or rollover detected"
_UNKNOWN_BATTERY = 255
_WHOLE_BATTERY = 254

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Emitted:
    """What came of a frame: the kinds of its events, in their order, and the id that they share.

    No kinds: ChirpStack heard it and said nothing, as it does for a device that is unknown or disabled.
    """

    kinds: tuple[str, ...] = ()
    deduplication_id: str = ""
    f_cnt: int = 0


class Emitting:
    """The part of a virtual ChirpStack that emits events; each goes to the history and to the HTTP integration."""

    clock: Callable[[], int]
    database: Database
    histories: Histories
    pusher: Pusher
    emitted: Counter[str]
    state: State

    def counts(self) -> dict[str, int]:
        """Count what was emitted, by kind."""
        return dict(self.emitted)

    def join(self, dev_eui: str, *, dev_addr: str = "", at_ns: int | None = None) -> Emitted:
        """Let a device join: a new session, counters from 0."""
        row = self._heard(dev_eui)
        if row is None:
            return Emitted()
        session = self._activate(dev_eui, row, dev_addr)
        message = bodies.join(bodies.device_info(self.database, row), session.dev_addr, self._at(at_ns))
        self._emit("join", row, message)
        return Emitted(("join",), message.deduplication_id)

    def up(  # noqa: PLR0913 - a frame and what becomes of it
        self,
        dev_eui: str,
        payload: bytes = b"",
        *,
        f_port: int = 1,
        f_cnt: int | None = None,
        confirmed: bool = False,
        adr: bool = True,
        dr: int = 5,
        frequency: int = 868_100_000,
        heard: Sequence[Heard] = (Heard(),),
        decoded: Mapping[str, Any] | None = None,
        codec_error: str = "",
        status: tuple[int, int] | None = None,
        at_ns: int | None = None,
    ) -> Emitted:
        """Let gateways hear a data frame at a moment.

        Without `f_cnt` it is the next. A counter that does not rise gives a log and no `up`, unless the device skips
        the check. `decoded` is what the profile's codec made of it, `codec_error` how it failed: then a log comes
        too. `status` is a DevStatusAns in the same frame: margin, and battery from 0 to 255. A device without a
        session is given one.
        """
        row = self._heard(dev_eui)
        if row is None:
            return Emitted()
        session = self._activate(dev_eui, row, "") if row.activation is None else row.activation
        expected = session.f_cnt_up
        frame = Frame(payload, f_port, expected if f_cnt is None else f_cnt, confirmed, adr, dr, frequency)
        moment = self._at(at_ns)
        rx_info = bodies.receptions(heard, moment)
        event_at_ns = bodies.time_of_frame(rx_info, moment)
        deduplication_id = str(bodies.new_uuid())
        if frame.f_cnt < expected and not row.message.skip_fcnt_check:
            again = frame.f_cnt == expected - 1
            code = "UPLINK_F_CNT_RETRANSMISSION" if again else "UPLINK_F_CNT_RESET"
            context = {"deduplication_id": deduplication_id, "f_cnt_up": str(frame.f_cnt)}
            words = _RETRANSMITTED if again else _WENT_BACK
            self.log(dev_eui, "WARNING", code, words, context, at_ns=event_at_ns)
            return Emitted(("log",), deduplication_id, frame.f_cnt)
        info = bodies.device_info(self.database, row)
        message = bodies.uplink(info, session.dev_addr, frame, rx_info, event_at_ns, deduplication_id)
        if decoded is not None:
            bodies.decode_into(message, decoded)
        emits = [("up", message)]
        if codec_error:
            context = {"deduplication_id": deduplication_id}
            said_at_ns = moment + 300_000
            emits.append(("log", bodies.log(info, "ERROR", "UPLINK_CODEC", codec_error, context, said_at_ns)))
        if status is not None:
            emits.append(("status", bodies.status(info, *status, event_at_ns, deduplication_id)))
            self._remember_status(row, *status)
        row.last_seen_at_ns = moment
        session.f_cnt_up = frame.f_cnt + 1
        self.database.seen(dev_eui, row)
        if len(emits) > 1:
            random.shuffle(emits)
        for kind, each in emits:
            self._emit(kind, row, each)
        return Emitted(tuple(kind for kind, _ in emits), deduplication_id, frame.f_cnt)

    def status(self, dev_eui: str, margin: int, battery: int, *, at_ns: int | None = None) -> Emitted:
        """Let a device answer a DevStatusReq; `battery` is 0 on external power, 1 to 254, or 255 unknown."""
        row = self._heard(dev_eui)
        if row is None:
            return Emitted()
        deduplication_id = str(bodies.new_uuid())
        info = bodies.device_info(self.database, row)
        self._remember_status(row, margin, battery)
        self._emit("status", row, bodies.status(info, margin, battery, self._at(at_ns), deduplication_id))
        return Emitted(("status",), deduplication_id)

    def txack(
        self,
        dev_eui: str,
        *,
        queue_item_id: str = "",
        f_cnt_down: int = 0,
        gateway_id: str = "0016c001f1500001",
        at_ns: int | None = None,
    ) -> Emitted:
        """Let a gateway say that it sent a downlink; its tags are the profile's and the device's only."""
        row = self._device(dev_eui)
        info = bodies.device_info(self.database, row, application_tags=False)
        queue_item_id = queue_item_id or str(bodies.new_uuid())
        self._emit("txack", row, bodies.txack(info, queue_item_id, f_cnt_down, gateway_id, self._at(at_ns)))
        return Emitted(("txack",))

    def ack(
        self,
        dev_eui: str,
        *,
        queue_item_id: str = "",
        f_cnt_down: int = 0,
        acknowledged: bool = True,
        at_ns: int | None = None,
    ) -> Emitted:
        """Let a device acknowledge a downlink, or be silent for too long."""
        row = self._device(dev_eui)
        info = bodies.device_info(self.database, row)
        queue_item_id = queue_item_id or str(bodies.new_uuid())
        message = bodies.ack(info, queue_item_id, f_cnt_down, self._at(at_ns), acknowledged=acknowledged)
        self._emit("ack", row, message)
        return Emitted(("ack",), message.deduplication_id)

    def log(  # noqa: PLR0913 - an event's parts
        self,
        dev_eui: str,
        level: str,
        code: str,
        description: str,
        context: Mapping[str, str] | None = None,
        *,
        at_ns: int | None = None,
    ) -> Emitted:
        """Let ChirpStack say something about a device; `level` and `code` are the names of integration.proto."""
        row = self._device(dev_eui)
        info = bodies.device_info(self.database, row)
        self._emit("log", row, bodies.log(info, level, code, description, context or {}, self._at(at_ns)))
        return Emitted(("log",))

    def _at(self, at_ns: int | None) -> int:
        return self.clock() if at_ns is None else at_ns

    def _device(self, dev_eui: str) -> DeviceRow:
        row = self.database.devices.get(dev_eui)
        if row is None:
            raise LookupError(f"there is no device {dev_eui}")
        return row

    def _heard(self, dev_eui: str) -> DeviceRow | None:
        """Give a device whose frames ChirpStack takes: neither unknown nor disabled, of which it tells nobody."""
        row = self.database.devices.get(dev_eui)
        return None if row is None or row.message.is_disabled else row

    def _activate(self, dev_eui: str, row: DeviceRow, dev_addr: str) -> Any:
        session = row.activation = device.DeviceActivation(dev_eui=dev_eui, dev_addr=dev_addr or random_dev_addr())
        self.database.devices.put(dev_eui, row)
        return session

    def _remember_status(self, row: DeviceRow, margin: int, battery: int) -> None:
        known = 0 < battery < _UNKNOWN_BATTERY
        row.status = (margin, battery == 0, battery / _WHOLE_BATTERY * 100 if known else -1.0)
        self.database.devices.put(row.message.dev_eui, row)

    def _emit(self, kind: str, row: DeviceRow, message: Any) -> None:
        """Hand an event to the history and to the application's integration; neither hears of the other's failure."""
        self.emitted[kind] += 1
        key = event_key(row.message.dev_eui)
        try:
            entry = self.histories.add(key, kind, message.SerializeToString())
        except RedisGone:
            _log.info("event_without_history", key=key, event_kind=kind)
        else:
            if entry is not None:
                self.state.keep(EVENT, key, *entry.id, entry.kind, entry.body)
        integration = self.database.integrations.get(row.message.application_id)
        if integration is not None:
            self.pusher.push(integration.message, kind, message)
