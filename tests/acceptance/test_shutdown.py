"""The end of the service while a codec or a decoder runs long: signals act at once, and no process is left."""

import os
import signal
import time
from pathlib import Path

import pytest

from .processes import Site, until

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

SCRIPT = "function Decoder(bytes) { return { t: bytes[0] }; }"
MAPPING = 'vendor = "Acme"\nmodels = ["Script"]\ncodec = "script.js"\n[reads]\nt = "air.temperature"\n'
SLOW = """\
import time
from pathlib import Path

from vdl_lora.decoding import Decoder, fixed, u8


class Slow(Decoder):
    def decode(self, frame):
        Path("decoding").touch()
        time.sleep(600)


LAYOUT = fixed("big", u8("device.battery_level", unit="%"))
DECODER = Slow(vendor="Acme", models=("Slow",), datasheet="https://acme.example", f_ports={85: LAYOUT})
"""
NOT_DELIVERED = "not all was delivered; it is in the journal and goes on at the next start"
LIMIT_S = 10.0


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "decoders" / "acme"
    folder.mkdir(parents=True)
    (folder / "script.js").write_text(SCRIPT, encoding="utf-8")
    (folder / "script.mapping.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    found = Site(tmp_path, history=100)
    yield found
    found.end()


def runs_with(site, decoder):
    """Run the service with one device of a decoder; return its DevEUI."""
    chirpstack = site.chirpstack
    tenant = chirpstack.order("add_tenant", name="Commune de Bauzy")
    application = chirpstack.order("add_application", tenant_id=tenant, name="Bâtiments")
    profile = chirpstack.order("add_profile", tenant_id=tenant, name="Acme")
    eui = "24e124136b000001"
    more = {"application_id": application, "profile_id": profile, "tags": {"decoder": decoder}}
    chirpstack.order("add_device", dev_eui=eui, name=eui, **more)
    site.service.configure(decoders='roots = ["decoders"]')
    site.service.run()
    return eui


def children(pid):
    found = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for each in found for child in each]


def decodes_without_end(site):
    """Let the service decode an uplink with a decoder that takes ten minutes."""
    site.chirpstack.up(runs_with(site, "acme/slow"))
    until("it is decoded", (site.service.folder / "decoding").exists)


def test_second_signal_ends_at_once_while_a_decoder_runs(site):
    decodes_without_end(site)
    site.service.process.send_signal(signal.SIGINT)
    until("the deliveries are given up", lambda: site.service.said(NOT_DELIVERED))
    time.sleep(0.5)  # by now it waits for the decoder
    code, took_s = site.service.end(signal.SIGINT)
    assert 128 + signal.SIGINT == code
    assert took_s < 1.5
    assert 1 == site.service.said("ended at once")


def test_limit_ends_the_service_while_a_decoder_runs(site):
    decodes_without_end(site)
    code, took_s = site.service.end(signal.SIGTERM)
    assert 128 + signal.SIGTERM == code
    assert LIMIT_S - 1 < took_s < LIMIT_S + 2
    assert 1 == site.service.said("the end took too long")


def test_codec_that_does_not_answer_is_killed_and_the_service_ends_in_order(site):
    eui = runs_with(site, "acme/script")
    service = site.service
    running = until("the process for codecs runs", lambda: children(service.process.pid))
    for pid in running:
        os.kill(pid, signal.SIGSTOP)
    sent = site.chirpstack.up(eui)
    until("it is in the journal", lambda: sent in service.ups())
    time.sleep(0.5)  # by now it is decoded
    code, took_s = service.end(signal.SIGTERM)
    assert 0 == code
    assert took_s < 6
    until("the processes of codecs are gone", lambda: not [pid for pid in running if Path(f"/proc/{pid}").exists()])
    service.run()
    site.kept([sent])
    assert {} == service.counts().by_code
