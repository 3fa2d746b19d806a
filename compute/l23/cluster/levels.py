"""What the multiplet engine needs, from converged fields: levels, hopping, Slater integrals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.l23.cluster.molecule import Cluster
from compute.l23.cluster.scf import Field
from compute.multiplet import angular
from compute.units import HARTREE_EV

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Levels:
    """One-electron levels of a field, eV; order z², x²−y², xy, xz, yz.

    Attributes
    ----------
    core, d, ligand_mean : float
        Mean levels of 2p, d and the ligand combinations.
    crystal_field, hopping, ligand : float64 (5, 5)
        The first and the last traceless.
    """

    core: float
    d: float
    ligand_mean: float
    crystal_field: FloatArray
    hopping: FloatArray
    ligand: FloatArray

    @property
    def gap(self) -> float:
        """Mean d level above the mean ligand level."""
        return self.d - self.ligand_mean


def levels(field: Field) -> Levels:
    """Levels of a field."""
    o = field.orbitals
    d = field.block(o.d, o.d) * HARTREE_EV
    ligand = field.block(o.ligand, o.ligand) * HARTREE_EV
    core = float(np.trace(field.block(o.core, o.core))) / 3.0 * HARTREE_EV
    mean_d, mean_l = float(np.trace(d)) / 5.0, float(np.trace(ligand)) / 5.0
    return Levels(
        core=core,
        d=mean_d,
        ligand_mean=mean_l,
        crystal_field=d - mean_d * np.eye(5),
        hopping=field.block(o.d, o.ligand) * HARTREE_EV,
        ligand=ligand - mean_l * np.eye(5),
    )


def slater_integrals(cluster: Cluster, core: FloatArray, d: FloatArray) -> dict[str, float]:
    """F and G nearest to the repulsion integrals of 2p (n, 3) and d (n, 5) orbitals, eV.

    Least squares over all integrals of a kind; what is left (``anisotropy``) is the share that
    no spherical ion has.
    """
    orbitals = np.hstack([core, d])
    chemist = cluster.repulsion(orbitals) * HARTREE_EV
    p, q = slice(0, 3), slice(3, 8)
    out: dict[str, float] = {}
    left, total = 0.0, 0.0
    kinds = {
        "dd": (chemist[q, q, q, q], (0, 2, 4), (2, 2, 2, 2)),
        "pd": (chemist[p, p, q, q], (0, 2), (1, 1, 2, 2)),
        "G": (chemist[p, q, q, p], (1, 3), (1, 2, 2, 1)),
    }
    for kind, (tensor, ranks, ls) in kinds.items():
        patterns = np.stack([pattern(k, *ls).ravel() for k in ranks], axis=1)
        values, *_ = np.linalg.lstsq(patterns, tensor.ravel(), rcond=None)
        names = [f"G{k}pd" if kind == "G" else f"F{k}{kind}" for k in ranks]
        out |= {name: float(v) for name, v in zip(names, values, strict=True)}
        misfit = tensor.ravel() - patterns @ values
        left += float(misfit @ misfit)
        total += float(np.sum(tensor**2))
    return out | {"anisotropy": float(np.sqrt(left / total))}


def pattern(k: int, a: int, b: int, c: int, d: int) -> FloatArray:
    """Angular part of R^k in (ab|cd) of real orbitals."""

    def real(l: int) -> NDArray[np.complex128]:
        if l == 2:
            return np.asarray(angular.real_d_orbitals())
        s = np.sqrt(0.5)  # x, y, z in m = −1, 0, 1
        return np.array([[s, 1j * s, 0], [0, 0, 1], [-s, 1j * s, 0]])

    # <m1 m2|m3 m4>, electron one in m1 and m3.
    complex_basis = angular.coulomb(k, a, c, b, d)
    u = [real(l) for l in (a, c, b, d)]
    turned = np.einsum(
        "ijkl,ia,jb,kc,ld->abcd", complex_basis, u[0].conj(), u[1].conj(), u[2], u[3], optimize=True
    )
    return np.asarray(turned.real.transpose(0, 2, 1, 3))
