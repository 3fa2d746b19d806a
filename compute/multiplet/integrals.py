"""The Hamiltonian container: integrals in any spin-orbital basis, and what they conserve.

Every route (ligand field, embedded cluster) fills the same `Problem`; determinants, solvers
and spectra know nothing else. Spin-orbitals are grouped in shells of a fixed electron number
per configuration; their order inside a shell is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.determinants import Configuration

Array = NDArray[Any]
Ints = NDArray[np.int32]
CoreOrbitals = tuple[tuple[tuple[int, float], ...], ...]

_ZERO = 1e-14  # of the largest element: smaller integrals are noise of a basis change


@dataclass(frozen=True)
class OneElectron:
    """sum_ij v_ij a+_i a_j as the non-zero v_ij, grouped by the removed j."""

    n_orb: int
    ptr: Ints  # (n_orb + 1,)
    i: Ints  # (m,)
    value: Array  # (m,), float64 where all are real, else complex128

    @classmethod
    def from_matrix(cls, matrix: Array) -> OneElectron:
        """From (n_orb, n_orb), ``matrix[i, j] = <i|v|j>``."""
        matrix = _real_if_real(matrix)
        j, i = np.nonzero(np.abs(matrix.T) > _ZERO * np.abs(matrix).max(initial=0.0))
        ptr = np.searchsorted(j, np.arange(len(matrix) + 1)).astype(np.int32)
        return cls(len(matrix), ptr, i.astype(np.int32), np.ascontiguousarray(matrix[i, j]))

    @cached_property
    def j(self) -> Ints:
        """The removed spin-orbital of every element, (m,)."""
        return np.repeat(np.arange(self.n_orb, dtype=np.int32), np.diff(self.ptr))

    def matrix(self) -> Array:
        """Back to (n_orb, n_orb)."""
        out = np.zeros((self.n_orb, self.n_orb), self.value.dtype)
        out[self.i, self.j] = self.value
        return out

    def select(self, keep: NDArray[np.bool_]) -> OneElectron:
        """The same operator with some of its elements only."""
        ptr = np.searchsorted(self.j[keep], np.arange(self.n_orb + 1)).astype(np.int32)
        return OneElectron(self.n_orb, ptr, self.i[keep], self.value[keep])


@dataclass(frozen=True)
class TwoElectron:
    """sum_{i<j, k<l} <ij||kl> a+_i a+_j a_l a_k as its non-zero elements, grouped by k, l."""

    n_orb: int
    ptr: Ints  # (n_orb**2 + 1,), group k n_orb + l
    i: Ints  # (m,)
    j: Ints  # (m,), j > i
    value: Array  # (m,)

    @classmethod
    def from_tensor(cls, tensor: Array) -> TwoElectron:
        """From ``tensor[i, j, k, l] = <ij|kl>`` = int i*(1) j*(2) k(1) l(2) / r12."""
        n = len(tensor)
        anti = _real_if_real(tensor - tensor.transpose(0, 1, 3, 2))
        upper = np.triu(np.ones((n, n), bool), 1)
        keep = np.abs(anti) > _ZERO * np.abs(anti).max(initial=0.0)
        keep &= upper[:, :, None, None] & upper
        k, l, i, j = np.nonzero(keep.transpose(2, 3, 0, 1))
        return cls.from_elements(n, i, j, k, l, anti[i, j, k, l])

    @classmethod
    def from_elements(cls, n: int, i: Array, j: Array, k: Array, l: Array, v: Array) -> TwoElectron:
        """From elements <ij||kl>, i < j and k < l, already ordered by (k, l)."""
        ptr = np.searchsorted(k * n + l, np.arange(n * n + 1)).astype(np.int32)
        return cls(n, ptr, i.astype(np.int32), j.astype(np.int32), np.ascontiguousarray(v))

    @classmethod
    def from_spatial(cls, tensor: Array) -> TwoElectron:
        """From <ab|cd> of spatial orbitals, whose spin-orbitals are 2a (up) and 2a + 1 (down)."""
        n = len(tensor)
        spin = np.zeros((n, 2, n, 2, n, 2, n, 2), tensor.dtype)
        for s in range(2):
            for t in range(2):
                spin[:, s, :, t, :, s, :, t] = tensor
        return cls.from_tensor(spin.reshape(2 * n, 2 * n, 2 * n, 2 * n))

    @cached_property
    def kl(self) -> Ints:
        """The removed pair k n_orb + l of every element, (m,)."""
        return np.repeat(np.arange(self.n_orb**2, dtype=np.int32), np.diff(self.ptr))


@dataclass(frozen=True)
class Integrals:
    """One Hamiltonian: H = one + two + a shift for each configuration, eV."""

    one_electron: OneElectron
    two_electron: TwoElectron
    shifts: tuple[float, ...]  # eV, one a configuration

    @property
    def is_real(self) -> bool:
        return not (
            np.iscomplexobj(self.one_electron.value) or np.iscomplexobj(self.two_electron.value)
        )


@dataclass(frozen=True)
class Problem:
    """A spectrum to be computed: two Hamiltonians and the operators between their states.

    Attributes
    ----------
    shells : spin-orbitals in each shell (at most 20 bits on either side of some boundary)
    initial_configurations, final_configurations : electrons per shell; equally long
        ``initial.shifts`` and ``final.shifts`` belong to them
    initial, final : Integrals over all spin-orbitals
    dipole : {"x", "y", "z", "plus", "minus"} -> transition operator (n_orb, n_orb)
    vectors : {"S": (z, plus), ...}, (n_orb, n_orb) each; their squares are reported
    counts : {"n_d": diagonal (n_orb,), ...}; thermal averages are reported
    core_half : the j = l - 1/2 core spin-orbitals, each as (spin-orbital, coefficient) pairs
    charges : additive quantum number of each spin-orbital, zeros if there is none
    time_reversal : the Hamiltonians commute with time reversal, which maps charge c to -c and
        the dipole "plus" to "minus"
    cubic : the Hamiltonians have cubic symmetry, so that every polarisation is alike
    """

    shells: tuple[int, ...]
    initial_configurations: tuple[Configuration, ...]
    final_configurations: tuple[Configuration, ...]
    initial: Integrals
    final: Integrals
    dipole: Mapping[str, Array]
    vectors: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    counts: Mapping[str, Array] = field(default_factory=dict)
    core_half: CoreOrbitals = ()
    charges: tuple[int, ...] = ()
    time_reversal: bool = False
    cubic: bool = False

    def __post_init__(self) -> None:
        if not self.charges:
            object.__setattr__(self, "charges", (0,) * sum(self.shells))

    @cached_property
    def modulus(self) -> int:
        """Charge is conserved modulo this by both Hamiltonians; 0 is conserved outright."""
        charge = np.array(self.charges)
        if not charge.any():
            return 1
        found = 0
        for part in (self.initial, self.final):
            one, two = part.one_electron, part.two_electron
            change = [charge[one.i] - charge[one.j]]
            k, l = np.divmod(two.kl, two.n_orb)
            change.append(charge[two.i] + charge[two.j] - charge[k] - charge[l])
            for value in np.unique(np.concatenate(change)).tolist():
                found = gcd(found, value)
        return found


def _real_if_real(array: Array) -> Array:
    if np.iscomplexobj(array):
        scale = np.abs(array).max(initial=0.0)
        if np.abs(array.imag).max(initial=0.0) <= _ZERO * scale:
            return np.ascontiguousarray(array.real)
    return array
