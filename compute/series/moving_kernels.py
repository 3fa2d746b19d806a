"""Gauss-Newton over shift and broadening, the coefficients projected out."""

from __future__ import annotations

import numpy as np

from compute.jit import njit
from compute.series.kernels import (
    Floats,
    bounded_solve,
    cholesky,
    gram,
    invert,
    model,
    structure,
    weigh,
)

_STEPS = 30
_HALVINGS = 8
_CLOSE = 0.01  # of σ


@njit(cache=True, nogil=True)
def _taps(shift: float) -> tuple[int, float, float, float, float]:
    """Whole channels and the four weights of a cubic B-spline at ``channel - shift``."""
    whole = int(np.floor(-shift))
    t = -shift - whole
    u = 1.0 - t
    return (
        whole,
        u * u * u / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
        t * t * t / 6.0,
    )


@njit(cache=True, nogil=True, fastmath=True)
def place(
    nodes: Floats, values: Floats, slopes: Floats, offset: int, shift: float, variance: float,
    line: Floats, d: Floats, along: Floats, wider: Floats,
) -> None:  # fmt: skip
    """References at a shift and a broadening into ``d`` (first k rows), and their derivatives.

    ``along`` (k, m) by the shift, ``wider`` (k, m) by the variance; ``line`` (2, m + 4) is scratch.
    """
    k, m = along.shape
    j, h = 0, 1.0
    a0, a1, b0, b1 = 1.0, 0.0, 0.0, 0.0  # Hermite weights of the value
    c0, c1, e0, e1 = 0.0, 0.0, 1.0, 0.0  # and of its derivative by the variance
    if nodes.size > 1:
        j = min(max(int(np.searchsorted(nodes, variance)) - 1, 0), nodes.size - 2)
        h = nodes[j + 1] - nodes[j]
        t = (variance - nodes[j]) / h
        a0, a1 = 1 - 3 * t * t + 2 * t * t * t, 3 * t * t - 2 * t * t * t
        b0, b1 = h * (t - 2 * t * t + t * t * t), h * (t * t * t - t * t)
        c0, c1 = (6 * t * t - 6 * t) / h, (6 * t - 6 * t * t) / h
        e0, e1 = 1 - 4 * t + 3 * t * t, 3 * t * t - 2 * t
    far = min(j + 1, nodes.size - 1)
    whole, w0, w1, w2, w3 = _taps(shift)
    t = -shift - whole
    u = 1.0 - t
    # derivative by the shift is minus that by the position
    s0, s1 = 0.5 * u * u, -0.5 * (3.0 * t * t - 4.0 * t)
    s2, s3 = 0.5 * (3.0 * u * u - 4.0 * u), -0.5 * t * t
    start = offset + whole - 1
    for i in range(k):
        for c in range(m + 3):
            p = start + c
            line[0, c] = (
                a0 * values[j, i, p] + a1 * values[far, i, p]
                + b0 * slopes[j, i, p] + b1 * slopes[far, i, p]
            )  # fmt: skip
            line[1, c] = (
                c0 * values[j, i, p] + c1 * values[far, i, p]
                + e0 * slopes[j, i, p] + e1 * slopes[far, i, p]
            )  # fmt: skip
        for c in range(m):
            d[i, c] = (
                w0 * line[0, c] + w1 * line[0, c + 1] + w2 * line[0, c + 2] + w3 * line[0, c + 3]
            )
            along[i, c] = (
                s0 * line[0, c] + s1 * line[0, c + 1] + s2 * line[0, c + 2] + s3 * line[0, c + 3]
            )
            wider[i, c] = (
                w0 * line[1, c] + w1 * line[1, c + 1] + w2 * line[1, c + 2] + w3 * line[1, c + 3]
            )


@njit(cache=True, nogil=True, fastmath=True)
def _chi2(y: Floats, mu: Floats, w: Floats) -> float:
    total = 0.0
    for c in range(y.size):
        total += w[c] * (y[c] - mu[c]) * (y[c] - mu[c])
    return total


