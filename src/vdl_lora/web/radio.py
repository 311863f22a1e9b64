"""What the frame counters tell: how many uplinks of a device were seen, and how many are missing between them. Pure.

A device numbers its uplinks (fCnt), from 0 after each join. A number that never came is an uplink that was lost: on the
radio, or before it was handed to us. Uplinks may come in any order and more than once; a counter that goes back while
time goes on began anew, and so did one under another DevAddr: between two such sessions nothing can be missing.
"""

from dataclasses import dataclass, field

MAX_SESSIONS = 4
MAX_GAPS = 64


@dataclass(slots=True)
class _Session:
    """An unbroken run of one counter: its lowest and highest number, and the gaps that late uplinks may still fill."""

    dev_addr: str
    low: int
    high: int
    first_at_ns: int
    last_at_ns: int
    seen: int = 1
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @property
    def lost(self) -> int:
        return self.high - self.low + 1 - self.seen

    def goes_on_with(self, f_cnt: int, at_ns: int) -> bool:
        """Tell whether this uplink belongs here: a lower number is only late where its time is not later too."""
        return f_cnt >= self.high or at_ns <= self.last_at_ns

    def take(self, f_cnt: int, at_ns: int) -> None:
        """Count an uplink; one that was counted before changes nothing."""
        if f_cnt > self.high:
            self._gap(self.high + 1, f_cnt - 1)
            self.high, self.seen = f_cnt, self.seen + 1
        elif f_cnt < self.low:
            self._gap(f_cnt + 1, self.low - 1)
            self.low, self.seen = f_cnt, self.seen + 1
        elif self._fill(f_cnt):
            self.seen += 1
        self.first_at_ns = min(self.first_at_ns, at_ns)
        self.last_at_ns = max(self.last_at_ns, at_ns)

    def _gap(self, first: int, last: int) -> None:
        if first <= last:
            self.gaps.append((first, last))
            del self.gaps[:-MAX_GAPS]

    def _fill(self, f_cnt: int) -> bool:
        for index, (first, last) in enumerate(self.gaps):
            if first <= f_cnt <= last:
                rest = [(first, f_cnt - 1), (f_cnt + 1, last)]
                self.gaps[index : index + 1] = [each for each in rest if each[0] <= each[1]]
                return True
        return False


class Frames:
    """Counts the uplinks of one device: `seen` and `lost`, over all its sessions."""

    __slots__ = ("_ended_lost", "_ended_seen", "_sessions")

    def __init__(self) -> None:
        self._sessions: list[_Session] = []
        self._ended_seen = 0
        self._ended_lost = 0

    @property
    def seen(self) -> int:
        """How many different uplinks came."""
        return self._ended_seen + sum(session.seen for session in self._sessions)

    @property
    def lost(self) -> int:
        """How many numbers between them never came."""
        return self._ended_lost + sum(session.lost for session in self._sessions)

    def take(self, dev_addr: str, f_cnt: int, at_ns: int) -> None:
        """Count an uplink with this number, sent at this time."""
        mine = [session for session in self._sessions if session.dev_addr == dev_addr]
        begun = [session for session in mine if session.first_at_ns <= at_ns]
        session = begun[-1] if begun else mine[0] if mine else None
        if session is not None and session.goes_on_with(f_cnt, at_ns):
            session.take(f_cnt, at_ns)
            return
        self._sessions.append(_Session(dev_addr, f_cnt, f_cnt, at_ns, at_ns))
        if len(self._sessions) > MAX_SESSIONS:
            ended = self._sessions.pop(0)
            self._ended_seen += ended.seen
            self._ended_lost += ended.lost
