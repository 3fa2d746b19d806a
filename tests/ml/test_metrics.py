"""Metrics on cases whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml.metrics import captured, coverage, evaluate, pearson

ENERGY: Any = np.arange(100) * 0.25


def lines(centres: list[float], heights: list[float]) -> Any:
    return np.array([h / (1 + (ENERGY - c) ** 2) for c, h in zip(centres, heights, strict=True)])


def test_the_mean_spectrum_scores_zero_and_the_truth_one() -> None:
    truth = lines([8, 10, 12, 14], [1, 1, 1, 1])
    mean = truth.mean(axis=0)
    groups = list("abcd")
    worst = evaluate(ENERGY, truth, np.tile(mean, (4, 1)), mean, groups, n_bootstrap=20)
    best = evaluate(ENERGY, truth, truth, mean, groups, n_bootstrap=20)
    assert worst["r2_vs_mean"].value == pytest.approx(0)
    assert best["r2_vs_mean"].value == pytest.approx(1)
    assert best["captured"].value == 1


def test_a_peak_beyond_one_ev_or_ten_percent_is_not_captured() -> None:
    truth = lines([10, 10, 10], [1, 1, 1])
    predicted = lines([10.25, 11.5, 10.0], [1, 1, 1.2])
    assert pearson(truth, predicted)[0] > 0.95
    assert captured(ENERGY, truth, predicted).tolist() == [True, False, False]


def test_intervals_resample_whole_materials() -> None:
    rng = np.random.default_rng(0)
    truth = lines([10] * 60, [1] * 60)
    offset = np.repeat(rng.normal(size=6), 10)[:, None]
    mean = np.zeros(ENERGY.size)
    whole = evaluate(ENERGY, truth, truth + offset, mean, np.repeat(list("abcdef"), 10))
    rows = evaluate(ENERGY, truth, truth + offset, mean, [str(i) for i in range(60)])
    width = lambda e: e["mse"].high - e["mse"].low  # noqa: E731
    assert width(whole) > 1.5 * width(rows)


def test_exact_error_bars_cover_what_they_say() -> None:
    rng = np.random.default_rng(1)
    sigma = rng.uniform(0.1, 2.0, (500, 40))
    truth = rng.normal(size=(500, 40)) * sigma
    assert coverage(truth, np.zeros_like(truth), sigma, 0.68) == pytest.approx(0.68, abs=0.02)
    assert coverage(truth, np.zeros_like(truth), sigma, 0.95) == pytest.approx(0.95, abs=0.01)
