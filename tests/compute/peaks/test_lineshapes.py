"""Profiles against scipy and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import wofz

from compute.peaks import lineshapes

ENERGY = np.linspace(0.0, 50.0, 401)


@pytest.mark.parametrize("y", [0.0, 1e-9, 1e-3, 0.1, 0.7, 2.0, 5.0, 7.9, 8.1, 40.0, 1e4])
def test_faddeeva_function_agrees_with_scipy(y):
    x = np.concatenate([np.linspace(-30.0, 30.0, 1201), [1e-8, 3e3, -1e5]])
    found = np.array([lineshapes.faddeeva(one, y) for one in x])
    w = wofz(x + 1j * y)
    np.testing.assert_allclose(found[:, 0], w, rtol=4e-14)
    # the slope by its definition loses |z|² digits, ours does not
    slope = -2.0 * (x + 1j * y) * w + 2j / np.sqrt(np.pi)
    near = np.abs(x + 1j * y) < 10.0
    np.testing.assert_allclose(found[near, 1], slope[near], rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.3, 2.0])
def test_slopes_are_the_derivatives_of_the_profiles(sigma):
    def value(shift: float) -> np.ndarray:
        re, im, _, _ = lineshapes.profiles(ENERGY + shift, np.array([20.3]), np.array([0.4]), sigma)
        return re[0] + 1j * im[0]

    _, _, slope_re, slope_im = lineshapes.profiles(ENERGY, np.array([20.3]), np.array([0.4]), sigma)
    expected = (value(1e-5) - value(-1e-5)) / 2e-5
    np.testing.assert_allclose(slope_re[0] + 1j * slope_im[0], expected, atol=1e-8)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_absorptive_profile_has_unit_area(sigma):
    area = quad(lambda e: lineshapes.absorptive(np.array([e]), 0.0, 0.5, sigma)[0], -500, 500)[0]
    assert area + 2.0 * 0.5 / (np.pi * 500.0) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("hwhm", [0.01, 0.3, 3.0])
def test_broadened_edge_is_the_convolution_of_the_arctangent(hwhm):
    sigma = 0.3
    found = lineshapes.arctan_edge(ENERGY, 20.0, hwhm, sigma)[::25]

    def convolved(energy: float) -> float:
        def integrand(u: float) -> float:
            gauss = np.exp(-0.5 * (u / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
            return (0.5 + np.arctan((energy - 20.0 - u) / hwhm) / np.pi) * gauss

        at = energy - 20.0
        kink = [at] if abs(at) < 3.0 else None
        return quad(integrand, -3.0, 3.0, epsabs=1e-12, limit=400, points=kink)[0]

    np.testing.assert_allclose(found, [convolved(e) for e in ENERGY[::25]], atol=1e-11)
