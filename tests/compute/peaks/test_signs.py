"""Peaks that point down are told, not explained by dozens that point up."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.peaks import decompose
from compute.peaks.model import Options, Parameters, Problem
from compute.peaks.refine import refine
from compute.peaks.signs import left_below
from tests.benchmarks.synthetic_peaks import generate, lineshape
from tests.shared_data import shared_data

ENERGY = np.linspace(840.0, 890.0, 500)


def two_signs(level: float, seed: int = 0) -> np.ndarray:
    """L3 down and L2 up, as in dichroism, on a constant."""
    y = 0.9 * lineshape(ENERGY, 870.0, 0.7, 0.0) - 1.6 * lineshape(ENERGY, 853.0, 0.5, 0.0)
    return np.asarray(y + level + 2e-3 * np.random.default_rng(seed).standard_normal(ENERGY.size))


@pytest.mark.parametrize("level", [0.0, 0.1, 1.0, 3.0, -1.0])
def test_a_dip_asks_for_phases_wherever_zero_is(level):
    with pytest.raises(InputError, match=r"negative: use --phase.* 853\.0"):
        decompose(ENERGY, two_signs(level))


def test_with_phases_both_are_found():
    fit = decompose(ENERGY, two_signs(0.0), phase=True)
    assert fit.n_peaks == 2
    down, up = (peak.area * np.cos(peak.phase_rad) for peak in fit.peaks)
    assert down == pytest.approx(-1.6, abs=0.02)
    assert up == pytest.approx(0.9, abs=0.02)


def test_the_background_asked_for_may_be_none():
    with pytest.raises(InputError, match="negative: use --phase"):
        decompose(ENERGY, two_signs(0.0), background="none")


def test_data_upside_down_are_told():
    upside_down = -generate(3, snr_db=40.0).intensity
    with pytest.raises(InputError, match="negative: use --phase"):
        decompose(np.linspace(850.0, 900.0, upside_down.size), upside_down)


@pytest.mark.parametrize("constant", [-1.0, -0.1])
def test_a_negative_background_is_no_dip(constant):
    truth = generate(8, snr_db=40.0)
    fit = decompose(truth.energy, truth.intensity + constant)
    assert fit.n_peaks == truth.position.size


def test_a_residual_that_no_peak_can_follow_is_told():
    problem = Problem(ENERGY, two_signs(0.0), Options(background="constant"))
    fit = refine(problem, Parameters(np.array([870.0]), np.array([0.7])))
    place = left_below(problem, fit, 2e-3)
    assert place == pytest.approx(853.0, abs=0.2)
    assert left_below(problem, fit, 1.0) is None


def test_shared_dichroism_is_not_silently_wrong():
    energy, intensity = np.loadtxt(shared_data("wild", "peaks", "xmcd.txt")).T
    with pytest.raises(InputError, match="negative: use --phase"):
        decompose(energy, intensity)
    areas = [p.area * np.cos(p.phase_rad) for p in decompose(energy, intensity, phase=True).peaks]
    heights = np.array(areas) / np.pi / np.array([0.5, 0.7])
    np.testing.assert_allclose(heights, [-1.0, 0.4], atol=0.01)
