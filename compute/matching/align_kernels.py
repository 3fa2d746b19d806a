"""Candidates laid against a query and compared, all of them in one compiled loop."""

from __future__ import annotations

from math import ceil, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.matching.coverage import Reference, beside
from compute.matching.discrepancy_kernels import (
    N_FOUND,
    averaged,
    compared,
    dot,
    off_line_products,
)
from compute.matching.grid import MIN_POINTS, Array, Axis, Table, value_at
from compute.matching.parts import Parts
from compute.matching.semiseparable import solved
from compute.matching.shapes import Floats

_LOGS_AT_ONCE = 8  # a logarithm costs more than its product, which must not underflow


@njit(cache=True, nogil=True)
def covered(axis: Axis, table: Table, shift: float) -> tuple[int, int]:
    """First and one past last column that the query covers at a shift; 0, 0 if too few."""
    first = min(max(int(ceil((table.low_ev - shift - axis.start_ev) / axis.step_ev)) - 1, 0),
                axis.size)  # fmt: skip
    while first < axis.size and axis.start_ev + axis.step_ev * first + shift < table.low_ev:
        first += 1
    last = first
    while last < axis.size and axis.start_ev + axis.step_ev * last + shift <= table.high_ev:
        last += 1
    return (first, last) if last - first >= MIN_POINTS else (0, 0)


@njit(cache=True, nogil=True)
def compare_all(
    value: Array,
    slope: Array,
    by_variance: Array,
    by_gamma: Array,
    shift: Array,
    error: Array,
    axis: Axis,
    table: Table,
    reference: Reference,
    parts: Parts,
    noise: Array,
    free: NDArray[np.bool_],
    precision: Array,
    sizes: Array,
) -> Array:
    """Broadened rows (k, size) at their shifts (k,), each under the whole covariance.

    See `align.fit_exactly`; (k, N_FOUND), the fields of `discrepancy.Fitted`. A row of which too
    little is left has an evidence of minus infinity.
    """
    out = np.zeros((value.shape[0], N_FOUND))
    for k in range(value.shape[0]):
        first, stop = covered(axis, table, shift[k])
        if stop == first:
            out[k, 0] = -np.inf
            continue
        start = axis.start_ev + shift[k]
        query = np.empty(stop - first)
        for i in range(first, stop):
            query[i - first] = value_at(table, start + axis.step_ev * i)
        y = value[k, first:stop]
        top, _, bottom = off_line_products(query, y)
        amplitude = max(sqrt(top), 1e-9) / max(sqrt(bottom), 1e-9)
        apart = 1.0 - parts.decay[2] ** 2
        innovation = parts.floor**2 + parts.area_share**2 * np.mean(y * y) * apart
        own = (amplitude * error[k] * sizes) ** 2 * innovation
        half = 0.5 * axis.step_ev
        low, high = start + axis.step_ev * first - half, start + axis.step_ev * (stop - 1) + half
        outside = beside(reference, low, high, own)
        tried = compared(
            query, y, slope[k, first:stop], by_variance[k, first:stop], by_gamma[k, first:stop],
            first, parts, noise, amplitude, error[k], free, precision, sizes, outside,
        )  # fmt: skip
        out[k] = averaged(tried, outside)
    return out


@njit(cache=True, nogil=True)
def step_roughly(
    value: Floats,
    slope: Floats,
    by_variance: Floats,
    shift: Array,
    error: Array,
    axis: Axis,
    table: Table,
    variance: Array,
    parts: Parts,
    noise: float,
    precision: Array,
) -> Array:
    """Where shift and sigma² would go under the diagonal of the covariance, (k, 2).

    Parameters
    ----------
    value, slope, by_variance : float32 (k, size)
        Broadened rows.
    variance : float64 (size,)
        Diagonal of the part of the covariance that all candidates share.
    noise : float
        Variance of one smoothed point of the query.
    """
    out = np.zeros((value.shape[0], 2))
    normal, right = np.empty((5, 5)), np.empty(5)
    for k in range(value.shape[0]):
        first, stop, query, scale = _laid(value[k], shift[k], axis, table)
        if stop == first:
            continue
        n = stop - first
        square = (scale * error[k]) ** 2
        term, weight, weighted = np.empty((5, n)), np.empty(n), np.empty(n)
        for i in range(n):
            c = first + i
            own = _variance(
                parts, variance[c], value[k, c], slope[k, c], 2.0 * by_variance[k, c]
            )  # fmt: skip
            weight[i] = 1.0 / (square * own + noise)
            term[0, i], term[1, i], term[2, i] = value[k, c], 1.0, float(c)
            term[3, i], term[4, i] = slope[k, c], by_variance[k, c]
        for a in range(5):
            for i in range(n):
                weighted[i] = weight[i] * term[a, i]
            right[a] = dot(weighted, query)
            for b in range(a + 1):
                normal[a, b] = normal[b, a] = dot(weighted, term[b])
            normal[a, a] += 1e-9
        normal[3, 3] += precision[0] / scale**2
        normal[4, 4] += precision[1] / scale**2
        found, _ = solved(normal, right)
        size = max(found[0], 1e-3)
        out[k, 0], out[k, 1] = -found[3] / size, found[4] / size
    return out


