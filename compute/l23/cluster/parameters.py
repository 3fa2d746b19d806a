"""Route ``cluster``: the parameters of a multiplet calculation from Kohn-Sham fields of a cluster.

Two fields are solved: of the initial configuration (d*)^n and of the final one 2p^5 (d*)^(n+1).
Levels, hopping and Slater integrals of either state are those of its own field: the core hole
draws d in, hopping falls by a tenth. A spherical Hamiltonian's mean field, averaged over the
configuration, moves all d levels alike, so only averages are counted twice: crystal field and
ligand levels are taken traceless, and averages come from :mod:`compute.l23.cluster.average`:

* Δ and Δ + U_dd − U_pd from ε_d − ε_L of the initial and of the final field.
* U_dd from a third field, with electrons moved from the bonding to the antibonding states of the
  initial one.
* The energy zero, final less initial average, is the difference of the two total energies less
  what the model's averages gain by hopping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.l23.cluster.backbonding import molecular_case, molecular_model
from compute.l23.cluster.cyanides import second_atoms
from compute.l23.cluster.energyscale import CORRECTION_EV, ERROR_EV
from compute.l23.cluster.levels import levels, slater_integrals
from compute.l23.cluster.model import ChargeTransferModel, State, curvature
from compute.l23.cluster.molecule import FUNCTIONAL, Cluster
from compute.l23.cluster.plausibility import check_case, check_model
from compute.l23.cluster.prepare import prepare
from compute.l23.cluster.scf import Field, Occupation, d_electrons, solve_field
from compute.l23.cluster.slater import slater_scale
from compute.l23.cluster.spinorbit import zeta_2p
from compute.l23.prepared import TEMPERATURE_K, PreparedCase, absorbing_shell
from compute.multiplet.transfer import ChargeTransfer, OneElectronField
from compute.orbitals import site_operations, symmetrised
from compute.units import HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

_ZERO_EV = 1e-6
_MOVED = 0.5  # electrons


def model_of(
    structure: Structure, sites: Sequence[Site], site: Site, functional: str = FUNCTIONAL
) -> ChargeTransferModel:
    """The charge-transfer model of a site from its fields.

    Raises
    ------
    InputError
        See :func:`compute.l23.prepared.absorbing_shell`; a ligand that the route does not know.
    ConvergenceError
        With the trace of every start.
    """
    n_d = absorbing_shell(site, sites)
    cluster, references, starts = prepare(structure, sites, site, n_d, functional)
    occupation = Occupation(0.0, n_d)
    initial = solve_field(cluster, references, occupation, starts)
    moved = solve_field(
        cluster, references, replace(occupation, moved=_MOVED), [initial.fock, *starts]
    )
    again = [initial.fock, *starts]
    final = solve_field(cluster, references, Occupation(1.0, n_d + 1), again)
    before, after = _state(cluster, initial, site), _state(cluster, final, site)
    u_dd = curvature(before.gap, before.d_electrons, levels(moved).gap, d_electrons(cluster, moved))
    scale = slater_scale(_share(site, n_d, before, after))
    operations = len(site.symmetry_rotations)
    return ChargeTransferModel(n_d, before, after, u_dd, scale, operations)


def parameters(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    *,
    temperature_k: float = TEMPERATURE_K,
) -> PreparedCase:
    """Everything that the engine needs for the L2,3 spectrum of one site.

    Raises
    ------
    InputError, ConvergenceError
        See :func:`model_of`.
    ImplausibleError
        A parameter is out of the range that is known of 3d ions.
    """
    if seconds := second_atoms(structure, sites, site):
        molecular = molecular_model(structure, sites, site, seconds)
        return molecular_case(molecular, site, temperature_k=temperature_k)
    return case_of(model_of(structure, sites, site), site, temperature_k=temperature_k)


def case_of(
    model: ChargeTransferModel, site: Site, *, temperature_k: float = TEMPERATURE_K
) -> PreparedCase:
    """A site's model as a case of the engine."""
    check_model(model, site)
    transfer = model.transfer()
    atom = _free_ion(site, model.n_d)
    before = model.slater(model.initial, "F2dd", "F4dd")
    after = model.slater(model.final, "F2dd", "F4dd", "F2pd", "G1pd", "G3pd")
    total = model.final.energy - model.initial.energy
    found = PreparedCase(
        element=site.element,
        valence=site.oxidation_state,
        n_d=model.n_d,
        initial=before | {"zeta_3d": atom["initial"]["zeta_3d"]},
        final=after
        | {
            "zeta_3d": atom["final"]["zeta_3d"],
            "zeta_2p": zeta_2p(site.element, model.n_d + 1),
        },
        slater_scale=1.0,  # the integrals are those of the cluster's own orbitals
        crystal_field=model.initial.crystal_field,
        charge_transfer=ChargeTransfer(
            delta=transfer.delta,
            u_dd=transfer.u_dd,
            u_pd=transfer.u_pd,
            v=model.initial.hopping,
            ligand=model.initial.ligand,
            configurations=transfer.configurations,
        ),
        final_field=OneElectronField(
            crystal_field=model.final.crystal_field,
            v=model.final.hopping,
            ligand=model.final.ligand,
        ),
        energy_offset_ev=float(total - model.covalent_shift() + CORRECTION_EV),
        energy_offset_err=ERROR_EV,
        ten_dq=model.ten_dq(),
        temperature_k=temperature_k,
    )
    check_case(found)
    return found


def _share(site: Site, n_d: int, initial: State, final: State) -> float:
    """F²(dd) over that of the Hartree-Fock ion; an empty shell's orbitals are the final ones."""
    name, state = ("initial", initial) if n_d else ("final", final)
    return state.slater["F2dd"] / _free_ion(site, n_d)[name]["F2dd"]


def _free_ion(site: Site, n_d: int) -> Mapping[str, Mapping[str, float]]:
    return atomic_parameters(site.element, round(site.oxidation_state), n_d, empty_shells=True)


def _state(cluster: Cluster, field: Field, site: Site) -> State:
    level = levels(field)
    operations = site_operations(site.local_axes, site.symmetry_rotations)

    def tidy(matrix: FloatArray) -> FloatArray:
        """Fitted charges break the site's symmetry by µeV."""
        return symmetrised(matrix, operations, zero=_ZERO_EV)

    return State(
        energy=field.energy * HARTREE_EV,
        gap=level.gap,
        d_electrons=d_electrons(cluster, field),
        crystal_field=tidy(level.crystal_field),
        hopping=tidy(level.hopping),
        ligand=tidy(level.ligand),
        slater=slater_integrals(cluster, field.orbitals.core, field.orbitals.d),
    )
