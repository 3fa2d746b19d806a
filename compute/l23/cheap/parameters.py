"""Route ``cheap``: from a structure to the parameters of a ligand-field calculation, in ms.

The crystal field is the lattice's point-charge potential (k = 2 and 4) plus the repulsion from
filled ligand s orbitals; the covalent part is left to explicit hopping to ligand p orbitals,
so that ``crystal_field`` is the *ionic* part and the total splitting is larger
(``splitting``). All constants are global (:mod:`compute.l23.cheap.prefactors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import (
    S_BELOW_P_EV,
    ChargeTransferEnergies,
    energies,
    nephelauxetic_factor,
)
from compute.l23.cheap.anchor import energy_offset
from compute.l23.cheap.ewald import lattice_multipoles, point_multipoles
from compute.l23.cheap.prefactors import PREFACTORS, Prefactors
from compute.l23.cheap.radial import Radial, radial
from compute.l23.hopping import (
    ligand_hopping,
    ligand_shell,
    outer_hopping,
    outer_shift,
    p_hopping,
    s_hopping,
    s_repulsion,
    strength,
)
from compute.l23.prepared import TEMPERATURE_K, PreparedCase, absorbing_shell, lattice_charges
from compute.l23.splitting import effective_splitting as total_splitting
from compute.l23.splitting import hund_exchange
from compute.multiplet.case import ChargeTransfer
from compute.orbitals import gaunt, site_operations, symmetrised
from compute.units import BOHR_ANGSTROM, HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

COULOMB_EV_ANG = HARTREE_EV * BOHR_ANGSTROM
_ZERO_EV = 1e-9


@dataclass(frozen=True, eq=False)
class LigandField:
    """One site's ligand field, local axes, order z², x²−y², xy, xz, yz; matrices (5, 5) in eV.

    Attributes
    ----------
    crystal_field : float64 (5, 5)
        Ionic part, traceless.
    v : float64 (5, 5)
        Hopping to the ligand shell.
    ligand : float64 (5, 5)
        Ligand shell: p–p hopping, traceless, and what the metal's 4s and 4p push down.
    charge_transfer : ChargeTransferEnergies
    radial : Radial
        Unscaled Slater integrals.
    slater_scale : float
    """

    element: str
    valence: float
    n_d: int
    crystal_field: FloatArray
    v: FloatArray
    ligand: FloatArray
    charge_transfer: ChargeTransferEnergies
    radial: Radial
    slater_scale: float


@dataclass(frozen=True, eq=False)
class Ingredients:
    """Textbook expressions of one site, not yet multiplied by any prefactor; local axes, eV.

    Attributes
    ----------
    quadrupole, hexadecapole : float64 (5, 5)
        Potential of the other ions at l = 2 and 4, for unit <r²> and <r⁴> (bohr).
    s_repulsion : float64 (5, 5)
    sigma, pi : float64 (5, 3n)
        Harrison's pdσ and pdπ hopping.
    among : float64 (3n, 3n)
        Hopping among the ligands.
    outer : float64 (4, 3n)
        Hopping to the metal's empty 4s and 4p.
    rotations : float64 (g, 5, 5)
        The site's point operations on d orbitals.
    """

    site: Site
    n_d: int
    charge_transfer: ChargeTransferEnergies
    quadrupole: FloatArray
    hexadecapole: FloatArray
    s_repulsion: FloatArray
    sigma: FloatArray
    pi: FloatArray
    among: FloatArray
    outer: FloatArray
    rotations: FloatArray


def ingredients(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    powers: tuple[float, float] = (PREFACTORS.d_power, PREFACTORS.ligand_power),
) -> Ingredients:
    """What the structure alone gives.

    Parameters
    ----------
    structure : pymatgen Structure
    sites : sequence of Site
        All distinct sites (their charges make the potential).
    site : Site
        The absorbing one.
    powers : (float, float)
        Of the d radius and of the ligand radius in the hopping.
    """
    n_d = absorbing_shell(site, sites)
    transfer = energies(site.element, site.oxidation_state, site.ligand_elements, n_d)
    vectors = site.ligand_vectors @ site.local_axes.T
    sigma, pi_part, repulsion = _hoppings(site, vectors, transfer, powers)
    quadrupole, hexadecapole = point_charge_fields(structure, sites, site)
    return Ingredients(
        site=site,
        n_d=n_d,
        charge_transfer=transfer,
        quadrupole=quadrupole,
        hexadecapole=hexadecapole,
        among=ligand_hopping(vectors, site.ligand_elements),
        outer=outer_hopping(vectors, site.ligand_elements),
        sigma=sigma,
        pi=pi_part,
        s_repulsion=repulsion,
        rotations=site_operations(site.local_axes, site.symmetry_rotations),
    )


def _hoppings(
    site: Site,
    vectors: FloatArray,
    transfer: ChargeTransferEnergies,
    powers: tuple[float, float],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """pdσ, pdπ and the repulsion from ligand s orbitals."""
    strengths = [
        strength(site.element, ligand, float(np.linalg.norm(vector)), powers)
        for ligand, vector in zip(site.ligand_elements, vectors, strict=True)
    ]
    gaps = [max(transfer.delta, 0.0) + S_BELOW_P_EV[ligand] for ligand in site.ligand_elements]
    sigma, pi_part = p_hopping(vectors, strengths)
    repulsion = s_repulsion(s_hopping(vectors, strengths), gaps)
    return sigma, pi_part, repulsion


def with_powers(parts: Ingredients, powers: tuple[float, float]) -> Ingredients:
    """The same site with other powers in the hopping; the potential is not summed again."""
    site = parts.site
    vectors = site.ligand_vectors @ site.local_axes.T
    sigma, pi_part, repulsion = _hoppings(site, vectors, parts.charge_transfer, powers)
    return replace(parts, sigma=sigma, pi=pi_part, s_repulsion=repulsion)


def assemble(parts: Ingredients, prefactors: Prefactors = PREFACTORS) -> LigandField:
    """The ligand field that the prefactors make of a site's ingredients."""
    shell = _radial(parts, prefactors)
    potential = shell.r2 * parts.quadrupole + shell.r4 * parts.hexadecapole
    field = prefactors.point_charge * potential + prefactors.sd * parts.s_repulsion
    hopping = prefactors.pd_sigma * parts.sigma + prefactors.pd_pi * parts.pi
    v, among = ligand_shell(hopping, prefactors.pp * parts.among)
    _, outer = ligand_shell(hopping, outer_shift(prefactors.outer * parts.outer))
    return LigandField(
        element=parts.site.element,
        valence=parts.site.oxidation_state,
        n_d=parts.n_d,
        crystal_field=symmetrised(_traceless(field), parts.rotations, zero=_ZERO_EV),
        v=symmetrised(v, parts.rotations, zero=_ZERO_EV),
        ligand=symmetrised(_traceless(among) + outer, parts.rotations, zero=_ZERO_EV),
        charge_transfer=parts.charge_transfer,
        radial=shell,
        slater_scale=prefactors.slater_scale * nephelauxetic_factor(parts.site.ligand_elements),
    )


