"""The page in a real browser: a headless Chromium."""

from __future__ import annotations

import os
import shutil
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from web_events_logger.guard import check_change

from tests.examples.web.site import HOSTILE, INVISIBLE, Site, running
from tests.support import eventually, within

pytestmark = pytest.mark.browser

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium: apt-get install chromium", allow_module_level=True)

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        expect.set_options(timeout=within(10) * 1000)
        yield browser
        browser.close()


class Window:
    """A page, and what the browser complained about."""

    def __init__(self, browser: sync_api.Browser, site: Site, size: dict[str, int], scheme: str = "light") -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme, locale="en-US")
        self.context.set_default_timeout(within(10) * 1000)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("framenavigated", lambda frame: self.complaints.append(f"navigated to {frame.url}"))
        self.page.goto(site.url)
        self.complaints.clear()
        expect(self.page.locator("#link")).to_have_attribute("data-state", "connected")

    @property
    def rows(self) -> sync_api.Locator:
        return self.page.locator("#log > li")

    def data(self) -> list[str]:
        return self.page.locator("#log .data").all_text_contents()


@pytest.fixture
def window(browser: sync_api.Browser, site: Site) -> Iterator[Window]:
    window = Window(browser, site, DESK)
    yield window
    window.context.close()


def colours(png: bytes) -> int:
    """Count the colours of a screenshot, as far as its filtered bytes tell them apart."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, data = 8, b""
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += 12 + size
    pixels = zlib.decompress(data)
    return len({pixels[at : at + 3] for at in range(0, len(pixels), 3)})


def test_events_appear_without_reloading(window: Window, site: Site, tmp_path: Path) -> None:
    site.listen("timer")
    for number in range(3):
        site.fire("timer", "tick", {"n": number})
        expect(window.rows).to_have_count(number + 1)
    assert window.data() == ['{"n": 2}', '{"n": 1}', '{"n": 0}']
    expect(window.rows.first.locator(".sender")).to_have_text("timer")
    expect(window.page.locator("#patterns li")).to_have_count(1)
    picture = window.page.screenshot(path=tmp_path / "page.png")
    assert colours(picture) > 50
    assert window.complaints == []


def test_hostile_names_and_data_are_text(window: Window, site: Site) -> None:
    site.listen(HOSTILE)
    site.listen(INVISIBLE)
    image = "<img src=x onerror=\"alert(1)\">'\u202e"
    site.fire(HOSTILE, HOSTILE, {image: image})
    site.fire(INVISIBLE, "tick", "</script>")
    expect(window.rows).to_have_count(2)
    hostile, invisible = window.rows.nth(1), window.rows.nth(0)
    expect(hostile.locator(".sender")).to_have_text(HOSTILE)
    expect(hostile.locator(".event")).to_have_text(HOSTILE)
    assert image.replace('"', r"\"").replace("\u202e", r"\u202e") in window.data()[1]
    expect(invisible.locator(".sender")).to_have_text(r'"a\tb\nc\u202ed\u001b[31m"')
    window.page.locator("#log .time").last.click()
    expect(window.page.locator("#details-sender")).to_have_text(HOSTILE)
    assert window.page.locator("#log img, #log script, dialog img, #patterns script").count() == 0
    window.page.reload()  # the same, as the server writes it
    expect(window.rows).to_have_count(2)
    assert [text for text in window.complaints if not text.startswith("navigated to")] == []


def test_long_data_are_shortened_and_can_be_seen(window: Window, site: Site) -> None:
    site.listen("timer")
    site.fire("timer", "tick", "x" * 10_240)
    expect(window.rows).to_have_count(1)
    assert len(window.data()[0]) < 250
    window.page.get_by_role("button", name="all 10,242 characters").click()
    expect(window.page.locator("#details-data")).to_have_text('"' + "x" * 10_240 + '"')
    expect(window.page.locator("#details-more")).to_be_hidden()
    window.page.get_by_role("button", name="Close").click()
    site.fire("timer", "tick", "y" * 100_000)
    window.page.get_by_role("button", name="all 100,002 characters").click()
    with window.context.expect_page() as opened:
        window.page.get_by_role("link", name="All of it").click()
    assert opened.value.text_content("body") == '"' + "y" * 100_000 + '"\n'


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(245, 246, 250)"), ("dark", "rgb(18, 20, 28)")])
def test_phone_has_no_horizontal_scroll(
    browser: sync_api.Browser, site: Site, tmp_path: Path, scheme: str, paper: str
) -> None:
    site.listen("W" * 255, "M" * 255)
    for sender in ("timer", HOSTILE, 7):
        site.listen(sender)
        site.fire(sender, HOSTILE, "x" * 10_240)
    site.journal.add("W" * 255, "M" * 255, '"' + "W" * 255 + '"')
    window = Window(browser, site, PHONE, scheme)
    expect(window.rows).to_have_count(4)
    window.page.get_by_text("Registrations").click()
    expect(window.page.locator("#patterns li").first).to_be_visible()
    assert window.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert window.page.evaluate(background) == paper
    assert colours(window.page.screenshot(path=tmp_path / "phone.png", full_page=True)) > 50
    window.context.close()


def test_registrations_are_added_and_removed(window: Window, site: Site) -> None:
    page = window.page
    form = page.locator("#add")
    form.get_by_label("Sender").fill("timer")
    form.get_by_label("Event").fill("tick")
    form.get_by_role("button").click()
    expect(page.locator("#patterns li")).to_have_count(1)
    assert [each.pattern for each in site.subscriber.registrations] == [("timer", "tick")]
    eventually(lambda: site.subscriber.registrations[0].subscription is not None)  # the page may tell of it before
    site.fire("timer", "tick")
    expect(window.rows).to_have_count(1)
    form.get_by_label("Sender").fill("timer")
    form.get_by_label("Event").fill("tick")
    form.get_by_role("button").click()
    expect(page.locator("#answer")).to_have_text("already registered to timer:tick")
    page.get_by_role("button", name="Remove timer:tick").click()
    expect(page.locator("#patterns li")).to_have_count(0)
    assert site.subscriber.registrations == []


def test_filter_pause_limit_and_clear(window: Window, site: Site) -> None:
    page = window.page
    for sender in ("timer", "a"):
        site.listen(sender)
        for event in ("tick", "tock"):
            site.fire(sender, event, f"{sender} {event}")
    expect(window.rows).to_have_count(4)
    page.locator("#sender").fill("IME")
    assert window.data() == ['"timer tock"', '"timer tick"']
    page.locator("#event").fill("tick")
    assert window.data() == ['"timer tick"']
    page.locator("#event").fill("none such")
    expect(page.locator("#empty")).to_have_text("No event in the log matches.")
    page.locator("#sender").fill("")
    page.locator("#event").fill("")
    page.get_by_role("button", name="Pause").click()
    site.fire("a", "tick", "while paused")
    expect(page.locator("#received")).to_have_text(f"{site.journal.received:,}")
    expect(window.rows).to_have_count(4)
    page.get_by_role("button", name="Resume").click()
    expect(window.rows).to_have_count(5)
    page.locator("#limit").fill("2")
    page.locator("#limit").press("Enter")
    expect(window.rows).to_have_count(2)
    assert site.journal.limit == 2
    page.get_by_role("button", name="Clear").click()
    expect(window.rows).to_have_count(0)
    expect(page.locator("#empty")).to_have_text("No events yet.")
    assert window.complaints == []


ATTACK = """async (target) => {
  const quiet = { mode: "no-cors", referrerPolicy: "no-referrer" };
  for (const path of ["clear", "config?limit=1", "add?sender=evil", "remove?sender=timer"]) {
    await fetch(target + path, quiet).catch(() => null); // the page may not even see that it was refused
    await fetch(target + path, { ...quiet, method: "POST" }).catch(() => null);
    const image = Object.assign(new Image(), { referrerPolicy: "no-referrer", src: target + path });
    await new Promise((done) => (image.onerror = done));
  }
  document.body.innerHTML = `<form method="post" action="${target}clear"></form>`;
  document.forms[0].submit();
}"""


class Other(BaseHTTPRequestHandler):
    """Another web site: one page, without any rules."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><body></body>")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def other_site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_port}/"  # the logger is at 127.0.0.1: for a browser that is far away
        server.shutdown()
        thread.join(within(10))


