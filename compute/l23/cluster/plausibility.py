"""Derived parameters that a 3d ion beside ligands cannot have are errors, not spectra.

Published cluster models and spectra lie well inside the ranges (Bocquet et al. 1992, 1996; Saitoh
et al. 1995; Haverkort et al. 2012): a parameter outside says that orbitals were taken for what
they are not, or that the surroundings were wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from compute.atom import atomic_parameters
from compute.edges import edge_energy
from compute.errors import ImplausibleError
from compute.l23.cluster.model import ChargeTransferModel, State
from compute.l23.prepared import PreparedCase

if TYPE_CHECKING:
    from compute.l23.cluster.backbonding import MolecularModel
    from compute.sites import Site

# eV unless told.
DELTA_EV = (-6.0, 12.0)
U_DD_EV = (1.5, 9.0)
U_PD_EV = (2.0, 11.0)
U_PD_OVER_U_DD = (1.0, 1.8)
HOPPING_EV = (0.0, 6.0)  # largest of any orbital
TEN_DQ_EV = (-2.5, 6.0)
TRANSFERRED = (-0.2, 3.0)  # electrons that the ligands have given to d
OF_THE_FREE_ION = (0.6, 1.1)  # unscaled F2 and F4 over those of the Hartree-Fock ion
# Cyanides: D and A are molecular orbitals.
MOLECULAR_OF_THE_FREE_ION = (0.25, 1.0)  # F2 and F4 of D over those of the Hartree-Fock ion
ACCEPTOR_DELTA_EV = (0.0, 9.0)
LOWEST_TRANSFER_EV = (0.5, 15.0)
SHARE_OF_D = (0.2, 1.1)  # mean square amplitude of the ion's 3d in D
SHARE_OF_ACCEPTORS = (0.01, 0.8)  # the largest in any A
FROM_THE_EDGE_EV = (-15.0, 15.0)  # energy zero less the element's tabulated L3 edge


def check_model(model: ChargeTransferModel, site: Site) -> None:
    """Raise for the first parameter of a site's model that is out of its range.

    Raises
    ------
    ImplausibleError
    """
    _within("U_dd (eV)", model.u_dd, U_DD_EV)
    transfer = model.transfer()
    _within("Δ (eV)", transfer.delta, DELTA_EV)
    _within("U_pd (eV)", transfer.u_pd, U_PD_EV)
    _within("U_pd / U_dd", transfer.u_pd / transfer.u_dd, U_PD_OVER_U_DD)
    atom = atomic_parameters(
        site.element, round(site.oxidation_state), model.n_d, empty_shells=True
    )
    states: tuple[tuple[str, State, int], ...] = (
        ("initial", model.initial, model.n_d),
        ("final", model.final, model.n_d + 1),
    )
    for name, state, electrons in states:
        largest = float(np.linalg.eigvalsh(state.hopping).max())
        _within(f"{name} hopping (eV)", largest, HOPPING_EV)
        given = state.d_electrons - electrons
        _within(f"{name} electrons given to d", given, TRANSFERRED)
        for integral in ("F2dd", "F4dd"):
            share = state.slater[integral] / atom[name][integral]
            _within(f"{name} {integral} over that of the free ion", share, OF_THE_FREE_ION)


def check_molecular(model: MolecularModel, atom: Mapping[str, Mapping[str, float]]) -> None:
    """The same of cyanides.

    Parameters
    ----------
    atom : mapping
        Of the Hartree-Fock ion, both states.

    Raises
    ------
    ImplausibleError
    """
    _within("E[DⁿA] − E[Dⁿ⁺¹] (eV)", model.final_delta, ACCEPTOR_DELTA_EV)
    # D and A do not hop, so that Dⁿ alone is the ground configuration only where A lies above it.
    _within("lowest D to A transfer (eV)", model.lowest_transfer, LOWEST_TRANSFER_EV)
    for name, state in (("initial", model.initial), ("final", model.final)):
        share = state.share
        _within(f"{name} share of 3d in D", float(np.sum(share.d**2)) / 5.0, SHARE_OF_D)
        largest = float(np.linalg.norm(share.acceptor, 2)) ** 2
        _within(f"{name} share of 3d in π*", largest, SHARE_OF_ACCEPTORS)
        for integral in ("F2dd", "F4dd"):
            part = state.slater[integral] / atom[name][integral]
            _within(f"{name} {integral} over that of the free ion", part, MOLECULAR_OF_THE_FREE_ION)


def check_case(case: PreparedCase) -> None:
    """The same for what follows from the model.

    Raises
    ------
    ImplausibleError
    """
    _within("10Dq (eV)", case.ten_dq, TEN_DQ_EV)
    edge = edge_energy(case.element, "L3")
    if edge is not None:
        above = case.energy_offset_ev - edge
        _within("energy zero above the tabulated L3 edge (eV)", above, FROM_THE_EDGE_EV)


def _within(field: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:
        raise ImplausibleError(field, value, *allowed)
