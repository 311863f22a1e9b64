"""Which decoder each device has and why, what points nowhere, and who is silent."""

import dataclasses

from vdl_lora.catalog import Catalog, Rule
from vdl_lora.chirpstack import Inventory, ListedDevice
from vdl_lora.discovery import discover
from vdl_lora.errors import SourceRefused
from vdl_lora.events import NS
from vdl_lora.installations import Installation, Installations
from vdl_lora.lorawan import DevEUI, Device
from vdl_lora.operations.devices import SILENT_S, check_devices

NOW_NS = 1_795_472_297 * NS
CATALOG = Catalog(discover().entries(), [Rule("elsys/ers-co2", profile="ERS*")])
TAGGED = {"decoder": "milesight/em300-th"}


def device(number, tags=(), profile="Prototype"):
    eui = DevEUI.parse(f"{number:016x}")
    return Device(dev_eui=eui, device_name=f"n{number}", device_profile_name=profile, tags=dict(tags))


def inventory(devices, seen_ns=NOW_NS):
    listed = {
        each.dev_eui: ListedDevice(
            each.dev_eui, "t", "a", "p", each.device_name, seen_ns(number) if callable(seen_ns) else seen_ns
        )
        for number, each in enumerate(devices)
    }
    return Inventory(devices=listed, read_at_ns=NOW_NS)


def said(devices, listed=None, installations=()):
    """Give what is said, by subject and state."""
    listed = listed or inventory(devices)
    checks = check_devices(devices, listed, CATALOG, Installations(installations), NOW_NS)
    return {(check.subject, check.state): (check.words, check.advice) for check in checks}


def test_decoders_are_counted_by_who_chose_them():
    installed = device(4)
    found = said(
        [device(1, TAGGED), device(2, TAGGED), device(3, profile="ERS CO2"), installed],
        installations=[Installation(installed.dev_eui, decoder="milesight/em300-th")],
    )
    assert "3 devices: 2 by tag decoder, 1 by installation" == found["milesight/em300-th", "ok"][0]
    assert "1 device: 1 by rule 1" == found["elsys/ers-co2", "ok"][0]
    assert "4 of 4 devices within a day" == found["heard", "ok"][0]


def test_every_device_can_be_named_with_its_decoder_and_why():
    installed, nowhere, wrong = device(4), device(5), device(6, {"decoder": "milesight/em300-thh"})
    devices = [wrong, device(1, TAGGED), device(3, profile="ERS CO2"), installed, nowhere]
    places = Installations([Installation(installed.dev_eui, decoder="milesight/em300-th")])
    found = list(check_devices(devices, inventory(devices), CATALOG, places, NOW_NS, each=True))
    assert [
        ("0000000000000001", "ok", "n1 has milesight/em300-th, by tag decoder"),
        ("0000000000000003", "ok", "n3 has elsys/ers-co2, by rule 1"),
        ("0000000000000004", "ok", "n4 has milesight/em300-th, by installation"),
        (
            "0000000000000005",
            "failed",
            "n5 has no decoder: nothing names a decoder for this device (profile 'Prototype')",
        ),
    ] == [(each.subject, each.state, each.words) for each in found[:4]]
    assert found[3].advice.startswith("set the device tag `decoder`")
    assert "n6 has no decoder: there is no decoder 'milesight/em300-thh' (tag decoder)" in found[4].words
    assert "correct that name" == found[4].advice
    assert {"installations", "heard"} == {each.subject for each in found[5:]}


def test_an_installation_that_is_over_chooses_nothing():
    found = said([device(1)], installations=[Installation(device(1).dev_eui, until_ns=NOW_NS, decoder="elsys/ers-co2")])
    assert ("no decoder", "failed") in found
    assert ("installations", "ok") not in found


def test_devices_without_a_decoder_are_named_the_first_twenty_of_them():
    words, advice = said([device(number) for number in range(1, 26)])["no decoder", "failed"]
    assert words.startswith(
        "25 devices without values, for nothing names a decoder for this device (profile 'Prototype'): "
    )
    assert words.endswith("0000000000000014 n20 and 5 more")
    assert advice.startswith("set the device tag `decoder`")


def test_a_decoder_that_is_not_there_is_to_be_corrected():
    words, advice = said([device(1, {"decoder": "milesight/em300-thh"})])["no decoder", "failed"]
    assert "there is no decoder 'milesight/em300-thh' (tag decoder)" in words
    assert "near it: milesight/em300-th" in words
    assert "correct that name" == advice


def test_an_installation_of_today_whose_device_is_not_listed_points_nowhere():
    here, gone, past = device(1, TAGGED), device(2), device(3)
    entries = [
        Installation(here.dev_eui, place="ecole"),
        Installation(gone.dev_eui, place="cosson"),
        Installation(past.dev_eui, until_ns=NOW_NS - 1),
    ]
    words, _ = said([here], installations=entries)["installations", "warning"]
    assert "1 installation of devices that ChirpStack does not list: 0000000000000002 cosson" == words


def test_where_a_tenant_could_not_be_read_no_installation_is_said_to_point_nowhere():
    listed = dataclasses.replace(inventory([device(1)]), refused={"t": SourceRefused("no")})
    found = said([device(1, TAGGED)], listed, [Installation(device(2).dev_eui)])
    assert [] == [key for key in found if key == ("installations", "warning")]


def test_the_silent_and_the_never_heard_are_named_apart():
    devices = [device(1, TAGGED), device(2, TAGGED), device(3, TAGGED)]
    seen = [NOW_NS, NOW_NS - (SILENT_S + 86_400) * NS, 0]
    found = said(devices, inventory(devices, seen.__getitem__))
    assert "1 of 3 devices within a day" == found["heard", "ok"][0]
    assert "1 device not heard any more: 0000000000000002 n2, for 4 days" == found["silent", "warning"][0]
    assert "1 device not heard yet: 0000000000000003 n3" == found["never heard", "warning"][0]
