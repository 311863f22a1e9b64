"""How fast the gRPC source opens, watches and gives up: the service uses the defaults, tests shorter times."""

from dataclasses import dataclass
from typing import Final

from vdl_lora.chirpstack import pause_s
from vdl_lora.chirpstack.gate import FIRST_S, HELD_S, LONGEST_RETRY_S
from vdl_lora.errors import SourceError


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """Times in s, unless the name says otherwise.

    - `sure_s`: a stream is back when it has been open for this time: ChirpStack opens streams even while its Redis is
      away. It is lost when it has been away for this time: one that comes back earlier brings its history.
    - `healthy_s`: a stream that was open for this time is opened again without a log line: proxies cut idle streams.
    - `at_once_s`: the longest pause before such a stream is opened again.
    - `sweep_s`: from one look at the streams to the next.
    - `soonest_s`: from one listing to the next where a stream asks for it.
    - `look_s`: from one look at the key's file to the next while ChirpStack refuses us.
    - `end_s`: how long `run` waits, when cancelled, for a journal that is full.
    - `full_s`: the pause before the next try while the journal is full.
    - `first_s`, `longest_retry_s`, `held_s`: see `pause_s`.
    - `opens_per_s`: how many streams are opened in a second.
    - `most_events`, `most_bytes`: what may be read and not yet accepted.
    """

    sure_s: float = 2.0
    healthy_s: float = 10.0
    at_once_s: float = 0.5
    sweep_s: float = 0.5
    soonest_s: float = 5.0
    look_s: float = 1.0
    end_s: float = 5.0
    full_s: float = 1.0
    first_s: float = FIRST_S
    longest_retry_s: float = LONGEST_RETRY_S
    held_s: float = HELD_S
    opens_per_s: float = 2_000
    most_events: int = 2_000
    most_bytes: int = 32 << 20

    def pause_s(self, tries: int, error: SourceError) -> float:
        """Give the pause before the next of some tries."""
        return pause_s(tries, error, first_s=self.first_s, longest_s=self.longest_retry_s, held_s=self.held_s)


DEFAULTS: Final = GrpcSettings()
