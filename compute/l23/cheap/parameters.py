"""Route ``cheap``: from a structure to the parameters of a ligand-field calculation, in ms.

The crystal field is the lattice's point-charge potential (k = 2 and 4) plus the repulsion from
filled ligand orbitals that do not hop; the covalent part is left to explicit hopping to the
ligands' p orbitals and lone pairs, so that ``crystal_field`` is the *ionic* part and the total
splitting is larger (``splitting``). Beside the core hole the 3d shell is smaller, and with it
field and hopping. All constants are global (:mod:`compute.l23.cheap.prefactors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi, sqrt
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
from compute.l23.cheap.donors import Donor, donors, partial_charges
from compute.l23.cheap.ewald import lattice_multipoles, point_multipoles
from compute.l23.cheap.holes import SPLITTING_EV, configurations
from compute.l23.cheap.prefactors import PREFACTORS, Prefactors
from compute.l23.cheap.radial import Radial, felt_charge, moments_beside_core_hole, radial
from compute.l23.cheap.validity import LIGANDS, check, check_order
from compute.l23.hopping import (
    ligand_hopping,
    ligand_shell,
    outer_hopping,
    outer_shift,
    p_hopping,
    repulsion,
    s_hopping,
    strength,
)
from compute.l23.prepared import TEMPERATURE_K, PreparedCase, absorbing_shell
from compute.l23.splitting import effective_splitting as total_splitting
from compute.l23.splitting import hund_exchange
from compute.multiplet.transfer import ChargeTransfer, OneElectronField
from compute.orbitals import gaunt, site_operations, symmetrised
from compute.units import BOHR_ANGSTROM, HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

COULOMB_EV_ANG = HARTREE_EV * BOHR_ANGSTROM
_ZERO_EV = 1e-9
_NO_HOPPING_EV, _OUT_OF_REACH_EV = 1e-6, 20.0


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
        Ligand shell: p–p hopping, traceless, what the metal's 4s and 4p push down, and how far
        combinations lie that no ligand orbital makes.
    final : OneElectronField
        The same three beside the core hole.
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
    final: OneElectronField
    charge_transfer: ChargeTransferEnergies
    radial: Radial
    slater_scale: float


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What the structure alone gives of one site; local axes.

    Attributes
    ----------
    quadrupole, hexadecapole : float64 (5, 5)
        Potential of the other ions at l = 2 and 4, for unit <r²> and <r⁴> (bohr), eV.
    vectors : float64 (n, 3)
        Metal to ligand, Å.
    donors : tuple of Donor
        Which orbitals of each ligand hop.
    rotations : float64 (g, 5, 5)
        The site's point operations on d orbitals.
    """

    site: Site
    n_d: int
    charge_transfer: ChargeTransferEnergies
    quadrupole: FloatArray
    hexadecapole: FloatArray
    vectors: FloatArray
    donors: tuple[Donor, ...]
    rotations: FloatArray


def ingredients(structure: Structure, sites: Sequence[Site], site: Site) -> Ingredients:
    """What the structure alone gives.

    Parameters
    ----------
    structure : pymatgen Structure
    sites : sequence of Site
        All distinct sites (their charges make the potential).
    site : Site
        The absorbing one.
    """
    n_d = absorbing_shell(site, sites)
    quadrupole, hexadecapole = point_charge_fields(structure, sites, site)
    return Ingredients(
        site=site,
        n_d=n_d,
        charge_transfer=energies(site.element, site.oxidation_state, site.ligand_elements),
        quadrupole=quadrupole,
        hexadecapole=hexadecapole,
        vectors=site.ligand_vectors @ site.local_axes.T,
        donors=tuple(donors(structure, sites, site)),
        rotations=site_operations(site.local_axes, site.symmetry_rotations),
    )


def assemble(parts: Ingredients, prefactors: Prefactors = PREFACTORS) -> LigandField:
    """The ligand field that the prefactors make of a site's ingredients."""
    site, n_d = parts.site, parts.n_d
    of_ion = (site.element, site.oxidation_state, n_d, prefactors.charge_share)
    shell = radial(*of_ion)
    initial = _field(parts, prefactors, shell.r2, shell.r4)
    final = _field(parts, prefactors, *moments_beside_core_hole(*of_ion))
    field = LigandField(
        element=site.element,
        valence=site.oxidation_state,
        n_d=n_d,
        crystal_field=initial.crystal_field,
        v=_given(initial.v),
        ligand=_given(initial.ligand),
        final=final,
        charge_transfer=parts.charge_transfer,
        radial=shell,
        slater_scale=prefactors.slater_scale * nephelauxetic_factor(site.ligand_elements),
    )
    # Beside other ligands the prefactors stand for what further holes would do: with them sulphides
    # of 2+ come out 0.4 eV too far split.
    checked = set(site.ligand_elements) <= set(LIGANDS)
    number = configurations(
        n_d, field.crystal_field, field.v, field.ligand, field.charge_transfer, _exchange(field),
        splitting_ev=SPLITTING_EV if checked else np.inf,
    )  # fmt: skip
    return replace(field, charge_transfer=replace(field.charge_transfer, configurations=number))


