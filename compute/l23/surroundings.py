"""What the crystal does to an ion and its ligands, as arrays that a learning machine can take.

Hopping of every p orbital of every ligand, be it bound elsewhere or not, as route ``cluster`` has
them, by the rules of route ``cheap``. The electrostatic potential of all formal charges at the
nucleus of the absorber and of each of its ligands, and its second derivatives there, by Ewald's
sum: the first moves the ligands' levels against those of 3d, the second splits the p levels of a
ligand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from compute.l23.charge_transfer import OPTICAL_ELECTRONEGATIVITY, mean_electronegativity
from compute.l23.cheap.prefactors import PREFACTORS
from compute.l23.cheap.radial import radial
from compute.l23.hopping import (
    LIGAND_RADIUS_ANG,
    ligand_hopping,
    outer_hopping,
    p_hopping,
    strength,
)
from compute.l23.prepared import absorbing_shell, lattice_charges
from compute.units import BOHR_ANGSTROM, HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

_COULOMB_EV_ANG = HARTREE_EV * BOHR_ANGSTROM
_CUTOFF_ANG = 8.0
_EXPONENT = 4.2  # α·R_cut = G_max/2α: what is left out is of order exp(−17)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """An ion's n ligands and the potential of the crystal; local axes of the site.

    Attributes
    ----------
    softness, radius : float64 (n,)
        Of each ligand: optical electronegativity below oxide's; ionic radius, Å.
    distances : float64 (n,)
        Å.
    strengths : float64 (n,)
        Harrison's hopping strength (:func:`compute.l23.hopping.strength`), eV.
    sigma, pi : float64 (5, 3n)
        Hopping between d and the ligands' p orbitals, eV.
    among : float64 (3n, 3n)
        Hopping among the p orbitals, eV.
    outer : float64 (4, 3n)
        Hopping between the metal's 4s, 4p and them, eV.
    potential : float64 (1 + n,)
        Of all other charges at the absorber and at each ligand, V.
    gradient : float64 (1 + n, 3, 3)
        Its second derivatives there, traceless, V/Å²; at ligands without the absorber's share.
    """

    softness: FloatArray
    radius: FloatArray
    distances: FloatArray
    strengths: FloatArray
    sigma: FloatArray
    pi: FloatArray
    among: FloatArray
    outer: FloatArray
    potential: FloatArray
    gradient: FloatArray


def surroundings(structure: Structure, sites: Sequence[Site], site: Site) -> Surroundings:
    """Ligands and potential of one site; a cell's net charge is compensated by a background.

    Parameters
    ----------
    sites : sequence of Site
        All distinct sites, whose charges make the potential.

    Raises
    ------
    InputError
        A ligand that the rules of hopping do not know.
    """
    ligands = site.ligand_elements
    mean_electronegativity(ligands)  # refuses what is not known
    charges = lattice_charges(structure, sites)
    lattice = np.asarray(structure.lattice.matrix, dtype=float) @ site.local_axes.T
    fractional = np.asarray(structure.frac_coords, dtype=float)
    vectors = site.ligand_vectors @ site.local_axes.T
    distances = np.linalg.norm(vectors, axis=1)
    atoms = [site.index, *site.ligand_indices]
    potential, gradient = lattice_potential(lattice, fractional, charges, atoms)
    own = charges[site.index]
    for k, (vector, r) in enumerate(zip(vectors, distances, strict=True), start=1):
        gradient[k] -= own * (3.0 * np.outer(vector, vector) / r**2 - np.eye(3)) / r**3
    strengths = _strengths(site, distances)
    sigma, pi_part = p_hopping(vectors, strengths.tolist())
    oxide = OPTICAL_ELECTRONEGATIVITY["O"]
    return Surroundings(
        softness=np.array([oxide - OPTICAL_ELECTRONEGATIVITY[one] for one in ligands]),
        radius=np.array([LIGAND_RADIUS_ANG[one] for one in ligands]),
        distances=distances,
        strengths=strengths,
        sigma=PREFACTORS.pd_sigma * sigma,
        pi=PREFACTORS.pd_pi * pi_part,
        among=ligand_hopping(vectors, ligands),
        outer=outer_hopping(vectors, ligands),
        potential=_COULOMB_EV_ANG * potential,
        gradient=_COULOMB_EV_ANG * gradient,
    )


def _strengths(site: Site, distances: FloatArray) -> FloatArray:
    """(n,) eV."""
    n_d = absorbing_shell(site)
    share = PREFACTORS.charge_share
    nickel = radial("Ni", 2.0, 8, share).r2
    size = sqrt(radial(site.element, site.oxidation_state, n_d, share).r2 / nickel)
    powers = (PREFACTORS.d_power, PREFACTORS.ligand_power, PREFACTORS.distance_power)
    pairs = zip(site.ligand_elements, distances, strict=True)
    return np.array([strength(size, ligand, float(d), powers) for ligand, d in pairs])


def lattice_potential(
    lattice: FloatArray, fractional: FloatArray, charges: FloatArray, atoms: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Potential of a lattice of point charges, and its second derivatives, at some of its atoms.

    Parameters
    ----------
    lattice : float64 (3, 3)
        Rows are the cell vectors, Å.
    fractional : float64 (n, 3)
    charges : float64 (n,)
    atoms : sequence of int, (m,)
        Where; an atom's own charge does not act on it, its images do.

    Returns
    -------
    float64 (m,), e/Å; float64 (m, 3, 3), e/Å³, traceless
    """
    alpha = _EXPONENT / _CUTOFF_ANG
    potential, gradient = _far(lattice, fractional, charges, atoms, alpha)
    images = _translations(lattice, _CUTOFF_ANG, margin=1) @ lattice
    for k, atom in enumerate(atoms):
        offsets = fractional - fractional[atom]
        offsets = (offsets - np.round(offsets)) @ lattice
        vectors = (offsets[None] + images[:, None]).reshape(-1, 3)
        squared = np.einsum("ij,ij->i", vectors, vectors)
        keep = np.flatnonzero((squared > 1e-12) & (squared < _CUTOFF_ANG**2))
        vectors, q, r = vectors[keep], charges[keep % len(charges)], np.sqrt(squared[keep])
        near = erfc(alpha * r) / r
        gauss = 2.0 * alpha / sqrt(pi) * np.exp(-((alpha * r) ** 2))
        potential[k] += q @ near - 2.0 * alpha / sqrt(pi) * charges[atom]
        # Of f(r) the second derivatives are (f″ − f′/r) r̂r̂ᵀ + f′/r.
        first = -(near + gauss) / r
        second = 2.0 * (near + gauss) / r**2 + 2.0 * alpha**2 * gauss
        along = q * (second - first / r) / r**2
        gradient[k] += (vectors.T * along) @ vectors + np.eye(3) * float(q @ (first / r))
    trace = np.trace(gradient, axis1=1, axis2=2)
    return potential, gradient - trace[:, None, None] / 3.0 * np.eye(3)


