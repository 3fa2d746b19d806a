"""Spherical atoms and ions in the cluster's own basis: reference orbitals and starting density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from compute.errors import ConvergenceError
from compute.l23.cluster.molecule import Cluster, build_cluster

FloatArray = NDArray[np.float64]

_SHELLS = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (3, 2), (4, 1), (5, 0), (4, 2), (5, 1))
_ITERATIONS = 80
_TOLERANCE = 1e-6
_KEPT = 0.6  # share of the old matrix in each step of an atom


@dataclass(frozen=True, eq=False)
class Atom:
    """A spherical atom.

    Attributes
    ----------
    cluster : Cluster
        Its integrals.
    density : float64 (n, n)
    shells : dict
        (principal number, l) -> coefficients (n, 2l+1) in PySCF's order of m.
    energies : dict
        (principal number, l) -> hartree.
    """

    cluster: Cluster
    density: FloatArray
    shells: dict[tuple[int, int], FloatArray]
    energies: dict[tuple[int, int], float]


def ground_occupation(element: str, charge: float = 0.0) -> dict[tuple[int, int], float]:
    """Electrons of each shell by the aufbau order; fractional charges taken from the last."""
    from pyscf import gto

    left = gto.charge(element) - charge
    out = {}
    for n, l in _SHELLS:
        if left <= 0:
            break
        out[n, l] = min(left, 4.0 * l + 2.0)
        left -= out[n, l]
    return out


def metal_occupation(n_d: float, core_hole: float = 0.0) -> dict[tuple[int, int], float]:
    """[Ar]3d^n with a hole in 2p."""
    closed = {(1, 0): 2.0, (2, 0): 2.0, (2, 1): 6.0 - core_hole, (3, 0): 2.0, (3, 1): 6.0}
    return closed | {(3, 2): n_d}


def solve_atom(
    element: str,
    occupation: dict[tuple[int, int], float],
    functional: str,
    *,
    absorber: bool = False,
) -> Atom:
    """Self-consistent spherical atom with any occupation of its shells.

    Raises
    ------
    ConvergenceError
    """
    cluster = build_cluster(element, (), np.zeros((0, 3)), None, functional, absorber=absorber)
    blocks = symmetry_blocks(cluster)
    fock = cluster.core_hamiltonian
    density = np.zeros_like(fock)
    change = np.inf
    for step in range(_ITERATIONS):
        shells, energies = _levels(cluster, fock, blocks, occupation)
        density = sum(
            (
                occupation[key] / (2 * key[1] + 1) * c @ c.T
                for key, c in shells.items()
                if key in occupation
            ),
            np.zeros_like(fock),
        )
        _, new = cluster.fock(density)
        change = float(np.abs(cluster.orthogonal.T @ (new - fock) @ cluster.orthogonal).max())
        if change < _TOLERANCE * max(1.0, float(np.abs(new).max()) * 1e-3):
            return Atom(cluster, density, shells, energies)
        fock = new if step == 0 else _KEPT * fock + (1.0 - _KEPT) * new
    raise ConvergenceError(f"atom {element}", change, _TOLERANCE)


def symmetry_blocks(cluster: Cluster) -> dict[int, list[NDArray[np.intp]]]:
    """l -> for each m the places of its functions."""
    mol = cluster.mol
    places = mol.ao_loc_nr()
    out: dict[int, list[list[int]]] = {}
    for shell in range(mol.nbas):
        l = int(mol.bas_angular(shell))
        rows = out.setdefault(l, [[] for _ in range(2 * l + 1)])
        for k, place in enumerate(range(places[shell], places[shell + 1])):
            rows[k % (2 * l + 1)].append(place)
    return {l: [np.array(row) for row in rows] for l, rows in out.items()}


def _levels(
    cluster: Cluster,
    fock: FloatArray,
    blocks: dict[int, list[NDArray[np.intp]]],
    occupation: dict[tuple[int, int], float],
) -> tuple[dict[tuple[int, int], FloatArray], dict[tuple[int, int], float]]:
    shells, energies = {}, {}
    for l, rows in blocks.items():
        mean = np.mean([fock[np.ix_(row, row)] for row in rows], axis=0)
        values, columns = eigh(mean, cluster.overlap[np.ix_(rows[0], rows[0])])
        for k in range(len(values)):
            key = (k + l + 1, l)
            if key not in occupation:
                continue
            c = np.zeros((len(fock), 2 * l + 1))
            for m, row in enumerate(rows):
                c[row, m] = columns[:, k]
            shells[key], energies[key] = c, float(values[k])
    return shells, energies
