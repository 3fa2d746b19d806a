"""Structured covariances against whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import toeplitz

from compute.matching.discrepancy import Covariance, Discrepancy
from compute.matching.grid import ComparisonGrid
from compute.matching.semiseparable import (
    factorise,
    solved,
    unwhiten,
    weights,
    whiten,
    woodbury,
)

DECAY = np.array([0.97, 0.97**2, 0.8])


class Made:
    """A random matrix of the kind (n, n), its parts and its factor without the low rank."""

    def __init__(self, n: int, reach: int, rank: int = 3) -> None:
        rng = np.random.default_rng(n + reach)
        self.band = 0.3 * np.exp(-(np.arange(reach + 1) ** 2) / max(0.03 * reach**2, 0.1))
        self.band[0] += 0.05
        self.side = np.zeros((n + reach, 3))
        self.side[:n] = rng.normal(size=(n, 3))
        self.low, self.asked = rng.normal(size=(n, rank)), rng.normal(size=(n, 4))
        law = np.concatenate([self.band, np.zeros(max(n - reach - 1, 0))])[:n]
        lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        self.banded = toeplitz(law) + sum(
            np.outer(d, d) * decay**lag for d, decay in zip(self.side[:n].T, DECAY, strict=True)
        )
        self.whole = self.banded + self.low @ self.low.T
        self.within, self.below = np.empty((n, reach + 1)), np.empty((n, 3))
        self.determinant = factorise(self.band, DECAY, self.side, self.within, self.below)

    @property
    def factor(self) -> tuple[np.ndarray, ...]:
        return self.within, self.below, DECAY, self.side


@pytest.mark.parametrize(("n", "reach"), [(8, 0), (8, 7), (40, 1), (41, 8), (90, 25), (30, 29)])
def test_a_band_beside_decaying_parts_is_factorised_as_the_whole_matrix(n, reach):
    made = Made(n, reach)
    dense = np.linalg.cholesky(made.banded)
    assert made.determinant == pytest.approx(2.0 * np.log(np.diag(dense)).sum(), abs=1e-10)
    white = made.asked.copy()
    whiten(*made.factor, white)
    np.testing.assert_allclose(white, np.linalg.solve(dense, made.asked), rtol=0, atol=1e-11)
    back = made.asked[:, 0].copy()
    unwhiten(*made.factor, back)
    expected = np.linalg.solve(dense.T, made.asked[:, 0])
    np.testing.assert_allclose(back, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rank", [0, 1, 20])
def test_few_columns_beside_it_come_in_by_woodbury(rank):
    made = Made(41, 8, rank)
    white = np.hstack([made.low, made.asked])
    whiten(*made.factor, white)
    gram = white.T @ white
    determinant = made.determinant + woodbury(gram, rank)
    assert determinant == pytest.approx(np.linalg.slogdet(made.whole)[1], abs=1e-10)
    inverse = np.linalg.inv(made.whole)
    found = gram[rank:, rank:]
    np.testing.assert_allclose(found, made.asked.T @ inverse @ made.asked, rtol=0, atol=1e-9)
    some = np.array([1.0, -0.4, 0.0, 2.0])
    rest = white @ np.concatenate([-weights(gram, rank, some), some])
    unwhiten(*made.factor, rest)
    np.testing.assert_allclose(rest, inverse @ made.asked @ some, rtol=0, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    band, side = np.array([1.0, 0.9, 0.9]), np.zeros((12, 3))
    with pytest.raises(np.linalg.LinAlgError):
        factorise(band, DECAY, side, np.empty((10, 3)), np.empty((10, 3)))


@pytest.mark.parametrize("length_ev", [0.05, 0.7, 2.0, 6.0, 20.0, 500.0])
@pytest.mark.parametrize("n_factors", [0, 3])
def test_what_candidates_share_is_a_band_or_few_columns_whichever_is_less(length_ev, n_factors):
    grid = ComparisonGrid(0.0, 0.25, 160, 0.17)
    factors = 0.1 * np.random.default_rng(1).normal(size=(n_factors, 160))
    model = Discrepancy(smooth=0.16, smooth_length_ev=length_ev, floor=0.01, factors=factors)
    parts = Covariance(grid, model).parts
    lag = grid.step_ev * np.abs(np.subtract.outer(np.arange(160), np.arange(160)))
    whole = 0.16**2 * np.exp(-0.5 * (lag / length_ev) ** 2) + 0.01**2 * np.eye(160)
    whole += factors.T @ factors
    band = np.concatenate([parts.field, np.zeros(160 - parts.field.size)])
    missed = whole - toeplitz(band) - parts.low @ parts.low.T
    rounding = 160 * np.finfo(float).eps * np.linalg.norm(whole, 2)
    assert np.linalg.norm(missed, 2) < 3e-12 * 0.01**2 + rounding
    assert parts.field.size < 80
    assert parts.low.shape[1] < 50


def test_small_systems_are_solved_as_lapack_does():
    rng = np.random.default_rng(4)
    for n in (1, 3, 6):
        columns, right = (
            rng.normal(size=(20, n)) * 10.0 ** rng.uniform(-2, 2, n),
            rng.normal(size=n),
        )
        matrix = columns.T @ columns
        answer, determinant = solved(matrix, right)
        np.testing.assert_allclose(answer, np.linalg.solve(matrix, right), rtol=1e-9)
        assert determinant == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        solved(np.zeros((2, 2)), np.ones(2))
