"""Weighted least squares of many small problems: one spectrum after the other.

Symbols: ``d`` design rows (K, m), ``w`` weights 1/σ² (m,), ``g = d w dᵀ`` (K, K), ``c``
coefficients (K,). The first ``bounded`` coefficients must not be negative, the others are free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.peaks.nonnegative import nonnegative_solve

Floats = NDArray[np.float64]

SCALES = 6  # structure of the residual is looked for in blocks of 1, 2, 4 … 32 channels
FLOOR = 0.1  # counts: below that a channel's variance follows the model no further
ROUNDS = 12
CLOSE = 0.01  # of σ: the weights have settled


@njit(cache=True, nogil=True, fastmath=True)
def gram(d: Floats, w: Floats, y: Floats, g: Floats, b: Floats, row: Floats) -> None:
    """Fill ``g`` and ``b = d w y``; ``row`` (m,) is scratch."""
    size, m = d.shape
    for i in range(size):
        for c in range(m):
            row[c] = w[c] * d[i, c]
        for j in range(i + 1):
            total = 0.0
            for c in range(m):
                total += row[c] * d[j, c]
            g[i, j] = total
            g[j, i] = total
        total = 0.0
        for c in range(m):
            total += row[c] * y[c]
        b[i] = total


@njit(cache=True, nogil=True)
def cholesky(g: Floats, l: Floats) -> bool:
    """Lower factor of ``g``; False where it is singular to working precision."""
    for i in range(g.shape[0]):
        for j in range(i + 1):
            s = g[i, j]
            for k in range(j):
                s -= l[i, k] * l[j, k]
            if i == j:
                if not s > 1e-13 * g[i, i]:
                    return False
                l[i, i] = np.sqrt(s)
            else:
                l[i, j] = s / l[j, j]
    return True


@njit(cache=True, nogil=True)
def invert(l: Floats, inverse: Floats) -> None:
    """``(l lᵀ)⁻¹``."""
    size = l.shape[0]
    x = np.zeros(size)
    for column in range(size):
        for i in range(size):
            s = 1.0 if i == column else 0.0
            for k in range(i):
                s -= l[i, k] * x[k]
            x[i] = s / l[i, i]
        for i in range(size - 1, -1, -1):
            s = x[i]
            for k in range(i + 1, size):
                s -= l[k, i] * x[k]
            x[i] = s / l[i, i]
        for i in range(size):
            inverse[i, column] = x[i]


@njit(cache=True, nogil=True)
def bounded_solve(
    g: Floats, b: Floats, bounded: int, l: Floats, inverse: Floats, open_: Floats, c: Floats
) -> bool:
    """``open_`` without and ``c`` with the bounds; ``inverse = g⁻¹``. False where g is singular."""
    size = b.size
    if not cholesky(g, l):
        return False
    invert(l, inverse)
    inside = True
    for i in range(size):
        s = 0.0
        for k in range(size):
            s += inverse[i, k] * b[k]
        open_[i] = s
        c[i] = s
        if i < bounded and s < 0.0:
            inside = False
    if not inside:
        free = np.zeros(size, dtype=np.bool_)
        free[bounded:] = True
        c[:] = nonnegative_solve(g, b, free)
    return True


@njit(cache=True, nogil=True, fastmath=True)
def model(d: Floats, c: Floats, mu: Floats) -> None:
    """``mu = c d``."""
    mu[:] = 0.0
    for i in range(c.size):
        if c[i] != 0.0:
            for k in range(mu.size):
                mu[k] += c[i] * d[i, k]


@njit(cache=True, nogil=True, fastmath=True)
def weigh(mu: Floats, mask: Floats, constant: float, gain: float, w: Floats) -> None:
    """``w = 1 / (constant + gain mu)``, 0 where ``mask`` is."""
    least = constant + gain * gain * FLOOR
    for k in range(mu.size):
        w[k] = mask[k] / max(constant + gain * mu[k], least)


@njit(cache=True, nogil=True)
def fit_fixed(
    y: Floats, d: Floats, bounded: int, mask: Floats, sigma2: Floats, constant: float, gain: float,
    w: Floats, mu: Floats, row: Floats, g: Floats, b: Floats, l: Floats, inverse: Floats,
    open_: Floats, c: Floats,
) -> bool:  # fmt: skip
    """One spectrum on a fixed axis; with ``gain`` > 0 the weights follow the model (Poisson ML).

    ``sigma2`` (m,) holds the variances where ``gain`` is 0.
    """
    before = np.zeros(c.size)
    for k in range(y.size):
        w[k] = mask[k] / sigma2[k]
    for turn in range(ROUNDS if gain > 0.0 else 1):
        gram(d, w, y, g, b, row)
        if not bounded_solve(g, b, bounded, l, inverse, open_, c):
            return False
        model(d, c, mu)
        if gain <= 0.0:
            return True
        moved = 0.0
        for i in range(c.size):
            moved = max(moved, (c[i] - before[i]) ** 2 / inverse[i, i])
            before[i] = c[i]
        if turn > 0 and moved < CLOSE * CLOSE:
            return True
        weigh(mu, mask, constant, gain, w)
    return True


@njit(cache=True, nogil=True, fastmath=True)
def structure(
    y: Floats, mu: Floats, w: Floats, d: Floats, g: Floats, used: NDArray[np.bool_],
    constant: float, gain: float, out: Floats,
) -> None:  # fmt: skip
    """Power of the residual in blocks of 1, 2, 4 … channels against what noise leaves of it.

    The standardised residual of a fit by the ``used`` rows has the covariance 1 - QQᵀ, Q their
    orthonormal basis; sums over blocks of it, divided by the root of the block, 1 - SᵀQQᵀS.

    Parameters
    ----------
    over : float
        Σ 1/μ of the channels, the excess of a Poisson variable's fourth moment.
    out : float64 (SCALES, 3)
        Sum of squares, its mean and its variance under noise alone, for each block.

    Returns
    -------
    float
        χ².
    """
    m = y.size
    index = np.flatnonzero(used)
    k = index.size
    sub = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            sub[i, j] = g[index[i], index[j]]
    l = np.zeros((k, k))
    cholesky(sub, l)
    q = np.empty((k + 1, m))
    expected = np.empty(m)
    over = 0.0
    for c in range(m):
        root = np.sqrt(w[c])
        expected[c] = 1.0 if w[c] > 0.0 else 0.0
        if gain > 0.0:
            signal = max(gain * mu[c], 0.0)
            expected[c] = min((constant + signal) * w[c], 1.0)
            over += gain * gain * signal * w[c] * w[c]
        q[k, c] = (y[c] - mu[c]) * root
        for i in range(k):
            q[i, c] = d[index[i], c] * root
    for i in range(k):
        for j in range(i):
            f = l[i, j]
            for c in range(m):
                q[i, c] -= f * q[j, c]
        f = 1.0 / l[i, i]
        for c in range(m):
            q[i, c] *= f
    n, block = m, 1
    for scale in range(SCALES):
        total = 0.0
        for c in range(n):
            total += q[k, c] * q[k, c]
        trace = 0.0
        square = 0.0
        for i in range(k):
            for j in range(i + 1):
                s = 0.0
                for c in range(n):
                    s += q[i, c] * q[j, c]
                if i == j:
                    trace += s
                    square += s * s
                else:
                    square += 2.0 * s * s
        rows = 0.0
        squared = 0.0
        for c in range(n):
            rows += expected[c]
            squared += expected[c] * expected[c]
        out[scale, 0] = total
        out[scale, 1] = rows - trace
        out[scale, 2] = 2.0 * (squared - 2.0 * trace + square) + over / (block * block)
        n //= 2
        block *= 2
        for i in range(k + 1):
            for c in range(n):
                q[i, c] = (q[i, 2 * c] + q[i, 2 * c + 1]) * 0.7071067811865476
        for c in range(n):
            expected[c] = 0.5 * (expected[2 * c] + expected[2 * c + 1])


@njit(cache=True, nogil=True)
def fixed_batch(
    spectra: Floats, masks: Floats, variances: Floats, d: Floats, bounded: int,
    constant: float, gain: float, c: Floats, open_: Floats, cov: Floats, blocks: Floats,
) -> None:  # fmt: skip
    """`fit_fixed` and `structure` of each row; rows that cannot be solved keep NaN.

    Parameters
    ----------
    spectra : float64 (n, m)
    masks, variances : float64 (1 or n, m)
    d : float64 (K, m)
    c, open_ : float64 (n, K), out
    cov : float64 (n, K, K), out
    blocks : float64 (n, SCALES, 3), out
    """
    n, m = spectra.shape
    size = d.shape[0]
    w, mu, row = np.empty(m), np.empty(m), np.empty(m)
    g, l, b = np.empty((size, size)), np.zeros((size, size)), np.empty(size)
    used = np.ones(size, dtype=np.bool_)
    for i in range(n):
        mask = masks[i % masks.shape[0]]
        sigma2 = variances[i % variances.shape[0]]
        if not fit_fixed(
            spectra[i], d, bounded, mask, sigma2, constant, gain,
            w, mu, row, g, b, l, cov[i], open_[i], c[i],
        ):  # fmt: skip
            c[i] = np.nan
            open_[i] = np.nan
            cov[i] = np.nan
            blocks[i] = np.nan
            continue
        for j in range(bounded):
            used[j] = c[i, j] > 0.0
        structure(spectra[i], mu, w, d, g, used, constant, gain, blocks[i])