def test_page_of_another_site_changes_nothing(
    browser: sync_api.Browser, site: Site, other_site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def check(request: Request) -> None:
        with pytest.raises(HTTPException) as caught:
            check_change(request)
        refused.append(request.method)
        raise caught.value

    monkeypatch.setattr("web_events_logger.rest.check_change", check)
    site.listen("timer")
    site.fire("timer", "tick")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(other_site)
        page.evaluate(ATTACK, site.url)
        page.wait_for_url(site.url + "clear")
        assert "another site" in page.text_content("body")
    assert sorted(refused) == ["GET"] * 8 + ["POST"] * 5
    assert (len(site.journal), site.journal.limit) == (1, 200)
    assert [each.pattern for each in site.subscriber.registrations] == [("timer", None)]


def test_page_tells_when_the_server_or_the_logger_is_away(browser: sync_api.Browser) -> None:
    with running() as site:
        window = Window(browser, site, DESK)
        link = window.page.locator("#link")
        site.listen("timer")
        address = site.server.addresses[0]
        site.server.stop()
        expect(link).to_have_attribute("data-state", "reconnecting")
        expect(link).to_have_text(f"server away: {address}")
        with running(address) as another:
            eventually(lambda: site.subscriber.state == "connected")
            expect(link).to_have_attribute("data-state", "connected")
            another.send("timer", "tick", "again")
            expect(window.rows.first.locator(".data")).to_have_text('"again"')
    expect(link).to_have_attribute("data-state", "lost")
    window.context.close()
