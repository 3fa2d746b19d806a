"""Covariances of the discrepancy filled in, and candidates compared under them; compiled."""

from __future__ import annotations

from math import lgamma, log, log1p, pi
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from compute.matching.grid import Array

# What rides along in a factorisation as further rows: the query and its six columns.
_ROWS = 7
_HUGE = 1e200  # on their diagonal, so that no whitened row exceeds it
_BEYOND = 14.0  # of log-evidence: a millionth
N_FOUND = 11  # numbers of a `discrepancy.Fitted`


class Parts(NamedTuple):
    """A covariance on a grid, as `discrepancy.Covariance` prepares it.

    Attributes
    ----------
    common : float64 (size, size)
        The part that is the same for all candidates; symmetric.
    warp, area : float64 (size,)
        Correlations by distance in columns.
    warp_ev, area_share, step, floor, freedom : float
        Of `discrepancy.Discrepancy`.
    """

    common: Array
    warp: Array
    area: Array
    warp_ev: float
    area_share: float
    step: float
    floor: float
    freedom: float


@njit(cache=True, nogil=True)
def fill(
    common: Array,
    first: int,
    warp: Array,
    area: Array,
    noise: Array,
    scale: float,
    slope: Array,
    bend: Array,
    y: Array,
    running: Array,
    out: Array,
) -> None:
    """Lower triangle of scale² C + noise.

    Parameters
    ----------
    common : float64 (size, size)
        The part that is the same for all candidates.
    first : int
        Column of the grid where the window starts.
    warp, area, noise : float64 (size,)
        Correlations, and the noise's covariance, by distance in columns.
    slope, bend, y, running : float64 (n,)
        The candidate's own parts, each times its amplitude.
    out : float64 (n, n)
        Changed in place.
    """
    n = y.size
    square = scale * scale
    for j in range(n):
        for i in range(j, n):
            k = warp[i - j]
            own = (
                (slope[i] * slope[j] + bend[i] * bend[j] * k) * k
                + y[i] * y[j] * area[i - j]
                + running[i] * running[j]
            )
            # along its rows: the matrix is symmetric
            out[i, j] = square * (own + common[first + j, first + i]) + noise[i - j]


@njit(cache=True, nogil=True)
def off_line_products(a: Array, b: Array) -> tuple[float, float, float]:
    """<a, a>, <a, b> and <b, b> of what is left of (n,) off their straight lines."""
    n = a.size
    mean_a, mean_b, middle = 0.0, 0.0, 0.5 * (n - 1.0)
    for i in range(n):
        mean_a += a[i]
        mean_b += b[i]
    mean_a /= n
    mean_b /= n
    aa, ab, bb, slope_a, slope_b = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        x, y = a[i] - mean_a, b[i] - mean_b
        aa += x * x
        ab += x * y
        bb += y * y
        slope_a += (i - middle) * x
        slope_b += (i - middle) * y
    spread = n * (n * n - 1.0) / 12.0
    aa = max(aa - slope_a * slope_a / spread, 0.0)
    bb = max(bb - slope_b * slope_b / spread, 0.0)
    return aa, ab - slope_a * slope_b / spread, bb


