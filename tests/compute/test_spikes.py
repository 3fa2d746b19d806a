"""Points that no spectrum has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.spikes import bridged, spikes

X = np.linspace(0.0, 40.0, 201)


def edges(hwhm: float = 1.0) -> np.ndarray:
    return 1.0 / (1.0 + ((X - 12.0) / hwhm) ** 2) + 0.5 / (1.0 + ((X - 28.0) / hwhm) ** 2)


def noisy(seed: int, hwhm: float = 1.0) -> np.ndarray:
    return edges(hwhm) + np.random.default_rng(seed).normal(0.0, 0.01, X.size)


@given(st.integers(0, 2**31), st.floats(0.2, 3.0))
@settings(max_examples=60, deadline=None)
def test_spectra_of_lines_no_narrower_than_the_step_and_noise_have_none(seed: int, hwhm: float):
    assert spikes(noisy(seed, hwhm)).size == 0
    assert spikes(np.random.default_rng(seed).normal(size=150)).size == 0
    assert spikes(np.arctan(X - 20.0) + 3.0).size == 0


def test_few_counts_are_noise():
    counts = np.random.default_rng(2).poisson(0.1, 300).astype(float)
    assert spikes(counts).size == 0


@pytest.mark.parametrize("at", [2, 60, 100, 198])
@pytest.mark.parametrize("height", [-0.9, 0.8, 5.0, 40.0])
def test_a_point_that_stands_alone_is_found_and_bridged(at: int, height: float):
    values = noisy(3)
    values[at] += height
    assert spikes(values).tolist() == [at]
    assert bridged(values, spikes(values))[at] == pytest.approx(edges()[at], abs=0.2)


def test_a_lost_maximum_is_found_and_the_valley_of_a_doublet_is_none():
    values = edges(0.4)
    values[60] = -0.1
    assert spikes(values).tolist() == [60]
    doublet = sum(1.0 / (1.0 + ((X - at) / 0.1) ** 2) for at in (11.8, 12.2))
    assert spikes(np.asarray(doublet)).size == 0


def test_several_apart_are_found():
    values = noisy(5)
    values[[20, 90, 150]] += [9.0, -0.8, 20.0]
    assert spikes(values).tolist() == [20, 90, 150]


def test_a_step_of_the_beam_is_no_spike_and_few_points_have_none():
    values = noisy(1)
    values[80:] += 3.0
    assert spikes(values).size == 0
    assert spikes(np.array([0.0, 9.0, 0.0])).size == 0
    assert spikes(np.ones(50)).size == 0
