"""Distances between many rows, and which are nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_TILE = 64  # rows of b that stay in cache while a row of a passes


def nearest(distance: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    """Columns (n, count) of the smallest numbers in each row of (n, m), the smallest first."""
    count = min(count, distance.shape[1])
    few = np.argpartition(distance, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distance, few, axis=1), axis=1)
    return np.asarray(np.take_along_axis(few, order, axis=1))


def city_block(a: Float32, b: Float32, out: Float32 | None = None) -> Float32:
    """(n, m) of Σ|a − b| between rows (n, f) and (m, f); as fast as the processor can add."""
    out = np.empty((len(a), len(b)), np.float32) if out is None else out
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
