"""A cluster as one-electron matrices, Coulomb integrals and an exchange-correlation grid (PySCF).

Scalar relativity is the spin-free exact two-component Hamiltonian of the cluster's own nuclei;
the surroundings (charges, core potentials) act on the large component as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.l23.cluster.corepotential import core_potentials
from compute.l23.cluster.embedding import Embedding

FloatArray = NDArray[np.float64]

FUNCTIONAL = "PBE"
LIGANDS = ("C", "N", "O", "F", "S", "Cl", "Se", "Br", "I")
_GRID_LEVEL = 1
_OUTER_GRID = (30, 86)  # radii, directions
_CHARGE_BLOCK = 64
_LINEAR_DEPENDENCE = 1e-7
_AUXILIARY = "def2-universal-jkfit"


@dataclass(frozen=True, eq=False)
class Cluster:
    """Integrals of a cluster, atomic units.

    Attributes
    ----------
    mol : pyscf.gto.Mole
        Atom 0 is the metal, then the ligands and their hydrogens or second atoms; a single atom has
        neither.
    core_hamiltonian : float64 (n, n)
    overlap : float64 (n, n)
    orthogonal : float64 (n, m)
        Columns are orthonormal combinations of the basis.
    """

    mol: Any
    core_hamiltonian: FloatArray
    overlap: FloatArray
    orthogonal: FloatArray
    _fit: Any
    _weights: FloatArray
    _values: FloatArray  # (4 or 1, points, n)
    _work: FloatArray  # (2, points, n)
    functional: str

    def coulomb(self, density: FloatArray) -> FloatArray:
        """J of a density matrix (n, n)."""
        j, _ = self._fit.get_jk(density, hermi=1, with_j=True, with_k=False)
        return np.asarray(j)

    def exchange_correlation(self, density: FloatArray) -> tuple[float, FloatArray]:
        """Energy and matrix of the functional, spin-restricted."""
        from pyscf import dft

        hybrid = dft.libxc.hybrid_coeff(self.functional)
        kind = dft.libxc.xc_type(self.functional)
        ao, w = self._values, self._weights
        half, part = self._work  # kept: pages of new arrays would cost a third of the time
        moved = np.matmul(ao[0], density, out=half)
        if kind == "LDA":
            rho = np.einsum("pi,pi->p", moved, ao[0])
            exc, vxc = dft.libxc.eval_xc(self.functional, rho, deriv=1)[:2]
            half = np.multiply(ao[0], (0.5 * w * vxc[0])[:, None], out=half)
        else:
            rho = np.empty((4, w.size))
            for k in range(4):
                rho[k] = np.einsum("pi,pi->p", moved, ao[k])
            rho[1:] *= 2.0
            exc, vxc = dft.libxc.eval_xc(self.functional, rho, deriv=1)[:2]
            half = np.multiply(ao[0], (0.5 * w * vxc[0])[:, None], out=half)
            for k in range(1, 4):
                half += np.multiply(ao[k], (2.0 * w * vxc[1] * rho[k])[:, None], out=part)
            rho = rho[0]
        matrix = ao[0].T @ half
        matrix = matrix + matrix.T
        energy = float((rho * exc) @ w)
        if hybrid:
            _, k = self._fit.get_jk(density, hermi=1, with_j=False, with_k=True)
            matrix = matrix - 0.5 * hybrid * k
            energy -= 0.25 * hybrid * float(np.einsum("ij,ij->", k, density))
        return energy, matrix

    def fock(self, density: FloatArray) -> tuple[float, FloatArray]:
        """Electronic energy and Kohn-Sham matrix of a density matrix."""
        j = self.coulomb(density)
        exc, vxc = self.exchange_correlation(density)
        energy = float(np.einsum("ij,ij->", self.core_hamiltonian + 0.5 * j, density)) + exc
        return energy, self.core_hamiltonian + j + vxc

    def repulsion(self, orbitals: FloatArray) -> FloatArray:
        """(ab|cd) of a few orbitals (n, k): float64 (k, k, k, k), density-fitted."""
        parts = []
        k = orbitals.shape[1]
        for block in self._fit.loop():
            from pyscf import lib

            full = lib.unpack_tril(block)
            half = np.einsum("qij,ia->qaj", full, orbitals, optimize=True)
            parts.append(np.einsum("qaj,jb->qab", half, orbitals, optimize=True).reshape(-1, k * k))
        b = np.concatenate(parts)
        result: FloatArray = (b.T @ b).reshape(k, k, k, k)
        return result


def basis_of(element: str, *, absorber: bool = False) -> list[Any]:
    """Basis of an element; that of the absorber lets 2p and 3d relax freely.

    On the absorber cc-pVTZ-DK (Balabanov and Peterson, J. Chem. Phys. 123 (2005) 064107) with its
    p and d primitives released and its softer f; on the ligands DZP-DKH (Jorge, Canal Neto,
    Camiletti and Machado, J. Chem. Phys. 130 (2009) 064108) without f. Functions that reach out are
    what counts: Jorge's TZP for manganese ends at d exponents of 0.58, which lost 0.25 eV of the
    ionic 10Dq of MnO and put d 1.5 eV too high above the ligands (docs/measurements/cluster.md).
    """
    from pyscf import gto

    full = gto.basis.load("cc-pvtz-dk" if absorber else "dzp-dkh", element)
    if not absorber:
        return [shell for shell in full if shell[0] <= 2]
    out = [shell for shell in full if shell[0] == 0]
    for l in (1, 2):
        exponents = {row[0] for shell in full if shell[0] == l for row in shell[1:]}
        out += [[l, [e, 1.0]] for e in sorted(exponents, reverse=True)]
    f = [shell for shell in full if shell[0] == 3]
    return [*out, *f[-1:]]


def build_cluster(
    metal: str,
    ligands: Sequence[str],
    vectors: FloatArray,
    embedding: Embedding | None,
    functional: str = FUNCTIONAL,
    *,
    absorber: bool = True,
    outer: Sequence[str] = (),
    outer_vectors: FloatArray | None = None,
) -> Cluster:
    """Integrals of a metal at the origin and its ligands.

    Parameters
    ----------
    metal : str
    ligands : sequence of str
    vectors : float64 (n, 3)
        Positions of the ligands, bohr.
    embedding : Embedding or None
    functional : str
        As LibXC calls it.
    absorber : bool
        Whether the first atom has the basis of an absorber.
    outer : sequence of str
        Atoms behind the ligands, with a coarser grid.
    outer_vectors : float64 (m, 3)
        Their positions, bohr.
    """
    from pyscf import df, dft, gto, scf

    unknown = [ligand for ligand in ligands if ligand not in LIGANDS]
    if unknown:
        raise InputError("ligands", list(ligands), f"route cluster knows {', '.join(LIGANDS)}")
    atoms = [(f"{metal}@0", (0.0, 0.0, 0.0))]
    atoms += [(ligand, tuple(v)) for ligand, v in zip(ligands, vectors, strict=True)]
    basis = {f"{metal}@0": basis_of(metal, absorber=absorber)}
    basis |= {ligand: basis_of(ligand) for ligand in set(ligands)}
    if outer_vectors is not None:
        atoms += [(f"{e}@1", tuple(v)) for e, v in zip(outer, outer_vectors, strict=True)]
        basis |= {f"{e}@1": basis_of(e) for e in set(outer)}
    if embedding is not None:
        atoms += [("H", tuple(v)) for v in embedding.hydrogens]
        basis["H"] = basis_of("H")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mol = gto.M(atom=atoms, basis=basis, unit="Bohr", spin=None, charge=0, verbose=0)
        core = np.asarray(scf.RHF(mol).sfx2c1e().get_hcore())
        if embedding is not None:
            core = core + _surroundings(mol, embedding)
        overlap = np.asarray(mol.intor_symmetric("int1e_ovlp"))
        values, columns = np.linalg.eigh(overlap)
        keep = values > _LINEAR_DEPENDENCE
        grids = dft.gen_grid.Grids(mol)
        grids.level = _GRID_LEVEL
        grids.atom_grid = {f"{e}@1": _OUTER_GRID for e in set(outer)}
        grids.verbose = 0
        grids.build()
        kind = dft.libxc.xc_type(functional)
        ao = dft.numint.eval_ao(mol, grids.coords, deriv=0 if kind == "LDA" else 1)
        fit = df.DF(mol, auxbasis=_AUXILIARY)
        fit.build()
    return Cluster(
        mol=mol,
        core_hamiltonian=core,
        overlap=overlap,
        orthogonal=columns[:, keep] / np.sqrt(values[keep]),
        _fit=fit,
        _weights=np.asarray(grids.weights),
        _values=np.ascontiguousarray(ao.reshape(-1, *ao.shape[-2:])),
        _work=np.empty((2, *ao.shape[-2:])),
        functional=functional,
    )


def _surroundings(mol: Any, around: Embedding) -> FloatArray:
    """Potential of the charges and of the core potentials less their Coulomb part."""
    from pyscf import df, gto, lib

    out = np.zeros((mol.nao, mol.nao))
    for first in range(0, around.charges.size, _CHARGE_BLOCK):
        part = slice(first, first + _CHARGE_BLOCK)
        fake = gto.fakemol_for_charges(around.positions[part])
        ints = df.incore.aux_e2(mol, fake, intor="int3c2e", aosym="s2ij")
        out -= lib.unpack_tril(np.ascontiguousarray((ints @ around.charges[part])[None]))[0]
    return out + core_potentials(mol, around.cores)
