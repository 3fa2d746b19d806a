"""Spectra are compared by features in order, heights and edges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compute.errors import InputError
from compute.l23.likeness import Shape, likeness, match, shape

FloatArray = NDArray[np.float64]
EMPTY = np.zeros(0)
LINES = ((-1.3, 0.4), (0.0, 1.0), (3.5, 0.2), (10.0, 0.35), (12.0, 0.3))
SPLITTING = 10.3


def listed(positions: FloatArray, heights: FloatArray) -> Shape:
    return Shape(EMPTY, EMPTY, np.nan, np.nan, np.nan, positions, heights)


def curve(lines: tuple[tuple[float, float], ...], energy: FloatArray) -> FloatArray:
    return np.sum([h * 0.09 / ((energy - e) ** 2 + 0.09) for e, h in lines], axis=0)


def made(lines: tuple[tuple[float, float], ...] = LINES, place: float = 640.0) -> Shape:
    energy = np.arange(place - 12.0, place + 25.0, 0.07)
    return shape(energy, curve(lines, energy - place), SPLITTING, sigma_ev=0.2, measured=False)


def cheapest(first: Shape, second: Shape) -> float:
    """Every matching that keeps the order, one by one."""
    n, m = first.positions.size, second.positions.size
    best = np.inf
    for k in range(min(n, m) + 1):
        for left in combinations(range(n), k):
            for right in combinations(range(m), k):
                i, j = list(left), list(right)
                mean = (first.heights[i] + second.heights[j]) / 2
                apart = np.abs(first.positions[i] - second.positions[j]) / 0.5
                ratio = np.abs(np.log(first.heights[i] / second.heights[j])) / 0.5
                alone = np.delete(first.heights, i).sum() + np.delete(second.heights, j).sum()
                best = min(best, float(mean @ (apart + ratio)) + 1.5 * float(alone))
    return best / ((first.heights.sum() + second.heights.sum()) / 2)


def features(size: int) -> st.SearchStrategy[Shape]:
    pairs = st.lists(
        st.tuples(st.floats(-5.0, 15.0), st.floats(0.05, 1.5)), min_size=1, max_size=size
    )
    return pairs.map(lambda found: listed(*np.array(sorted(found)).T))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(features(4), features(5))
def test_the_matching_is_the_cheapest_of_all_that_keep_the_order(a: Shape, b: Shape) -> None:
    cost, pairs = match(a, b, 0.0)
    assert cost == pytest.approx(cheapest(a, b), abs=1e-9)
    assert (np.diff(pairs, axis=0) > 0).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(features(5), features(5))
def test_the_mismatch_is_symmetric(a: Shape, b: Shape) -> None:
    assert match(a, b, 0.3)[0] == pytest.approx(match(b, a, -0.3)[0], abs=1e-9)


def test_a_spectrum_is_like_itself_elsewhere_in_energy() -> None:
    found = likeness(made(), made(place=700.0))
    assert found.mismatch == pytest.approx(0.0, abs=0.05)
    assert found.cosine == pytest.approx(1.0, abs=1e-3)
    assert found.branching == pytest.approx(0.0, abs=1e-3)
    assert len(found.pairs) == len(LINES)


def test_heights_and_positions_count_though_a_feature_is_near() -> None:
    """What "the nearest of many" does not see: the same places with other heights."""
    other = ((-1.3, 1.0), (0.0, 0.4), (3.5, 0.2), (10.0, 0.3), (12.0, 0.35))
    moved = tuple((e - 0.7 * (e < 0), h) for e, h in LINES)
    alike = likeness(made(), made()).mismatch
    assert likeness(made(), made(moved)).mismatch > alike + 0.1
    assert likeness(made(), made(other)).mismatch > alike + 0.3


def test_a_measured_background_comes_off() -> None:
    energy = np.arange(625.0, 668.0, 0.1)
    place = energy - 640.0
    steps = 0.3 * (2 * np.arctan(place / 0.8) + np.arctan((place - SPLITTING) / 0.8)) / (3 * np.pi)
    signal = 5.0 * (curve(LINES, place) + steps + 0.7)
    found = shape(energy, signal, SPLITTING, sigma_ev=0.2, measured=True)
    assert found.branching == pytest.approx(made().branching, abs=0.02)
    assert likeness(made(), found).mismatch < 0.15


def test_unknown_heights_cost_nothing() -> None:
    places = np.array([-1.0, 0.0, 9.0])
    known = listed(places, np.array([0.5, 1.0, 0.5]))
    cost, pairs = match(listed(places, np.array([np.nan, 1.0, np.nan])), known, 0.0)
    assert cost == pytest.approx(0.0)
    assert len(pairs) == 3


def test_a_spectrum_that_ends_before_l2_is_refused() -> None:
    energy = np.arange(630.0, 648.0, 0.1)
    with pytest.raises(InputError, match="L2"):
        shape(energy, curve(LINES, energy - 640.0), SPLITTING, sigma_ev=0.2, measured=False)
