"""Peaks and shoulders beside a score."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching import features, pair_features


def lines(energy: np.ndarray, *peaks: tuple[float, float, float]) -> np.ndarray:
    """Sum of Lorentzians: position, HWHM, height."""
    return np.zeros_like(energy) + sum(h * w**2 / ((energy - p) ** 2 + w**2) for p, w, h in peaks)


ENERGY = np.linspace(630.0, 670.0, 201)


def test_peaks_are_found_between_the_points() -> None:
    found = features(ENERGY, lines(ENERGY, (640.07, 0.8, 1.0), (651.33, 1.0, 0.5)))
    tops = [one for one in found if not one.shoulder]
    assert [one.energy_ev for one in tops] == pytest.approx([640.07, 651.33], abs=0.02)
    assert tops[0].height == pytest.approx(1.0, abs=0.02)


def test_a_shoulder_is_told_as_one() -> None:
    found = features(ENERGY, lines(ENERGY, (640.0, 0.8, 1.0), (641.7, 0.7, 0.3)))
    assert [one.shoulder for one in found if one.height > 0.1] == [False, True]
    assert found[-1].energy_ev == pytest.approx(641.7, abs=0.5)


def test_a_flat_or_short_curve_has_no_features() -> None:
    assert features(ENERGY, np.ones_like(ENERGY)) == []
    assert features(ENERGY[:5], ENERGY[:5]) == []


def test_each_peak_is_paired_once_with_the_nearest() -> None:
    first = features(ENERGY, lines(ENERGY, (640.0, 0.6, 1.0), (651.0, 0.6, 0.5)))
    second = features(ENERGY, lines(ENERGY, (640.4, 0.6, 1.0), (660.0, 0.6, 0.5)))
    pairs = pair_features(first, second)
    assert [(p.measured is not None, p.candidate is not None) for p in pairs] == [
        (True, True), (True, False), (False, True),
    ]  # fmt: skip
    assert pairs[0].difference_ev == pytest.approx(-0.4, abs=0.05)
    assert pairs[1].difference_ev is None
