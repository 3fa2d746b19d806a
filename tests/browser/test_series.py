"""The page of a series: the spectrum under the pointer, regions by mouse and by keys, a form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from compute.series.io import RawSeries
from compute.series.io.raw import Axis
from spectradb.models import Series, SeriesAnalysis, Spectrum
from spectradb.services.series.store import store_series
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


def test_what_is_under_the_pointer_is_not_called_a(quiet: Page, live_server: Any) -> None:
    row = make_series((6, 8))
    page = quiet
    page.goto(f"{live_server.url}/series/{row.pk}/?at=1,2&b=4,5")
    picture = page.locator("#picture.live")
    expect(picture).to_be_visible()
    picture.hover(position={"x": 5, "y": 5})
    expect(page.locator("#place")).to_have_text("Pointer: y 0 nm, x 0 nm · B: y 8 nm, x 10 nm")
    expect(page.locator("#plot .key li").first).to_contain_text("Pointer: y 0 nm")
    page.mouse.move(0, 0)
    expect(page.locator("#place")).to_have_text("A: y 2 nm, x 4 nm · B: y 8 nm, x 10 nm")


@pytest.mark.parametrize("shape", [(300, 2), (2, 300), (24, 32)])
def test_a_map_fits_the_page_and_fills_its_place(
    quiet: Page, live_server: Any, shape: tuple[int, int]
) -> None:
    row = make_series(shape)
    page = quiet
    page.goto(f"{live_server.url}/series/{row.pk}/")
    picture = page.locator("#picture.live")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert 50 < box["height"] < 600
    for drawn in picture.locator("canvas").all():
        assert drawn.bounding_box() == pytest.approx(box, abs=1.0)


def test_the_spectrum_follows_the_pointer_over_a_large_map(quiet: Page, live_server: Any) -> None:
    """512 × 512 × 1,024; how long it takes from a move to the drawn spectrum is printed (-s)."""
    noise = np.random.default_rng(0).poisson(100, (512, 1024)).astype("<f4")
    energy = 630 + 0.05 * np.arange(1024)
    axes = tuple(Axis(name, "nm", 0.5 * np.arange(512.0)) for name in "yx")
    raw = RawSeries(
        axes, energy, lambda: (np.roll(noise, k, axis=0) + k for k in range(512)), "made", "<f4",
        "Mn", "L23", "counts", "EELS",
    )  # fmt: skip
    row = Series.objects.get(pk=store_series(raw, "large", ["large.h5"]).id)
    Series.objects.update(status="published")
    page = quiet
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{live_server.url}/series/{row.pk}/")
    picture = page.locator("#picture.live")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    picture.hover(position={"x": 5, "y": 5})
    page.wait_for_function(DRAWN)
    places = np.random.default_rng(1).uniform(0.02, 0.98, (60, 2)) * [box["width"], box["height"]]
    times = []
    for x, y in places:
        times.append(page.evaluate(_MOVE, [box["x"] + x, box["y"] + y]))
    index = [
        int(at / of * 512) for at, of in zip(places[-1], (box["width"], box["height"]), strict=True)
    ]
    where = f"y {index[1] / 2:g} nm, x {index[0] / 2:g} nm"
    expect(page.locator("#place")).to_have_text(f"Pointer: {where}")
    shown = page.evaluate("document.getElementById('plot').figure.curves[0].y")
    np.testing.assert_allclose(shown, np.roll(noise, index[1], axis=0)[index[0]] + index[1])
    print(f"median {np.median(times):.0f} ms, largest of {len(times)}: {max(times):.0f} ms")  # noqa: T201


_MOVE = """([x, y]) => new Promise((done) => {
  const box = document.getElementById("picture"), before = box.dataset.settled;
  const start = performance.now();
  const look = () => (box.dataset.settled !== before
    ? requestAnimationFrame(() => done(performance.now() - start)) : setTimeout(look, 1));
  box.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true }));
  look();
})"""
