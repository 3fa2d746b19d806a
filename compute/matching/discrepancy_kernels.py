"""Covariances of the discrepancy filled in, and candidates compared under them; compiled."""

from __future__ import annotations

from math import lgamma, log, log1p, pi

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.matching.grid import Array
from compute.matching.parts import (
    N_BESIDE,
    N_OWN,
    NO_NOISE,
    Parts,
    own_columns,
    reach_of,
    take_band,
    take_low,
    take_sides,
)
from compute.matching.semiseparable import (
    N_DECAYS,
    factorise,
    solved,
    unwhiten,
    weights,
    whiten,
    woodbury,
)

_STEP = 1e-20  # of a derivative; nothing is subtracted, so as small as numbers are
_BEYOND = 36.0  # of log-evidence: the last digit of a sum
N_TOLD = 4  # numbers of a size that `most_evidence` takes
N_FOUND = 11  # numbers of a `discrepancy.Fitted`


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
    bow: Array,
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
    slope, bend, y, running, bow : float64 (n,)
        The candidate's own parts, each times its amplitude.
    out : float64 (n, n)
        Changed in place.
    """
    n = y.size
    square = scale * scale
    own = np.empty(n)  # of one column: loops over few arrays each run on vector units
    for j in range(n):
        m = n - j
        warped, bent, sloped, column = warp[:m], bend[j:], slope[j:], own[:m]
        a, b = slope[j], bend[j]
        for i in range(m):
            column[i] = (sloped[i] * a + bent[i] * b * warped[i]) * warped[i]
        areas, heights, steps, bows = area[:m], y[j:], running[j:], bow[j:]
        a, b, c = y[j], running[j], bow[j]
        for i in range(m):
            column[i] = column[i] + heights[i] * a * areas[i] + steps[i] * b + bows[i] * c
        # along its rows: the matrix is symmetric
        shared, noises, down = common[first + j, first + j : first + n], noise[:m], out[j:, j]
        for i in range(m):
            down[i] = square * (column[i] + shared[i]) + noises[i]


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

    The lines of `discrepancy.compare`; the covariance is taken apart as `semiseparable` says.

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
        Of errors, the largest first, and what each says of the query outside the window. The first
        is always taken; a smaller one is left out where the larger ones tell that it cannot come
        within exp(-36) of the best, see `most_evidence`.

    Returns
    -------
    float64 (s, N_FOUND)
        `discrepancy.Fitted`, in the order of its fields; of a size left out an evidence of minus
        infinity.
    """
    n = query.size
    own, cross, other = off_line_products(query, y)
    r_squared = max(cross, 0.0) ** 2 / max(own * other, 1e-30)
    of_candidate = own_columns(parts, y)
    # Near the answer already, so that squares of what is left lose no digits
    near = np.array([cross / max(other, 1e-30), 0.0, 0.0])
    left = query - near[0] * y
    near[1], near[2] = line_through(left)
    for i in range(n):
        left[i] -= near[1] + near[2] * i
    some = np.flatnonzero(free)
    out = np.zeros((sizes.size, N_FOUND))
    n_low = parts.low.shape[1] + N_OWN
    reach = min(max(reach_of(noise), parts.field.size - 1), n - 1)
    band, side = np.empty(reach + 1), np.zeros((n + reach, N_DECAYS))
    within, below = np.empty((n, reach + 1)), np.empty((n, N_DECAYS))
    columns = np.empty((n, n_low + N_BESIDE))
    best, told = -np.inf, np.zeros((sizes.size, N_TOLD))
    taken = 0
    for s in range(sizes.size):
        if most_evidence(told[:taken], sizes[s], n - 3) + beside[s] < best - _BEYOND:
            out[s, 0] = -np.inf
            continue
        times = scale * sizes[s] * error
        take_band(parts.field, noise, times, band)
        take_sides(parts, times, y, slope, by_variance, side)
        take_low(parts, first, times, of_candidate, columns)
        for i in range(n):
            row = columns[i]
            row[n_low], row[n_low + 1], row[n_low + 2] = left[i], y[i], 1.0
            row[n_low + 3], row[n_low + 4] = float(i), slope[i]
            row[n_low + 5], row[n_low + 6] = by_variance[i], by_gamma[i]
        log_determinant = factorise(band, parts.decay, side, within, below)
        whiten(within, below, parts.decay, side, columns)
        products = columns.T @ columns
        log_determinant += woodbury(products, n_low)
        gram = products[n_low:, n_low:]
        normal = np.ascontiguousarray(gram[1:4, 1:4])
        right = np.ascontiguousarray(gram[1:4, 0])
        found, of_design = solved(normal, right)
        misfit = gram[0, 0] - right @ found
        steps = np.zeros(3)
        if some.size:
            size = 3 + some.size
            use = np.array([1, 2, 3, 0, 0, 0])[:size]
            use[3:] = 4 + some
            joint, right_side = np.empty((size, size)), np.empty(size)
            for a in range(size):
                right_side[a] = gram[use[a], 0]
                for b in range(size):
                    joint[a, b] = gram[use[a], use[b]]
            for a in range(3, size):  # the steps' own prior keeps flat directions still
                joint[a, a] += precision[use[a] - 4] / scale**2
            full, _ = solved(joint, right_side)
            for a in range(3, size):
                steps[use[a] - 4] = full[a] / max(near[0] + full[0], 1e-3 * scale)
        log_determinant += of_design
        evidence = -0.5 * log_determinant
        freedom = parts.freedom if sizes[s] == 1.0 else np.inf
        out[s, 0] = evidence + student(misfit, n - 3, freedom)
        out[s, 1] = misfit
        out[s, 2:5] = near + found
        out[s, 5], out[s, 6], out[s, 7] = -steps[0], steps[1], steps[2]
        out[s, 8], out[s, 9], out[s, 10] = n, r_squared, own / n
        best = max(best, out[s, 0] + beside[s])
        told[taken, 0], told[taken, 1], told[taken, 2] = sizes[s], log_determinant, misfit
        if s + 1 < sizes.size:
            taken_off = np.zeros(N_BESIDE)
            taken_off[0], taken_off[1:4] = 1.0, -found
            low = weights(products, n_low, taken_off)
            rest = columns @ np.concatenate((-low, taken_off))
            unwhiten(within, below, parts.decay, side, rest)
            told[taken, 3] = of_noise(rest, noise)
        taken += 1
    return out


