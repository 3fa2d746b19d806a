"""Route ``cluster``: the parameters of a multiplet calculation from Kohn-Sham fields of a cluster.

Two fields are solved: of the initial configuration (d*)^n and of the final one 2p^5 (d*)^(n+1).
Levels, hopping and Slater integrals of either state are those of its own field: the core hole
draws d in, hopping falls by a tenth. A spherical Hamiltonian's mean field, averaged over the
configuration, moves all d levels alike, so only averages are counted twice: crystal field and
ligand levels are taken traceless, and averages come from :mod:`compute.l23.cluster.average`:

* Δ and Δ + U_dd − U_pd from ε_d − ε_L of the initial and of the final field.
* U_dd by the fitted plane of :mod:`compute.l23.charge_transfer`: what polarises beyond the cluster
  is not in it.
* The energy zero, final less initial average, is the difference of the two total energies less
  what the model's averages gain by hopping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.l23.charge_transfer import energies
from compute.l23.cluster.energyscale import CORRECTION_EV, ERROR_EV
from compute.l23.cluster.levels import levels, slater_integrals
from compute.l23.cluster.model import ChargeTransferModel, OneElectron
from compute.l23.cluster.molecule import FUNCTIONAL, Cluster
from compute.l23.cluster.prepare import prepare
from compute.l23.cluster.scf import Field, Occupation, solve_field
from compute.l23.cluster.spinorbit import zeta_2p
from compute.l23.prepared import TEMPERATURE_K, PreparedCase, absorbing_shell
from compute.l23.splitting import hund_exchange
from compute.multiplet.case import ChargeTransfer, OneElectronField
from compute.orbitals import site_operations, symmetrised
from compute.units import HARTREE_EV

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

# Factor of the Slater integrals of a divalent ion, and what each further unit of charge takes off;
# known of charges 2 to 4, and kept beyond.
SLATER_SCALE = (0.918, 0.093)
_KNOWN_CHARGES = (2.0, 4.0)
_ZERO_EV = 1e-6


@dataclass(frozen=True, eq=False)
class ClusterFields:
    """Converged fields of one site."""

    cluster: Cluster
    n_d: int
    initial: Field
    final: Field


def solve_fields(
    structure: Structure, sites: Sequence[Site], site: Site, functional: str = FUNCTIONAL
) -> ClusterFields:
    """The two fields of a site.

    Raises
    ------
    InputError
        See :func:`compute.l23.prepared.absorbing_shell`; a ligand that the route does not know.
    ConvergenceError
        With the trace of every start.
    """
    n_d = absorbing_shell(site, sites)
    cluster, references, starts = prepare(structure, sites, site, n_d, functional)
    initial = solve_field(cluster, references, Occupation(0.0, n_d), starts)
    again = [initial.fock, *starts]
    final = solve_field(cluster, references, Occupation(1.0, n_d + 1), again)
    return ClusterFields(cluster, n_d, initial, final)


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
        See :func:`solve_fields`.
    """
    return case_of(solve_fields(structure, sites, site), site, temperature_k=temperature_k)


def case_of(
    fields: ClusterFields, site: Site, *, temperature_k: float = TEMPERATURE_K
) -> PreparedCase:
    """Converged fields as a case of the engine."""
    model = model_of(fields, site)
    transfer = model.transfer()
    atom = atomic_parameters(
        site.element, round(site.oxidation_state), fields.n_d, empty_shells=True
    )
    scale = slater_scale(site.oxidation_state)
    before = integrals(fields, fields.initial, scale, ("F2dd", "F4dd"))
    after = integrals(fields, fields.final, scale, ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd"))
    total = (fields.final.energy - fields.initial.energy) * HARTREE_EV
    return PreparedCase(
        element=site.element,
        valence=site.oxidation_state,
        n_d=fields.n_d,
        initial=before | {"zeta_3d": atom["initial"]["zeta_3d"]},
        final=after
        | {
            "zeta_3d": atom["final"]["zeta_3d"],
            "zeta_2p": zeta_2p(site.element, fields.n_d + 1),
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


def slater_scale(valence: float) -> float:
    """What is left of the Slater integrals beside correlation and a polarisable lattice."""
    divalent, by_charge = SLATER_SCALE
    return divalent - by_charge * (float(np.clip(valence, *_KNOWN_CHARGES)) - 2.0)


def model_of(fields: ClusterFields, site: Site) -> ChargeTransferModel:
    """The charge-transfer model of a site."""
    rule = energies(site.element, site.oxidation_state, site.ligand_elements)
    scale = slater_scale(site.oxidation_state)
    return ChargeTransferModel(
        n_d=fields.n_d,
        u_dd=rule.u_dd,
        initial=_one_electron(fields.initial, site),
        final=_one_electron(fields.final, site),
        exchange=hund_exchange(integrals(fields, fields.initial, scale, ("F2dd", "F4dd"))),
    )


def _one_electron(field: Field, site: Site) -> OneElectron:
    level = levels(field)
    operations = site_operations(site.local_axes, site.symmetry_rotations)

    def tidy(matrix: FloatArray) -> FloatArray:
        """Fitted charges break the site's symmetry by µeV."""
        return symmetrised(matrix, operations, zero=_ZERO_EV)

    return OneElectron(
        gap=level.gap,
        crystal_field=tidy(level.crystal_field),
        hopping=tidy(level.hopping),
        ligand=tidy(level.ligand),
    )


def integrals(
    fields: ClusterFields, field: Field, scale: float, names: tuple[str, ...]
) -> dict[str, float]:
    """Slater integrals of a field's localised orbitals times a factor, eV."""
    found = slater_integrals(fields.cluster, field.orbitals.core, field.orbitals.d)
    return {name: scale * found[name] for name in names}
