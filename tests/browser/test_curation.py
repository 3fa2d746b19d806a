"""A measured file's way: contributor, curator, everyone. And a calculation asked for in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from spectradb.models import Calculation, JobStatus, Spectrum
from tests.browser.conftest import sign_in
from tests.factories import make_user


@pytest.fixture
def xdi(tmp_path: Path) -> Path:
    """A Cu K edge scan as an XDI 1.0 file."""
    energy = np.concatenate([np.arange(8880.0, 8970, 5), np.arange(8970, 9200, 0.5)])
    mu = 0.2 + 1 / (1 + np.exp(-(energy - 8984) / 0.9)) + 0.05 * np.sin((energy - 8990) / 9)
    mu += 0.3 * np.exp(-(((energy - 8997) / 4) ** 2))
    rows = "\n".join(f" {e:.3f} {m:.6f}" for e, m in zip(energy, mu, strict=True))
    path = tmp_path / "cuo_scan.xdi"
    path.write_text(
        "# XDI/1.0\n# Element.symbol: Cu\n# Element.edge: K\n# Mono.d_spacing: 3.13553\n"
        "# Sample.name: tenorite\n# Sample.formula: CuO\n# Beamline.name: 4-3\n"
        "# Facility.name: SSRL\n# Scan.start_time: 1996-07-30T09:34:00\n"
        "# Column.1: energy eV\n# Column.2: mutrans\n# ---\n# energy mutrans\n" + rows + "\n"
    )
    return path


def test_upload_is_seen_by_everyone_only_after_a_curator_published_it(
    quiet: Page, browser: Browser, live_server: Any, xdi: Path
) -> None:
    base = live_server.url
    make_user("anna", "contributor")
    make_user("curt", "curator")
    page = quiet
    sign_in(page, base, "anna")
    page.goto(f"{base}/upload/")
    page.set_input_files("#id_files", xdi)
    expect(page.locator("#chosen")).to_have_text("cuo_scan.xdi")
    page.click("#upload-form button.primary")
    expect(page.locator("div.made")).to_contain_text("Cu K")
    page.click("text=Complete and send")
    expect(page.locator("#missing")).to_contain_text("licence")
    page.click("text=Save and send for review")
    expect(page.get_by_text("it does not say everything yet")).to_be_visible()
    page.select_option("[name=licence]", "CC BY 4.0")
    page.select_option("[name=m_mode]", "transmission")
    page.click("text=Save and send for review")
    expect(page.locator(".note.ok")).to_contain_text("Sent for review")
    row = Spectrum.objects.get()
    address = f"{base}/spectra/{row.pk}/"

    visitor = browser.new_context().new_page()
    assert visitor.goto(address).status == 404  # type: ignore[union-attr]
    visitor.goto(f"{base}/spectra/?absorber=Cu")
    expect(visitor.locator("#count")).to_have_text("0 spectra")

    curator = browser.new_context().new_page()
    sign_in(curator, base, "curt")
    curator.goto(f"{base}/admin/spectradb/spectrum/{row.pk}/change/")
    expect(curator.locator("h1")).to_contain_text("CuO")
    curator.click('button[name="_decide"][value="publish"]')
    row.refresh_from_db()
    assert row.status == "published"

    assert visitor.goto(address).status == 200  # type: ignore[union-attr]
    expect(visitor.locator("h1")).to_contain_text("Cu K")
    visitor.goto(f"{base}/spectra/?absorber=Cu")
    expect(visitor.locator("#count")).to_have_text("1 spectrum")


def test_file_that_cannot_say_its_edge_is_asked_about(
    quiet: Page, live_server: Any, tmp_path: Path
) -> None:
    page, base = quiet, live_server.url
    energy = np.arange(8900.0, 9100.0, 0.5)
    mu = 1 / (1 + np.exp(-(energy - 8984)))
    path = tmp_path / "scan.dat"
    lines = [f"{e} {m}" for e, m in zip(energy, mu, strict=True)]
    path.write_text("# energy mu\n" + "\n".join(lines))
    make_user("anna", "contributor")
    sign_in(page, base, "anna")
    page.goto(f"{base}/upload/")
    page.set_input_files("#id_files", path)
    page.click("#upload-form button.primary")
    row = Spectrum.objects.get()
    assert row.absorber == ""
    page.click("text=Complete and send")
    page.fill("[name=absorber]", "Cu")
    page.select_option("[name=edge]", "K")
    page.fill("[name=formula]", "CuO")
    page.select_option("[name=licence]", "CC0 1.0")
    page.select_option("[name=m_mode]", "transmission")
    page.click("text=Save and send for review")
    page.wait_for_url(f"**/spectra/{row.pk}/")
    row.refresh_from_db()
    assert (row.absorber, row.edge) == ("Cu", "K")


def test_broken_file_is_told_with_its_line(quiet: Page, live_server: Any, tmp_path: Path) -> None:
    page, base = quiet, live_server.url
    path = tmp_path / "broken.xdi"
    path.write_text("# XDI/1.0\n# Element.symbol: Qq\n# Element.edge: K\n# ---\n 1 2\n 3\n")
    make_user("anna", "contributor")
    sign_in(page, base, "anna")
    page.goto(f"{base}/upload/")
    page.set_input_files("#id_files", path)
    page.click("#upload-form button.primary")
    expect(page.locator(".note.bad").first).to_be_visible()
    assert not Spectrum.objects.exists()


def test_site_is_computed_from_its_row(quiet: Page, live_server: Any, library: Any) -> None:
    page, base = quiet, live_server.url
    make_user("anna", "contributor")
    structure = library["mno"].structure
    library["mno"].delete()
    Calculation.objects.filter(structure=structure).delete()
    sign_in(page, base, "anna")
    page.goto(f"{base}/structures/{structure.pk}/")
    multiplet = page.locator("#sites form:not(:has(input[name=route])) button.linkish")
    multiplet.click()
    expect(multiplet).to_have_count(0, timeout=90_000)
    row = Calculation.objects.get(structure=structure)
    assert row.job_status == JobStatus.DONE, row.error
    page.goto(f"{base}/jobs/")
    expect(page.locator("table.jobs tbody tr").first).to_contain_text("Mn")
