"""Hermitian matrices in compressed rows, applied to four vectors at once.

A sparse product is bound by reading the matrix, not by arithmetic: four interleaved vectors
("lanes") fill one SIMD register and cost little more than one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
LANES = 4


class Csr(NamedTuple):
    """A square Hermitian matrix in compressed rows."""

    indptr: NDArray[np.uint32]  # (n + 1,)
    indices: NDArray[np.uint32]  # (nnz,), unsorted within a row
    data: Array  # (nnz,), float64 or complex128

    @property
    def size(self) -> int:
        return int(self.indptr.size - 1)

    def dense(self) -> Array:
        """The full matrix, (n, n)."""
        out = np.zeros((self.size, self.size), self.data.dtype)
        out[np.repeat(np.arange(self.size), np.diff(self.indptr)), self.indices] = self.data
        return out

    def apply(self, x: Array) -> Array:
        """A x for x of shape (n, p); p is best a multiple of `LANES`."""
        n, p = x.shape
        dtype = np.result_type(x, self.data)
        data = self.data.astype(dtype, copy=False)
        out = np.empty((n, p), dtype)
        for first in range(0, p, LANES):
            width = min(LANES, p - first)
            lanes = np.zeros((n, LANES), dtype)
            lanes[:, :width] = x[:, first : first + width]
            result = np.empty_like(lanes)
            multiply(self.indptr, self.indices, data, lanes, result)
            out[:, first : first + width] = result[:, :width]
        return out


@njit(cache=True, fastmath={"contract"})
def multiply(indptr: Array, indices: Array, data: Array, x: Array, out: Array) -> None:
    """out = A x for four lanes; x and out are (n, 4).

    Unsigned indices spare the compiler the test for negative ones.
    """
    for r in range(indptr.size - 1):
        a0 = a1 = a2 = a3 = x.dtype.type(0)
        for t in range(indptr[r], indptr[r + 1]):
            c = indices[t]
            v = data[t]
            a0 += v * x[c, 0]
            a1 += v * x[c, 1]
            a2 += v * x[c, 2]
            a3 += v * x[c, 3]
        out[r, 0] = a0
        out[r, 1] = a1
        out[r, 2] = a2
        out[r, 3] = a3
