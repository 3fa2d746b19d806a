"""Operators in determinant space: Hamiltonian blocks, one-electron operators between blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.determinants import Block, Space
from compute.multiplet.integrals import CoreOrbitals, Integrals, OneElectron
from compute.multiplet.kernels import apply_one_electron, hamiltonian_rows
from compute.solvers.sparse import Csr

Array = NDArray[Any]


@dataclass(frozen=True)
class HoleProjection:
    """Amplitudes y_r = sum_k coefficient[r, k] x[index[r, k]] with |y|^2 = <x|P|x>."""

    index: NDArray[np.uint32]  # (rows, terms)
    coefficient: NDArray[np.float64]  # (rows, terms)

    def amplitudes(self, vectors: Array) -> Array:
        """Of every column of ``vectors`` (n, p), (rows, p)."""
        out = np.zeros((len(self.index), vectors.shape[1]), vectors.dtype)
        for k in range(self.index.shape[1]):
            out += self.coefficient[:, k, None] * vectors[self.index[:, k]]
        return out

    def norms(self, vectors: Array) -> NDArray[np.float64]:
        """<x|P|x> of every column x of ``vectors`` (n, p), (p,)."""
        return np.asarray((np.abs(self.amplitudes(vectors)) ** 2).sum(axis=0))


def hamiltonian(block: Block, integrals: Integrals) -> Csr:
    """H in one symmetry block."""
    one, two = integrals.one_electron, integrals.two_electron
    dtype = np.float64 if integrals.is_real else np.complex128
    shifts = np.array(integrals.shifts)[block.configuration]
    return Csr(
        *hamiltonian_rows(
            block.determinants,
            shifts,
            one.n_orb,
            one.ptr,
            one.i,
            one.value.astype(dtype, copy=False),
            two.ptr,
            two.i,
            two.j,
            two.value.astype(dtype, copy=False),
            *block.lookup,
        )
    )


def apply(operator: OneElectron, source: Block, target: Block, x: Array) -> Array:
    """O|x> in the target block; x is (source size, p)."""
    dtype = np.result_type(x, operator.value)
    out = np.zeros((target.size, x.shape[1]), dtype)
    apply_one_electron(
        source.determinants,
        np.ascontiguousarray(x, dtype),
        out,
        operator.n_orb,
        operator.ptr,
        operator.i,
        operator.value.astype(dtype, copy=False),
        *target.lookup,
    )
    return out


@lru_cache(maxsize=64)
def hole_projection(block: Block, orbitals: CoreOrbitals) -> HoleProjection:
    """Amplitudes a+_u|x> of filling the holes in the orbitals u: |amplitudes|^2 is their number.

    A row belongs to one orbital and one determinant with an electron more.
    """
    rows, columns, values = [], [], []
    for number, orbital in enumerate(orbitals):
        for bit, coefficient in orbital:
            empty = np.flatnonzero((block.determinants >> bit & 1) == 0)
            below = block.determinants[empty] & ((1 << bit) - 1)
            rows.append((block.determinants[empty] | (1 << bit)) * len(orbitals) + number)
            columns.append(empty)
            values.append(coefficient * (1 - 2 * (np.bitwise_count(below) & 1).astype(float)))
    row, column, value = (np.concatenate(part) for part in (rows, columns, values))
    order = np.argsort(row, kind="stable")
    row, column, value = row[order], column[order], value[order]
    first = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1]) if row.size else row
    terms = np.diff(np.append(first, row.size))
    width = int(terms.max(initial=1))
    index = np.zeros((terms.size, width), np.uint32)
    coefficients = np.zeros((terms.size, width))
    place = np.arange(row.size) - np.repeat(first, terms)
    line = np.repeat(np.arange(terms.size), terms)
    index[line, place], coefficients[line, place] = column, value
    return HoleProjection(index, coefficients)


def by_shift(operator: Array, space: Space, *, keep_phase: bool = False) -> dict[int, OneElectron]:
    """An operator (n_orb, n_orb) cut into parts that change the charge by one amount each.

    Where only |<f|O|i>|^2 is asked for, a global phase that may make the matrix real is taken
    out.
    """
    one = OneElectron.from_matrix(operator if keep_phase else _without_phase(operator))
    charge = np.array(space.charges)
    shift = charge[one.i] - charge[one.j]
    shift = shift % space.modulus if space.modulus else shift
    return {int(s): one.select(shift == s) for s in np.unique(shift)}


def _without_phase(matrix: Array) -> Array:
    if not np.iscomplexobj(matrix):
        return matrix
    largest = matrix.flat[int(np.abs(matrix).argmax())]
    return matrix if largest == 0 else matrix * (np.abs(largest) / largest)