@njit(cache=True, nogil=True)
def moving_batch(
    spectra: Floats, masks: Floats, variances: Floats, nodes: Floats, values: Floats,
    slopes: Floats, extra: Floats, offset: int, max_shift: float, starts: Floats, constant: float,
    gain: float, out_c: Floats, out_open: Floats, out_cov: Floats, out_blocks: Floats,
    out_moved: Floats, out_error: Floats,
) -> None:  # fmt: skip
    """Each row by itself; those that cannot be solved keep NaN.

    ``offset`` is the place of the first channel of the spectra among the spline coefficients.
    """
    n, m = spectra.shape
    k, b_rows = values.shape[1], extra.shape[0]
    size = k + b_rows
    move_shift, move_width = max_shift > 0.0, nodes.size > 1
    free = (1 if move_shift else 0) + (1 if move_width else 0)
    d = np.empty((size + free, m))  # linear rows, then those of shift and variance
    d[k:size] = extra
    along, wider = np.empty((k, m)), np.empty((k, m))
    line = np.empty((2, m + 4))
    w, mu, row = np.empty(m), np.empty(m), np.empty(m)
    g, l, b = np.empty((size, size)), np.zeros((size, size)), np.empty(size)
    inverse, open_, c = np.empty((size, size)), np.empty(size), np.empty(size)
    full = size + free
    big, big_b, big_l = np.empty((full, full)), np.empty(full), np.zeros((full, full))
    big_inverse = np.empty((full, full))
    step = np.zeros(2)
    for i in range(n):
        y = spectra[i]
        mask, sigma2 = masks[i % masks.shape[0]], variances[i % variances.shape[0]]
        shift, variance, good = 0.0, max(0.0, nodes[0]), False
        # weights of a first fit where the references stand, then the best start
        for c_ in range(m):
            w[c_] = mask[c_] / sigma2[c_]
        for _turn in range(3 if gain > 0.0 else 1):
            place(nodes, values, slopes, offset, shift, variance, line, d, along, wider)
            gram(d[:size], w, y, g, b, row)
            good = bounded_solve(g, b, k, l, inverse, open_, c)
            if not good:
                break
            model(d[:size], c, mu)
            if gain > 0.0:
                weigh(mu, mask, constant, gain, w)
        if not good:
            continue
        best = _chi2(y, mu, w)
        for s in starts:
            place(nodes, values, slopes, offset, s, variance, line, d, along, wider)
            gram(d[:size], w, y, g, b, row)
            if bounded_solve(g, b, k, l, inverse, open_, c):
                model(d[:size], c, mu)
                chi2 = _chi2(y, mu, w)
                if chi2 < best:
                    best, shift = chi2, s
        settled = False
        for _turn in range(_STEPS):
            place(nodes, values, slopes, offset, shift, variance, line, d, along, wider)
            gram(d[:size], w, y, g, b, row)
            good = bounded_solve(g, b, k, l, inverse, open_, c)
            if not good:
                break
            model(d[:size], c, mu)
            if gain > 0.0:
                weigh(mu, mask, constant, gain, w)
            now = _chi2(y, mu, w)
            at = size
            if move_shift:
                model(along, c[:k], d[at])
                at += 1
            if move_width:
                model(wider, c[:k], d[at])
            gram(d, w, y, big, big_b, row)
            good = cholesky(big, big_l)
            if not good:
                break
            invert(big_l, big_inverse)
            if settled:
                break
            # the step of the moved ones, with the used linear rows free beside them
            _joint_step(big, big_b, c, k, size, step[:free])
            near = True
            for q in range(free):
                if step[q] ** 2 > _CLOSE**2 * big_inverse[size + q, size + q]:
                    near = False
            part = 1.0
            moved = False
            for _ in range(_HALVINGS):
                to_shift, to_variance, q = shift, variance, 0
                if move_shift:
                    to_shift = min(max(shift + part * step[0], -max_shift), max_shift)
                    q = 1
                if move_width:
                    to_variance = variance + part * step[q]
                    to_variance = min(max(to_variance, nodes[0]), nodes[nodes.size - 1])
                place(nodes, values, slopes, offset, to_shift, to_variance, line, d, along, wider)
                gram(d[:size], w, y, g, b, row)
                if bounded_solve(g, b, k, l, inverse, open_, c):
                    model(d[:size], c, mu)
                    if _chi2(y, mu, w) <= now * (1.0 + 1e-9) + 1e-12:
                        moved = to_shift != shift or to_variance != variance
                        shift, variance = to_shift, to_variance
                        break
                part *= 0.5
            settled = near or not moved
        if not good:
            continue
        used = np.ones(full, dtype=np.bool_)
        for j in range(k):
            used[j] = c[j] > 0.0
        out_c[i] = c
        for r in range(size):
            s = 0.0
            for q in range(full):
                s += big_inverse[r, q] * big_b[q]
            out_open[i, r] = s
            for q in range(size):
                out_cov[i, r, q] = big_inverse[r, q]
        q = size
        if move_shift:
            out_moved[i, 0], out_error[i, 0] = shift, np.sqrt(big_inverse[q, q])
            q += 1
        if move_width:
            out_moved[i, 1], out_error[i, 1] = variance, np.sqrt(big_inverse[q, q])
        structure(y, mu, w, d, big, used, constant, gain, out_blocks[i])


@njit(cache=True, nogil=True)
def _joint_step(
    g: Floats, b: Floats, c: Floats, k: int, size: int, step: Floats
) -> None:  # fmt: skip
    """Gauss-Newton step of the rows after ``size``, rows at their bound left at it."""
    full = b.size
    used = np.ones(full, dtype=np.bool_)
    for j in range(k):
        used[j] = c[j] > 0.0
    index = np.flatnonzero(used)
    sub, right = np.empty((index.size, index.size)), np.empty(index.size)
    for i in range(index.size):
        right[i] = b[index[i]]
        for j in range(index.size):
            sub[i, j] = g[index[i], index[j]]
    x = np.linalg.solve(sub, right)
    for q in range(step.size):
        step[q] = x[index.size - step.size + q]
