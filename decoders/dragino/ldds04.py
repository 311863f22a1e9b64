"""Dragino LDDS04: distances of four ultrasonic probes.

What a distance is (a container's fill, most often) is the installation's to say.
"""

from vdl_lora.decoding import Decoder, fixed, u8, u16

DECODER = Decoder(
    vendor="Dragino",
    models=("LDDS04",),
    datasheet="https://manualshive.com/ru/manual/dragino/ldds04/2527097?page=19",
    f_ports={
        2: fixed(
            "big",
            u16("device.battery_voltage", unit="mV"),
            *(u16("probe.distance", unit="mm", channel=f"probe_{number}") for number in range(1, 5)),
            u8("probe.interrupt"),
        ),
    },
)
