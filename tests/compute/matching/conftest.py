"""A small library of Lorentzian sums, and one that has been calibrated."""

from __future__ import annotations

import pytest

from compute.matching import SpectrumLibrary, calibration
from tests.benchmarks.lorentzian_sets import (
    Disturbance,
    LorentzianSet,
    make_library,
    make_queries,
)

MOVED = Disturbance(
    0.06, 0.04, max_shift_ev=4.0, max_sigma_ev=0.4, max_gamma_ev=0.2, background=0.1,
    scale_spread=1.0, n_points=260, crop_ev=2.0,
)  # fmt: skip


@pytest.fixture
def few_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Posteriors without known pairs from few simulated ones: cheap, less exact."""
    monkeypatch.setattr(calibration, "_SYNTHETIC_PAIRS", 4)


@pytest.fixture(scope="session")
def made() -> LorentzianSet:
    return make_library(600, n_points=200, seed=5)


@pytest.fixture(scope="session")
def plain(made: LorentzianSet) -> SpectrumLibrary:
    """Never calibrated; tests must not change it."""
    return SpectrumLibrary(made.energy_ev, made.intensities, range(600))


@pytest.fixture(scope="session")
def calibrated(made: LorentzianSet) -> SpectrumLibrary:
    """Calibrated with 16 moved pairs; tests must not change it."""
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(600))
    pairs = make_queries(made, 16, MOVED, seed=21)
    library.calibrate((q.energy_ev, q.intensity, q.row) for q in pairs)
    return library
