"""The covariance of the discrepancy taken apart, as `compute.matching.semiseparable` wants it."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import toeplitz
from scipy.linalg.lapack import dpstrf

from compute.jit import njit
from compute.matching.grid import Array

N_OWN = 2  # columns of a candidate: bow and continuum step
N_BESIDE = 7  # what is whitened beside the covariance's own columns: the query and its six
NO_NOISE = 1e-18  # of a covariance: below what a sum of such numbers holds
# Of the floor's variance, what the parts may miss of the covariance in any direction. It changes
# log-evidence by no more than half of that times energies and misfit, some 1e-10.
_LEFT_OUT = 1e-12
_NOISE_REACH = 8  # columns over which smoothed noise is correlated, by ``NO_NOISE``


class Parts(NamedTuple):
    """A covariance on a grid, as `discrepancy.Covariance` prepares it.

    Attributes
    ----------
    field : float64 (b + 1,)
        By distance in columns, of what is the same for all candidates what reaches a few of them.
    low : float64 (size, r)
        The rest of that is low lowᵀ.
    decay : float64 (3,)
        What correlations of positions, their squares and those of areas fall to in one column.
    warp_ev, area_share, step, bow, floor, freedom : float
        Of `discrepancy.Discrepancy`.
    """

    field: Array
    low: Array
    decay: Array
    warp_ev: float
    area_share: float
    step: float
    bow: float
    floor: float
    freedom: float


def taken_apart(smooth: Array, floor: float, factors: Array) -> tuple[Array, Array]:
    """`Parts.field` and `Parts.low`, of whichever a comparison takes less time with.

    Parameters
    ----------
    smooth : float64 (size,)
        The smooth field's covariance by distance.
    floor : float
        Variance of the white remainder.
    factors : float64 (r, size) or empty
    """
    n, most = smooth.size, _LEFT_OUT * floor
    short, low = _near(smooth, most), factors.reshape(-1, n).T
    lower = _low_rank(np.array(toeplitz(smooth)), most)
    if _work(_NOISE_REACH, low.shape[1] + lower.shape[1]) < _work(short.size, low.shape[1]):
        short, low = np.zeros(1), np.hstack([low, lower])
    short[0] += floor
    return short, np.ascontiguousarray(low)


def _near(law: Array, most: float) -> Array:
    """A covariance by distance (size,) without the far end, which sums up to less than ``most``."""
    beyond = 2.0 * np.cumsum(law[::-1])[::-1]
    return law[: max(int(np.count_nonzero(beyond > most)), 1)].copy()


def _low_rank(matrix: Array, most: float) -> Array:
    """Columns (n, r), few, whose products miss a covariance (n, n) by ``most`` in any direction.

    What pivoting leaves is positive semidefinite, so no more than its trace; so is what is left
    of the columns after that.
    """
    n = matrix.shape[0]
    least = max(most / n, float(np.finfo(float).eps) * float(np.diag(matrix).max()))
    factor, order, rank, _ = dpstrf(matrix, lower=1, tol=least)
    columns = np.empty((n, rank))
    columns[order - 1] = np.tril(factor)[:, :rank]
    squares, turned = np.linalg.eigh(columns.T @ columns)
    result: Array = columns @ turned[:, np.cumsum(squares) > most]
    return result


def _work(reach: int, rank: int) -> float:
    """Of a comparison, nearly, by the width of the band and the columns beside it."""
    columns = rank + N_BESIDE
    return reach**2 + 2.0 * columns * reach + columns**2


@njit(cache=True, nogil=True)
def running_area(y: Array) -> Array:
    """Running integral from 0 to 1 of a curve (n,) over its smallest value."""
    out = np.empty(y.size)
    lowest, total = y.min(), 0.0
    for i in range(y.size):
        total += y[i] - lowest
        out[i] = total
    result: Array = out / total
    return result


@njit(cache=True, nogil=True)
def arched(n: int) -> Array:
    """A parabola over n columns, 1 at both ends, -1/2 in the middle."""
    out = np.empty(n)
    for i in range(n):
        x = 2.0 * i / max(n - 1, 1) - 1.0
        out[i] = 1.5 * x * x - 0.5
    return out


@njit(cache=True, nogil=True)
def reach_of(noise: Array) -> int:
    """The last distance at which a noise's covariance by distance (size,) is any."""
    last = 0
    for lag in range(noise.size):
        if noise[lag] > NO_NOISE * noise[0]:
            last = lag
    return last


@njit(cache=True, nogil=True)
def take_band(field: Array, noise: Any, size: float, band: Any) -> None:
    """What neighbours share by distance (b + 1,), in place; ``size`` is that of the errors."""
    for lag in range(band.size):
        band[lag] = noise[lag]
        if lag < field.size:
            band[lag] += size * size * field[lag]


@njit(cache=True, nogil=True)
def take_sides(
    parts: Parts, size: float, y: Array, slope: Array, by_variance: Array, side: Array
) -> None:
    """A candidate's own errors, by `semiseparable`'s d (≥ n, 3), in place."""
    bend = size * sqrt(2.0) * parts.warp_ev**2
    for i in range(y.size):
        side[i, 0] = size * parts.warp_ev * slope[i]
        side[i, 1] = bend * by_variance[i]
        side[i, 2] = size * parts.area_share * y[i]


@njit(cache=True, nogil=True)
def take_low(parts: Parts, first: int, size: float, own: Array, columns: Any) -> None:
    """The columns U (n, ≥ r + ``N_OWN``) of the covariance, in place; ``size`` is of the errors."""
    low = parts.low.shape[1]
    for i in range(own.shape[0]):
        for k in range(low):
            columns[i, k] = size * parts.low[first + i, k]
        for k in range(N_OWN):
            columns[i, low + k] = size * own[i, k]


@njit(cache=True, nogil=True)
def own_columns(parts: Parts, y: Array) -> Array:
    """Bow and step of a candidate (n,), (n, ``N_OWN``), the step last: it is never zero."""
    out = np.empty((y.size, N_OWN))
    out[:, 0] = parts.bow * arched(y.size)
    out[:, 1] = parts.step * running_area(y)
    return out