def _far(
    lattice: FloatArray,
    fractional: FloatArray,
    charges: FloatArray,
    atoms: Sequence[int],
    alpha: float,
) -> tuple[FloatArray, FloatArray]:
    """The smooth part, summed over reciprocal vectors."""
    reciprocal = np.asarray(2.0 * pi * np.linalg.inv(lattice).T, dtype=np.float64)
    g_max = 2.0 * alpha * _EXPONENT
    indices = _translations(reciprocal, g_max, margin=0)
    vectors = indices @ reciprocal
    squared = np.einsum("ij,ij->i", vectors, vectors)
    keep = (squared > 1e-12) & (squared < g_max**2)
    indices, vectors, squared = indices[keep], vectors[keep], squared[keep]
    factor = np.exp(2j * pi * (indices @ fractional.T)) @ charges
    volume = abs(float(np.linalg.det(lattice)))
    weight = 4.0 * pi / volume * np.exp(-squared / (4.0 * alpha**2)) / squared
    phase = np.exp(-2j * pi * (fractional[list(atoms)] @ indices.T))
    wave = (phase * (factor * weight)).real  # (m, g)
    return wave.sum(axis=1), -np.einsum("mg,ga,gb->mab", wave, vectors, vectors)


def _translations(basis: FloatArray, radius: float, margin: int) -> FloatArray:
    """Integer combinations of basis rows that can lie within a radius."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(basis), axis=0)
    reach = np.ceil(radius / heights).astype(int) + margin
    axes = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
