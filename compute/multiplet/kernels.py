"""Numba kernels on determinants: Hamiltonian rows and one-electron operators.

A determinant is a product of creation operators with ascending spin-orbitals, so that removing
k < l and creating i < j gives the sign (-1)^(electrons strictly between k and l) times the same
for i and j (each after the removal).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit

Array = NDArray[Any]
Ints = NDArray[np.int32]


@njit(inline="always")
def _popcount(x: Any) -> Any:
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (x * 0x0101010101010101) >> 56


@njit(inline="always")
def _odd(x: Any) -> Any:
    """1 if an odd number of bits is set."""
    return _popcount(x) & 1


@njit(inline="always")
def _between(a: Any, b: Any) -> Any:
    """Mask of the bits strictly between a < b."""
    return ((1 << b) - 1) & ~((2 << a) - 1)


@njit(inline="always")
def _place(d: int, low_bits: int, base: Ints, hc: Ints, lc: Ints, rank: Ints, offset: Ints) -> Any:
    """Index of determinant d in a block, -1 if it is not there."""
    low, high = d & ((1 << low_bits) - 1), d >> low_bits
    h, l = hc[high], lc[low]
    if h < 0 or l < 0:
        return -1
    start = offset[h, l]
    if start < 0:
        return -1
    return base[high] + start + rank[low]


@njit(cache=True)
def hamiltonian_rows(
    dets: Array,
    diagonal: Array,
    n_orb: int,
    one_ptr: Ints,
    one_i: Ints,
    one_v: Array,
    two_ptr: Ints,
    two_i: Ints,
    two_j: Ints,
    two_v: Array,
    low_bits: int,
    base: Ints,
    hc: Ints,
    lc: Ints,
    rank: Ints,
    offset: Ints,
) -> tuple[Array, Array, Array]:
    """Rows of H in one block, compressed (CSR, columns unsorted).

    Parameters
    ----------
    dets : int64 (n,)
    diagonal : float64 (n,)
        Configuration-diagonal energies to add, eV.
    one_ptr, one_i, one_v : (n_orb + 1,), (m,), (m,)
        h_ij of the created i, grouped by the removed j.
    two_ptr, two_i, two_j, two_v : (n_orb**2 + 1,), (m,), (m,), (m,)
        <ij||kl> of the created i < j, grouped by the removed pair ``k n_orb + l``, k < l.
    low_bits ... offset
        `determinants.Lookup` of the same block.

    Returns
    -------
    indptr uint32 (n + 1,), indices uint32 (nnz,), data (nnz,)
    """
    n = dets.size
    indptr = np.zeros(n + 1, np.uint32)
    capacity = 20 * n + 64
    indices = np.empty(capacity, np.uint32)
    data = np.empty(capacity, one_v.dtype)
    row = np.zeros(n, one_v.dtype)
    touched = np.empty(n, np.int32)
    seen = np.full(n, -1, np.int32)
    occupied = np.empty(n_orb, np.int64)
    interacting = np.zeros(n_orb, np.bool_)
    for k in range(n_orb):
        for l in range(k + 1, n_orb):
            if two_ptr[k * n_orb + l] < two_ptr[k * n_orb + l + 1]:
                interacting[k] = interacting[l] = True
    nnz = 0
    for r in range(n):
        d = dets[r]
        count = 1
        touched[0] = r
        seen[r] = r
        row[r] = diagonal[r]
        n_occ = 0
        for k in range(n_orb):
            if (d >> k) & 1:
                occupied[n_occ] = k
                n_occ += 1
        for a in range(n_occ):
            k = occupied[a]
            dk = d ^ (1 << k)
            for t in range(one_ptr[k], one_ptr[k + 1]):
                i = one_i[t]
                if i == k:
                    row[r] += one_v[t]
                    continue
                if (dk >> i) & 1:
                    continue
                c = _place(dk | (1 << i), low_bits, base, hc, lc, rank, offset)
                if c < 0:
                    continue
                if seen[c] != r:
                    seen[c] = r
                    row[c] = 0.0
                    touched[count] = c
                    count += 1
                odd = _odd(dk & _between(min(i, k), max(i, k)))
                row[c] += -one_v[t] if odd else one_v[t]
            if not interacting[k]:
                continue
            for b in range(a + 1, n_occ):
                l = occupied[b]
                if not interacting[l]:
                    continue
                pair = k * n_orb + l
                first, last = two_ptr[pair], two_ptr[pair + 1]
                if first == last:
                    continue
                d0 = dk ^ (1 << l)
                odd_kl = (b - a - 1) & 1
                for t in range(first, last):
                    i, j = two_i[t], two_j[t]
                    if i == k and j == l:
                        row[r] += two_v[t]
                        continue
                    if ((d0 >> i) | (d0 >> j)) & 1:
                        continue
                    c = _place(d0 | (1 << i) | (1 << j), low_bits, base, hc, lc, rank, offset)
                    if c < 0:
                        continue
                    if seen[c] != r:
                        seen[c] = r
                        row[c] = 0.0
                        touched[count] = c
                        count += 1
                    odd = odd_kl ^ _odd(d0 & _between(i, j))
                    row[c] += -two_v[t] if odd else two_v[t]
        if nnz + count > capacity:
            capacity = max(nnz + count, int(1.3 * nnz / (r + 1) * n) + 64)
            more_indices = np.empty(capacity, np.uint32)
            more_indices[:nnz] = indices[:nnz]
            indices = more_indices
            more_data = np.empty(capacity, one_v.dtype)
            more_data[:nnz] = data[:nnz]
            data = more_data
        for t in range(count):
            c = touched[t]
            # H|d> gives column d; the row is its conjugate.
            value = np.conj(row[c])
            if value != 0.0:
                indices[nnz] = c
                data[nnz] = value
                nnz += 1
        indptr[r + 1] = nnz
    return indptr, indices[:nnz].copy(), data[:nnz].copy()


@njit(cache=True)
def apply_one_electron(
    dets: Array,
    x: Array,
    out: Array,
    n_orb: int,
    one_ptr: Ints,
    one_i: Ints,
    one_v: Array,
    low_bits: int,
    base: Ints,
    hc: Ints,
    lc: Ints,
    rank: Ints,
    offset: Ints,
) -> None:
    """Add sum_ij v_ij a+_i a_j |x> to ``out``.

    Parameters
    ----------
    dets : int64 (n,)
        Determinants of the source block.
    x : (n, p)
        Vectors in the source block.
    out : (m, p)
        Vectors in the target block (whose lookup is given), changed in place.
    """
    lanes = x.shape[1]
    for r in range(dets.size):
        d = dets[r]
        for k in range(n_orb):
            if not (d >> k) & 1:
                continue
            dk = d ^ (1 << k)
            for t in range(one_ptr[k], one_ptr[k + 1]):
                i = one_i[t]
                if (dk >> i) & 1:
                    continue
                c = _place(dk | (1 << i), low_bits, base, hc, lc, rank, offset)
                if c < 0:
                    continue
                odd = _odd(dk & _between(min(i, k), max(i, k))) if i != k else 0
                v = -one_v[t] if odd else one_v[t]
                for p in range(lanes):
                    out[c, p] += v * x[r, p]
