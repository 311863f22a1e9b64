"""The service with makers' scripts: a hostile one delays nobody, is kept within bounds, and nothing of it is left."""

import time
from pathlib import Path

import pytest

from .processes import Heard, Site, until

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]

SCRIPTS = {
    "good": "function Decoder(bytes) { return { t: (bytes[4] | ((bytes[5] << 24) >> 16)) / 10 }; }",
    "loop": "function Decoder() { for (;;); }",
    "hog": "function Decoder() { var all = []; for (;;) all.push(new Array(1000)); }",
}
MAPPING = 'vendor = "Acme"\nmodels = ["{0}"]\ncodec = "{0}.js"\n[reads]\nt = "air.temperature"\n'
MOST_MEMORY = 256 << 20
FOR_S = 6.0


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "decoders" / "acme"
    folder.mkdir(parents=True)
    for name, script in SCRIPTS.items():
        (folder / f"{name}.js").write_text(script, encoding="utf-8")
        (folder / f"{name}.mapping.toml").write_text(MAPPING.format(name), encoding="utf-8")
    found = Site(tmp_path, history=1000)
    yield found
    found.end()


def registered(chirpstack, tenant, number, decoder):
    """Register a device with a decoder, and give its DevEUI."""
    application = chirpstack.order("add_application", tenant_id=tenant, name="Bâtiments")
    profile = chirpstack.order("add_profile", tenant_id=tenant, name=decoder)
    eui = f"24e124136b{number:06x}"
    more = {"application_id": application, "profile_id": profile, "tags": {"decoder": decoder}}
    chirpstack.order("add_device", dev_eui=eui, name=eui, **more)
    return eui


def children(pid):
    found = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for each in found for child in each]


def test_hostile_scripts_delay_no_other_device_and_end_with_the_service(site):
    chirpstack, service = site.chirpstack, site.service
    tenants = [chirpstack.order("add_tenant", name=name) for name in ("Commune de Bauzy", "Commune de Huisseau")]
    bad = [registered(chirpstack, tenants[0], number, f"acme/{name}") for number, name in enumerate(("loop", "hog"))]
    good = [
        registered(chirpstack, tenant, 2 * number + 8 + each, decoder)
        for number, tenant in enumerate(tenants)
        for each, decoder in enumerate(("acme/good", "milesight/em300-th"))
    ]
    service.configure(decoders='roots = ["decoders"]')
    service.run()
    sent, waited = [], []
    with Heard(chirpstack, bad) as hostile:
        until("the hostile ones are heard", lambda: len(hostile.sent) > 10)
        begun = time.monotonic()
        while time.monotonic() - begun < FOR_S:
            sent += chirpstack.ups(good)
            last, at = {(up.dev_eui, up.f_cnt) for up in sent[-len(good) :]}, time.monotonic()
            until("the others are stored", lambda: last <= set(service.points()), 20, 0.02)  # noqa: B023 - at once
            waited.append(time.monotonic() - at)
    assert max(waited) < 2.5  # of which the stream takes up to a second, and gathering a tenth
    site.kept([*sent, *hostile.sent])
    assert service.memory() < MOST_MEMORY
    assert len(hostile.sent) == service.counts().by_code["engine"]
    running = children(service.process.pid)
    assert 1 <= len(running) <= 2
    code, _ = service.end()
    assert 0 == code
    until("the processes of scripts are gone", lambda: not [pid for pid in running if Path(f"/proc/{pid}").exists()])
