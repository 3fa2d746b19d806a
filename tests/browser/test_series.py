"""The page of a series: the spectrum under the pointer, regions by mouse and by keys, a form."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from spectradb.models import SeriesAnalysis, Spectrum
from tests.browser.conftest import sign_in
from tests.factories import make_series, make_series_analysis, make_user

pytestmark = pytest.mark.slow
DRAWN = "() => document.querySelector('#plot .live .main-svg') !== null"


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_a_map_is_read_by_pointer_and_by_keys(
    quiet: Page, live_server: Any, width: int, theme: Any
) -> None:
    page = quiet
    anna = make_user("anna", "contributor")
    row = make_series((6, 8), contributor=anna)
    make_series_analysis(row, requested_by=anna)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    sign_in(page, live_server.url, "anna")
    page.goto(f"{live_server.url}/series/{row.pk}/")
    picture = page.locator("#picture.live")
    expect(picture).to_be_visible()
    beyond = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert beyond <= 0
    # A click keeps a region, with Shift the other one; the address holds both.
    box = picture.bounding_box()
    assert box is not None
    wide, high = box["width"] / 8, box["height"] / 6  # of a pixel of the map
    picture.click(position={"x": 2.5 * wide, "y": 1.5 * high})
    expect(page.locator("#at")).to_have_value("1,2")
    picture.click(position={"x": 5.5 * wide, "y": 4.5 * high}, modifiers=["Shift"])
    expect(page.locator("#b")).to_have_value("4,5")
    assert "b=4%2C5" in page.url
    page.mouse.move(0, 0)
    expect(page.locator("#place")).to_have_text("A: y 2 nm, x 4 nm · B: y 8 nm, x 10 nm")
    page.wait_for_function(DRAWN)
    expect(page.locator("#plot .key li")).to_have_count(2)
    # Keys alone: Escape clears, arrows move, Shift widens, Enter keeps.
    picture.focus()
    for key in ("Escape", "ArrowUp", "ArrowLeft", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#under")).to_contain_text("4 spectra")
    page.keyboard.press("Enter")
    expect(page.locator("#at")).to_have_value("2-3,3-4")
    # What is shown, and how far its scale reaches, without leaving the page.
    page.select_option("#show", label="component1")
    expect(page.locator("#scale-form")).to_be_visible()
    page.fill("#low", "0")
    page.fill("#high", "1000")
    page.click("#scale-form button")
    expect(page.locator("#scale-high")).to_have_text("1000")
    # A region becomes a reference, and an analysis of it.
    page.click("#use-a")
    expect(page.locator("#references")).to_have_value("@2-3,3-4")
    page.click("#ask button.primary")
    expect(page.locator(".note.ok")).to_contain_text("Queued")
    assert SeriesAnalysis.objects.latest("pk").options["references"]
    assert Spectrum.objects.get().measurement.file_part == "y 2…3, x 3…4"  # type: ignore[union-attr]


def test_a_series_over_time_is_a_waterfall(quiet: Page, live_server: Any) -> None:
    row = make_series((12,))
    make_series_analysis(row)
    page = quiet
    page.goto(f"{live_server.url}/series/{row.pk}/")
    picture = page.locator("#picture.live")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    picture.click(position={"x": 20, "y": 7.5 / 12 * box["height"]})
    expect(page.locator("#at")).to_have_value("7")
    expect(page.locator("#along0")).to_be_visible()
