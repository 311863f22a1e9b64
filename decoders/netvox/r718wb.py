"""Netvox R311W and R718W: water leak by one or two spots (R311W, WA) or ropes (WB), battery-powered.

The R718WAA and R718WBA measure the air too.
"""

from vdl_lora.decoding import Decoder, group, i16, skip, u8, u16

from .common import ANSWERS, reports

ONE = group(u8("water.leak"), skip(6))
TWO = group(u8("water.leak", channel="probe_1"), u8("water.leak", channel="probe_2"), skip(5))
CLIMATE = group(i16("air.temperature", div=100), u16("air.humidity", div=100), u8("water.leak"), skip(2))

DECODER = Decoder(
    vendor="Netvox",
    models=("R311W", "R718WA", "R718WA2", "R718WAA", "R718WB", "R718WB2", "R718WBA"),
    datasheet="https://www.manualslib.com/manual/2990206/Netvox-R718wb2.html",
    f_ports={
        6: reports(
            {
                0x06: TWO,  # R311W
                0x32: ONE,  # R718WA
                0x46: TWO,  # R718WA2
                0xBE: CLIMATE,  # R718WAA
                0x12: ONE,  # R718WB
                0x47: TWO,  # R718WB2
                0x6B: CLIMATE,  # R718WBA
            }
        ),
    },
    ignored_f_ports=ANSWERS,
)
