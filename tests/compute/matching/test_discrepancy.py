"""The covariance, its evidence and what is learnt."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2

from compute.matching.discrepancy import (
    LEARNT,
    UNKNOWN_SIZES,
    Covariance,
    Discrepancy,
    compare,
    compare_sizes,
    evidence_gradient,
    noise_misfit,
    student_log_density,
)
from compute.matching.grid import ComparisonGrid
from compute.matching.learning import _PRIOR_SPREAD, AlignedPair, learn_discrepancy
from compute.matching.shapes import Broadener

GRID = ComparisonGrid(0.0, 0.3, 60, 0.2)
WINDOW = slice(4, 55)
NOISE = 1e-3 * np.exp(-(np.arange(60.0) ** 2))


def _shape(seed: int = 0):
    rng = np.random.default_rng(seed)
    x = GRID.energy_ev
    row = sum(
        rng.uniform(0.5, 2.0) / (1.0 + ((x - p) / 0.6) ** 2) for p in rng.uniform(3.0, 15.0, 4)
    )
    return Broadener(GRID).shapes(row[None], np.zeros(1), np.zeros(1)).row(0)


def test_evidence_is_the_restricted_likelihood_averaged_over_the_size_of_the_errors():
    nu = 3.0
    shape, covariance = _shape(), Covariance(GRID, Discrepancy(freedom=nu, bow=0.2))
    n = WINDOW.stop - WINDOW.start
    rng = np.random.default_rng(3)
    query = 1.7 * shape.value[WINDOW] + 0.2 + rng.normal(0.0, 0.05, n)
    got = compare(query, shape, WINDOW, covariance, NOISE, 1.7, np.zeros(3, bool))
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    full = 1.7**2 * covariance.of(shape, WINDOW) + NOISE[lag]
    design = np.column_stack([shape.value[WINDOW], np.ones(n), np.arange(n)])
    inverse = np.linalg.inv(full)
    normal = design.T @ inverse @ design
    beta = np.linalg.solve(normal, design.T @ inverse @ query)
    rest = query - design @ beta
    misfit = rest @ inverse @ rest
    determinants = np.linalg.slogdet(full)[1] + np.linalg.slogdet(normal)[1]

    def likelihood(u: float) -> float:
        """Under C / u, over the likelihood found."""
        gauss = -0.5 * (u * misfit + determinants + (n - 3) * np.log(2 * np.pi / u))
        return float(np.exp(gauss - got.log_evidence) * nu * chi2.pdf(nu * u, nu))

    middle = (nu + n - 3) / (nu + misfit)
    average = quad(likelihood, 0.0, 4.0 * middle, points=[middle], epsabs=1e-12)[0]
    assert average == pytest.approx(1.0, rel=1e-6)
    assert got.scale == pytest.approx(beta[0])
    assert got.misfit == pytest.approx(misfit, rel=1e-7)


def test_many_degrees_of_freedom_are_a_gaussian():
    gauss = -0.5 * (70.0 + 50 * np.log(2 * np.pi))
    assert student_log_density(70.0, 50, 1e8) == pytest.approx(gauss, abs=1e-4)


def test_evidence_averages_over_errors_smaller_than_expected():
    shape, covariance = _shape(), Covariance(GRID, Discrepancy(sizes=UNKNOWN_SIZES, bow=0.1))
    n = WINDOW.stop - WINDOW.start
    query = 1.7 * shape.value[WINDOW] + 0.01 * np.random.default_rng(5).normal(size=n)
    noise, still = 1e-2 * NOISE, np.zeros(3, bool)
    each = [
        compare(query, shape, WINDOW, covariance, noise, 1.7, still, size).log_evidence
        for size in UNKNOWN_SIZES
    ]
    got = compare_sizes(query, shape, WINDOW, covariance, noise, 1.7, 1.0, still, np.zeros(4))
    assert got.log_evidence == pytest.approx(np.log(np.mean(np.exp(each))))
    assert np.argmax(each) > 0  # nothing but noise is left
    beside = np.array([-1e3, -1e3, -1e3, 0.0])  # said by what lies outside the window
    last = compare_sizes(query, shape, WINDOW, covariance, noise, 1.7, 1.0, still, beside)
    assert last.log_evidence == pytest.approx(each[-1] - np.log(4.0))


def test_smaller_expected_errors_are_those_of_a_smaller_covariance():
    shape = _shape()
    n = WINDOW.stop - WINDOW.start
    query = 1.7 * shape.value[WINDOW] + 0.05 * np.random.default_rng(8).normal(size=n)
    model = Discrepancy(warp_ev=0.0, area=0.04, step=0.02, smooth=0.06, floor=0.03)
    half = Discrepancy(warp_ev=0.0, area=0.02, step=0.01, smooth=0.03, floor=0.015)
    still = np.zeros(3, bool)
    ours = compare(query, shape, WINDOW, Covariance(GRID, model), NOISE, 1.7, still, error=0.5)
    twin = compare(query, shape, WINDOW, Covariance(GRID, half), NOISE, 1.7, still)
    assert ours.log_evidence == pytest.approx(twin.log_evidence, rel=1e-9)


def test_noise_alone_adds_to_the_misfit_what_it_does_on_average():
    shape, covariance = _shape(), Covariance(GRID, Discrepancy(floor=0.05))
    n = WINDOW.stop - WINDOW.start
    noise = NOISE * 0.02 / NOISE[0]
    own = noise[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    total = 1.7**2 * covariance.of(shape, WINDOW) + own
    drawn = np.random.default_rng(9).multivariate_normal(np.zeros(n), own, 4000)
    found = np.mean(np.einsum("ki,ij,kj->k", drawn, np.linalg.inv(total), drawn))
    assert noise_misfit(shape, WINDOW, covariance, noise, 1.7) == pytest.approx(found, rel=0.03)


@pytest.mark.parametrize("length_ev", [0.4, 9.0])
def test_what_noise_adds_to_a_misfit_is_the_trace_of_whole_matrices(length_ev):
    shape, covariance = _shape(), Covariance(GRID, Discrepancy(smooth_length_ev=length_ev))
    n = WINDOW.stop - WINDOW.start
    noise = NOISE[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    total = 1.7**2 * covariance.of(shape, WINDOW) + noise
    found = noise_misfit(shape, WINDOW, covariance, NOISE, 1.7)
    assert found == pytest.approx(np.trace(np.linalg.solve(total, noise)), rel=1e-9)


def test_a_true_copy_is_told_from_one_that_promises_less():
    """Both within the errors expected: only errors smaller than that tell them apart."""
    covariance = Covariance(GRID, Discrepancy(warp_ev=0.3, area=0.1, sizes=UNKNOWN_SIZES))
    shape = _shape()
    x = GRID.energy_ev
    bump = 0.03 * np.exp(-0.5 * ((x - 9.0) / 1.5) ** 2)
    other = Broadener(GRID).shapes((shape.value + bump)[None], np.full(1, 0.2), np.zeros(1)).row(0)
    n = WINDOW.stop - WINDOW.start
    query = shape.value[WINDOW] + 1e-3 * np.random.default_rng(7).normal(size=n)
    right, wrong = (
        compare_sizes(
            query, one, WINDOW, covariance, 1e-3 * NOISE, 1.0, 1.0, np.zeros(3, bool), np.zeros(4)
        ).log_evidence
        for one in (shape, other)
    )
    assert right > wrong + 10.0


def test_gradient_agrees_with_differences():
    shape, model = _shape(), Discrepancy(warp_ev=0.15, step=0.05)
    rng = np.random.default_rng(4)
    query = shape.value[WINDOW] + rng.normal(0.0, 0.05, WINDOW.stop - WINDOW.start)

    def value(x: np.ndarray) -> float:
        trial = Covariance(GRID, model.with_log_values(x))
        return evidence_gradient(query, shape, WINDOW, trial, NOISE, 1.0)[0]

    start = model.log_values()
    _, gradient = evidence_gradient(query, shape, WINDOW, Covariance(GRID, model), NOISE, 1.0)
    for k, name in enumerate(LEARNT):
        step = np.zeros(len(LEARNT))
        step[k] = 1e-5
        slope = (value(start + step) - value(start - step)) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-4, abs=1e-4), name


def test_every_learnt_number_has_a_prior():
    assert len(LEARNT) == _PRIOR_SPREAD.size


def test_pairs_drawn_from_a_model_give_it_back():
    truth = Discrepancy(
        warp_ev=0.25, warp_length_ev=3.0, area=0.02, floor=0.01, step=1e-4, freedom=1e6
    )
    rng = np.random.default_rng(6)
    n = WINDOW.stop - WINDOW.start
    pairs = []
    for k in range(24):
        shape = _shape(k)
        root = np.linalg.cholesky(Covariance(GRID, truth).of(shape, WINDOW))
        query = shape.value[WINDOW] + root @ rng.normal(size=n)
        pairs.append(AlignedPair(GRID, query, shape, WINDOW, 1e-8 * NOISE, 1.0))
    found = learn_discrepancy(pairs, Discrepancy())
    assert found.warp_ev == pytest.approx(0.25, rel=0.2)
    assert found.area == pytest.approx(0.02, rel=0.5)
    assert found.floor == pytest.approx(0.01, rel=0.3)
    assert found.freedom > 10.0  # all of them of one size
