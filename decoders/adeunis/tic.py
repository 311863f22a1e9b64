"""Adeunis TIC CBE/Linky: an electricity meter (Linky in historic mode, or CBE), single-phase.

The highest current, the subscribed one and the names of the tariffs are not kept.
"""

from vdl_lora.decoding import Decoder, by_head, fixed, skip, u32

from .common import NO_METERING, NOT_SENT, STATUS

DECODER = Decoder(
    vendor="Adeunis",
    models=("TIC CBE Linky mono",),
    datasheet="https://www.npmjs.com/package/@adeunis/codecs",
    f_ports={
        1: by_head(
            {
                b"\x49": fixed(
                    "big",
                    STATUS,
                    skip(12),  # ADCO: number of the meter
                    skip(4),  # OPTARIF: kind of tariff
                    u32("electricity.energy_import", unit="W·h", channel="base", invalid=NOT_SENT),
                    skip(4),  # ISOUSC: current that is subscribed
                    u32("electricity.current", invalid=NOT_SENT),  # IINST
                    skip(4),  # IMAX
                    u32("electricity.power_apparent", invalid=NOT_SENT),  # PAPP
                    u32("electricity.energy_import", unit="W·h", channel="hc", invalid=NOT_SENT),
                    u32("electricity.energy_import", unit="W·h", channel="hp", invalid=NOT_SENT),
                    skip(4),  # PTEC: tariff of now
                ),
                **NO_METERING,
            },
        ),
    },
)
