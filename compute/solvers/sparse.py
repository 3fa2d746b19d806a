"""Hermitian matrices in compressed rows, applied to eight vectors at once.

A sparse product is bound by fetching the matrix and by latency, not by arithmetic: eight
interleaved vectors ("lanes") cost hardly more than one. Lanes are stored as float64
(n, parts, 8): one part where matrix and vectors are real, real and imaginary part otherwise, so
that everything but the product itself is the same code for both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.solvers.simd import WIDTH, add, load, multiply_add, spread, store, subtract

Array = NDArray[Any]
Real = NDArray[np.float64]
LANES = WIDTH
ONES, ZEROS = np.ones(LANES), np.zeros(LANES)
ONES.flags.writeable = ZEROS.flags.writeable = False


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
        operator = Operator(self, x.dtype)
        out = np.empty(x.shape, operator.dtype)
        for first in range(0, x.shape[1], LANES):
            part = slice(first, first + LANES)
            lanes = operator.pack(x[:, part])
            result = np.zeros_like(lanes)
            combine(*operator.rows, lanes, result, ONES, ZEROS, ZEROS, np.empty(LANES))
            out[:, part] = operator.unpack(result, out[:, part].shape[1])
        return out


class Operator:
    """A matrix in the form that the kernels take, for vectors of some type.

    Attributes
    ----------
    rows : (indptr, indices, values (nnz, parts))
    parts : 1 if matrix and vectors are real, else 2
    size : n
    dtype : of the vectors
    """

    def __init__(self, matrix: Csr, dtype: Any = np.float64) -> None:
        self.dtype = np.result_type(dtype, matrix.data, np.float64)
        self.parts = 2 if self.dtype.kind == "c" else 1
        data = matrix.data.astype(self.dtype, copy=False)
        values = data.view(np.float64).reshape(-1, self.parts)
        self.rows = matrix.indptr, matrix.indices, values
        self.size = matrix.size

    def pack(self, x: Array) -> Real:
        """Up to eight vectors (n, p) as lanes (n, parts, 8), the missing ones zero."""
        lanes = np.zeros((x.shape[0], self.parts, LANES))
        lanes[:, 0, : x.shape[1]] = x.real
        if self.parts == 2:
            lanes[:, 1, : x.shape[1]] = x.imag
        return lanes

    def unpack(self, lanes: Real, p: int) -> Array:
        """The first p vectors, (n, p)."""
        if self.parts == 1:
            return lanes[:, 0, :p]
        return np.asarray(lanes[:, 0, :p] + 1j * lanes[:, 1, :p])


@njit(cache=True)
def combine(
    indptr: Array,
    indices: Array,
    values: Array,
    x: Array,
    y: Array,
    a: Array,
    b: Array,
    c: Array,
    overlap: Array,
) -> None:
    """y <- a H x + b x + c y with one a, b, c for each lane; overlap <- Re <x|y>.

    Parameters
    ----------
    indptr, indices, values : (n + 1,), (nnz,), (nnz, parts)
        Unsigned indices spare the compiler the test for negative ones.
    x, y : (n, parts, 8)
        y is changed in place.
    a, b, c : (8,)
    overlap : (8,)
        Filled.
    """
    of_product, of_x, of_y = load(a, 0), load(b, 0), load(c, 0)
    zero = spread(0.0)
    total = zero
    if values.shape[1] == 1:
        for r in range(indptr.size - 1):
            p = zero
            for t in range(indptr[r], indptr[r + 1]):
                p = multiply_add(spread(values[t, 0]), load(x, indices[t]), p)
            own = load(x, r)
            new = multiply_add(of_x, own, multiply_add(of_y, load(y, r), zero))
            new = multiply_add(of_product, p, new)
            store(y, r, new)
            total = multiply_add(own, new, total)
    else:
        for r in range(indptr.size - 1):
            # four sums, so that no addition waits for the one before
            rr = ii = ri = ir = zero
            for t in range(indptr[r], indptr[r + 1]):
                column = 2 * indices[t]
                re, im = spread(values[t, 0]), spread(values[t, 1])
                x_re, x_im = load(x, column), load(x, column + 1)
                rr = multiply_add(re, x_re, rr)
                ii = multiply_add(im, x_im, ii)
                ri = multiply_add(re, x_im, ri)
                ir = multiply_add(im, x_re, ir)
            for part in range(2):
                own = load(x, 2 * r + part)
                new = multiply_add(of_x, own, multiply_add(of_y, load(y, 2 * r + part), zero))
                p = subtract(rr, ii) if part == 0 else add(ri, ir)
                new = multiply_add(of_product, p, new)
                store(y, 2 * r + part, new)
                total = multiply_add(own, new, total)
    store(overlap, 0, total)


@njit(cache=True)
def shift(x: Array, y: Array, c: Array, norm2: Array) -> None:
    """y <- y + c x with one c for each lane; norm2 <- <y|y>.

    Parameters
    ----------
    x, y : (n, parts, 8)
    c : (8,)
    norm2 : (8,)
        Filled.
    """
    of_x, total = load(c, 0), spread(0.0)
    for r in range(x.shape[0] * x.shape[1]):
        new = multiply_add(of_x, load(x, r), load(y, r))
        store(y, r, new)
        total = multiply_add(new, new, total)
    store(norm2, 0, total)
