"""What larger errors tell of smaller ones, against the evidence itself, over random input."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching.discrepancy_kernels import most_evidence, of_noise

SIZES = np.array([1.0, 0.5, 0.3, 0.1, 0.03, 0.003])


class Compared:
    """A random query (n,), its design (n, 3), errors E and a noise's covariance N, all (n, n)."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(8, 60))
        self.query, self.design = rng.normal(size=n), rng.normal(size=(n, 3))
        some = rng.normal(size=(n, int(rng.integers(1, 2 * n))))  # of any rank
        self.errors = some @ some.T * 10.0 ** rng.uniform(-3, 3)
        self.errors += np.eye(n) * 10.0 ** rng.uniform(-6, 1)
        law = 10.0 ** rng.uniform(-6, 2) * np.exp(-(np.arange(n) ** 2) / rng.uniform(0.1, 2.0))
        self.law, self.n = law, n
        self.noise = law[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]

    def factor(self, size: float) -> np.ndarray:
        return np.linalg.cholesky(size**2 * self.errors + self.noise)

    def told(self, size: float) -> list[float]:
        """Size, ln det off the design, misfit, and the noise's part of that."""
        factor = self.factor(size)
        white = np.linalg.solve(factor, np.column_stack([self.query, self.design]))
        answer = np.linalg.lstsq(white[:, 1:], white[:, 0], rcond=None)[0]
        left = white[:, 0] - white[:, 1:] @ answer
        v = np.linalg.solve(factor.T, left)
        determinant = 2.0 * np.log(np.diag(factor)).sum()
        determinant += np.linalg.slogdet(white[:, 1:].T @ white[:, 1:])[1]
        return [size, determinant, float(left @ left), float(v @ self.noise @ v)]

    def evidence(self, size: float) -> float:
        _, determinant, misfit, _ = self.told(size)
        return -0.5 * (determinant + misfit + (self.n - 3) * np.log(2.0 * np.pi))


@pytest.mark.parametrize("seed", range(60))
def test_no_size_of_errors_exceeds_what_larger_ones_allow(seed):
    one = Compared(seed)
    for k in range(1, SIZES.size):
        larger = np.array([one.told(size) for size in SIZES[:k]])
        for first in range(k):
            evidence = one.evidence(SIZES[k])
            most = most_evidence(larger[first:], SIZES[k], one.n - 3)
            assert most >= evidence - 1e-9 * max(abs(evidence), 1.0)


def test_where_noise_is_little_one_size_tells_what_another_costs():
    one = Compared(3)
    one.noise, one.law = 1e-12 * one.noise, 1e-12 * one.law
    most = most_evidence(np.array([one.told(1.0)]), 0.3, one.n - 3)
    assert most == pytest.approx(one.evidence(0.3), rel=1e-3)


def test_a_size_that_nothing_larger_was_tried_of_may_be_anything():
    assert most_evidence(np.zeros((0, 4)), 1.0, 20) == np.inf
    one = Compared(1)
    assert most_evidence(np.array([one.told(0.1)]), 0.3, one.n - 3) == np.inf


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_in_a_misfit_is_that_of_whole_matrices(seed):
    one = Compared(seed)
    v = np.random.default_rng(seed).normal(size=one.n)
    assert of_noise(v, one.law) == pytest.approx(v @ one.noise @ v, rel=1e-9)
