"""Levels and hopping of a whole crystal, by which route ``cluster`` chose how it localises d.

    python -m compute.l23.fitting.cluster_crystal MnO|NiO [--points 3]

Spin-restricted PBE with Goedecker-Teter-Hutter potentials and the DZVP-MOLOPT-SR basis on a mesh
of k points (PySCF). At each k the first p function of oxygen and the first d function of the metal
are projected on the oxygen p and metal d bands and made orthonormal, all at once and p first;
averages over the mesh are the levels of an atom, mean squares the hopping to all its neighbours.
Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from compute.l23.cluster.scf import most_like
from compute.units import HARTREE_EV

Array = NDArray[Any]

_LATTICES_ANG = {"MnO": 4.445, "NiO": 4.177}  # rock salt
_CORES = 5  # bands below oxygen 2p: metal 3s and 3p, oxygen 2s
_D_ORDER = ("z^2", "x2-y2", "xy", "xz", "yz")
_SMEARING_HARTREE = 0.01


def matrices(name: str, points: int) -> tuple[Array, Array, list[int], list[int]]:
    """F(k), S(k) (k, n, n), and the places of the d and of the p functions."""
    from pyscf.pbc import df, dft, gto
    from pyscf.pbc.scf import addons

    a = _LATTICES_ANG[name]
    cell = gto.Cell()
    cell.a = a / 2 * (1.0 - np.eye(3))
    cell.atom = [[name[:2], (0, 0, 0)], ["O", (a / 2, 0, 0)]]
    cell.basis, cell.pseudo = "gth-dzvp-molopt-sr", "gth-pbe"
    cell.exp_to_discard, cell.precision, cell.verbose = 0.05, 1e-7, 0
    cell.build()
    mesh = cell.make_kpts([points] * 3)
    field = dft.KRKS(cell, mesh, xc="PBE").density_fit()
    field.with_df = df.GDF(cell, mesh)
    field.with_df.auxbasis = df.aug_etb(cell, beta=2.2)
    field = addons.smearing_(field, sigma=_SMEARING_HARTREE, method="fermi")
    field.conv_tol, field.max_cycle = 1e-6, 60
    field.kernel()
    if not field.converged:
        raise SystemExit(f"{name}: the crystal's field did not converge")
    labels = cell.ao_labels(fmt=None)
    place = {(symbol, shell, m): i for i, (_, symbol, shell, m) in enumerate(labels)}
    d = [place[name[:2], "3d", m] for m in _D_ORDER]
    p = [place["O", "2p", m] for m in "xyz"]
    return np.array(field.get_fock()), np.array(field.get_ovlp()), d, p


def local(fock: Array, overlap: Array, d: list[int], p: list[int], *, p_first: bool) -> Array:
    """<a|F|b> at one k in the orthonormal functions, d then p, (8, 8), eV."""
    _, c = eigh(fock, overlap)
    atomic = np.eye(len(fock))[:, d + p]
    values, columns = np.linalg.eigh(atomic.T @ overlap @ atomic)
    orthonormal = atomic @ (columns / np.sqrt(values)) @ columns.conj().T
    occupied, above = c[:, _CORES : _CORES + len(p)], c[:, _CORES + len(p) :]
    shown = above.conj().T @ overlap @ orthonormal
    manifold = np.hstack([occupied, above @ most_like(shown)])
    seen = manifold.conj().T @ overlap @ atomic
    if p_first:
        p_part = _nearest(seen[:, 5:])
        d_part = _nearest(seen[:, :5] - p_part @ (p_part.conj().T @ seen[:, :5]))
        functions = manifold @ np.hstack([d_part, p_part])
    else:
        functions = manifold @ _nearest(seen)
    return np.asarray(functions.conj().T @ fock @ functions * HARTREE_EV)


def _nearest(matrix: Array) -> Array:
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(u @ vt)


def report(name: str, points: int) -> str:
    focks, overlaps, d, p = matrices(name, points)
    out = ["| orthonormal | ε_d − ε_L | ionic 10Dq | V eg, t2g | ligand 10Dq |", "|---" * 5 + "|"]
    for p_first in (False, True):
        h = np.array(
            [local(f, s, d, p, p_first=p_first) for f, s in zip(focks, overlaps, strict=True)]
        )
        levels = np.diag(h.mean(axis=0)).real[:5]
        t, pp = h[:, :5, 5:], h[:, 5:, 5:]
        squared = np.einsum("kap,kap->a", t, t.conj()).real / len(h)
        ligand = np.einsum("kap,kpq,kaq->a", t, pp, t.conj()).real / len(h) / squared
        v = np.sqrt(squared)
        out.append(
            f"| {'p, then d' if p_first else 'together'} | {levels.mean() - ligand.mean():.2f} "
            f"| {levels[:2].mean() - levels[2:].mean():.2f} | {v[0]:.2f}, {v[2]:.2f} "
            f"| {ligand[:2].mean() - ligand[2:].mean():.2f} |"
        )
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("crystal", choices=sorted(_LATTICES_ANG))
    parser.add_argument("--points", type=int, default=3, help="k points along each axis")
    arguments = parser.parse_args()
    sys.stdout.write(report(arguments.crystal, arguments.points))


if __name__ == "__main__":
    main()
