"""City-block distances between many rows, as fast as the processor can add."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_TILE = 64  # rows of b that stay in cache while a row of a passes


def city_block(a: Float32, b: Float32) -> Float32:
    """(n, m) of Σ|a − b| between rows (n, f) and (m, f)."""
    out = np.empty((len(a), len(b)), np.float32)
    _city_block(np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32), out)
    return out


@njit(cache=True, fastmath=True)  # fastmath lets the sum run in vector registers
def _city_block(a, b, out):  # type: ignore[no-untyped-def]
    for start in range(0, b.shape[0], _TILE):
        stop = min(start + _TILE, b.shape[0])
        for i in range(a.shape[0]):
            for j in range(start, stop):
                total = np.float32(0.0)
                for k in range(a.shape[1]):
                    total += abs(a[i, k] - b[j, k])
                out[i, j] = total
