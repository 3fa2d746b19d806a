"""What one brings goes everywhere: a measured file through every page, a crystal to its spectra."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from spectradb.models import Spectrum, Upload
from tests.browser.test_asking import _own_folder, scan  # noqa: F401 (fixtures)
from tests.factories import rocksalt

DROP = "Drop a measured file or a CIF here, or choose one"


def open_tray(page: Page, link: str) -> None:
    """Follow a link of the first file in the strip below the header."""
    page.locator(".tray summary").first.click()
    page.locator(".tray .menu").get_by_role("link", name=link, exact=True).click()


def test_a_measured_file_goes_from_the_first_page_through_all_others(
    quiet: Page,
    live_server: Any,
    library: dict[str, Spectrum],
    scan: Path,  # noqa: F811
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/")
    page.get_by_label(DROP).set_input_files(scan)
    page.wait_for_url(re.compile(r"/file/[\w-]{22}/"))
    expect(page.locator(".plot.drawn")).to_be_visible()
    page.get_by_label("Element").fill("Ni")
    page.get_by_label("Edge").fill("L23")
    page.get_by_role("button", name="Say so").click()
    expect(page.get_by_text("Ni L2,3").first).to_be_visible()

    page.get_by_role("button", name="Match", exact=True).click()
    page.wait_for_url(re.compile(r"/match/[\w-]{22}/"), timeout=150_000)
    page.get_by_role("link", name="Compare the best").click()
    page.wait_for_url(re.compile(r"/compare/\?file="))
    expect(page.get_by_role("link", name="nio.csv", exact=True)).to_be_visible()
    before = page.locator(".cmp-row").count()
    page.get_by_label("Add spectra").fill("MnO")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator(".found a").first.click()
    expect(page.locator(".cmp-row")).to_have_count(before + 1)
    page.get_by_text("Own zero").click()
    expect(page.locator(".plot.drawn")).to_be_visible()
    page.wait_for_url(re.compile(r"align=zero"))

    open_tray(page, "Fit peaks")
    page.get_by_label("At most so many peaks").fill("3")
    page.get_by_role("button", name="Fit peaks").click()
    expect(page.get_by_role("link", name="Download table")).to_be_visible()

    open_tray(page, "Normalise")
    expect(page.locator("#plot.drawn")).to_be_visible()
    box = page.locator("#plot .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"background_lo=84"))
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("Kept with the file")).to_be_visible()

    open_tray(page, "Multiplet")
    expect(page.locator("#mp-file")).to_contain_text("nio.csv")
    page.locator("#n-ten_dq").fill("1.6")
    page.wait_for_url(re.compile(r"ten_dq=1\.6"))
    assert "file=" in page.url

    open_tray(page, "Send to the library")
    page.wait_for_url(re.compile(r"/login/\?next=/upload/"))


def test_a_crystal_gives_the_spectra_of_its_sites_and_a_link_that_others_follow(
    quiet: Page, live_server: Any, library: dict[str, Spectrum], tmp_path: Path, browser: Browser
) -> None:
    path = tmp_path / "nio.cif"
    rocksalt("NiO").to(str(path))
    page = quiet
    page.goto(f"{live_server.url}/multiplet/")
    page.get_by_label(DROP).set_input_files(path)
    page.wait_for_url(re.compile(r"/crystal/[\w-]{22}/"))
    expect(page.locator(".plot.drawn")).to_be_visible(timeout=120_000)
    expect(page.locator("table").get_by_text("quick: Done")).to_be_visible()
    expect(page.get_by_text("Measured, most like it")).to_be_visible()
    page.get_by_role("button", name="Make a link").click()
    address = page.get_by_label("Link", exact=True).input_value()
    assert Upload.objects.get().token not in address
    stranger = browser.new_context().new_page()
    stranger.goto(address)
    expect(stranger.get_by_text("shared with you by a link")).to_be_visible()
    expect(stranger.get_by_role("button", name="Delete")).to_have_count(0)
    page.get_by_role("button", name="Take back").click()
    assert stranger.goto(address).status == 404
    stranger.context.close()


def test_a_whole_search_is_exported_without_ticking_rows(
    quiet: Page, live_server: Any, library: dict[str, Spectrum]
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/spectra/?absorber=Ni&kind=theory")
    page.get_by_role("link", name="Export all 2…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 spectra")
    dialog.get_by_text("Columns").click()
    expect(dialog.get_by_text("oxidation_state")).to_be_visible()
    with page.expect_download() as got:
        dialog.get_by_role("button", name="Export", exact=True).click()
    assert got.value.suggested_filename == "spectradb-2-spectra.parquet"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_of_what_one_brings_fit(
    quiet: Page,
    live_server: Any,
    library: dict[str, Spectrum],
    scan: Path,  # noqa: F811
    tmp_path: Path,
    width: int,
) -> None:
    """No page scrolls sideways with a tray of two."""
    path = tmp_path / "nio.cif"
    rocksalt("NiO").to(str(path))
    page = quiet
    page.set_viewport_size({"width": width, "height": 844})
    for file in (scan, path):
        page.goto(f"{live_server.url}/bring/")
        page.get_by_label(DROP).set_input_files(file)
        page.wait_for_url(re.compile(r"/(file|crystal)/"))
    spectrum, crystal = Upload.objects.order_by("pk")
    for address in (
        f"/file/{spectrum.token}/", f"/crystal/{crystal.token}/",
        f"/compare/?file={spectrum.token}&ids={library['nio'].pk}", f"/fit/?file={spectrum.token}",
        f"/normalisation/?file={spectrum.token}", f"/multiplet/?file={spectrum.token}",
        "/privacy/", "/bring/",
    ):  # fmt: skip
        page.goto(live_server.url + address)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{address} is {wide} px too wide at {width} px"
