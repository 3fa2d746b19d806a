"""Derivatives of the model against differences, and the small non-negative solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from compute.peaks.model import Options, Parameters, Problem
from compute.peaks.nonnegative import nonnegative_solve
from compute.peaks.refine import polish, refine
from tests.benchmarks.synthetic_peaks import generate

OPTIONS = [
    Options(),
    Options(phase=True, background="linear"),
    Options(sigma=0.3, edge="broadened arctan"),
    Options(fit_sigma=True, phase=True, edge="broadened arctan"),
    Options(fit_sigma=True, edge="arctan", background="constant"),
    Options(edge="erf", background="power"),
    Options(background="flank"),
    Options(fit_sigma=True, edge="erf", background="flank"),
    Options(edge="erf", splitting=11.0),
    Options(fit_sigma=True, edge="broadened arctan", splitting=7.0),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_derivative_rows_are_the_derivatives_of_the_model(options):
    truth = generate(3, snr_db=40, sigma=0.3, edge=True, n_points=300)
    problem = Problem(truth.energy, truth.intensity, options)
    at = Parameters(
        truth.position + 0.1, 1.2 * truth.hwhm, edge=(870.0, 1.1), sigma=0.4, exponent=2.5
    )
    fit = problem.evaluate(at)
    n_lin = problem.n_linear(fit.n_peaks)

    def model(step: np.ndarray) -> np.ndarray:
        rows = problem.evaluate(problem.moved(at, step)).rows
        return fit.coefficients @ rows[:n_lin]

    for k in range(problem.n_nonlinear(fit.n_peaks)):
        step = np.zeros(problem.n_nonlinear(fit.n_peaks))
        step[k] = 1e-5
        expected = (model(step) - model(-step)) / 2e-5
        tolerance = 1e-6 * np.abs(expected).max() + 1e-12
        np.testing.assert_allclose(fit.rows[n_lin + k], expected, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_nonnegative_solution_is_that_of_lawson_and_hanson(seed, size):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((30, size)), rng.standard_normal(30)
    found = nonnegative_solve(a.T @ a, a.T @ b, np.zeros(size, dtype=bool))
    np.testing.assert_allclose(found, nnls(a, b)[0], atol=1e-9)


def test_free_coefficients_may_be_negative():
    a = np.array([[1.0, 0.2], [0.0, 1.0], [0.3, 0.1]])
    c = np.array([-2.0, 3.0])
    found = nonnegative_solve(a.T @ a, a.T @ (a @ c), np.array([True, False]))
    np.testing.assert_allclose(found, c, atol=1e-10)


def test_refinement_ends_in_rounding_errors_without_noise():
    truth = generate(4, snr_db=None)
    problem = Problem(truth.energy, truth.intensity, Options())
    start = Parameters(truth.position + 0.02, 1.1 * truth.hwhm)
    fit = polish(problem, refine(problem, start))
    assert np.sqrt(fit.rss / truth.energy.size) < 1e-14
    np.testing.assert_allclose(fit.coefficients, truth.area, rtol=1e-11)