def _field(parts: Ingredients, prefactors: Prefactors, r2: float, r4: float) -> OneElectronField:
    """Field, hopping and ligand levels of a 3d shell of these moments (bohr², bohr⁴)."""
    site, ligands = parts.site, parts.site.ligand_elements
    nickel = radial("Ni", 2.0, 8, prefactors.charge_share).r2
    distances = np.linalg.norm(parts.vectors, axis=1)

    powers = (prefactors.d_power, prefactors.ligand_power, prefactors.distance_power)
    strengths = [
        strength(sqrt(r2 / nickel), ligand, float(d), powers)
        for ligand, d in zip(ligands, distances, strict=True)
    ]
    amplitudes = _four_orbitals(parts.vectors, strengths, (prefactors.pd_sigma, prefactors.pd_pi))
    pressed = _four_orbitals(parts.vectors, strengths, (1.0, 1.0))
    felt = felt_charge(site.oxidation_state, prefactors.charge_share) / site.oxidation_state
    field = prefactors.point_charge * felt * (r2 * parts.quadrupole + r4 * parts.hexadecapole)
    repelling = _joined([donor.repelling for donor in parts.donors])
    field = field + prefactors.repulsion * repulsion(
        pressed @ repelling, _gaps(parts, prefactors.repulsion_gap_ev)
    )
    back = amplitudes @ _joined([donor.acceptor for donor in parts.donors])
    field = field - back @ back.T / prefactors.acceptor_gap_ev

    hopping = _joined([donor.hopping for donor in parts.donors])
    of_p = hopping.reshape(len(ligands), 4, -1)[:, 1:].reshape(3 * len(ligands), -1)
    among = prefactors.pp * of_p.T @ ligand_hopping(parts.vectors, ligands) @ of_p
    outer = outer_shift(prefactors.outer * outer_hopping(parts.vectors, ligands) @ of_p)
    v, level = ligand_shell(amplitudes @ hopping, among)
    _, lowered = ligand_shell(amplitudes @ hopping, outer)
    return OneElectronField(
        crystal_field=symmetrised(_traceless(field), parts.rotations, zero=_ZERO_EV),
        v=symmetrised(v, parts.rotations, zero=_ZERO_EV),
        ligand=symmetrised(
            _traceless(level) + lowered + _no_orbitals(v), parts.rotations, zero=_ZERO_EV
        ),
    )


def _no_orbitals(v: FloatArray) -> FloatArray:
    """(5, 5): combinations without ligand orbitals put where no hole goes, eV."""
    values, columns = np.linalg.eigh(v)
    missing = columns[:, values < _NO_HOPPING_EV]
    result: FloatArray = -_OUT_OF_REACH_EV * missing @ missing.T
    return result


def _four_orbitals(
    vectors: FloatArray, strengths: Sequence[float], scales: tuple[float, float]
) -> FloatArray:
    """(5, 4n): hopping to s, p_x, p_y, p_z of every ligand; ``scales`` multiply σ and π."""
    n = len(vectors)
    sigma, pi_part = p_hopping(vectors, strengths)
    of_p = scales[0] * sigma + scales[1] * pi_part
    out = np.empty((5, n, 4))
    out[:, :, 0] = s_hopping(vectors, strengths)
    out[:, :, 1:] = of_p.reshape(5, n, 3)
    return out.reshape(5, 4 * n)


def _gaps(parts: Ingredients, above_p: float) -> FloatArray:
    """How far below d the repelling orbitals of all ligands lie, eV."""
    pairs = zip(parts.donors, parts.site.ligand_elements, strict=True)
    return np.concatenate([above_p + donor.depth * S_BELOW_P_EV[ligand] for donor, ligand in pairs])


def _joined(blocks: Sequence[FloatArray]) -> FloatArray:
    """Block-diagonal."""
    from scipy.linalg import block_diag

    result: FloatArray = block_diag(*blocks)
    return result


def _given(matrix: FloatArray | None) -> FloatArray:
    assert matrix is not None  # set by _field
    return matrix


def ligand_field(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    prefactors: Prefactors = PREFACTORS,
) -> LigandField:
    """Ligand field of one site of a structure."""
    return assemble(ingredients(structure, sites, site), prefactors)


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
    OutOfRangeError
        A site that the route's model does not describe (:mod:`compute.l23.cheap.validity`).
    """
    warnings = check(structure, sites, site)
    parts = ingredients(structure, sites, site)
    found = case_of(parts, temperature_k=temperature_k, prefactors=prefactors)
    return replace(found, warnings=(*warnings, *check_order(site, found.ten_dq)))


def case_of(
    parts: Ingredients,
    *,
    temperature_k: float = TEMPERATURE_K,
    prefactors: Prefactors = PREFACTORS,
) -> PreparedCase:
    """A site's ingredients as a case of the engine."""
    field = assemble(parts, prefactors)
    transfer = field.charge_transfer
    hops = transfer.configurations > 1 and float(np.trace(field.v)) > 1e-3
    offset, error = energy_offset(parts.site)
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
        final_field=field.final,
        energy_offset_ev=offset,
        energy_offset_err=error,
        ten_dq=effective_splitting(field),
        temperature_k=temperature_k,
    )


def effective_splitting(field: LigandField) -> float:
    """Total splitting with covalency, to compare with optical 10Dq, eV.

    That of an empty shell is the one beside the core hole.
    """
    three = (field.crystal_field, field.v, field.ligand)
    if field.n_d == 0:
        final = field.final
        three = (final.crystal_field, _given(final.v), _given(final.ligand))
    return total_splitting(field.n_d, *three, field.charge_transfer, _exchange(field))


def _exchange(field: LigandField) -> float:
    return field.slater_scale * hund_exchange(field.radial.initial)


def _scaled(integrals: Mapping[str, float], scale: float) -> dict[str, float]:
    return {key: round(scale * value, 6) for key, value in integrals.items()}


def point_charge_fields(
    structure: Structure, sites: Sequence[Site], site: Site
) -> tuple[FloatArray, FloatArray]:
    """(5, 5) energies of d electrons in the potential of all other ions, l = 2 and 4.

    Local axes, eV; to be multiplied by <r²> in bohr² and <r⁴> in bohr⁴.
    """
    charges = partial_charges(structure, sites)
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
