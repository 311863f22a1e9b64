"""A decoder: which models it is for, and the layout of each fPort."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vdl_lora.errors import PayloadError
from vdl_lora.quantities import Quantity

from .fields import Value
from .layouts import Layout
from .reading import PAYLOAD, UNKNOWN_RECORD, Fault, Frame, Item, Parameter

MAX_PAYLOAD = 255
"""The longest FRMPayload in bytes: a PHYPayload's length is told in one byte."""

MAX_F_PORT = 255
"""LoRaWAN gives 1 to 223 to applications; some devices use those above all the same."""


def slug(text: str) -> str:
    """Give the kebab-case form of a maker's or a model's name: `EM300-TH` is `em300-th`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """A sensor model or family as its maker documents it; each model has the id `vendor/model`.

    `f_port_can_be_set` says that the fPort is a setting of the device: then the first layout holds for every
    fPort that is not named. `ignored_f_ports` names those whose frames carry no reading, and why.
    Raises ValueError where it names no model or no fPort, one of them twice, or no possible fPort.
    """

    vendor: str
    models: tuple[str, ...]
    datasheet: str
    f_ports: Mapping[int, Layout]
    parameters: tuple[Parameter, ...] = ()
    f_port_can_be_set: bool = False
    ignored_f_ports: Mapping[int, str] = field(default_factory=dict[int, str])

    def __post_init__(self) -> None:
        if not self.models or not self.f_ports:
            raise ValueError(f"a decoder of {self.vendor} names no model or no fPort")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError(f"a decoder of {self.vendor} names a model twice: {', '.join(self.ids)}")
        named = (*self.f_ports, *self.ignored_f_ports)
        if len(set(named)) != len(named) or not all(1 <= f_port <= MAX_F_PORT for f_port in named):
            raise ValueError(f"a decoder of {self.vendor} names an fPort twice or an impossible one: {named}")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, one a model: `milesight/em300-th`."""
        return tuple(f"{slug(self.vendor)}/{slug(model)}" for model in self.models)

    @property
    def encodes(self) -> bool:
        """Whether every fPort can be written too."""
        return all(layout.encodes for layout in self.f_ports.values())

    def quantities(self) -> tuple[Quantity, ...]:
        """Every quantity that it may give, once, in the order of declaration."""
        found = {value.quantity.name: value.quantity for value in self._values()}
        return tuple(found.values())

    def declares(self, item: Item) -> bool:
        """Tell whether a reading or fault is one that the declaration names.

        A fault of the payload as a whole comes from the kit, and no declaration names it.
        """
        if item.quantity is PAYLOAD:
            return isinstance(item, Fault) and item.code == UNKNOWN_RECORD
        return any(
            value.matches(item) and (not isinstance(item, Fault) or item.code in value.fault_codes())
            for value in self._values()
        )

    def decode(self, frame: Frame) -> list[Item]:
        """Read a frame: readings and faults, in the order of its bytes.

        Raises PayloadError where the datasheet knows no such frame.
        """
        layout = self.layout_of(frame.f_port)
        if layout is None:
            if frame.f_port in self.ignored_f_ports:
                return []
            known = ", ".join(str(port) for port in self.f_ports)
            raise PayloadError(f"the datasheet knows no fPort {frame.f_port} (known: {known})")
        if len(frame.payload) > MAX_PAYLOAD:
            raise PayloadError(f"{len(frame.payload)} bytes are more than LoRaWAN carries")
        return layout.decode(frame)

    def encode(self, f_port: int, items: Iterable[Item], received_at_ns: int = 0) -> bytes:
        """Write the frame that is read as these items, if it is received at this time.

        Raises ValueError where there is none, NotImplementedError where this fPort only decodes.
        """
        layout = self.layout_of(f_port)
        if layout is None:
            raise ValueError(f"no fPort {f_port} in this decoder")
        return layout.encode(items, received_at_ns)

    def layout_of(self, f_port: int) -> Layout | None:
        """Give the layout of an fPort, if it has one."""
        layout = self.f_ports.get(f_port)
        if layout is None and self.f_port_can_be_set and f_port not in self.ignored_f_ports:
            return next(iter(self.f_ports.values()))
        return layout

    def _values(self) -> Iterator[Value]:
        return (value for layout in self.f_ports.values() for value in layout.values())
