"""Route ``cluster``: the parameters of a multiplet calculation from Kohn-Sham fields of a cluster.

Three fields are solved: the initial configuration (d*)^n, the final one 2p^5 (d*)^(n+1) and,
first, the transition state between them, from which both start.

Levels and hopping are matrix elements of the initial field. A spherical Hamiltonian's mean
field, averaged over the configuration, moves all d levels alike, so only averages are counted
twice: crystal field and ligand levels are taken traceless, and averages come from:

* Δ = ε_d − ε_L of the initial field, Δ + U_dd − U_pd = ε_d − ε_L of the final one. These are Janak
  derivatives of the *covalent* configuration average, whose d occupation the bonds have raised
  already, half way to the transferred electron (see docs/cluster.md for what the ionic
  reference d^n L^10 gives instead: the bare, unscreened 11 eV of NiO).
* U_dd, which matters only where two ligand holes do, by the rule of route ``cheap``.
* The energy zero, final less initial average, is the difference of the two total energies less
  what hopping gives the model in each field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.cluster.energyscale import correction
from compute.cluster.levels import Levels, levels, slater_integrals
from compute.cluster.molecule import FUNCTIONAL, Cluster
from compute.cluster.prepare import prepare
from compute.cluster.scf import Field, Occupation, solve_field
from compute.errors import InputError
from compute.ligandfield.charge_transfer import ChargeTransferEnergies, energies
from compute.ligandfield.cheap import HWHM_EV, CheapCase
from compute.ligandfield.orbitals import rotation_matrix
from compute.ligandfield.splitting import effective_splitting, hund_exchange
from compute.sites import Site
from compute.spinstate import d_electrons
from compute.units import HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

VERSION = "cluster-1"  # part of every input hash; raise it whenever results change
SLATER_SCALE = 0.9
_ZERO_EV = 1e-6
_SECOND_HOLE_BELOW_EV = 3.0
_SECOND_HOLE_FROM_N_D = 4


@dataclass(frozen=True, eq=False)
class ClusterFields:
    """Converged fields of one site."""

    cluster: Cluster
    n_d: int
    transition: Field
    initial: Field
    final: Field


def solve_fields(
    structure: Structure, sites: Sequence[Site], site: Site, functional: str = FUNCTIONAL
) -> ClusterFields:
    """The three fields of a site.

    Raises
    ------
    InputError
        No 3d ion, no ligands, or a ligand that the route does not know.
    ConvergenceError
        With the trace of every start.
    """
    n_d = d_electrons(site.element, site.oxidation_state)
    if n_d is None or n_d > 9:
        reason = "no 3d ion with a hole in 3d"
        raise InputError(
            f"sites[{site.index}]", f"{site.element} {site.oxidation_state:+g}", reason
        )
    if site.coordination_number == 0:
        raise InputError(f"sites[{site.index}]", site.element, "has no ligands")
    cluster, references, starts = prepare(structure, sites, site, n_d, functional)
    transition = solve_field(cluster, references, Occupation(0.5, n_d + 0.5), starts)
    again = [transition.fock, *starts]
    initial = solve_field(cluster, references, Occupation(0.0, n_d), again)
    final = solve_field(cluster, references, Occupation(1.0, n_d + 1), again)
    return ClusterFields(cluster, n_d, transition, initial, final)


def parameters(
    structure: Structure, sites: Sequence[Site], site: Site, *, temperature_k: float = 300.0
) -> CheapCase:
    """Everything that the engine needs for the L2,3 spectrum of one site.

    Raises
    ------
    InputError, ConvergenceError
        See :func:`solve_fields`.
    """
    return case_of(solve_fields(structure, sites, site), site, temperature_k=temperature_k)


def case_of(fields: ClusterFields, site: Site, *, temperature_k: float = 300.0) -> CheapCase:
    """Converged fields as a case of the engine."""
    before, after = levels(fields.initial), levels(fields.final)
    transfer = _charge_transfer(fields, site, before, after)
    crystal_field, v, ligand = (
        symmetrised(m, site) for m in (before.crystal_field, before.hopping, before.ligand)
    )
    atom = atomic_parameters(
        site.element, round(site.oxidation_state), fields.n_d, empty_shells=True
    )
    case: dict[str, Any] = {
        "element": site.element,
        "charge": round(site.oxidation_state),
        "n_d": fields.n_d,
        "edge": "L23",
        "slater_scale": 1.0,  # the integrals below are scaled already
        "initial": _integrals(fields, fields.initial, ("F2dd", "F4dd"))
        | {"zeta_3d": atom["initial"]["zeta_3d"]},
        "final": _integrals(fields, fields.final, ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd"))
        | {key: atom["final"][key] for key in ("zeta_3d", "zeta_2p")},
        "crystal_field": {"matrix": crystal_field.tolist()},
        "charge_transfer": {
            "delta": transfer.delta,
            "u_dd": transfer.u_dd,
            "u_pd": transfer.u_pd,
            "v": v.tolist(),
            "ligand": ligand.tolist(),
            "configurations": transfer.configurations,
        },
        "temperature_k": temperature_k,
        "hwhm_ev": dict(HWHM_EV),
    }
    shift, error = correction(site.element)
    offset = energy_zero(fields) + shift
    exchange = hund_exchange(case["initial"])
    ten_dq = effective_splitting(fields.n_d, crystal_field, v, ligand, transfer, exchange)
    return CheapCase(case, offset, error, ten_dq)


def energy_zero(fields: ClusterFields) -> float:
    """Average of 2p5 d^(n+1) L^10 less that of d^n L^10 by the fields alone, eV."""
    total = (fields.final.energy - fields.initial.energy) * HARTREE_EV
    hopping = levels(fields.final).covalent_energy(fields.n_d + 1)
    return float(total - (hopping - levels(fields.initial).covalent_energy(fields.n_d)))


def _charge_transfer(
    fields: ClusterFields, site: Site, before: Levels, after: Levels
) -> ChargeTransferEnergies:
    rule = energies(site.element, site.oxidation_state, site.ligand_elements, fields.n_d)
    small = min(before.gap, after.gap) < _SECOND_HOLE_BELOW_EV
    wanted = 3 if small and fields.n_d >= _SECOND_HOLE_FROM_N_D else 2
    return ChargeTransferEnergies(
        delta=before.gap,
        u_dd=rule.u_dd,
        u_pd=before.gap + rule.u_dd - after.gap,
        configurations=min(wanted, 11 - fields.n_d),
    )


def _integrals(fields: ClusterFields, field: Field, names: tuple[str, ...]) -> dict[str, float]:
    found = slater_integrals(fields.cluster, field.orbitals.core, field.orbitals.d)
    return {name: SLATER_SCALE * found[name] for name in names}


def symmetrised(matrix: FloatArray, site: Site) -> FloatArray:
    """(5, 5) in local axes averaged over the site's symmetry, which fitted charges break by µeV."""
    average: FloatArray = np.zeros((5, 5))
    for operation in site.symmetry_rotations:
        d = rotation_matrix(site.local_axes @ operation @ site.local_axes.T)
        average += d.T @ matrix @ d
    average /= len(site.symmetry_rotations)
    average = (average + average.T) / 2.0
    average[np.abs(average) < _ZERO_EV] = 0.0
    return average
