"""The page in Debian's Chromium, over a journal that is written and delivered while it is looked at.

With VDL_LORA_SCREENSHOTS=1 the pictures of the documentation are made anew.
"""

# ruff: noqa: RUF001 - the page writes French, with its dashes and apostrophes

import asyncio
import itertools
import math
import os
import re
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from vdl_lora.app.demo import DemoSettings, demonstrate
from vdl_lora.catalog import Catalog
from vdl_lora.decoding import reads
from vdl_lora.discovery import discover
from vdl_lora.errors import SinkUnavailable
from vdl_lora.events import NS, RawEvent, format_time
from vdl_lora.installations import Installation, Installations
from vdl_lora.interpret import PointSettings, interpret
from vdl_lora.journal import SqliteJournal
from vdl_lora.pipeline.accept import Acceptor
from vdl_lora.pipeline.deliver import Deliverer, DeliverySettings
from vdl_lora.settings import ServerSettings
from vdl_lora.sinks import MemorySink
from vdl_lora.web import demo, server
from vdl_lora.web.follow import Follower

CHROMIUM = Path("/usr/bin/chromium")
IMAGES = Path(__file__).parents[2] / "docs" / "images"
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 900}
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [pytest.mark.enable_socket, pytest.mark.long]


def _playwright():
    """Give Playwright, or skip by name; fail where the real thing is required."""
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - it may be missing
    except ImportError:
        missing = "the package playwright is not installed"
    else:
        if CHROMIUM.exists():
            return async_playwright
        missing = f"{CHROMIUM} is not there: apt install chromium"
    if os.environ.get("VDL_LORA_REQUIRE_REAL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


class Fleet:
    """A few devices with a believable day: name, tags, decoder, fPort, payload at a time."""

    def __init__(self) -> None:
        self.f_cnt: dict[str, int] = {}

    @staticmethod
    def _day(at_s: float, low: float, high: float, shift: float = 0.0) -> float:
        wave = math.sin((at_s / 86_400 - 0.35 + shift) * 2 * math.pi)
        return (low + high) / 2 + wave * (high - low) / 2 + math.sin(at_s / 977) * (high - low) / 40

    def em300(self, at_s: float, low: float, high: float) -> bytes:
        t, h = round(self._day(at_s, low, high) * 10), round(self._day(at_s, 38, 61, 0.4) * 2)
        return b"\x01\x75\x5c\x03\x67" + struct.pack("<h", t) + b"\x04\x68" + bytes([h])

    def ers(self, at_s: float) -> bytes:
        hour = (at_s / 3600 + 1) % 24
        co2 = 430 + (700 * math.sin((hour - 8) / 9 * math.pi) if 8 < hour < 17 else 0) + 20 * math.sin(at_s / 313)
        t, light = round(self._day(at_s, 17.4, 21.8) * 10), 480 if 8 < hour < 17 else 3
        moves = int(3 + 3 * math.sin(at_s / 571)) if 8 < hour < 17 else 0
        return struct.pack(
            ">BhBBBHBBBHBH", 1, t, 2, round(self._day(at_s, 35, 52, 0.3)), 4, light, 5, moves, 6, round(co2), 7, 3642
        )

    def ldds(self, at_s: float) -> bytes:
        return struct.pack(">HHBhB", 3380, round(self._day(at_s, 2510, 2900)), 0, 0, 0)

    def devices(self):
        em300, ers, ldds = "milesight/em300-th", "elsys/ers-co2", "dragino/ldds75"
        return {
            "24e124136b500042": ("Mairie, salle du conseil", "Bauzy", "mairie", "confort", em300, 85,
                                 lambda s: self.em300(s, 16.2, 20.9)),
            "24e124136b500043": ("École de Bauzy – classe CM2", "Bauzy", "école", "confort", ers, 5, self.ers),
            "a84041c5d1827fed": ("Cosson à Bracieux", "Bracieux", "pont", "rivière", ldds, 2, self.ldds),
            "24e124136b500044": ("Gymnase – chaufferie", "Bracieux", "gymnase", "chauffage", em300, 85,
                                 lambda s: self.em300(s, 31.5, 58.0)),
            "24e124136b500045": ("École maternelle – dortoir", "Mont-près-Chambord", "école", "confort", ers, 5,
                                 self.ers),
            "24e124136b500046": ("Cave de la médiathèque", "Mont-près-Chambord", "médiathèque", "confort", em300, 85,
                                 lambda s: self.em300(s, 11.8, 12.6)),
        }  # fmt: skip

    def info(self, dev_eui: str) -> dict:
        name, commune, site, usage, decoder, *_ = self.devices()[dev_eui]
        return {
            "tenantId": TENANT,
            "applicationId": "a6836afa-af54-427c-813b-9a6d03df07f3",
            "deviceProfileName": decoder,
            "deviceName": name,
            "devEui": dev_eui,
            "tags": {"commune": commune, "site": site, "usage": usage, "decoder": decoder},
        }

    def uplink(self, dev_eui: str, at_ns: int, **changes) -> RawEvent:
        *_, f_port, payload = self.devices()[dev_eui]
        f_cnt = self.f_cnt[dev_eui] = self.f_cnt.get(dev_eui, 40) + 1
        body = {
            "deduplicationId": f"{dev_eui}-{f_cnt}",
            "time": format_time(at_ns),
            "deviceInfo": self.info(dev_eui),
            "devAddr": dev_eui[-8:],
            "fCnt": f_cnt,
            "fPort": f_port,
            "data": payload(at_ns / NS),
            "rxInfo": [{"gatewayId": "0016c001f1500001", "rssi": -90 - f_cnt % 23, "snr": 8.5 - f_cnt % 12}],
        } | changes
        return RawEvent("up", "json", msgspec.json.encode(body), "http", at_ns)

    def a_day(self, now_ns: int) -> list[RawEvent]:
        """A day of uplinks, ten minutes apart, of which some never arrive."""
        events = []
        for number, dev_eui in enumerate(self.devices()):
            for minute in range(24 * 60 - 5 - number, 0, -10):
                event = self.uplink(dev_eui, now_ns - minute * 60 * NS)
                if (minute * 7 + number * 31) % 97 not in {3, 4}:
                    events.append(event)
        return sorted(events, key=lambda event: event.arrived_at_ns)


class Store(MemorySink):
    """A sink that can be away."""

    away = False

    async def write(self, tenant, points, lines=None):
        if self.away:
            raise SinkUnavailable
        await super().write(tenant, points, lines)


class Site:
    """A journal with a day in it, its delivery, and the page."""

    def __init__(self, journal: SqliteJournal, deliverer: Deliverer, follower: Follower, store: Store) -> None:
        self.fleet = Fleet()
        self.store = store
        self.deliverer = deliverer
        self.follower = follower
        self.accept = Acceptor(journal)
        self.port = 0
        self._serving = AsyncExitStack()

    async def start(self, beat_s: float = 1.0) -> None:
        app = server.build(
            demo.routes(self.follower, streams=demo.StreamSettings(tick_s=0.1, beat_s=beat_s)),
            settings=ServerSettings(port=self.port, grace_s=1.0),
        )
        url = await self._serving.enter_async_context(server.serve(app))
        self.port = url.port
        self.url = str(url)

    async def stop(self) -> None:
        await self._serving.aclose()

    async def uplink(self, dev_eui="24e124136b500042", **changes) -> None:
        await self.accept([self.fleet.uplink(dev_eui, time.time_ns(), **changes)])


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Site]:
    """A site that runs."""
    river = Installation(
        "a84041c5d1827fed",
        place="cosson-bracieux",
        reads=(reads("probe.distance", "water.level", {"mounting_height": 4.2}),),
        parameters={"mounting_height": 4.2},
    )
    of_event = partial(
        interpret,
        catalog=Catalog(discover().entries(), ()),
        installations=Installations([river]),
        settings=PointSettings(),
    )
    journal = await SqliteJournal.open(folder / "journal.sqlite")
    store = Store()
    settings = DeliverySettings(retry_s=0.05, longest_retry_s=0.1)
    site = Site(journal, Deliverer(journal, store, of_event, settings=settings), Follower(journal, of_event), store)
    await site.accept(site.fleet.a_day(time.time_ns()))
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(site.deliverer.run()), tasks.create_task(site.follower.run())]
            await site.start()
            yield site
            await site.stop()
            for task in running:
                task.cancel()
    finally:
        await site.deliverer.close()
        await journal.close()


