"""Ridge regression whose folds are subtractions: sums over groups are made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

FloatArray = NDArray[np.float64]

NOISES = (0.02, 0.1, 0.5, 2.0)
"""Of the targets, beside coefficients of size one: what is chosen among."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What a fit needs of the rows of each group.

    Attributes
    ----------
    squares : float64 (g, p, p)
        XᵀX.
    products : float64 (g, p, t)
        XᵀY, of t targets that share their features.
    """

    squares: FloatArray
    products: FloatArray

    @classmethod
    def of(
        cls,
        designs: Sequence[FloatArray],
        targets: Sequence[FloatArray],
        groups: NDArray[np.int64],
        n_groups: int,
    ) -> Sums:
        """Of samples with designs (m, p) and targets (m, t), each of one group."""
        p, t = designs[0].shape[1], targets[0].shape[1]
        squares, products = np.zeros((n_groups, p, p)), np.zeros((n_groups, p, t))
        for x, y, group in zip(designs, targets, groups, strict=True):
            squares[group] += x.T @ x
            products[group] += x.T @ y
        return cls(squares, products)

    def of_groups(self, chosen: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """XᵀX and XᵀY of the groups chosen (g,)."""
        return self.squares[chosen].sum(axis=0), self.products[chosen].sum(axis=0)


def coefficients(squares: FloatArray, products: FloatArray, noise: float) -> FloatArray:
    """(p, t) of XᵀX, XᵀY and the noise of the targets."""
    a = squares.copy()
    a[np.diag_indices_from(a)] += noise
    result: FloatArray = solve(a, products, assume_a="pos", check_finite=False)
    return result


def folds_of(
    n_groups: int, chosen: NDArray[np.bool_], n_folds: int, seed: int
) -> list[NDArray[np.bool_]]:
    """The groups chosen in parts: a mask (n_groups,) of each."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(chosen))
    parts = [np.isin(np.arange(n_groups), part) for part in np.array_split(order, n_folds)]
    return [part for part in parts if part.any()]
