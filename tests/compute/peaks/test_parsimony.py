"""Spectra that no number of Lorentzians describes, and searches that would not end."""

from __future__ import annotations

import time

import numpy as np

from compute.peaks import decompose
from compute.peaks.model import Budget, Options, Parameters, Problem
from compute.peaks.parsimony import MAX_TOLERANCE
from compute.peaks.search import Dictionary, Search
from tests.benchmarks.synthetic_peaks import generate, lineshape

ENERGY = np.linspace(850.0, 900.0, 500)


def asymmetric_lines(seed: int) -> np.ndarray:
    """Two lines with steep left and slow right flanks (no Lorentzians), little noise."""
    y = np.zeros_like(ENERGY)
    for at, height in ((865.0, 1.0), (884.0, 0.5)):
        x = ENERGY - at
        y += height * np.exp(-np.where(x < 0.0, (x / 0.7) ** 2, np.abs(x) / 2.0))
    return y + 3e-4 * np.random.default_rng(seed).standard_normal(ENERGY.size)


def test_lines_that_are_no_lorentzians_get_a_description_and_no_number():
    y = asymmetric_lines(1)
    fit = decompose(ENERGY, y)
    assert fit.n_peaks is None
    assert len(fit.peaks) <= 20
    weak = sum(peak.area < 4.0 * peak.area_err for peak in fit.peaks)
    coarsest = fit.residual_rms > MAX_TOLERANCE / 2.0
    assert weak <= max(2, len(fit.peaks) / 3) or coarsest
    assert np.abs(fit.model - y).max() < 0.2


def test_true_lorentzians_keep_their_number_however_weak():
    truth = generate(11, snr_db=30)
    fit = decompose(truth.energy, truth.intensity)
    assert fit.n_peaks == len(fit.peaks)


def test_a_search_stops_when_its_budget_is_spent():
    truth = generate(4, snr_db=None)
    budget = Budget()
    problem = Problem(truth.energy, truth.intensity, Options(), budget)
    search = Search(Dictionary(problem), 40, ("none",))
    budget.grant(1e6)
    found = search.run(problem, Parameters(truth.position[:1], truth.hwhm[:1]))
    assert budget.ran_out
    assert found.fit.n_peaks < truth.position.size
    budget.grant(1e12)
    assert not budget.exhausted
    assert search.run(problem, found.fit.parameters).fit.n_peaks == truth.position.size


def test_a_spectrum_of_hundreds_of_lines_is_answered_in_bounded_time():
    rng = np.random.default_rng(2)
    energy = np.linspace(850.0, 900.0, 1000)
    y = np.zeros_like(energy)
    for at, area in zip(rng.uniform(855, 895, 300), rng.exponential(1.0, 300), strict=True):
        y += area * lineshape(energy, at, 0.2, 0.0)
    start = time.process_time()
    fit = decompose(energy, y)
    assert time.process_time() - start < 30.0  # about 8 s on an idle machine
    assert fit.n_peaks is None
    assert fit.warnings
