"""A measured file from the tray to a record that others see, cite, download, embed and collect."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from spectradb.models import Collection, Spectrum
from tests.browser.conftest import sign_in
from tests.browser.test_asking import _own_folder, scan  # noqa: F401 (fixtures)
from tests.browser.test_brought import DROP, open_tray
from tests.factories import make_user

pytestmark = [pytest.mark.slow]


@pytest.fixture
def another_site() -> Iterator[Callable[[str], str]]:
    """A site of its own that shows one page, given as HTML; its address."""
    shown: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(shown[0].encode())

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()

    def show(html: str) -> str:
        shown[:] = [html]
        return f"http://127.0.0.1:{server.server_port}/"

    yield show
    server.shutdown()


def test_a_measured_file_becomes_a_record_that_others_use(
    quiet: Page,
    browser: Browser,
    live_server: Any,
    library: dict[str, Spectrum],
    scan: Path,  # noqa: F811
    another_site: Callable[[str], str],
) -> None:
    page, base = quiet, live_server.url
    make_user("anna", "contributor")
    make_user("curt", "curator")
    sign_in(page, base, "anna")
    page.get_by_label(DROP).set_input_files(scan)
    page.wait_for_url(re.compile(r"/file/[\w-]{22}/"))
    page.get_by_label("Element").fill("Ni")
    page.get_by_label("Edge").fill("L23")
    page.get_by_role("button", name="Say so").click()
    page.get_by_role("button", name="Match", exact=True).click()
    page.wait_for_url(re.compile(r"/match/[\w-]{22}/"), timeout=150_000)
    page.get_by_role("link", name="Compare the best").click()
    page.wait_for_url(re.compile(r"/compare/\?file="))
    expect(page.locator(".plot.drawn")).to_be_visible()
    open_tray(page, "Fit peaks")
    page.get_by_label("At most so many peaks").fill("2")
    page.get_by_role("button", name="Fit peaks").click()
    expect(page.get_by_role("link", name="Download table")).to_be_visible()

    open_tray(page, "Send to the library")
    page.get_by_role("button", name="Make it a draft").click()
    page.get_by_role("link", name="Complete and send").click()
    page.wait_for_url(re.compile(r"/spectra/\d+/draft/"))
    _fill(page)
    page.get_by_role("button", name="Save and send for review").click()
    expect(page.locator(".note.ok")).to_contain_text("Sent for review")
    row = Spectrum.objects.get(contributor__username="anna")
    address = f"{base}/spectra/{row.pk}/"
    visitor = browser.new_context().new_page()
    assert visitor.goto(address).status == 404  # type: ignore[union-attr]

    curator = browser.new_context().new_page()
    sign_in(curator, base, "curt")
    curator.goto(f"{base}/admin/spectradb/spectrum/{row.pk}/change/")
    curator.click('button[name="_decide"][value="publish"]')
    row.refresh_from_db()
    assert row.status == "published"

    page.goto(f"{base}/")
    page.get_by_role("link", name="1 notice").click()
    expect(page.locator("main")).to_contain_text(f"SDB-{row.pk}: Published.")
    page.get_by_role("button", name="Take all as read").click()
    expect(page.get_by_role("link", name="1 notice")).to_have_count(0)

    assert visitor.goto(address).status == 200  # type: ignore[union-attr]
    expect(visitor.locator("aside")).to_contain_text(f"SDB-{row.pk}, version 1.")
    expect(visitor.locator("aside")).to_contain_text("CC BY 4.0. Anna et al.")
    expect(visitor.locator("#versions")).to_contain_text("version 1")
    with visitor.expect_download() as got:
        visitor.get_by_role("link", name="CSV", exact=True).click()
    assert got.value.suggested_filename == f"SDB-{row.pk}.csv"
    visitor.get_by_text("Embed this plot in another page").click()
    frame = visitor.locator("pre", has_text="<iframe").inner_text()
    visitor.goto(another_site(f"<title>x</title>{frame}"))
    expect(visitor.frame_locator("iframe").locator("svg").first).to_be_visible()
    read = """async (path) => {
      const answer = await fetch(path);
      return answer.ok ? await answer.text() : answer.status;
    }"""
    told = json.loads(visitor.evaluate(read, f"{base}/api/v1/spectra/{row.pk}/"))
    assert told["formula"] == "NiO"
    refused = visitor.evaluate(
        f"fetch('{base}/spectra/{row.pk}/').then(() => 'read', () => 'refused')"
    )
    assert refused == "refused", "pages are not read from elsewhere"

    _collect(page, base, row, library["nio"])
    collection = Collection.objects.get()
    share = page.get_by_label("Link", exact=True).input_value()
    visitor.goto(share)
    expect(visitor.locator("h1")).to_have_text("Nickel oxide")
    expect(visitor.locator("#rows tbody tr")).to_have_count(2)
    with visitor.expect_download() as got:
        visitor.get_by_role("link", name="PARQUET").click()
    assert got.value.suggested_filename == f"SDB-C{collection.pk}.parquet"
    for one in (visitor, curator):
        one.context.close()


def _fill(page: Page) -> None:
    """Every field of the draft page."""
    for name, value in {
        "formula": "NiO", "title": "NiO powder", "m_sample_name": "NiO",
        "m_sample_formula": "NiO", "m_sample_preparation": "pressed",
        "m_facility": "Photon Factory", "m_beamline": "BL-7A", "m_monochromator": "grating",
        "m_resolution_ev": "0.2",
        "m_temperature_k": "300", "m_measured_on": "2026-05-04 10:00", "doi": "10.1234/x",
        "citation": "Anna et al.",
    }.items():  # fmt: skip
        page.locator(f"[name={name}]").last.fill(value)
    page.select_option("[name=licence]", "CC BY 4.0")
    page.select_option("[name=m_mode]", "TEY")
    page.select_option("[name=quantity]", "mu")


def _collect(page: Page, base: str, first: Spectrum, second: Spectrum) -> None:
    """Put two records into a new collection, order it and make a link."""
    page.goto(f"{base}/spectra/{first.pk}/")
    page.get_by_role("link", name="Add to a collection").click()
    page.get_by_label("Title").fill("Nickel oxide")
    page.get_by_role("button", name="Make it").click()
    page.goto(f"{base}/spectra/?absorber=Ni&kind=theory")
    page.get_by_label(f"Select SDB-{second.pk}", exact=True).check()
    page.get_by_role("link", name="Collect…").click()
    page.get_by_role("button", name="Add: Nickel oxide").click()
    page.get_by_role("button", name=f"Move up SDB-{second.pk}").click()
    expect(page.locator("#rows tbody tr").first).to_contain_text(f"SDB-{second.pk}")
    page.get_by_role("button", name="Make a link").click()
