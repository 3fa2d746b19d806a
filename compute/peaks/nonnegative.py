"""Least squares from normal equations with coefficients that must not be negative."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.peaks.lineshapes import Floats


@njit(cache=True)
def nonnegative_solve(gram: Floats, right: Floats, free: NDArray[np.bool_]) -> Floats:
    """Minimise ``cᵀGc/2 - bᵀc`` with ``c >= 0`` except where ``free`` (Lawson-Hanson).

    Parameters
    ----------
    gram : float64 (l, l)
        Positive semi-definite.
    right : float64 (l,)
    free : bool (l,)
        Coefficients of any sign.
    """
    size = right.size
    scale = np.empty(size)
    for i in range(size):
        scale[i] = 1.0 / np.sqrt(gram[i, i]) if gram[i, i] > 0.0 else 0.0
    g = gram * scale.reshape(-1, 1) * scale.reshape(1, -1)
    for i in range(size):
        g[i, i] += 1e-14
    b = right * scale
    tolerance = 1e-10 * np.max(np.abs(b)) + 1e-300
    used = np.ones(size, dtype=np.bool_)  # start from all: most are positive
    c = np.zeros(size)
    for _ in range(5 * size + 10):
        index = np.flatnonzero(used)
        if index.size:
            sub = np.empty((index.size, index.size))
            for i in range(index.size):
                for k in range(index.size):
                    sub[i, k] = g[index[i], index[k]]
            s = np.linalg.solve(sub, b[index])
            # step back to the boundary if a constrained coefficient went negative
            alpha, worst = 1.0, -1
            for i in range(index.size):
                if not free[index[i]] and s[i] <= 0.0:
                    old = c[index[i]]
                    ratio = old / (old - s[i]) if old > 0.0 else 0.0
                    if worst < 0 or ratio < alpha or (ratio == alpha and s[i] < s[worst]):
                        alpha, worst = ratio, i
            if worst >= 0:
                for i in range(index.size):
                    c[index[i]] += alpha * (s[i] - c[index[i]])
                c[index[worst]] = 0.0
                used[index[worst]] = False
                continue
            for i in range(index.size):
                c[index[i]] = s[i]
        gradient = b - g @ c
        best, pick = tolerance, -1
        for i in range(size):
            if not used[i] and gradient[i] > best:
                best, pick = gradient[i], i
        if pick < 0:
            break
        used[pick] = True
    return c * scale
