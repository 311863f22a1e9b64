"""LoRaWAN's words as frozen values: a DevEUI, an uplink, a join. Parsing a DevEUI is their only behaviour.

Times are integers, ns since 1970, 0 where the event names none. Strings are empty where the event names none.
"""

import re
from functools import lru_cache
from typing import ClassVar, Literal

import msgspec

EventKind = Literal["up", "join", "status", "ack", "txack", "log", "location", "own"]

_HEX_EUI = re.compile(r"[0-9a-fA-F]{16}")


class DevEUI(str):
    """A DevEUI: 16 lower-case hexadecimal digits."""

    __slots__ = ()

    @staticmethod
    def parse(text: str) -> "DevEUI":
        """Read a DevEUI in upper or lower case, with `-`, `:` or spaces between the bytes.

        Raises ValueError where it is not 8 bytes of hexadecimal.
        """
        return _parsed(text)


@lru_cache(maxsize=65536)
def _parsed(text: str) -> DevEUI:
    digits = re.sub(r"[-:\s]", "", text)
    if not _HEX_EUI.fullmatch(digits):
        raise ValueError(f"a DevEUI has 16 hexadecimal digits, {text[:40]!r} has not")
    return DevEUI(digits.lower())


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value; the classes below add nothing but fields."""


class Device(Value, frozen=True, kw_only=True):
    """What ChirpStack says of the end device in each of its events."""

    dev_eui: DevEUI
    tenant_id: str = ""
    tenant_name: str = ""
    application_id: str = ""
    application_name: str = ""
    device_profile_id: str = ""
    device_profile_name: str = ""
    device_name: str = ""
    tags: dict[str, str] = {}


class Reception(msgspec.Struct, frozen=True):
    """One gateway that heard the uplink: RSSI in dBm, SNR in dB."""

    gateway_id: str = ""
    rssi: int = 0
    snr: float = 0.0


class Modulation(Value, frozen=True, kw_only=True):
    """How the uplink was sent: bandwidth in Hz, FSK data rate in bit/s; 0 or empty where it does not apply."""

    spreading_factor: int = 0
    bandwidth: int = 0
    code_rate: str = ""
    preamble: int = 0
    no_crc: bool = False
    fsk_data_rate: int = 0


class Event(Value, frozen=True, kw_only=True):
    """What events have in common."""

    device: Device
    time_at_ns: int


class Uplink(Event, frozen=True, kw_only=True):
    """A data frame of an end device; `payload` is the decrypted FRMPayload, frequency is in Hz.

    `encrypted` is true where the application server's session key was not ChirpStack's, so that the payload
    is still encrypted. `decoded` holds what ChirpStack's own codec made of it, as JSON, or nothing.
    """

    deduplication_id: str
    dev_addr: str = ""
    adr: bool = False
    dr: int = 0
    f_cnt: int = 0
    f_port: int = 0
    confirmed: bool = False
    payload: bytes = b""
    encrypted: bool = False
    decoded: bytes = b""
    receptions: tuple[Reception, ...] = ()
    frequency: int = 0
    modulation: Modulation = Modulation()


class Join(Event, frozen=True, kw_only=True):
    """An end device joined: ChirpStack handed a join-accept to a gateway."""

    deduplication_id: str
    dev_addr: str = ""


class Status(Event, frozen=True, kw_only=True):
    """A DevStatusAns: demodulation margin in dB, battery in %, None where the device does not know it."""

    deduplication_id: str
    margin: int = 0
    external_power: bool = False
    battery_level: float | None = None


class Ack(Event, frozen=True, kw_only=True):
    """The end device's answer to a confirmed downlink."""

    queue_item_id: str
    f_cnt_down: int = 0
    acknowledged: bool = False


class TxAck(Event, frozen=True, kw_only=True):
    """A gateway sent a downlink."""

    queue_item_id: str
    downlink_id: int = 0
    f_cnt_down: int = 0
    gateway_id: str = ""


class Log(Event, frozen=True, kw_only=True):
    """What ChirpStack has to say about an end device: a codec that failed, a counter that went back."""

    level: str = ""
    code: str = ""
    description: str = ""
    context: dict[str, str] = {}


class Location(Event, frozen=True, kw_only=True):
    """Where ChirpStack believes the end device to be: degrees (WGS84), metres."""

    deduplication_id: str
    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0
    accuracy: float = 0.0
    source: str = ""


class ServiceStarted(msgspec.Struct, frozen=True, rename="camel"):
    """The service started, of this version."""

    about: ClassVar[str] = "service_started"
    schema: ClassVar[int] = 1

    version: str = ""


class ServiceStopped(msgspec.Struct, frozen=True, rename="camel"):
    """The service stopped in order."""

    about: ClassVar[str] = "service_stopped"
    schema: ClassVar[int] = 1

    version: str = ""


class WayLost(msgspec.Struct, frozen=True, rename="camel"):
    """A source lost its server, or the event's device its stream: the error's code and message.

    `streams` is how many streams the source had, 0 where a single device is concerned.
    """

    about: ClassVar[str] = "way_lost"
    schema: ClassVar[int] = 1

    way: str = ""
    server: str = ""
    code: str = ""
    words: str = ""
    streams: int = 0


class WayBack(msgspec.Struct, frozen=True, rename="camel"):
    """A source has its server again, or the event's device its stream."""

    about: ClassVar[str] = "way_back"
    schema: ClassVar[int] = 1

    way: str = ""
    server: str = ""


OwnContent = ServiceStarted | ServiceStopped | WayLost | WayBack
"""What an own event says; `about` names the form, and `schema` its version."""


class Own(Event, frozen=True, kw_only=True):
    """What vdl_lora itself saw; without `content` it is of a kind, or of a version, that this version cannot read."""

    about: str
    version: int = 0
    content: OwnContent | None = None


AnyEvent = Uplink | Join | Status | Ack | TxAck | Log | Location | Own
