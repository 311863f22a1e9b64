"""ELSYS: all sensors, which share one payload: room sensors, movement and door sensors, boxes for external probes.

A value is a type byte and its data. Bits 7 and 6 of the type say how many bytes of age, in s, stand behind the data.
"""

from vdl_lora.decoding import (
    NONZERO,
    Decoder,
    Element,
    earlier,
    group,
    i8,
    i16,
    i24,
    i32,
    in_order,
    in_turn,
    refuse,
    skip,
    skip_counted,
    skip_rest,
    tlv,
    u8,
    u16,
    u32,
)

VALUES: dict[int, Element] = {
    0x01: i16("air.temperature", div=10),
    0x02: u8("air.humidity"),
    0x03: group(  # 63 is 1 g
        i8("device.acceleration", div=63, channel="x"),
        i8("device.acceleration", div=63, channel="y"),
        i8("device.acceleration", div=63, channel="z"),
    ),
    0x04: u16("air.illuminance"),
    0x05: u8("air.motion_count_delta"),
    0x06: u16("air.co2"),
    0x07: u16("device.battery_voltage", unit="mV"),
    0x08: u16("probe.voltage", unit="mV", channel="input_1"),
    0x09: in_order("little", i24("position.latitude", div=10_000), i24("position.longitude", div=10_000)),
    0x0A: u16("probe.pulses_delta", channel="input_1"),
    0x0B: u32("probe.pulses_total", channel="input_1", wraps_at=1 << 32),
    0x0C: i16("probe.temperature", div=10, channel="probe_1"),
    0x0D: u8("probe.digital", channel="input_1"),  # reed contact, switch or button
    0x0E: u16("probe.distance", unit="mm"),
    0x0F: u8("device.movement_count_delta"),
    0x10: group(  # infrared: of the sensor itself, of the surface that it looks at
        i16("device.internal_temperature", div=10, channel="infrared"),
        i16("probe.temperature", div=10, channel="infrared"),
    ),
    # 2 is a body. 1 is a movement not yet followed by one (ERS Eye), or somebody coming or leaving (desk models).
    0x11: u8("presence.occupied", states={0: False, 1: True, 2: True}),
    0x12: u8("water.leak", states=NONZERO),  # how well the water conducts; 0 is dry
    0x13: skip(65),  # thermal image of 8 x 8 pixels
    0x14: u32("air.pressure", div=1000),
    0x15: group(u8("air.sound_peak"), u8("air.sound_level")),  # peak, average; their weighting is not told
    0x16: u16("probe.pulses_delta", channel="input_2"),
    0x17: u32("probe.pulses_total", channel="input_2", wraps_at=1 << 32),
    0x18: u16("probe.voltage", unit="mV", channel="input_2"),
    # Comes once for each probe on the wire, in the same order every time.
    0x19: in_turn(*(i16("probe.temperature", div=10, channel=f"probe_{number}") for number in range(2, 12))),
    0x1A: u8("probe.digital", channel="input_2"),
    0x1B: i32("probe.voltage", div=1_000_000, channel="load_cell"),
    0x1C: u16("air.tvoc"),
    0x1D: skip(1),  # index of air quality, on the maker's own scale
    0x1E: skip(1),  # yes or no of a site's own meaning
    0x1F: skip(1),  # number of a site's own meaning
    0x20: skip(2),  # larger number of a site's own meaning
    0x21: skip(1),  # what the display shows
    0x22: i16("heating.set_point", div=10),
    0x23: skip(1),  # fan speed, on a scale that is not told
    0x24: u8("probe.humidity"),
    0x3B: skip_counted(),  # bytes of a site's own meaning
    0x3C: skip(4),  # checksum
    0x3D: skip(4),  # for the maker
}

DECODER = Decoder(
    vendor="ELSYS",
    models=(
        *("ERS", "ERS Lite", "ERS CO2", "ERS CO2 Lite", "ERS Eye", "ERS Desk", "ERS Sound", "ERS VOC"),
        *("ERS2", "ERS2 Lite", "ERS2 CO2", "ERS2 CO2 Lite", "ERS2 Eye", "ERS2 Sound", "ERS2 VOC"),
        *("ERS Display", "ERS Display Lite", "ERS Display CO2", "ERS Display CO2 Lite", "ERS Display Sound"),
        *("ERS Display VOC", "ETHd10", "EIAQd10", "EIAQdp10", "ECO", "ECO CO2"),
        *("EMS", "EMS Lite", "EMS Door", "EMS Desk", "ESM5k"),
        *("ELT-2", "ELT-2 HP", "ELT Lite", "ELT Ultrasonic"),
    ),
    datasheet="https://elsys.se/public/documents/Sensor_payload.pdf",
    f_ports={
        5: tlv(
            "big",
            {
                **{bytes([kind]): element for kind, element in VALUES.items()},
                b"\x00": skip_rest(),  # reserved
                b"\x3e": skip_rest(),  # settings: sent at the start and when asked, on the next fPort
                **{bytes([0x80 | kind]): earlier(2, element) for kind, element in VALUES.items()},
                **{bytes([0x40 | kind]): earlier(1, element) for kind, element in VALUES.items()},
                **{
                    bytes([0xC0 | kind]): refuse("how many bytes of age stand behind this type is not described")
                    for kind in VALUES
                },
            },
        ),
    },
    f_port_can_be_set=True,
)
