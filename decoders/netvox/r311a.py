"""Netvox R311A, R718F and R718F2: whether a door or window is open, by one or two reed switches, battery-powered."""

from vdl_lora.decoding import Decoder, group, skip, u8

from .common import ANSWERS, reports

ONE = group(u8("contact.open"), skip(6))
TWO = group(u8("contact.open", channel="contact_1"), u8("contact.open", channel="contact_2"), skip(5))

DECODER = Decoder(
    vendor="Netvox",
    models=("R311A", "R718F", "R718F2"),
    datasheet="https://manualshive.com/ru/manual/netvox/r313a/1675261",
    f_ports={
        6: reports(
            {
                0x02: ONE,  # R311A
                0x1D: ONE,  # R718F
                0x3E: TWO,  # R718F2
            }
        ),
    },
    ignored_f_ports=ANSWERS,
)