def _radial(parts: Ingredients, prefactors: Prefactors) -> Radial:
    site = parts.site
    return radial(site.element, site.oxidation_state, parts.n_d, prefactors.charge_share)


def ligand_field(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    prefactors: Prefactors = PREFACTORS,
) -> LigandField:
    """Ligand field of one site of a structure."""
    powers = (prefactors.d_power, prefactors.ligand_power)
    return assemble(ingredients(structure, sites, site, powers), prefactors)


def parameters(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    *,
    temperature_k: float = TEMPERATURE_K,
    prefactors: Prefactors = PREFACTORS,
) -> PreparedCase:
    """Everything that the engine needs for the L2,3 spectrum of one site.

    ``prefactors`` other than those in use are for fits and benchmarks.

    Raises
    ------
    InputError
        A site without d electrons to speak of, without ligands, or with a ligand that the
        charge-transfer rule does not know.
    """
    field = ligand_field(structure, sites, site, prefactors)
    transfer = field.charge_transfer
    hops = transfer.configurations > 1 and float(np.trace(field.v)) > 1e-3
    offset, error = energy_offset(field.element, field.valence)
    return PreparedCase(
        element=field.element,
        valence=field.valence,
        n_d=field.n_d,
        initial=_scaled(field.radial.initial, field.slater_scale),
        final=_scaled(field.radial.final, field.slater_scale),
        slater_scale=field.slater_scale,
        crystal_field=field.crystal_field,
        charge_transfer=ChargeTransfer(
            delta=transfer.delta,
            u_dd=transfer.u_dd,
            u_pd=transfer.u_pd,
            v=field.v,
            ligand=field.ligand,
            configurations=transfer.configurations,
        )
        if hops
        else None,
        final_field=None,
        energy_offset_ev=offset,
        energy_offset_err=error,
        ten_dq=effective_splitting(field),
        temperature_k=temperature_k,
    )


def effective_splitting(field: LigandField) -> float:
    """Total splitting with covalency, to compare with optical 10Dq, eV."""
    exchange = field.slater_scale * hund_exchange(field.radial.initial)
    return total_splitting(
        field.n_d, field.crystal_field, field.v, field.ligand, field.charge_transfer, exchange
    )


def _scaled(integrals: Mapping[str, float], scale: float) -> dict[str, float]:
    return {key: round(scale * value, 6) for key, value in integrals.items()}


def point_charge_fields(
    structure: Structure, sites: Sequence[Site], site: Site
) -> tuple[FloatArray, FloatArray]:
    """(5, 5) energies of d electrons in the potential of all other ions, l = 2 and 4.

    Local axes, eV; to be multiplied by <r²> in bohr² and <r⁴> in bohr⁴.
    """
    charges = lattice_charges(structure, sites)
    lattice = np.asarray(structure.lattice.matrix, dtype=float) @ site.local_axes.T
    fractional = np.asarray(structure.frac_coords, dtype=float)

    # Where near places are not their mean, the difference is there once, not in every cell.
    near = site.charge_corrections[:, :3] @ site.local_axes.T
    differences = site.charge_corrections[:, 3]

    def field(l: int) -> FloatArray:
        b = lattice_multipoles(lattice, fractional, charges, site.index, l)
        b = b + point_multipoles(near, differences, l)
        potential = np.einsum("k,kmn->mn", b, gaunt(l))
        result: FloatArray = -COULOMB_EV_ANG * 4.0 * pi / (2 * l + 1) * BOHR_ANGSTROM**l * potential
        return result

    return field(2), field(4)


def _traceless(matrix: FloatArray) -> FloatArray:
    result: FloatArray = matrix - np.trace(matrix) / 5.0 * np.eye(5)
    return result