@pytest.fixture
async def site(tmp_path):
    """A site that runs."""
    async with running(tmp_path) as found:
        yield found


@pytest.fixture
async def browser():
    """Debian's Chromium."""
    async with _playwright()() as playwright:
        found = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield found
        await found.close()


@pytest.fixture
async def page(browser, site):
    """The page on a desk, all values there; what the console says and what the CSP stops is a failure."""
    async with looking(browser, site, DESK) as found:
        yield found


@asynccontextmanager
async def looking(browser, site, viewport, *, clock=False, **options):
    """Open the page; in the end nothing may have gone wrong in it."""
    context = await browser.new_context(viewport=viewport, locale="fr-FR", timezone_id="America/New_York", **options)
    context.set_default_timeout(30_000)  # a busy machine starts its first browser slowly
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.expected = []
    await page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective))"
    )
    if clock:
        await page.clock.install()
    await page.goto(str(site.url))
    await page.locator(".card").nth(5).wait_for()
    await page.locator("#link[data-state=live]").wait_for()
    yield page
    await context.close()
    assert [line for line in said if not any(each in line for each in page.expected)] == []


def card(page, name):
    """The card of this name."""
    return page.get_by_role("article", name=name)


async def text_of(locator):
    return re.sub(r"\s+", " ", await locator.inner_text())


