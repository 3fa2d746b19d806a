"""Exponential sums of known functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j0

from compute.errors import ConvergenceError, InputError
from compute.expsum import fit_exponential_sum
from compute.expsum.fit import ExponentialSum
from compute.expsum.transforms import spherical_bessel_transform


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6), st.floats(0.3, 5.0), st.booleans())
def test_a_confluent_term_comes_back_as_one(power: int, exponent: float, logarithmic: bool) -> None:
    end = 60.0 / exponent
    x = np.geomspace(1e-5, end, 400) if logarithmic else np.linspace(0.0, end, 1001)
    y = x**power * np.exp(-exponent * x)
    fit = fit_exponential_sum(x, y / y.max(), 1e-11)
    assert fit.powers.tolist() == [power]
    assert fit.exponents[0] == pytest.approx(exponent, rel=1e-9)
    assert fit.max_error < 1e-11


def test_max_error_is_the_error_of_the_sum_at_the_points() -> None:
    x = np.linspace(0.0, 20.0, 500)
    y = np.exp(-x) + 2.0 * np.exp(-3.0 * x) * np.cos(4.0 * x)
    fit = fit_exponential_sum(x, y, 1e-10)
    terms = x[:, None] ** fit.powers * np.exp(-fit.exponents * x[:, None])
    assert np.abs((terms @ fit.weights).real - y).max() == pytest.approx(fit.max_error, rel=1e-3)
    assert fit.weights.size == 3
    assert fit.max_error < 1e-10


@pytest.mark.parametrize(
    ("function", "end", "tolerance", "most"),
    [
        (lambda x: 1.0 / (1.0 + x), 50.0, 1e-8, 12),
        (lambda x: np.exp(-x * x), 6.0, 1e-9, 20),
        (j0, 60.0, 1e-8, 40),  # Beylkin and Monzon, ACHA 19 (2005) 17, need 28 for 1e-10 on 100 pi
        (lambda x: 1.0 + np.exp(-x), 10.0, 1e-10, 2),
        (lambda x: np.exp(0.2 * x), 10.0, 1e-10, 1),
    ],
)
def test_functions_that_are_no_sums_are_fitted_with_few_terms(function, end, tolerance, most):
    x = np.linspace(0.0, end, 1500)
    fit = fit_exponential_sum(x, function(x), tolerance)
    assert np.abs(fit(x) - function(x)).max() <= tolerance * np.abs(function(x)).max()
    assert fit.weights.size <= most


def test_a_looser_tolerance_needs_no_more_terms() -> None:
    x = np.linspace(0.0, 30.0, 800)
    sizes = [fit_exponential_sum(x, 1.0 / (1.0 + x), t).weights.size for t in (1e-3, 1e-6, 1e-9)]
    assert sizes == sorted(sizes)


def test_noise_is_not_fitted_below_its_level() -> None:
    x = np.linspace(0.0, 10.0, 400)
    y = np.exp(-x) + 1e-4 * np.random.default_rng(3).standard_normal(400)
    with pytest.raises(ConvergenceError):
        fit_exponential_sum(x, y, 1e-9)


@pytest.mark.parametrize(
    ("x", "y", "tolerance", "field"),
    [
        (np.linspace(0, 1, 50), np.ones(49), 1e-6, "y"),
        (np.linspace(1, 0, 50), np.ones(50), 1e-6, "r"),
        (np.linspace(0, 1, 50), np.ones(50), 0.0, "tolerance"),
    ],
)
def test_unusable_input_is_refused_by_name(x, y, tolerance: float, field: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_exponential_sum(x, y, tolerance)
    assert caught.value.field == field


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 6),
    st.integers(0, 8),
    st.floats(0.3, 3.0),
    st.floats(0.0, 2.0),
    st.floats(0.05, 20.0),
)
def test_bessel_transforms_are_the_integrals(
    k: int, power: int, decay: float, frequency: float, q: float
) -> None:
    from scipy.special import spherical_jn

    exponents = np.array([decay + 1j * frequency, decay - 1j * frequency])
    density = ExponentialSum(np.full(2, 0.5 + 0j), exponents, np.full(2, power), 0.0)
    x, w = np.polynomial.legendre.leggauss(40)
    ends = np.linspace(0.0, 60.0 / decay, 400)
    half = 0.5 * np.diff(ends)[:, None]
    r = (ends[:-1, None] + half * (x + 1)).ravel()
    expected = (half * w).ravel() @ (density(r) * spherical_jn(k, q * r))
    size = (half * w).ravel() @ np.abs(density(r) * spherical_jn(k, q * r))
    value = spherical_bessel_transform(density, k, np.array([q]))[0]
    assert abs(value - expected) < 1e-11 * size