@njit(cache=True, nogil=True)
def judge_roughly(
    value: Floats,
    slope: Floats,
    by_variance: Floats,
    shift: Array,
    error: Array,
    axis: Axis,
    table: Table,
    variance: Array,
    parts: Parts,
    noise: float,
    sizes: Array,
    unrelated: float,
    upside_down: float,
) -> Array:
    """Log-evidence (k,) under the diagonal of the covariance, over that of an unrelated spectrum.

    Parameters as of `step_roughly`; ``unrelated`` is the log-density of one energy of such,
    ``upside_down`` what a negative scale costs.
    """
    out = np.zeros(value.shape[0])
    tried = np.empty(sizes.size)
    for k in range(value.shape[0]):
        first, stop, query, scale = _laid(value[k], shift[k], axis, table)
        if stop == first:
            out[k] = -np.inf
            continue
        n = stop - first
        y, own = np.empty(n), np.empty(n)
        for i in range(n):
            c = first + i
            y[i] = value[k, c]
            own[i] = (scale * error[k]) ** 2 * _variance(
                parts, variance[c], value[k, c], slope[k, c], 2.0 * by_variance[k, c]
            )
        for s in range(sizes.size):
            spread, amplitude, misfit = weighed(query, y, own, sizes[s] ** 2, noise)
            tried[s] = -0.5 * (misfit + spread + n * log(2.0 * pi))
            if amplitude <= 0.0:
                tried[s] -= upside_down
        most = tried.max()
        mean = 0.0
        for s in range(sizes.size):
            mean += exp(tried[s] - most) / sizes.size
        out[k] = most + log(mean) - n * unrelated
    return out


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def weighed(
    query: Array, y: Array, own: Array, square: float, noise: float
) -> tuple[float, float, float]:  # fmt: skip
    """Sum of ln variances, scale and misfit of a (n,) query as scale times y and a straight line.

    The variance of one energy is ``square`` times its own and ``noise``. All sums in one pass,
    each in whatever order is fastest.
    """
    n = query.size
    middle = 0.5 * (n - 1.0)
    w0, w1, w2, y0, y1, yy, q0, q1, qy, qq = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        weight = 1.0 / (square * own[i] + noise)
        x, a, b = i - middle, weight * y[i], weight * query[i]
        w0 += weight
        w1 += weight * x
        w2 += weight * x * x
        y0 += a
        y1 += a * x
        yy += a * y[i]
        q0 += b
        q1 += b * x
        qy += b * y[i]
        qq += b * query[i]
    # less the mean, then less the slope
    w2, y1, q1 = w2 - w1 * w1 / w0, y1 - w1 * y0 / w0, q1 - w1 * q0 / w0
    yy = max(yy - y0 * y0 / w0 - y1 * y1 / w2, 0.0) + 1e-9
    qy -= q0 * y0 / w0 + q1 * y1 / w2
    qq -= q0 * q0 / w0 + q1 * q1 / w2
    spread, product = 0.0, 1.0
    for i in range(n):
        product *= square * own[i] + noise
        if i % _LOGS_AT_ONCE == _LOGS_AT_ONCE - 1:
            spread += log(product)
            product = 1.0
    return spread + log(product), qy / yy, max(qq - qy * qy / yy, 0.0)


@njit(cache=True, nogil=True)
def _laid(
    value: Floats, shift: float, axis: Axis, table: Table
) -> tuple[int, int, Array, float]:  # fmt: skip
    """Window of a row (size,), the query in it, and the ratio of their spreads."""
    first, stop = covered(axis, table, shift)
    query = np.empty(stop - first)
    for i in range(first, stop):
        query[i - first] = value_at(table, axis.start_ev + axis.step_ev * i + shift)
    if stop == first:
        return first, stop, query, 1.0
    top, _, bottom = off_line_products(query, value[first:stop].astype(np.float64))
    return first, stop, query, max(sqrt(top), 1e-9) / max(sqrt(bottom), 1e-9)


@njit(cache=True, nogil=True)
def _variance(parts: Parts, common: float, y: float, slope: float, curvature: float) -> float:
    """One diagonal element of the covariance, see `discrepancy.Covariance.variance`."""
    return (
        (parts.warp_ev * slope) ** 2
        + 0.5 * parts.warp_ev**4 * curvature**2
        + (parts.area_share * y) ** 2
        + common
    )
