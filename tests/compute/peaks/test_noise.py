"""The noise of quantised data, and what is made of their rounding errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compute.peaks import decompose
from compute.peaks.model import Options, Problem
from compute.peaks.seeds import esprit_candidates, noise_level, quantum, rounding_noise
from tests.benchmarks.synthetic_peaks import generate


@pytest.mark.parametrize("levels", [50, 255, 1000])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_quantised_data_give_their_peaks_and_a_sane_noise(levels, noise):
    truth = generate(levels, snr_db=None, n_peaks=4)
    step = truth.clean.max() / levels
    white = np.random.default_rng(levels).standard_normal(truth.clean.size)
    y = step * np.round(truth.clean / step + noise * white)
    assert quantum(y) == pytest.approx(step, rel=1e-6)
    fit = decompose(truth.energy, y)
    assert fit.n_peaks == 4
    expected = step * math.hypot(noise, 1.0 / math.sqrt(12.0))
    assert 0.5 * expected < fit.noise < 1.6 * expected
    assert not fit.warnings


def test_levels_read_off_a_figure_with_few_digits_are_recognised():
    truth = generate(5, snr_db=None, n_peaks=4)
    step = 0.0037 * truth.clean.max()
    y = np.round(step * np.round(truth.clean / step), 4)
    assert quantum(y) == pytest.approx(step, rel=0.02)


@pytest.mark.parametrize(
    "intensity",
    [
        generate(1, snr_db=40.0).intensity,
        generate(1, snr_db=None).intensity,
        1.0 / (1.0 + np.linspace(-5.0, 5.0, 1001) ** 2),  # every value twice
        np.concatenate([np.zeros(600), generate(1, snr_db=40.0).intensity[:400]]),
    ],
    ids=["noisy", "noise-free", "symmetric", "padded with zeros"],
)
def test_values_that_are_no_multiples_have_no_step(intensity):
    assert rounding_noise(intensity) == 0.0


def test_data_on_one_line_have_the_noise_of_their_gaps():
    energy = np.linspace(0.0, 10.0, 400)
    y = np.repeat(np.cumsum(np.tile([2.0, 3.0, 5.0, 3.0], 10)), 10)
    assert 0.5 < noise_level(energy, y) < 1.5


def test_a_gaussian_as_wide_as_the_range_is_divided_out_no_farther_than_numbers_reach():
    truth = generate(2, snr_db=30.0)
    problem = Problem(truth.energy, truth.intensity, Options(sigma=20.0))
    seeds = esprit_candidates(problem, truth.intensity)
    assert np.isfinite(seeds.position).all()
    assert np.isfinite(seeds.hwhm).all()
