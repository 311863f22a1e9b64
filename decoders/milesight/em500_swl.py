"""Milesight EM500-SWL: depth of water above a submersed probe, such as in a river, a well or a tank.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, record, skip, tlv, u16

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

DEPTH = u16("water.depth", unit="cm", invalid={0xFFFF: "not_measured", 0xFFFD: "out_of_range"})

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-SWL",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-swl/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\xff\x1b": skip(5),  # range of the probe
                b"\x03\x77": DEPTH,
                b"\x20\xce": record(DEPTH),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
