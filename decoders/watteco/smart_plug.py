"""Watteco (nke) Smart Plug: a socket that measures what it supplies.

Reactive energy and how good the supply is are not kept, nor whether the socket is switched on.
"""

from vdl_lora.decoding import Decoder, constant, group, i16, skip, u24

from .common import standard

DECODER = Decoder(
    vendor="Watteco",
    models=("Smart Plug",),
    datasheet="https://support.watteco.com/smartplug/",
    f_ports={
        125: standard(
            {
                0: {"0006 0000 10": skip(1)},  # output
                1: {
                    "0052 0000 41": group(
                        constant(b"\x0c"),
                        u24("electricity.energy_import", unit="W·h", wraps_at=1 << 24),
                        skip(3),  # reactive energy
                        skip(2),  # number of samples
                        i16("electricity.power_active"),
                        i16("electricity.power_reactive"),
                    ),
                    "8052 0000 41": skip(25),  # frequency, voltages, their peaks and failures
                },
            },
        ),
    },
)
