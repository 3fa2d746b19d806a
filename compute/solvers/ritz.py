"""What the tridiagonal matrix of a Krylov space tells beyond the Green's function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Real = NDArray[np.float64]

MAX_RECORDED = 400  # Krylov vectors whose projections are kept
_GHOST_EV = 1e-7  # Ritz values this close are copies of one


class Projection:
    """Amplitudes y_r = sum_k coefficient[r, k] x[index[r, k]] to be recorded, |y|^2 = <x|P|x>."""

    def __init__(self, index: NDArray[np.uint32], coefficient: Real) -> None:
        """``index`` and ``coefficient`` are (rows, terms)."""
        self.index = np.ascontiguousarray(index, np.uint32)
        self.coefficient = np.ascontiguousarray(coefficient, float)

    def norms(self, vectors: Array) -> Real:
        """<x|P|x> of every column x of ``vectors`` (n, p), (p,)."""
        rows = sum(
            self.coefficient[:, k, None] * vectors[self.index[:, k]]
            for k in range(self.index.shape[1])
        )
        return np.asarray((np.abs(rows) ** 2).sum(axis=0))


def ritz_lines(
    alpha: Real, beta: Real, norm2: float, records: list[Array]
) -> tuple[Real, Real, Real]:
    """The spectrum of a Krylov space as sticks.

    Parameters
    ----------
    alpha, beta : (m,)
        The tridiagonal matrix; a beta of 0 ends it.
    norm2 : squared length of the start vector
    records : [(steps, rows), ...]
        Projections of the first Krylov vectors, in order; may be empty. The sticks then are
        those of these vectors alone.

    Returns
    -------
    positions (k,), weights (k,), and the projected share of each (k,)
        Repeated Ritz values are joined. A share is exact where its Ritz value has converged, a
        local average elsewhere.
    """
    # numba loads scipy.linalg anyway; nothing else here needs it at import
    from scipy.linalg import eigh_tridiagonal

    ends = np.flatnonzero(beta == 0.0)
    m = int(ends[0]) + 1 if ends.size else alpha.size
    if records:
        m = min(m, sum(len(part) for part in records))
    values, vectors = eigh_tridiagonal(alpha[:m], beta[: m - 1])
    first = np.concatenate([[0], np.flatnonzero(np.diff(values) > _GHOST_EV) + 1])
    weights = np.add.reduceat(vectors[0] ** 2, first)
    share = np.zeros(first.size)
    if records:
        joined = np.add.reduceat(vectors * vectors[0], first, axis=1)
        for part in _real_parts(np.concatenate(records)[:m]):
            share += np.einsum("mk,mk->k", joined, (part @ part.T) @ joined)
        share = np.clip(share / np.maximum(weights, 1e-300), 0.0, 1.0)
    return values[first], norm2 * weights, share


def _real_parts(array: Array) -> tuple[Array, ...]:
    if np.iscomplexobj(array):
        return np.ascontiguousarray(array.real), np.ascontiguousarray(array.imag)
    return (array,)
