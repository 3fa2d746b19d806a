"""Kernel ridge regression against the plain formulas with whole matrices."""

from __future__ import annotations

import numpy as np
import pytest

from ml import kernel_ridge
from ml.distances import city_block, nearest

GAMMA, ALPHA = 0.7, 1e-2


def problem(n: int = 90, m: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distances (n, m), landmarks, targets and folds."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    landmarks = np.sort(rng.choice(n, m, replace=False))
    y = np.column_stack([np.sin(x[:, 0]), x[:, 1] * x[:, 2], x[:, 3]]).astype(np.float64)
    return city_block(x, x[landmarks]), landmarks, y, rng.integers(0, 4, n)


def plain_nystrom(known: np.ndarray, between: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(KᵀK + α K_mm + jitter) a = Kᵀy with the whole kernel at once."""
    matrix = known.T @ known + ALPHA * between
    matrix += 1e-9 * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
    return np.linalg.solve(matrix, known.T @ y)


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_ridge, "BLOCK", 7)


@pytest.mark.usefixtures("_small_blocks")
def test_landmarks_by_blocks_are_the_plain_normal_equations() -> None:
    distance, landmarks, y, _ = problem()
    kernel = np.exp(-GAMMA * distance.astype(np.float64))
    plain = plain_nystrom(kernel, kernel[landmarks], y)
    found = kernel_ridge.solve(distance, landmarks, y, GAMMA, ALPHA)
    np.testing.assert_allclose(found, plain, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        kernel_ridge.evaluate(distance, found, GAMMA), kernel @ plain, rtol=1e-7, atol=1e-9
    )


@pytest.mark.usefixtures("_small_blocks")
def test_held_out_rows_are_learnt_from_the_other_folds_alone() -> None:
    distance, landmarks, y, folds = problem()
    kernel = np.exp(-GAMMA * distance.astype(np.float64))
    plain = np.empty_like(y)
    for fold in range(4):
        rest, kept = folds != fold, folds[landmarks] != fold
        known, between = kernel[rest][:, kept], kernel[landmarks[kept]][:, kept]
        plain[~rest] = kernel[~rest][:, kept] @ plain_nystrom(known, between, y[rest])
    found = kernel_ridge.held_out(distance, landmarks, y, folds, GAMMA, (1.0, ALPHA))
    np.testing.assert_allclose(found[1], plain, rtol=1e-6, atol=1e-8)
    assert np.abs(found[0] - plain).max() > 1e-3  # the first is another α


def test_rows_seen_twice_count_twice() -> None:
    """2 ‖Ka − y‖² + 2α aᵀKa has the minimum of the exact problem, with landmarks one of each."""
    distance, landmarks, y, _ = problem(60, 60)
    exact = kernel_ridge.solve(distance, landmarks, y, GAMMA, ALPHA)
    twice = np.concatenate([distance, distance]), landmarks, np.concatenate([y, y])
    found = kernel_ridge.solve(*twice, GAMMA, 2 * ALPHA)
    np.testing.assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())


@pytest.mark.usefixtures("_small_blocks")
def test_the_nearest_rows_are_of_other_folds() -> None:
    distance, landmarks, _, folds = problem()
    spread, neighbours = kernel_ridge.nearest_of_other_folds(distance, landmarks, folds)
    for row in range(len(folds)):
        other = np.flatnonzero(folds[landmarks] != folds[row])
        order = other[np.argsort(distance[row, other])]
        np.testing.assert_array_equal(neighbours[row], landmarks[order[:5]])
        assert spread[row] == pytest.approx(distance[row, order[:3]].mean() + 1e-3, rel=1e-5)


def test_nearest_is_the_start_of_a_whole_sort() -> None:
    distance = np.random.default_rng(0).random((20, 50))
    np.testing.assert_array_equal(nearest(distance, 5), np.argsort(distance, axis=1)[:, :5])
    assert nearest(distance[:, :3], 5).shape == (20, 3)
