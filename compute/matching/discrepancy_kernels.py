"""Covariances of the discrepancy filled in, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from compute.matching.grid import Array


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
            out[i, j] = square * (own + common[first + i, first + j]) + noise[i - j]


@njit(cache=True, nogil=True)
def with_noise(own: Array, noise: Array, square: float) -> Array:
    """Lower triangle of square·own + noise, Fortran order; ``own`` (n, n), ``noise`` (size,)."""
    n = own.shape[0]
    columns = np.zeros((n, n))
    for j in range(n):
        for i in range(j, n):
            columns[j, i] = square * own[i, j] + noise[i - j]
    return columns.T


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
