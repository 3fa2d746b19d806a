"""Matrices that turn with the site, of which those of the Hamiltonian are sums.

Each is a product of amplitudes between d and the ligands' p orbitals with a matrix on the p
orbitals: the ligands one by one (angular overlap), pairs of ligands, the field at a ligand. What
is learnt are their coefficients, functions of invariants, so that turning the crystal turns what
comes out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.hamiltonian.inputs import SiteInput

FloatArray = NDArray[np.float64]

_FIELD = 0.1  # of a gradient in V/Å²: brings its terms to the size of the others


@dataclass(frozen=True, eq=False)
class Bases:
    """Of one matrix of one site.

    Attributes
    ----------
    fixed : float64 (5, 5)
        What the others correct.
    of_bonds : float64 (k, n, 5, 5)
        Whose coefficients are functions of a bond.
    of_shell : float64 (m, 5, 5)
        Whose coefficients are functions of the whole shell.
    unit : float
        What the matrix is divided by, so that sites count alike.
    """

    fixed: FloatArray
    of_bonds: FloatArray
    of_shell: FloatArray
    unit: float


def squared_hopping(site: SiteInput) -> Bases:
    """Of V Vᵀ: hopping to each ligand, changed by its neighbours and by the field there."""
    total = site.sigma + site.pi
    unit = float(np.trace(total @ total.T)) / 5.0
    bonds, pairs = _single(site, site.sigma, site.pi), _pairs(site, site.sigma, site.pi)
    return Bases(total @ total.T / unit, bonds / unit, pairs / unit, unit)


def crystal_field(site: SiteInput) -> Bases:
    """Of the traceless crystal field: point charges, and repulsion as the hopping goes."""
    bonds = 0.1 * _single(site, site.sigma, site.pi)
    pairs = 0.05 * _pairs(site, site.sigma, site.pi)
    shell = np.concatenate([site.field[None], site.charges_field, pairs])
    return Bases(_traceless(site.field), _traceless(bonds), _traceless(shell), 1.0)


def ligand_levels(site: SiteInput) -> Bases:
    """Of the traceless levels of the five combinations of ligand orbitals that hop."""
    n = len(site.ligands)
    total = site.sigma + site.pi
    values, columns = np.linalg.eigh(total @ total.T)
    inverse = (columns / np.sqrt(np.maximum(values, 1e-6 * values[-1]))) @ columns.T
    orbitals = inverse @ total  # (5, 3n), orthonormal rows
    blocks = orbitals.reshape(5, n, 3)
    squared = site._units_squared()
    levels = np.einsum("anx,bnx->nab", blocks, blocks)
    along = np.einsum("anx,nxy,bny->nab", blocks, squared, blocks)
    potential = site.potential[1:] - site.potential[1:].mean()
    field = _FIELD * np.einsum("anx,nxy,bny->ab", blocks, site.gradient[1:], blocks)
    near = 0.1 * orbitals @ site.outer[:1].T @ site.outer[:1] @ orbitals.T
    far = 0.1 * orbitals @ site.outer[1:].T @ site.outer[1:] @ orbitals.T
    among = orbitals @ site.among @ orbitals.T
    shell = np.array([among, field, np.einsum("n,nab->ab", potential, levels), near, far])
    return Bases(np.zeros((5, 5)), _traceless(np.array([levels, along])), _traceless(shell), 1.0)


def _single(site: SiteInput, sigma: FloatArray, pi: FloatArray) -> FloatArray:
    """(2, n, 5, 5) squares of the hopping to each ligand."""
    n = len(site.ligands)
    blocks = [part.reshape(5, n, 3) for part in (sigma, pi)]
    return np.array([np.einsum("anx,bnx->nab", one, one) for one in blocks])


def _pairs(site: SiteInput, sigma: FloatArray, pi: FloatArray) -> FloatArray:
    """(6, 5, 5) hopping through two ligands, and through the field at each."""
    n = len(site.ligands)
    field = np.zeros((3 * n, 3 * n))
    for k, gradient in enumerate(site.gradient[1:]):
        field[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = _FIELD * gradient
    out = []
    for matrix in (site.among, field):
        crossed = sigma @ matrix @ pi.T
        out += [sigma @ matrix @ sigma.T, crossed + crossed.T, pi @ matrix @ pi.T]
    return np.array(out)


def _traceless(matrices: FloatArray) -> FloatArray:
    """(…, 5, 5)"""
    trace = np.trace(matrices, axis1=-2, axis2=-1)
    result: FloatArray = matrices - trace[..., None, None] / 5.0 * np.eye(5)
    return result
