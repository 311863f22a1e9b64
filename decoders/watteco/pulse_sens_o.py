"""Watteco (nke) Pulse Sens'O: three pulse inputs, for meters or contacts, battery-powered.

What a pulse is worth is the installation's to say.
"""

from vdl_lora.decoding import Decoder, Element, flag, u8, u32, word

from .common import standard

INPUTS: dict[int, dict[str, Element]] = {
    endpoint: {
        "000f 0402 23": u32("probe.pulses_total", channel=f"input_{endpoint + 1}", wraps_at=1 << 32),
        "000f 0055 10": u8("probe.digital", channel=f"input_{endpoint + 1}"),
    }
    for endpoint in range(3)
}

# The frame has room for ten inputs; what it says of those that are not there means nothing.
ALL_AT_ONCE = word(2, *(flag(bit, "probe.digital", channel=f"input_{bit + 1}") for bit in range(3)))

DECODER = Decoder(
    vendor="Watteco",
    models=("Pulse Sens'O",),
    datasheet="https://support.nke-watteco.com/pulsesenso",
    f_ports={125: standard({**INPUTS, 0: INPUTS[0] | {"8005 0000 19": ALL_AT_ONCE}})},
)
