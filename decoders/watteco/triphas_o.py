"""Watteco (nke) Triphas'O: what an electricity supply of three phases draws, gives back and is loaded with.

Endpoints 0 to 2 are the phases, endpoint 3 is their sum. Reactive energies and angles are not kept, nor the energies of
all phases in one frame, which do not tell what was drawn from what was given back.
"""

from vdl_lora.decoding import Decoder, Element, constant, group, i32, skip, u8, u16, u32

from .common import standard

PHASES = ("phase_1", "phase_2", "phase_3")


def energies(channel: str) -> Element:
    """Declare the energies of a phase or of all; their powers, of each direction too, are not kept."""
    return group(
        constant(b"\x20"),
        u32("electricity.energy_import", unit="W·h", channel=channel, wraps_at=1 << 32),
        u32("electricity.energy_export", unit="W·h", channel=channel, wraps_at=1 << 32),
        skip(24),
    )


def load(channel: str) -> Element:
    """Declare voltage and current of a phase, and the angle between them."""
    return group(
        u16("electricity.voltage", div=10, channel=channel),
        u16("electricity.current", div=10, channel=channel),
        skip(2),
    )


def power(channel: str) -> Element:
    """Declare the powers of a phase or of all; below zero they are given back."""
    return group(i32("electricity.power_active", channel=channel), i32("electricity.power_reactive", channel=channel))


DECODER = Decoder(
    vendor="Watteco",
    models=("Triphas'O",),
    datasheet="https://support.watteco.com/triphaso/",
    f_ports={
        125: standard(
            {
                0: {
                    "800a 0000 41": energies("phase_1"),
                    "800b 0000 41": group(constant(b"\x06"), load("phase_1")),
                    "800d 0000 41": group(constant(b"\x12"), *map(load, PHASES)),
                    "8010 0000 41": skip(33),  # energies of all phases
                    "8010 0001 41": group(constant(b"\x20"), *map(power, (*PHASES, "main"))),
                    "000f 0055 10": u8("probe.digital", channel="input_1"),
                    "000f 0402 23": skip(4),  # how often it switched
                    "0006 0000 10": skip(1),  # output
                },
                1: {"800a 0000 41": energies("phase_2"), "800b 0000 41": group(constant(b"\x06"), load("phase_2"))},
                2: {"800a 0000 41": energies("phase_3"), "800b 0000 41": group(constant(b"\x06"), load("phase_3"))},
                3: {"800a 0000 41": energies("main")},
            },
        ),
    },
)