async def until(read, wanted, timeout_s=10):
    """Wait until what is read contains what is wanted."""
    found = ""
    for _ in range(int(timeout_s / 0.05)):
        found = await read()
        if wanted in found:
            return found
        await asyncio.sleep(0.05)
    pytest.fail(f"{wanted!r} is not in {found!r}")


async def no_sideways_scroll(page):
    wide = await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.unseen, .skip, svg')).map((e) => e.className || e.tagName)"
    )
    assert wide == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_places_show_their_last_values_as_french_writes_them(page):
    school = card(page, "École de Bauzy – classe CM2")
    await school.filter(has_text="stocké").wait_for()  # delivery goes on while the page opens
    text = await text_of(school)
    assert "CO₂" in text
    assert re.search(r"\d ppm", text)
    assert re.search(r"\d+,\d °C", text)
    assert "stocké" in text
    assert "il y a" in text
    level = await card(page, "Cosson à Bracieux").locator(".value", has_text="Hauteur d’eau").inner_text()
    assert re.search(r"1,\d+\u202fm", level)


async def test_a_new_value_appears_by_itself(page, site):
    here = card(page, "Mairie, salle du conseil")
    payload = b"\x01\x75\x5c\x03\x67" + struct.pack("<h", -124) + b"\x04\x68\x71"
    await site.uplink(data=payload)
    found = await until(lambda: text_of(here), "−12,4 °C")
    assert "56,5 %" in found
    assert "à l’instant" in found
    await until(lambda: text_of(here), "stocké")


async def test_a_value_is_called_stored_only_when_its_event_is(page, site):
    here = card(page, "Mairie, salle du conseil")
    site.store.away = True
    payload = b"\x01\x75\x5c\x03\x67" + struct.pack("<h", 333) + b"\x04\x68\x71"
    await site.uplink(data=payload)
    assert "en attente de stockage" in await until(lambda: text_of(here), "33,3 °C")
    await until(lambda: text_of(page.locator("#flow")), "le stockage ne répond pas")
    assert "1" == await page.locator("#waiting").inner_text()
    site.store.away = False
    found = await until(lambda: text_of(here), "· stocké")
    assert "33,3 °C" in found
    await until(lambda: page.locator("#waiting").inner_text(), "0")


async def test_an_event_that_cannot_be_decoded_is_told(page, site):
    here = card(page, "Cave de la médiathèque")
    await site.uplink("24e124136b500046", data=b"\x03\x67\x01")
    await until(lambda: text_of(here), "Dernier uplink en quarantaine : contenu non conforme")
    await until(lambda: text_of(here), "· stocké")
    await until(lambda: text_of(page.locator("#flow")), "1 : contenu non conforme à la notice")


async def test_a_plot_has_its_words(page):
    plot = card(page, "Gymnase – chaufferie").locator("svg").first
    await plot.wait_for()
    label = await plot.get_attribute("aria-label")
    assert re.match(r"Température de l’air, depuis .+\u00a0: de \d+(,\d)? à \d+(,\d)?\u202f°C$", label)