@njit(cache=True, nogil=True)
def compared(
    query: Array,
    y: Array,
    slope: Array,
    by_variance: Array,
    by_gamma: Array,
    first: int,
    parts: Parts,
    noise: Array,
    scale: float,
    error: float,
    free: NDArray[np.bool_],
    precision: Array,
    sizes: Array,
    beside: Array,
) -> Array:
    """Generalised least squares of a query against one candidate, under several sizes of errors.

    The lines of `discrepancy.compare`. With A = LLᵀ, what is to be whitened stands as further rows
    below A: there the factorisation leaves L⁻¹ times it.

    Parameters
    ----------
    query, y, slope, by_variance, by_gamma : float64 (n,)
        Query, and the candidate with its derivatives, in the window.
    first : int
        Column of the grid where the window starts.
    noise : float64 (size,)
        Covariance of the query's noise by distance in columns.
    scale, error : float
        See `discrepancy.compare`.
    free : bool (3,)
        Which of shift, sigma² and gamma may move.
    precision : float64 (3,)
        1/variance of their steps.
    sizes, beside : float64 (s,)
        Of errors, the largest first, and what each says of the query outside the window. Where a
        size cannot come within exp(-14) of the best, as its two larger neighbours tell, it is left
        out: with smaller errors the misfit only grows, and ln of the determinant, convex in ln of
        the size, lies above the line through theirs.

    Returns
    -------
    float64 (s, N_FOUND)
        `discrepancy.Fitted`, in the order of its fields; of a size left out an evidence of minus
        infinity.
    """
    n = query.size
    own, cross, other = off_line_products(query, y)
    r_squared = max(cross, 0.0) ** 2 / max(own * other, 1e-30)
    running = np.empty(n)
    lowest, total = y.min(), 0.0
    for i in range(n):
        total += y[i] - lowest
        running[i] = total
    bend = np.sqrt(2.0) * parts.warp_ev**2 * by_variance
    expected = np.empty((n, n)).T
    fill(
        parts.common, first, parts.warp, parts.area, np.zeros(n), 1.0, parts.warp_ev * slope, bend,
        parts.area_share * y, parts.step / total * running, expected,
    )  # fmt: skip
    some = np.flatnonzero(free)
    out = np.zeros((sizes.size, N_FOUND))
    matrix = np.empty((n + _ROWS, n + _ROWS)).T
    best, determinants, normals = -np.inf, np.empty(sizes.size), np.empty(sizes.size)
    done, before = -1, -1  # the last two sizes that were taken
    for s in range(sizes.size):
        if before >= 0 and sizes[s] < sizes[done] < sizes[before]:
            further = log(sizes[s] / sizes[done]) / log(sizes[done] / sizes[before])
            most = determinants[done] + further * (determinants[done] - determinants[before])
            most += normals[done] + out[done, 1] + (n - 3) * log(2.0 * pi)
            if -0.5 * most + beside[s] < best - _BEYOND:
                out[s, 0] = -np.inf
                continue
        square = (scale * sizes[s] * error) ** 2
        for j in range(n):
            for i in range(j, n):
                matrix[i, j] = square * expected[i, j] + noise[i - j]
            matrix[n, j], matrix[n + 1, j], matrix[n + 2, j] = query[j], y[j], 1.0
            matrix[n + 3, j], matrix[n + 4, j] = float(j), slope[j]
            matrix[n + 5, j], matrix[n + 6, j] = by_variance[j], by_gamma[j]
        for j in range(n, n + _ROWS):
            matrix[j:, j] = 0.0
            matrix[j, j] = _HUGE
        factor = np.linalg.cholesky(matrix)
        log_determinant = 0.0
        for j in range(n):
            log_determinant += 2.0 * log(factor[j, j])
        white = np.ascontiguousarray(factor[n:, :n])
        gram = white @ white.T
        normal = np.ascontiguousarray(gram[1:4, 1:4])
        right = np.ascontiguousarray(gram[1:4, 0])
        found = np.linalg.solve(normal, right)
        misfit = gram[0, 0] - right @ found
        steps = np.zeros(3)
        if some.size:
            size = 3 + some.size
            use = np.array([1, 2, 3, 0, 0, 0])[:size]
            use[3:] = 4 + some
            joint, side = np.empty((size, size)), np.empty(size)
            for a in range(size):
                side[a] = gram[use[a], 0]
                for b in range(size):
                    joint[a, b] = gram[use[a], use[b]]
            for a in range(3, size):  # the steps' own prior keeps flat directions still
                joint[a, a] += precision[use[a] - 4] / scale**2
            full = np.linalg.solve(joint, side)
            for a in range(3, size):
                steps[use[a] - 4] = full[a] / max(full[0], 1e-3 * scale)
        determinants[s], normals[s] = log_determinant, np.linalg.slogdet(normal)[1]
        evidence = -0.5 * (log_determinant + normals[s])
        freedom = parts.freedom if sizes[s] == 1.0 else np.inf
        out[s, 0] = evidence + student(misfit, n - 3, freedom)
        out[s, 1] = misfit
        out[s, 2:5] = found
        out[s, 5], out[s, 6], out[s, 7] = -steps[0], steps[1], steps[2]
        out[s, 8], out[s, 9], out[s, 10] = n, r_squared, own / n
        best = max(best, out[s, 0] + beside[s])
        before, done = done, s
    return out


@njit(cache=True, nogil=True)
def averaged(tried: Array, beside: Array) -> Array:
    """`discrepancy.compare_sizes` of what `compared` found (s, N_FOUND): (N_FOUND,)."""
    evidence = tried[:, 0] + beside
    best = np.argmax(evidence)
    out: Array = tried[best].copy()
    out[0] = evidence[best] + log(np.mean(np.exp(evidence - evidence[best])))
    out[1] = tried[0, 1]
    return out


@njit(cache=True, nogil=True)
def student(misfit: float, n: int, freedom: float) -> float:
    """See `discrepancy.student_log_density`."""
    if np.isinf(freedom):
        return -0.5 * (misfit + n * log(2.0 * pi))
    return (
        lgamma(0.5 * (freedom + n))
        - lgamma(0.5 * freedom)
        - 0.5 * n * log(pi * freedom)
        - 0.5 * (freedom + n) * log1p(misfit / freedom)
    )
