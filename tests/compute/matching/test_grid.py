"""Smoothing onto the comparison grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from compute.errors import InputError
from compute.matching.grid import ComparisonGrid, Curve, checked_curve, noise_level, smooth


def test_smoothing_is_the_polyline_convolved_with_a_gaussian():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0.0, 10.0, 30))
    y = rng.normal(size=30)
    sigma = 0.8
    blur = np.sqrt(sigma**2 - np.median(np.diff(x)) ** 2 / 6.0)
    for at in (1.0, 4.3, 9.0):

        def integrand(u: float, at: float = at) -> float:
            kernel = np.exp(-0.5 * ((at - u) / blur) ** 2) / (blur * np.sqrt(2 * np.pi))
            return float(np.interp(u, x, y) * kernel)

        slow = quad(integrand, -10.0, 20.0, points=x.tolist(), limit=400)[0]
        assert smooth(x, y, np.array([at]), sigma)[0] == pytest.approx(slow, abs=1e-8)


@given(st.floats(-3.0, 3.0), st.floats(-100.0, 100.0))
def test_smoothing_keeps_a_straight_line_away_from_its_ends(slope: float, offset: float):
    x = np.linspace(0.0, 20.0, 60)
    inside = np.linspace(5.0, 15.0, 7)
    line = smooth(x, slope * x + offset, inside, 0.5)
    np.testing.assert_allclose(line, slope * inside + offset, atol=1e-9 * (1 + abs(offset)))


def test_a_curve_reads_the_same_on_any_sampling():
    grid = ComparisonGrid(0.0, 0.3, 100, 0.2)

    def peak(x: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + ((x - 14.2) / 0.4) ** 2)

    fine, coarse = (np.linspace(0.0, 30.0, n) for n in (4001, 181))
    position = np.linspace(2.0, 28.0, 333)
    a = Curve(fine, peak(fine), grid).at(position)
    b = Curve(coarse, peak(coarse), grid).at(position)
    assert np.abs(a - b).max() < 0.01


def test_noise_is_found_beside_peaks():
    rng = np.random.default_rng(1)
    x = np.linspace(0.0, 50.0, 300)
    y = sum(1.0 / (1.0 + ((x - p) / 0.5) ** 2) for p in (10.0, 22.0, 31.0, 40.0))
    assert noise_level(y + rng.normal(0.0, 0.05, 300)) == pytest.approx(0.05, rel=0.25)


def test_points_out_of_order_and_twice_are_put_right():
    energy, intensity = checked_curve([3, 1, 2, 2, 5, 4, 6, 7, 8], [3, 1, 1, 3, 5, 4, 6, 7, 0])
    np.testing.assert_array_equal(energy, np.arange(1.0, 9.0))
    assert intensity[1] == 2.0


@pytest.mark.parametrize(
    ("energy", "intensity", "field"),
    [
        ([1, 2, 3], [1, 2, 3], "energy_ev"),
        (np.arange(20.0), np.ones(20), "intensity"),
        (np.arange(20.0), np.r_[np.nan, np.arange(19.0)], "intensity[0]"),
        (np.r_[np.inf, np.arange(19.0)], np.arange(20.0), "energy_ev[0]"),
        (np.arange(20.0), np.arange(19.0), "intensity"),
        (np.repeat([1.0, 2.0], 10), np.arange(20.0), "energy_ev"),
    ],
)
def test_a_curve_that_cannot_be_used_is_refused_by_name(energy, intensity, field):
    with pytest.raises(InputError) as caught:
        checked_curve(energy, intensity)
    assert caught.value.field == field


def _white(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((x - 10.0) / 0.7) ** 2) + 0.5 * np.exp(-0.5 * ((x - 25.0) / 0.7) ** 2)


def test_a_step_that_follows_the_lines_comes_off_and_the_lines_stay():
    grid = ComparisonGrid(0.0, 0.3, 130, 0.2)
    x = np.linspace(0.0, 38.0, 400)
    lines = _white(x)
    step = np.cumsum(lines) / lines.sum()
    flat = Curve(x, 5.0 + lines + 0.4 * step, grid).without_step()
    assert flat is not None
    at = np.linspace(2.0, 36.0, 60)
    expected = 5.0 + Curve(x, lines, grid).at(at)
    np.testing.assert_allclose(flat.at(at), expected, atol=0.03)


@pytest.mark.parametrize("kind", ["no step", "falling"])
def test_nothing_comes_off_where_there_is_no_step(kind: str):
    grid = ComparisonGrid(0.0, 0.3, 130, 0.2)
    x = np.linspace(0.0, 38.0, 400)
    curve = {"no step": _white(x), "falling": _white(x) - 0.02 * x}[kind]
    assert Curve(x, curve, grid).without_step() is None
