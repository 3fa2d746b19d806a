"""Kohn-Sham fields of configuration averages, spin-restricted, with fractional occupations.

The configuration is 2p^(6-h) (d*)^a: of d and the ligand combinations that hop to it the five
antibonding states hold a/5 electrons each, the bonding ones and all else two; some electrons may be
moved from the bonding to the antibonding states beside that. So every field is
covalent and all but stationary (L hops to the other p states), no spin or orbital order is
chosen. The ligands' p orbitals are as like the atoms' as can be, d orthogonal to them: so are
the Wannier functions of crystals, and of the choices that were tried these give the optical 10Dq
without any scale (docs/measurements/cluster.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from compute.errors import ConvergenceError
from compute.l23.cluster.molecule import Cluster
from compute.l23.hopping import ligand_shell

FloatArray = NDArray[np.float64]
Found = TypeVar("Found")

# Valence p orbitals and the states below them, of each ligand: (principal number, states below).
VALENCE_P = {
    "N": (2, 2), "O": (2, 2), "F": (2, 2), "S": (3, 6), "Cl": (3, 6), "Se": (4, 15), "Br": (4, 15),
    "I": (5, 24),
}  # fmt: skip
METAL_CORE = 9  # 1s 2s 2p 3s 3p
_ITERATIONS = 40
_TOLERANCE = 2e-5  # hartree, largest element of the change of the matrix
_HISTORY = 8
_PURE = 0.5  # share of d and p from which a state is taken as it is


@dataclass(frozen=True)
class Occupation:
    """2p^(6−core_hole) and ``d`` electrons in the five upper states of the manifold.

    Attributes
    ----------
    core_hole, d : float
    moved : float
        Further electrons in the five upper states that the five lower ones lack.
    """

    core_hole: float
    d: float
    moved: float = 0.0


@dataclass(frozen=True, eq=False)
class References:
    """Atomic functions in the cluster's basis.

    Attributes
    ----------
    core : float64 (n, 3)
        Metal 2p: x, y, z.
    d : float64 (n, 5)
        z², x²−y², xy, xz, yz.
    p : float64 (n, 3·ligands)
        Valence p of the ligands.
    n_core : int
        Orbitals below the ligands' valence p.
    """

    core: FloatArray
    d: FloatArray
    p: FloatArray
    n_core: int


@dataclass(frozen=True, eq=False)
class Orbitals:
    """Localised orbitals; columns, orthonormal."""

    core: FloatArray  # (n, 3) 2p
    d: FloatArray  # (n, 5)
    p: FloatArray  # (n, 3·ligands)
    ligand: FloatArray  # (n, 5) combinations of p that hop to d
    filled: FloatArray  # (n, …) two electrons each
    lower: FloatArray  # (n, 5) bonding states
    upper: FloatArray  # (n, 5) antibonding states


@dataclass(frozen=True, eq=False)
class Field:
    """A converged field.

    Attributes
    ----------
    occupation : Occupation
    energy : float
        Electronic, hartree.
    fock : float64 (n, n)
    orbitals : Orbitals
    iterations : int
    """

    occupation: Occupation
    energy: float
    fock: FloatArray
    orbitals: Orbitals
    iterations: int

    def block(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """<left|F|right>."""
        result: FloatArray = left.T @ self.fock @ right
        return result


def solve_field(
    cluster: Cluster, references: References, occupation: Occupation, starts: list[FloatArray]
) -> Field:
    """Self-consistency from one start after the other.

    Parameters
    ----------
    starts : list of float64 (n, n)
        Starting matrices F.

    Raises
    ------
    ConvergenceError
        Its message holds the trace of every start.
    """
    what = (
        f"Kohn-Sham field of 2p{6 - occupation.core_hole:g} 3d{occupation.d:g} with "
        f"{occupation.moved:g} electrons moved"
    )
    found = self_consistent(
        cluster,
        lambda fock: localise(cluster, references, fock),
        lambda orbitals: density_of(orbitals, occupation),
        starts,
        what,
    )
    return Field(occupation, found.energy, found.fock, found.orbitals, found.iterations)


@dataclass(frozen=True, eq=False)
class Solution(Generic[Found]):
    """What self-consistency leaves: see :class:`Field`."""

    energy: float
    fock: FloatArray
    orbitals: Found
    iterations: int


def self_consistent(
    cluster: Cluster,
    orbitals_of: Callable[[FloatArray], Found],
    density: Callable[[Found], FloatArray],
    starts: Sequence[FloatArray],
    what: str,
) -> Solution[Found]:
    """Self-consistency from one start after the other.

    Parameters
    ----------
    orbitals_of, density : callable
        From a matrix F to its orbitals, from them to a density matrix.
    what : str
        The field, for the error's message.

    Raises
    ------
    ConvergenceError
        Its message holds the trace of every start.
    """
    traces = []
    residual = np.inf
    for start in starts:
        for history, mixing in ((_HISTORY, 1.0), (4, 0.3)):
            found, trace = _iterate(cluster, orbitals_of, density, start, history, mixing)
            if found is not None:
                return found
            traces.append(", ".join(f"{value:.1e}" for value in trace[-6:]))
            residual = trace[-1]
    told = f"{what}; last residuals of each start: {' | '.join(traces)};"
    raise ConvergenceError(told, residual, _TOLERANCE)


def _iterate(
    cluster: Cluster,
    orbitals_of: Callable[[FloatArray], Found],
    density: Callable[[Found], FloatArray],
    start: FloatArray,
    history: int,
    mixing: float,
) -> tuple[Solution[Found] | None, list[float]]:
    """Pulay's extrapolation of the matrix; the residual is output less input.

    PySCF's ``lib.diis`` leaves out directions whose eigenvalue is below an absolute 1e-14, which
    residuals that differ by 1e-7 reach. Here the equations are scaled by the largest of them.
    """
    x = cluster.orthogonal
    fock, trace = start, []
    inputs: list[FloatArray] = []
    residuals: list[FloatArray] = []
    for step in range(_ITERATIONS):
        orbitals = orbitals_of(fock)
        energy, new = cluster.fock(density(orbitals))
        residual = new - fock
        projected = x.T @ residual @ x
        trace.append(float(np.abs(projected).max()))
        if trace[-1] < _TOLERANCE:
            return Solution(energy, new, orbitals, step + 1), trace
        inputs, residuals = [*inputs, fock][-history:], [*residuals, residual][-history:]
        flat = np.array([(x.T @ r @ x).ravel() for r in residuals])
        n = len(flat)
        matrix = np.ones((n + 1, n + 1))
        matrix[:n, :n] = flat @ flat.T
        matrix[n, n] = 0.0
        scale = matrix[:n, :n].max()
        matrix[:n, :n] /= scale
        right = np.zeros(n + 1)
        right[n] = 1.0
        weights = np.linalg.lstsq(matrix, right, rcond=1e-14)[0][:n]
        fock = sum(
            (w * (f + mixing * r) for w, f, r in zip(weights, inputs, residuals, strict=True)),
            np.zeros_like(fock),
        )
    return None, trace


def localise(cluster: Cluster, references: References, fock: FloatArray) -> Orbitals:
    """Orbitals of a matrix.

    The 3n + 5 states of the manifold: the lowest 3n above the cores, and of those above them the
    five combinations nearest to the atomic d and p functions (states that have nothing to do
    with 3d may lie between). Symmetric orthonormalisation of the projected functions of the
    ligands, then of those of d in what is left.
    """
    x, s = cluster.orthogonal, cluster.overlap
    _, columns = np.linalg.eigh(x.T @ fock @ x)
    c = x @ columns
    n_core, n_p = references.n_core, references.p.shape[1]
    cores, occupied, above = c[:, :n_core], c[:, n_core : n_core + n_p], c[:, n_core + n_p :]
    atomic = np.hstack([references.d, references.p])
    shown = above.T @ s @ orthonormal(atomic, s)
    upper = above @ most_like(shown)
    manifold = np.hstack([occupied, upper])
    shown_d, shown_p = np.split(manifold.T @ s @ atomic, [5], axis=1)
    p_part = nearest(shown_p)
    d_part = nearest(shown_d - p_part @ (p_part.T @ shown_d))
    d, p = manifold @ d_part, manifold @ p_part
    hopping = d.T @ fock @ p
    v, _ = ligand_shell(hopping, np.zeros((n_p, n_p)))
    root = np.linalg.pinv(v, rcond=1e-6)
    ligand = p @ (root @ hopping).T
    core = cores @ nearest(cores.T @ s @ references.core)
    others = cores @ np.linalg.svd(cores.T @ s @ core)[0][:, 3:]
    # Bonding and antibonding of d and L, whatever the energies of the p states that do not hop:
    # with d among them, an order by energy would change from one step to the next.
    pair = np.hstack([d, ligand])
    _, states = np.linalg.eigh(pair.T @ fock @ pair)
    bonds = pair @ states
    rest = p @ np.linalg.svd(p.T @ s @ ligand)[0][:, 5:]
    filled = np.hstack([others, rest])
    return Orbitals(core, d, p, ligand, filled, bonds[:, :5], bonds[:, 5:])


def most_like(shown: NDArray[Any], number: int = 5) -> NDArray[Any]:
    """Of n states the combinations (n, number) nearest to atomic functions.

    States that are mostly d and p enter as they are, so that the field stays stationary; only
    where d is spread over several (beside 4s and 4p, as in TiO2) are states combined.

    Parameters
    ----------
    shown : (n, m)
        States on the orthonormal atomic functions; real, or complex in a crystal.
    """
    weight = np.sum(np.abs(shown) ** 2, axis=1)
    pure = np.sort(np.argsort(-weight)[:number])
    pure = pure[weight[pure] > _PURE]
    mixed = np.setdiff1d(np.arange(len(shown)), pure)
    out = np.zeros((len(shown), number), shown.dtype)
    out[pure, np.arange(pure.size)] = 1.0
    u, _, _ = np.linalg.svd(shown[mixed], full_matrices=False)
    out[mixed, pure.size :] = u[:, : number - pure.size]
    return out


def density_of(orbitals: Orbitals, occupation: Occupation) -> FloatArray:
    """Density matrix of an occupation, spins summed."""
    filled, core, lower, upper = orbitals.filled, orbitals.core, orbitals.lower, orbitals.upper
    return np.asarray(
        2.0 * filled @ filled.T
        + (6.0 - occupation.core_hole) / 3.0 * core @ core.T
        + (2.0 - occupation.moved / 5.0) * lower @ lower.T
        + (occupation.d + occupation.moved) / 5.0 * upper @ upper.T
    )


def d_electrons(cluster: Cluster, field: Field) -> float:
    """Electrons that the density has in the five localised d orbitals."""
    seen = density_of(field.orbitals, field.occupation) @ cluster.overlap @ field.orbitals.d
    return float(np.einsum("ia,ia->", cluster.overlap @ field.orbitals.d, seen))


def orthonormal(c: FloatArray, s: FloatArray) -> FloatArray:
    """Columns orthonormalised symmetrically in a metric."""
    values, columns = np.linalg.eigh(c.T @ s @ c)
    result: FloatArray = c @ (columns / np.sqrt(values)) @ columns.T
    return result


def nearest(matrix: FloatArray) -> FloatArray:
    """The matrix with orthonormal columns nearest to a given one."""
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    result: FloatArray = u @ vt
    return result
