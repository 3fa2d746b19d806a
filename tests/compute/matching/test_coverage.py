"""Energies that one alignment compares and another leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching.coverage import Coverage
from compute.matching.grid import ComparisonGrid, Curve

GRID = ComparisonGrid(0.0, 0.45, 101, 0.3)
NOISE = 0.02


def _coverage(seed: int = 1) -> tuple[Curve, Coverage]:
    """A step at 20 eV with noise, from -12 to 60 eV."""
    energy = np.arange(-12.0, 60.0, 0.2)
    rng = np.random.default_rng(seed)
    values = np.arctan((energy - 20.0) / 0.8) / np.pi + rng.normal(0.0, NOISE, energy.size)
    curve = Curve(energy, values, GRID)
    return curve, Coverage(curve, GRID, 5.0)


def test_an_unmoved_candidate_answers_for_the_reference_alone():
    _, coverage = _coverage()
    assert coverage.n == pytest.approx(GRID.size)
    np.testing.assert_allclose(coverage.beside(GRID.start_ev, GRID.stop_ev, np.zeros(2)), 0.0)


def test_a_flat_stretch_left_out_weighs_what_noise_there_weighs():
    """As the entropy of smoothed white noise per energy, from its determinants."""
    weighed = []
    for seed in range(8):
        curve, coverage = _coverage(seed)
        left_out = coverage.beside(GRID.start_ev + 9.0, GRID.stop_ev, np.zeros(1))[0]
        weighed.append(left_out / 20.0)
    lag = np.abs(np.subtract.outer(np.arange(80), np.arange(80)))
    covariance = NOISE**2 * (curve.correlation[0] * np.exp(-((lag * 0.45) ** 2) / (4 * 0.09)))
    entropy = 0.5 * (np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 80)
    assert np.mean(weighed) == pytest.approx(-entropy, abs=0.3)


def test_an_edge_left_out_costs_more_than_a_flat_stretch():
    _, coverage = _coverage()
    flat = coverage.beside(GRID.start_ev + 4.5, GRID.stop_ev, np.zeros(1))[0]
    before, after = (coverage.beside(e, GRID.stop_ev, np.zeros(1))[0] for e in (18.0, 22.5))
    assert after - before < flat - 5.0


def test_what_is_covered_beyond_the_reference_is_taken_off_again():
    _, coverage = _coverage()
    extra = np.array([0.0, 0.1])
    there = coverage.beside(GRID.start_ev + 3.0, GRID.stop_ev + 3.0, extra)
    left, right = (
        coverage.beside(GRID.start_ev + 3.0, GRID.stop_ev, extra),
        coverage.beside(GRID.start_ev, GRID.stop_ev + 3.0, extra),
    )
    np.testing.assert_allclose(there, left + right, atol=1e-9)
    assert (left * right < 0.0).all()
    assert there[1] == pytest.approx(0.0, abs=0.3)  # theory's error drowns the difference
