"""Milesight EM500-SMTC: water in the soil, its temperature and conductivity, battery-powered.

After a network outage, or when asked, it sends the samples that it stored, each with its own time.
"""

from vdl_lora.decoding import Decoder, group, i16, record, skip, tlv, u8, u16

from .common import ABOUT_SELF, FIELD_SETTINGS, SETTINGS, STORAGE_REPLIES, replies

NOT_MEASURED: dict[int | range, str] = {0xFFFF: "not_measured", 0xFFFD: "out_of_range"}

TEMPERATURE = i16("soil.temperature", div=10)
MOISTURE = u16("soil.moisture", div=100, invalid=NOT_MEASURED)
CONDUCTIVITY = u16("soil.conductivity", unit="µS/cm", invalid=NOT_MEASURED)

DECODER = Decoder(
    vendor="Milesight",
    models=("EM500-SMTC",),
    datasheet="https://github.com/Milesight-IoT/SensorDecoders/blob/main/em-series/em500-smtc/README.md",
    f_ports={
        85: tlv(
            "little",
            {
                **ABOUT_SELF,
                b"\x03\x67": TEMPERATURE,
                b"\x04\xca": MOISTURE,
                b"\x04\x68": u8("soil.moisture", div=2, invalid=NOT_MEASURED),  # the first hardware, without such marks
                b"\x05\x7f": CONDUCTIVITY,
                b"\x83\xd7": group(TEMPERATURE, skip(2), skip(1)),  # alarm: its change, which alarm
                b"\x20\xce": record(CONDUCTIVITY, TEMPERATURE, MOISTURE),  # stored sample
                **STORAGE_REPLIES,
                **replies(SETTINGS | FIELD_SETTINGS | {0x18: 2}),
            },
        ),
    },
    f_port_can_be_set=True,
)