@njit(cache=True, nogil=True)
def of_noise_expected(
    y: Array,
    slope: Array,
    by_variance: Array,
    first: int,
    parts: Parts,
    noise: Array,
    times: float,
) -> float:
    """What noise alone adds to a misfit on average, tr[A⁻¹N]; arguments as of `compared`.

    That is how ln det A rises with the size of N: its imaginary part where N has a small one.
    """
    n, n_low = y.size, parts.low.shape[1] + N_OWN
    reach = min(max(reach_of(noise), parts.field.size - 1), n - 1)
    band, side = np.empty(reach + 1, np.complex128), np.zeros((n + reach, N_DECAYS))
    take_band(parts.field, noise * (1.0 + _STEP * 1j), times, band)
    take_sides(parts, times, y, slope, by_variance, side)
    within, below = np.empty((n, reach + 1), band.dtype), np.empty((n, N_DECAYS), band.dtype)
    columns = np.empty((n, n_low), band.dtype)
    take_low(parts, first, times, own_columns(parts, y), columns)
    determinant = factorise(band, parts.decay, side, within, below)
    whiten(within, below, parts.decay, side, columns)
    determinant += woodbury(columns.T @ columns, n_low)
    rise: float = determinant.imag / _STEP
    return rise


@njit(cache=True, nogil=True)
def line_through(values: Array) -> tuple[float, float]:
    """Value at the first of (n,) and rise by one of their straight line by least squares."""
    n = values.size
    mean, rise, middle = float(np.mean(values)), 0.0, 0.5 * (n - 1.0)
    for i in range(n):
        rise += (i - middle) * (values[i] - mean)
    rise /= n * (n * n - 1.0) / 12.0
    return mean - rise * middle, rise


@njit(cache=True, nogil=True)
def most_evidence(told: Array, size: float, freedom: int) -> float:
    """What the Gaussian log-evidence of a size of errors cannot exceed, from larger sizes' own.

    The covariance is A(t) = t E + N with t = size². What is compared lies off the design, in
    ``freedom`` dimensions, and there

    - ln det A is a sum of ln(t e + n): convex in ln t, and rising by no more than ``freedom``. It
      lies above the line through two larger sizes, and above one of slope ``freedom`` through one;
    - the misfit is qᵀA⁻¹q, the largest (vᵀq)² / vᵀA(t)v of all v (Cauchy and Schwarz). The v that
      is best at a larger size, A⁻¹q, gives M² / vᵀA(t)v, where M is the misfit there.

    Parameters
    ----------
    told : float64 (k, N_TOLD)
        Of each larger size, the largest first: size, ln det A, misfit, and the noise's part of it,
        vᵀNv.
    """
    least, determinant = 0.0, -np.inf
    for k in range(told.shape[0]):
        larger, at, misfit, of_noise = told[k, 0], told[k, 1], told[k, 2], told[k, 3]
        if larger <= size:
            continue
        step = 2.0 * log(size / larger)
        determinant = max(determinant, at + freedom * step)
        if k > 0 and told[k - 1, 0] > larger:
            rise = (told[k - 1, 1] - at) / log(told[k - 1, 0] / larger)
            determinant = max(determinant, at + rise * log(size / larger))
        under = of_noise + (size / larger) ** 2 * max(misfit - of_noise, 0.0)
        least = max(least, misfit * misfit / max(under, 1e-300))
    return -0.5 * (determinant + least + freedom * log(2.0 * pi))


@njit(cache=True, nogil=True)
def of_noise(v: Array, noise: Array) -> float:
    """vᵀNv of v (n,), N by distance in columns (size,)."""
    n = v.size
    total: float = noise[0] * dot(v, v)
    for lag in range(1, n):
        if noise[lag] > NO_NOISE * noise[0]:
            total += 2.0 * noise[lag] * dot(v[lag:], v[: n - lag])
    return total


@njit(cache=True, nogil=True, fastmath=True)
def dot(a: Array, b: Array) -> float:
    """Σ aᵢ bᵢ of (n,), in whatever order is fastest."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


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
