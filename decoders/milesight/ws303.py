"""Milesight WS303 and EM300-MLD: water leak, battery-powered.

After a network outage, or when asked, the EM300-MLD sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, record, skip, tlv, u8

from .common import ABOUT_SELF, SETTINGS, STORAGE_REPLIES, replies

LEAK = u8("water.leak")

OWN_SETTINGS = {
    0x06: 9,  # alarm
}

DECODER = Decoder(
    vendor="Milesight",
    models=("WS303", "EM300-MLD"),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/ws-series/ws303/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x00": LEAK,  # WS303
                # EM300-MLD. The table of its README says 06, the example under it, the codec and the recordings 05.
                b"\x05\x00": LEAK,
                b"\x20\xce": record(skip(3), LEAK),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | OWN_SETTINGS),
            },
        ),
    },
    f_port_can_be_set=True,
)
