"""The fleet as the demo and tests hold it: registers its sensors in a virtual ChirpStack, and lets them send."""

import asyncio
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vdl_lora.decoding import Decoder
from vdl_lora.discovery import discover
from vdl_lora.errors import ConfigError
from vdl_lora.times import NS
from vdl_lora.virtual.chirpstack import VirtualChirpStack
from vdl_lora.virtual.emitter import Emitted

from .installed import installations
from .models import MODELS
from .place import Application, Place
from .places import PLACES
from .sensor import Past, Sending, Sensor
from .timeline import DAY_S, Timeline

DEMO_SPEED = 60.0
"""At this speed an hour passes in a minute, and each sensor is heard every 10 to 30 s."""

_DEDUPLICATION_NS = 200_000_000
"""For so long ChirpStack waits for further gateways before it tells anybody of a frame."""
_LOST_AFTER_NS = 5 * NS
_KEPT_FREE = 4
_AT_ONCE = 16


class Fleet:
    """Sensors at their places; `run` lets them send until it is cancelled.

    `speed` is how many times faster than the clock their days pass. `past_s` is how far back each sensor's first
    uplinks lie: the fleet gives as many of them as ChirpStack keeps of a device, evenly over that time; 0 gives none.
    Raises ConfigError where a model has no decoder, or the speed is none.
    """

    def __init__(  # noqa: PLR0913 - what makes one fleet differ from another
        self,
        chirpstack: VirtualChirpStack,
        *,
        places: Iterable[Place] = PLACES,
        speed: float = 1.0,
        seed: int = 1,
        past_s: float = DAY_S,
        decoders: Mapping[str, Decoder] | None = None,
    ) -> None:
        if not 0 < speed < math.inf:
            raise ConfigError(f"the speed of a fleet is more than 0, not {speed:g}")
        known = {entry.id: entry.decoder for entry in discover().entries()} if decoders is None else decoders
        self.places = tuple(places)
        missing = sorted({place.model for place in self.places} - known.keys())
        if missing:
            raise ConfigError(
                f"the fleet encodes with the decoders of its models, and there is none of {', '.join(missing)}"
            )
        self.speed = speed
        self.sensors = [Sensor(place, known[place.model], seed) for place in self.places]
        self.emitted: Counter[str] = Counter()
        self._chirpstack = chirpstack
        self._past = Past(max(0, chirpstack.histories.at_least - _KEPT_FREE), past_s)

    @property
    def installations(self) -> str:
        """What the service must be told of the places and ChirpStack does not know, as a file of installations."""
        return installations(self.places, self.speed)

    def register(self) -> None:
        """Make the tenants, applications, profiles and devices."""
        chirpstack = self._chirpstack
        tenants: dict[str, str] = {}
        applications: dict[Application, str] = {}
        profiles: dict[tuple[str, str], str] = {}
        for place in self.places:
            application, model = place.application, MODELS[place.model]
            if application.tenant not in tenants:
                tenants[application.tenant] = chirpstack.add_tenant(application.tenant)
            tenant_id = tenants[application.tenant]
            if application not in applications:
                applications[application] = chirpstack.add_application(tenant_id, application.name)
            profile = (tenant_id, model.profile)
            if profile not in profiles:
                profiles[profile] = chirpstack.add_profile(
                    tenant_id, model.profile, uplink_interval=round(model.every_s)
                )
            chirpstack.add_device(
                place.dev_eui,
                place.name,
                applications[application],
                profiles[profile],
                tags=place.tags,
                disabled=place.disabled,
            )

    async def run(self) -> None:
        """Send what lies in the past, then what the sensors send from now on, each frame when it is due.

        A frame that this process comes to more than 5 s late, because it slept or is overloaded, is lost on the air.
        """
        clock = self._chirpstack.clock
        timeline = Timeline(clock(), self.speed)
        at_once = 0
        for sending in self.sendings(timeline):
            ahead_ns = sending.at_ns + _DEDUPLICATION_NS - clock()
            at_once = 0 if ahead_ns > 0 else at_once + 1
            if ahead_ns > 0 or at_once % _AT_ONCE == 0:
                await asyncio.sleep(max(ahead_ns, 0) / NS)
            if sending.at_ns < timeline.began_at_ns or ahead_ns > -_LOST_AFTER_NS:
                self.emit(sending)

    def sendings(self, timeline: Timeline) -> Iterator[Sending]:
        """Give the frames of all sensors by their time, those of the past first, without end."""
        each = (sensor.sendings(timeline, self._past) for sensor in self.sensors)
        return heapq.merge(*each, key=lambda sending: sending.at_ns)

    def emit(self, sending: Sending) -> Emitted:
        """Hand ChirpStack what it hears of a frame; a lost one it does not."""
        chirpstack = self._chirpstack
        if sending.kind == "join":
            emitted = chirpstack.join(sending.dev_eui, at_ns=sending.at_ns)
        elif sending.heard:
            emitted = chirpstack.up(
                sending.dev_eui,
                sending.payload,
                f_port=sending.f_port,
                f_cnt=sending.f_cnt,
                dr=sending.dr,
                frequency=sending.frequency,
                heard=sending.heard,
                decoded=sending.decoded,
                codec_error=sending.codec_error,
                status=sending.status,
                at_ns=sending.at_ns,
            )
        else:
            emitted = Emitted()
        self.emitted.update(emitted.kinds)
        return emitted
