"""Adeunis TIC CBE/Linky: an electricity meter (Linky in historic mode, or CBE), three-phase.

The highest currents, the highest power and the number of the meter are not kept.
"""

from vdl_lora.decoding import Decoder, by_head, fixed, skip, u32

from .common import NO_METERING, NOT_SENT, STATUS

DECODER = Decoder(
    vendor="Adeunis",
    models=("TIC CBE Linky tri",),
    datasheet="https://www.npmjs.com/package/@adeunis/codecs",
    f_ports={
        1: by_head(
            {
                b"\x49": fixed(
                    "big",
                    STATUS,
                    skip(12),  # ADCO: number of the meter
                    u32("electricity.energy_import", unit="W·h", channel="base", invalid=NOT_SENT),
                    u32("electricity.current", channel="phase_1", invalid=NOT_SENT),  # IINST1
                    u32("electricity.current", channel="phase_2", invalid=NOT_SENT),
                    u32("electricity.current", channel="phase_3", invalid=NOT_SENT),
                    skip(12),  # IMAX1, IMAX2, IMAX3
                    skip(4),  # PMAX
                    u32("electricity.power_apparent", invalid=NOT_SENT),  # PAPP
                ),
                **NO_METERING,
            },
        ),
    },
)
