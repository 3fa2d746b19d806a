"""From a dropped file to a candidate, from a CIF to a band, from a count to its spectra."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from ml.kinds.base import FitOptions
from spectradb.models import Spectrum, TrainedModel
from spectradb.services.learning import predictions
from spectradb.services.learning.train import TrainingRequest, train_model
from spectradb.services.matching import index as match_index
from tests.factories import lorentzians, rocksalt
from tests.spectradb.learning.library import squeezed

NIO = ((853.4, 0.8, 1.0), (871.0, 1.0, 0.6))


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    match_index._LOADED.clear()
    predictions._loaded.cache_clear()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A measured NiO edge with noise, as two columns."""
    energy = np.linspace(842.0, 888.0, 400)
    noise = np.random.default_rng(1).normal(0.0, 0.01, energy.size)
    values = 0.2 + lorentzians(energy, NIO) + noise
    path = tmp_path / "nio.csv"
    rows = [f"{e:.3f},{v:.5f}" for e, v in zip(energy, values, strict=True)]
    path.write_text("\n".join(["energy_eV,intensity", *rows]))
    return path


def test_a_dropped_file_is_matched_and_candidates_redraw_the_plot(
    quiet: Page, live_server: Any, library: dict[str, Spectrum], scan: Path
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/match/")
    page.get_by_label("Choose a file, or drop it here").set_input_files(scan)
    page.wait_for_url(re.compile(r"/match/[\w-]{22}/"), timeout=150_000)
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()
    expect(page.locator(".plot.drawn")).to_be_visible()
    radios = page.locator("#cand input[type=radio]")
    expect(radios.first).to_be_checked()
    before = page.locator("#shown h2").inner_text()
    radios.first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url(re.compile(r"[?&]c=2"))
    expect(radios.nth(1)).to_be_focused()
    expect(page.locator("#shown .plot.drawn")).to_be_visible()
    assert page.locator("#shown h2").inner_text().startswith(before[:8])
    expect(page.locator("#shown details.peaks")).to_contain_text("Difference (eV)")
    page.get_by_label("±1σ of theory error").uncheck()
    page.wait_for_url(re.compile(r"shown=1"))
    expect(page.get_by_text("None of these")).to_be_visible()
    page.go_back()


def test_the_search_is_changed_without_uploading_again(
    quiet: Page, live_server: Any, library: dict[str, Spectrum], scan: Path
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/match/")
    page.get_by_label("Choose a file, or drop it here").set_input_files(scan)
    page.wait_for_url(re.compile(r"/match/[\w-]{22}/"), timeout=150_000)
    first = page.url
    page.get_by_text("Change what is searched").click()
    page.get_by_label("Absorber and edge").select_option("Ni-L23")
    page.get_by_label("Kind").select_option("theory")
    page.get_by_role("button", name="Search again").click()
    page.wait_for_url(lambda url: url != first, timeout=150_000)
    expect(page.get_by_text("Ni L2,3, theory")).to_be_visible()
    expect(page.locator("table.cand")).not_to_contain_text(f"SDB-{library['measured'].pk}")


def test_a_cif_becomes_a_spectrum_with_bands_and_trust(
    quiet: Page, live_server: Any, tmp_path: Path
) -> None:
    squeezed(48)
    asked = TrainingRequest("krr-nmf", "rule", {"absorber": ["Ni"]}, options=FitOptions())
    assert isinstance(train_model(asked), TrainedModel)
    path = tmp_path / "squeezed.cif"
    rocksalt("NiO", 4.31).to(str(path))
    page = quiet
    page.goto(f"{live_server.url}/predict/")
    page.get_by_label("Choose a structure file, or drop it here").set_input_files(path)
    page.wait_for_url(re.compile(r"/predict/[\w-]{22}/"))
    expect(page.locator(".plot.drawn")).to_be_visible()
    expect(page.get_by_label("Ni1")).to_be_checked()
    expect(page.get_by_label("O1")).to_be_disabled()
    expect(page.locator(".trust")).to_have_text(re.compile(r"(High|Medium|Low), \d"))
    page.get_by_label("±2σ").uncheck()
    page.wait_for_url(re.compile(r"shown=1"))
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert Path(got.value.path()).read_text().startswith("energy_ev,intensity,sigma")
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()
    page.get_by_role("link", name="Worst").click()
    page.wait_for_url(re.compile(r"example=worst"))
    expect(page.locator("#example .plot.drawn")).to_be_visible()


def test_a_count_of_the_coverage_map_opens_its_spectra(
    quiet: Page, live_server: Any, library: dict[str, Spectrum]
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/coverage/")
    page.get_by_label("Theory", exact=True).check()
    page.wait_for_url(re.compile(r"kind=theory"))
    page.get_by_role("link", name=re.compile(r"Ni2\+.*6 O: 2")).click()
    page.wait_for_url(re.compile(r"/spectra/\?"))
    expect(page.locator("#count")).to_have_text("2 spectra")
