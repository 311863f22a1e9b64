"""The radio: which gateways hear a frame, and how well; what none hears is lost. No I/O.

Path loss grows by 32 dB with each tenfold distance, walls and hills are a random share that stays the same for a device
and a gateway, and each frame fades by itself. The device's data rate is the fastest that leaves a margin, as ADR
chooses it. Sources: sensitivity by spreading factor, Semtech SX1276 datasheet; 14 dBm and the frequencies, LoRaWAN
regional parameters, EU868.
"""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vdl_lora.virtual.bodies import Heard

from .signals import chance
from .territory import COMMUNES, GATEWAYS, Position

FREQUENCIES = tuple(867_100_000 + 200_000 * number for number in range(8))
"""Those that gateways of EU868 listen to: 867.1 to 868.5 MHz."""

LEAST_SNR = {0: -20.0, 1: -17.5, 2: -15.0, 3: -12.5, 4: -10.0, 5: -7.5}
"""The least SNR in dB at which a data rate is heard."""

ADR_MARGIN = 8.0

_SENT_DBM = 14.0
_GATEWAY_GAIN = 3.0
_AT_ONE_KM = 104.0
_PER_TENFOLD = 32.0
_NOISE_DBM = -117.0
_BEST_SNR = 10.0
_FADES_DB = 3.0
_COLLIDES = 0.01
_DEGREE_KM = 111.2
_IN_VILLAGE_KM = 0.35
_CLOCK_ERROR_NS = 25_000_000


@dataclass(frozen=True, slots=True)
class Radio:
    """A device's radio: its usual SNR in dB at each gateway, and its data rate."""

    snr: Mapping[str, float]
    dr: int

    def send(self, dice: random.Random) -> tuple[Heard, ...]:
        """Send a frame and give the gateways that hear it, none where it is lost."""
        if dice.random() < _COLLIDES:
            return ()
        found: list[Heard] = []
        for gateway_id, usual in self.snr.items():
            snr = usual + dice.gauss(0, _FADES_DB)
            if snr >= LEAST_SNR[self.dr]:
                found.append(_heard(gateway_id, snr))
        return tuple(found)


def radio(device: str, commune: str, walls: float, gateways: Mapping[str, str] = GATEWAYS) -> Radio:
    """Give the radio of a device; `walls` is what stands around it, in dB."""
    snr = {
        gateway_id: _usual_snr(COMMUNES[commune], COMMUNES[at], walls + 8 * chance(f"{device} {gateway_id}"))
        for gateway_id, at in gateways.items()
    }
    return Radio(
        {each: level for each, level in snr.items() if level > LEAST_SNR[0] - 2 * _FADES_DB}, _adr(snr.values())
    )


def _usual_snr(device: Position, gateway: Position, loss: float) -> float:
    loss += _AT_ONE_KM + _PER_TENFOLD * math.log10(_distance_km(device, gateway))
    return _SENT_DBM + _GATEWAY_GAIN - loss - _NOISE_DBM


def _distance_km(one: Position, other: Position) -> float:
    north = (one.latitude - other.latitude) * _DEGREE_KM
    east = (one.longitude - other.longitude) * _DEGREE_KM * math.cos(math.radians(one.latitude))
    return math.hypot(north, east, _IN_VILLAGE_KM)


def _adr(snr: Iterable[float]) -> int:
    best = max(snr)
    return max((dr for dr, least in LEAST_SNR.items() if best - ADR_MARGIN >= least), default=0)


def _heard(gateway_id: str, snr: float) -> Heard:
    """Give what a gateway says: it measures noise and signal together, and clips a strong SNR."""
    together = 10 * math.log10(10 ** ((_NOISE_DBM + snr) / 10) + 10 ** (_NOISE_DBM / 10))
    at = COMMUNES[GATEWAYS[gateway_id]]
    return Heard(
        gateway_id=gateway_id,
        rssi=round(together),
        snr=round(min(snr, _BEST_SNR) * 4) / 4,
        clock_error_ns=round((chance(gateway_id) - 1) * _CLOCK_ERROR_NS),
        location=(at.latitude, at.longitude, 90.0),
    )
