"""Noise that neighbours have in common is no peaks, and widens the error bars."""

from __future__ import annotations

import numpy as np
import pytest

from compute.peaks import decompose
from compute.peaks.colour import independent_share
from tests.benchmarks.synthetic_peaks import lineshape

ENERGY = np.linspace(850.0, 900.0, 1000)
PEAKS = [(861.0, 0.6, 1.0), (864.1, 0.9, 1.5), (880.0, 1.2, 3.0)]  # position, HWHM, area
CLEAN = np.sum([a * lineshape(ENERGY, p, g, 0.0) for p, g, a in PEAKS], axis=0)


def smoothed_noise(points: int, seed: int, size: int = 1000) -> np.ndarray:
    white = np.random.default_rng(seed).standard_normal(size + points)
    noise = np.convolve(white, np.ones(points) / points, "same")[:size]
    return np.asarray(noise / noise.std())


@pytest.mark.parametrize("points", [3, 7])
def test_a_running_mean_leaves_one_independent_point_in_its_length(points):
    share = independent_share(smoothed_noise(points, 1, 200_000))
    assert share == pytest.approx(1.0 / points, rel=0.05)


def test_white_and_alternating_residuals_keep_all_their_points():
    white = np.random.default_rng(1).standard_normal(1000)
    assert independent_share(white) == 1.0
    assert independent_share(np.diff(white)) == 1.0


def test_smoothed_data_give_their_peaks_and_honest_errors():
    z = []
    for seed in range(6):
        fit = decompose(ENERGY, CLEAN + 0.01 * CLEAN.max() * smoothed_noise(5, seed))
        assert fit.n_peaks == len(PEAKS)
        assert any("noise in common" in warning for warning in fit.warnings)
        z += [
            (p.position_ev - at) / p.position_err
            for p, (at, _, _) in zip(fit.peaks, PEAKS, strict=True)
        ]
    assert 0.5 < np.sqrt(np.mean(np.square(z))) < 1.7


def test_white_noise_is_not_called_correlated():
    noise = np.random.default_rng(2).standard_normal(1000)
    fit = decompose(ENERGY, CLEAN + 0.01 * CLEAN.max() * noise)
    assert fit.n_peaks == len(PEAKS)
    assert not fit.warnings
