"""What only a browser knows of the site's look: sizes of text, targets, plots without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.test_every_page import PAGES
from tests.factories import make_user

_TEXT = """selector => { const s = getComputedStyle(document.querySelector(selector));
  return [parseFloat(s.fontSize), Number(s.fontWeight)]; }"""
# Links in running text are exempt, as in WCAG 2.5.8, and so is the periodic table, whose equal is
# the search box.
_SMALL = """least => {
  const found = [];
  const running = (e) => getComputedStyle(e).display === "inline"
    && e.closest("p,li,td,th,dd,figcaption,.sub,.crumbs,.note,label,h1,h2,.hint,.examples");
  for (const e of document.querySelectorAll(
      "a[href],button,input:not([type=hidden]),select,textarea,summary,label.check,.seg label")) {
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height || getComputedStyle(e).visibility === "hidden") continue;
    if (e.closest(".vh,.skip,[hidden],dialog:not([open]),.pt,.modebar") || running(e)) continue;
    if (e.matches("[type=checkbox],[type=radio]") && e.closest("label,.field,td")) continue;
    if (box.height < least - 0.5 || (box.width < least - 0.5 && !e.closest("td,th")))
      found.push(`${e.outerHTML.slice(0, 90)} ${box.width.toFixed(0)}x${box.height.toFixed(0)}`);
  }
  return found;
}"""


@pytest.mark.slow
def test_text_has_its_sizes_and_weights(page: Page, live_server: Any, library: Any) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{live_server.url}/spectra/{library['nio'].pk}/")
    told = {one: page.evaluate(_TEXT, one) for one in ("body", "h1", "h2", "td", ".small", ".btn")}
    assert told == {
        "body": [16, 400], "h1": [28, 600], "h2": [19, 600], "td": [15, 400], ".small": [14, 400],
        ".btn": [15, 600],
    }  # fmt: skip
    assert page.evaluate("document.querySelector('main .wrap').clientWidth") <= 1360


@pytest.mark.slow
@pytest.mark.parametrize(("width", "least"), [(1440, 24), (390, 44)])
def test_what_one_presses_is_large_enough(
    page: Page, live_server: Any, library: Any, width: int, least: int
) -> None:
    make_user("anna", "contributor")
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, live_server.url, "anna")
    names = {name: row.pk for name, row in library.items()}
    names["structure"] = library["nio"].structure_id
    small = {}
    for address in PAGES:
        page.goto(live_server.url + address.format(**names))
        page.wait_for_load_state("networkidle")
        if found := page.evaluate(_SMALL, least):
            small[address] = found[:4]
    assert not small, small


@pytest.mark.slow
def test_the_first_picture_of_a_plot_needs_no_scripts(
    browser: Browser, live_server: Any, library: Any
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    one, other, measured = (library[name].pk for name in ("nio", "nio2", "measured"))
    for address in (
        f"/spectra/{one}/", f"/spectra/{measured}/?norm=normalised", f"/spectra/{one}/embed/",
        f"/compare/?ids={one},{other}", "/multiplet/?ion=Ni2", "/spectra/?view=overlay",
        f"/structures/{library['nio'].structure_id}/", "/",
    ):  # fmt: skip
        page.goto(live_server.url + address)
        inside = "main" if address == "/" else "body" if "embed" in address else ".plot .first"
        drawn = page.locator(f"{inside} svg path").locator("visible=true")
        expect(drawn.first).to_be_visible()
    page.context.close()


@pytest.mark.slow
def test_what_refuses_is_told_on_the_page_and_what_was_there_stays(
    page: Page, live_server: Any, library: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rest_framework.throttling import SimpleRateThrottle

    from spectradb.services.learning.predictions import keep_structure_file
    from tests.factories import rocksalt

    user = make_user("anna", "contributor")
    crystal = keep_structure_file("nio.cif", rocksalt("NiO").to(fmt="cif").encode(), user)
    sign_in(page, live_server.url, "anna")
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *arguments: False)
    monkeypatch.setattr(SimpleRateThrottle, "wait", lambda *arguments: 30)
    page.goto(f"{live_server.url}/crystal/{crystal.token}/")
    expect(page.locator("#refused")).to_contain_text("Too many questions")
    expect(page.locator("#answer button", has_text="Compute").first).to_be_visible()


@pytest.mark.slow
def test_an_address_keeps_no_empty_parameters(page: Page, live_server: Any, library: Any) -> None:
    page.goto(f"{live_server.url}/spectra/")
    page.fill("[name=absorber]", "Ni")
    page.press("[name=absorber]", "Enter")
    page.wait_for_url("**absorber=Ni*")
    assert page.url.endswith("/spectra/?absorber=Ni")
    page.click("th a.sort >> nth=0")
    page.wait_for_url("**ordering=formula*")
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(1)
