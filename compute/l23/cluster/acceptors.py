"""Kohn-Sham fields of cyanides: orbitals that are eigenstates, empty ones included.

σ bonds share e_g about equally and π* takes from t2g, so that a localised 3d would need many
configurations. Here the open shell D is the five eigenstates that are antibonding towards the
ligands' filled orbitals and bonding towards their π*; the acceptors A are the antibonding partners
in π*. All other filled orbitals of the ligands stay filled. Of a configuration average every D
holds an equal share of the electrons, every A of those that were moved there.

The ligands' own orbitals are those of the free molecules. What D and A are is decided in the
localised picture (:func:`valence`), by character and not by the order of energies: e_g and π* lie
close together, and with a core hole may change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.l23.cluster.atoms import Atom, solve_atom
from compute.l23.cluster.levels import pattern
from compute.l23.cluster.molecule import Cluster, build_cluster
from compute.l23.cluster.scf import (
    METAL_CORE,
    Solution,
    most_like,
    nearest,
    orthonormal,
    self_consistent,
)
from compute.units import HARTREE_EV

FloatArray = NDArray[np.float64]

_CORES, _FILLED, _EMPTY = 2, 5, 2  # orbitals of CN−: 1s of both atoms, valence, π*
_HOPS = 0.1  # of the largest hopping: combinations that hop less do not count as hopping
D_ORDER = (2, 4, 0, 3, 1)  # PySCF's xy, yz, z², xz, x²−y² in our order


@dataclass(frozen=True, eq=False)
class Molecules:
    """Functions of the metal and of the free ligands in the cluster's basis.

    Attributes
    ----------
    ion : Atom
        Spherical, between the initial and the final configuration.
    core, d : float64 (n, 3), (n, 5)
        Its 2p (x, y, z) and 3d (z², x²−y², xy, xz, yz).
    filled, empty : float64 (n, 5·ligands), (n, 2·ligands)
        Valence orbitals and π* of the ligands.
    density : float64 (n, n)
        Of the ion and the molecules, superposed.
    """

    ion: Atom
    core: FloatArray
    d: FloatArray
    filled: FloatArray
    empty: FloatArray
    density: FloatArray

    @property
    def n_core(self) -> int:
        """Orbitals below the ligands' valence."""
        return int(METAL_CORE + _CORES * (self.filled.shape[1] // _FILLED))


@dataclass(frozen=True, eq=False)
class Shells:
    """Orbitals of a field; columns.

    Attributes
    ----------
    core : float64 (n, 3)
        2p.
    d : float64 (n, 5)
        D in combinations as like the ion's 3d as can be; orthonormal.
    acceptor : float64 (n, 5)
        A in the same way; ``acceptor @ acceptor.T`` projects on A, zero in symmetries without.
    acceptors : int
        Orbitals A.
    filled : float64 (n, …)
        Two electrons each.
    """

    core: FloatArray
    d: FloatArray
    acceptor: FloatArray
    acceptors: int
    filled: FloatArray


@dataclass(frozen=True)
class Occupation:
    """2p^(6−core_hole) D^d A^acceptor, averaged."""

    core_hole: float
    d: float
    acceptor: float = 0.0


def molecules_of(
    cluster: Cluster,
    metal: str,
    pairs: Sequence[tuple[str, str]],
    bonds: FloatArray,
    occupation: dict[tuple[int, int], float],
) -> Molecules:
    """The metal's functions and those of its ligands.

    Parameters
    ----------
    cluster : Cluster
        Metal, the ligands, then the second atom of each.
    pairs : sequence of (str, str)
        Elements of each ligand and its second atom.
    bonds : float64 (n, 3)
        From each ligand to its second atom, bohr.
    occupation : mapping
        Of the metal's reference ion.
    """
    ion = solve_atom(metal, occupation, cluster.functional, absorber=True)
    places = [np.arange(int(a[2]), int(a[3])) for a in cluster.mol.aoslice_by_atom()]
    n, count = len(cluster.overlap), len(pairs)
    core, d = np.zeros((n, 3)), np.zeros((n, 5))
    core[places[0]] = ion.shells[2, 1]
    d[places[0]] = ion.shells[3, 2][:, D_ORDER]
    filled = np.zeros((n, _FILLED * count))
    empty = np.zeros((n, _EMPTY * count))
    density = np.zeros((n, n))
    density[np.ix_(places[0], places[0])] = ion.density
    for k, ((first, second), bond) in enumerate(zip(pairs, bonds, strict=True)):
        at = np.concatenate([places[1 + k], places[1 + count + k]])
        c = free_molecule(first, second, bond, cluster.functional)
        top = _CORES + _FILLED
        filled[at, _FILLED * k : _FILLED * (k + 1)] = c[:, _CORES:top]
        empty[at, _EMPTY * k : _EMPTY * (k + 1)] = c[:, top : top + _EMPTY]
        density[np.ix_(at, at)] = 2.0 * c[:, :top] @ c[:, :top].T
    return Molecules(ion, core, d, filled, empty, density)


def free_molecule(first: str, second: str, bond: FloatArray, functional: str) -> FloatArray:
    """Orbitals (n, m) of CN− in the order of their energies."""
    alone = build_cluster(first, [second], bond[None], None, functional, absorber=False)
    x = alone.orthogonal

    def orbitals(fock: FloatArray) -> FloatArray:
        return np.asarray(x @ np.linalg.eigh(x.T @ fock @ x)[1])

    def density(c: FloatArray) -> FloatArray:
        occupied = c[:, : _CORES + _FILLED]
        return np.asarray(2.0 * occupied @ occupied.T)

    start = alone.fock(density(orbitals(alone.core_hamiltonian)))[1]
    return self_consistent(alone, orbitals, density, [start], first + second).orbitals


def solve_field(
    cluster: Cluster, molecules: Molecules, occupation: Occupation, starts: Sequence[FloatArray]
) -> Solution[Shells]:
    """Self-consistency of one average from one start after the other.

    Raises
    ------
    ConvergenceError
        Its message holds the trace of every start.
    """
    what = f"Kohn-Sham field of 2p{6 - occupation.core_hole:g} D{occupation.d:g}"
    return self_consistent(
        cluster,
        lambda fock: valence(cluster, molecules, fock),
        lambda shells: _density_of(shells, occupation),
        starts,
        f"{what} A{occupation.acceptor:g}",
    )


def valence(cluster: Cluster, molecules: Molecules, fock: FloatArray) -> Shells:
    """D, A and what is filled, of a matrix.

    The valence states are the lowest above the cores and those above them that are nearest to 3d
    and the molecules' orbitals. There the molecules' orbitals are localised, then 3d in what is
    left. The five antibonding combinations of 3d and the filled orbitals that hop to it, made
    bonding towards the π* that hop to those, are the model of D; eigenstates most like it are D.
    """
    x, s = cluster.orthogonal, cluster.overlap
    c = x @ np.linalg.eigh(x.T @ fock @ x)[1]
    n_filled, n_empty = molecules.filled.shape[1], molecules.empty.shape[1]
    cores, low, above = np.split(c, [molecules.n_core, molecules.n_core + n_filled], axis=1)
    atomic = np.hstack([molecules.d, molecules.filled, molecules.empty])
    upper = above @ most_like(above.T @ s @ orthonormal(atomic, s), 5 + n_empty)
    states = np.hstack([low, upper])
    f = states.T @ fock @ states
    shown_d, shown = np.split(states.T @ s @ atomic, [5], axis=1)
    ligand = nearest(shown)
    d = nearest(shown_d - ligand @ (ligand.T @ shown_d))
    donors, empty = np.split(ligand, [n_filled], axis=1)
    pair = np.hstack([d, _hopping(d, donors, f)[1]])
    antibonding = pair @ np.linalg.eigh(pair.T @ f @ pair)[1][:, -5:]
    giving, taking = _hopping(antibonding, empty, f)
    pair = np.hstack([giving, taking])
    mixed = pair @ np.linalg.eigh(pair.T @ f @ pair)[1]
    k = giving.shape[1]
    others = antibonding @ np.linalg.svd(antibonding.T @ giving)[0][:, k:]
    columns = np.linalg.eigh(f)[1]
    chosen = _most(columns, np.hstack([mixed[:, :k], others]), 5)
    rest = np.setdiff1d(np.arange(len(f)), chosen)
    filled, virtual = rest[:n_filled], rest[n_filled:]
    acceptors = virtual[_most(columns[:, virtual], mixed[:, k:], k)]
    made = states @ columns
    core = cores @ nearest(cores.T @ s @ molecules.core)
    deep = cores @ np.linalg.svd(cores.T @ s @ core)[0][:, 3:]
    return Shells(
        core=core,
        d=made[:, chosen] @ nearest(made[:, chosen].T @ s @ molecules.d),
        acceptor=made[:, acceptors] @ nearest(made[:, acceptors].T @ s @ molecules.d),
        acceptors=k,
        filled=np.hstack([deep, made[:, filled]]),
    )


def share_of(
    cluster: Cluster, molecules: Molecules, core: FloatArray, orbitals: FloatArray
) -> FloatArray:
    """Amplitudes (5, 5) of the ion's 3d in orbitals (n, 5), as the dipole from 2p sees them."""
    ion = molecules.ion
    r = cluster.mol.intor("int1e_r")
    free = ion.cluster.mol.intor("int1e_r")
    d, p = ion.shells[3, 2][:, D_ORDER], ion.shells[2, 1]
    own = np.einsum("kij,ib,jc->kcb", free, d, p).reshape(-1, 5)
    seen = np.einsum("kij,ia,jc->kca", r, orbitals, core).reshape(-1, 5)
    return np.asarray(np.linalg.lstsq(own, seen, rcond=None)[0].T)


def repulsion_with_2p(
    cluster: Cluster, core: FloatArray, d: FloatArray, share: FloatArray
) -> dict[str, float]:
    """F2pd, G1pd and G3pd of the ion's 3d nearest to the repulsion of 2p and D, eV."""
    chemist = cluster.repulsion(np.hstack([core, d])) * HARTREE_EV
    p, q = slice(0, 3), slice(3, 8)
    out: dict[str, float] = {}
    for name, tensor, ranks, ls, turned in (
        ("F", chemist[p, p, q, q], (0, 2), (1, 1, 2, 2), "xycd,ac,bd->xyab"),
        ("G", chemist[p, q, q, p], (1, 3), (1, 2, 2, 1), "xcdy,ac,bd->xaby"),
    ):
        patterns = [np.einsum(turned, pattern(k, *ls), share, share).ravel() for k in ranks]
        values = np.linalg.lstsq(np.stack(patterns, axis=1), tensor.ravel(), rcond=None)[0]
        out |= {f"{name}{k}pd": float(value) for k, value in zip(ranks, values, strict=True)}
    return {name: out[name] for name in ("F2pd", "G1pd", "G3pd")}


def _density_of(shells: Shells, occupation: Occupation) -> FloatArray:
    projector = shells.acceptor @ shells.acceptor.T
    return np.asarray(
        2.0 * shells.filled @ shells.filled.T
        + (6.0 - occupation.core_hole) / 3.0 * shells.core @ shells.core.T
        + occupation.d / 5.0 * shells.d @ shells.d.T
        + occupation.acceptor / shells.acceptors * projector
    )


def _hopping(
    left: FloatArray, right: FloatArray, fock: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Combinations of orbitals that hop to each other, in pairs."""
    u, size, vt = np.linalg.svd(left.T @ fock @ right, full_matrices=False)
    hops = size > _HOPS * size[0]
    return left @ u[:, hops], right @ vt[hops].T


def _most(states: FloatArray, model: FloatArray, number: int) -> NDArray[np.intp]:
    """Which states have most of a model's space."""
    weight = ((states.T @ model) ** 2).sum(axis=1)
    return np.sort(np.argsort(-weight)[:number])