@pytest.mark.parametrize("viewport", [SMALL_PHONE, PHONE, DESK], ids=["360", "390", "1280"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_scrolls_sideways_and_everything_can_be_read(browser, site, viewport, scheme):
    async with looking(browser, site, viewport, color_scheme=scheme) as page:
        for summary in await page.locator("summary").all():
            await summary.click()
        await no_sideways_scroll(page)
        assert await page.evaluate(CONTRAST) == []


async def test_the_keyboard_reaches_everything(page, site):
    for summary in range(await page.locator("summary").count()):
        assert await page.locator("summary").nth(summary).is_visible()
    reached = []
    for _ in range(8):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert ["A", "filter", *["SUMMARY"] * 6] == reached
    await page.locator("summary").first.focus()
    await page.keyboard.press("Enter")
    assert await page.locator("details[open]").count() == 1
    await site.uplink()
    await until(lambda: text_of(card(page, "Mairie, salle du conseil")), "à l’instant")
    assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_the_page_is_built_for_screen_readers(page):
    for role in ("banner", "main", "contentinfo", "search"):
        assert await page.get_by_role(role).count() == 1
    levels = await page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3')].filter(e => e.offsetParent).map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert {1} < set(levels)
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    live = await page.evaluate("[...document.querySelectorAll('[role=status],[aria-live]')].map(e => e.id)")
    assert ["link", "filter-result"] == live, "values are not announced one by one"
    assert await page.get_by_role("searchbox", name="Filtrer les lieux").count() == 1


async def test_the_filter_finds_without_accents_and_says_how_many(page):
    await page.get_by_label("Filtrer les lieux").fill("ecole mont")
    assert await page.locator(".card:visible").count() == 1
    assert "1 sur 6" == await page.locator("#count").inner_text()
    await until(lambda: text_of(page.locator("#filter-result")), "1 lieu affiché sur 6")
    await page.get_by_label("Filtrer les lieux").fill("xyz")
    assert await page.get_by_text("Aucun lieu ne répond à ce filtre.").is_visible()
    await page.get_by_label("Filtrer les lieux").fill("")
    assert await page.locator(".card:visible").count() == 6


async def test_a_lost_connection_is_said_and_found_again(page, site):
    page.expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    await site.stop()
    await until(lambda: text_of(page.locator("#link")), "Connexion perdue. La page montre l’état de ")
    await site.uplink(data=b"\x03\x67" + struct.pack("<h", 55))
    await site.start()
    await until(lambda: text_of(page.locator("#link")), "En direct", 30)
    await until(lambda: text_of(card(page, "Mairie, salle du conseil")), "5,5 °C")
    assert await page.locator(".card").count() == 6


async def test_a_connection_that_falls_silent_is_opened_anew(browser, site):
    await site.stop()
    await site.start(beat_s=1_000)
    async with looking(browser, site, DESK, clock=True) as page:
        async with page.expect_request("**/api/stream"):
            await page.clock.fast_forward(26_000)
        await page.locator("#link[data-state=live]").wait_for()
        assert await page.locator(".card").count() == 6


async def test_what_others_write_is_shown_as_text(page, site):
    name = "<img src=x onerror=alert(1)> & <b>gras</b>"
    await site.uplink(deviceInfo=site.fleet.info("24e124136b500042") | {"deviceName": name})
    await page.get_by_role("heading", name=name).wait_for()
    assert await page.locator(".card img, .card b").count() == 0


async def test_nothing_moves_for_those_who_ask_for_it(browser, site):
    for motion, animation in (("reduce", "none"), ("no-preference", "fresh")):
        async with looking(browser, site, DESK, reduced_motion=motion) as page:
            await site.uplink()
            await until(lambda page=page: text_of(card(page, "Mairie, salle du conseil")), "à l’instant")
            await site.uplink(data=b"\x03\x67" + struct.pack("<h", 111 if motion == "reduce" else 222))
            reading = card(page, "Mairie, salle du conseil").locator(".reading.fresh").first
            await reading.wait_for()
            assert animation == await reading.evaluate("(e) => getComputedStyle(e).animationName")


async def test_pictures(browser, tmp_path):
    """The demonstration itself, fleet and all, as a phone and a desk show it."""
    folder = IMAGES if os.environ.get("VDL_LORA_SCREENSHOTS") == "1" else tmp_path
    (tmp_path / "demo").mkdir()
    async with demonstrate(DemoSettings(tmp_path / "demo", ServerSettings(port=0))) as shown:
        for name, viewport in (("phone", PHONE), ("desk", DESK)):
            async with looking(browser, shown, viewport) as page:
                await page.locator(".card svg").first.wait_for()
                assert "60 fois plus vite" in await page.locator(".notice").inner_text()
                await asyncio.sleep(12 if folder is IMAGES else 2)  # the past day takes a while to arrive
                await until(lambda page=page: text_of(page.locator("#waiting")), "0")
                await page.screenshot(path=folder / f"demo-{name}.png")
                assert (folder / f"demo-{name}.png").stat().st_size > 20_000
                if extra := os.environ.get("VDL_LORA_PICTURES"):
                    await page.screenshot(path=Path(extra) / f"full-{name}.png", full_page=True)
                    await page.emulate_media(color_scheme="dark")
                    await page.screenshot(path=Path(extra) / f"dark-{name}.png", full_page=True)
        summary = await shown.finish()
    assert summary.events.complete


CONTRAST = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const hasText = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const bad = new Set();
  for (const e of document.querySelectorAll('body *')) {
    if (!e.offsetParent || e.closest('svg, noscript, .fresh') || !hasText(e)) continue;
    const [high, low] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a);
    if ((high + 0.05) / (low + 0.05) < 4.5) bad.add(`${e.tagName}.${e.className} ${e.textContent.slice(0, 30)}`);
  }
  return [...bad];
}"""
"""Gives the texts whose contrast is below 4.5, WCAG's AA."""
