"""Charge-transfer energies of an ion: one rule in its number, valence and ligand.

Cluster-model analyses of 2p core-level spectra (Bocquet, Mizokawa, Saitoh, Namatame and Fujimori,
Phys. Rev. B 46 (1992) 3771; Bocquet et al., Phys. Rev. B 53 (1996) 1161; Saitoh et al., Phys. Rev.
B 51 (1995) 13942; Haverkort, Zwierzycki and Andersen, Phys. Rev. B 85 (2012) 165113) find Δ falling
nearly linearly along the series and with each unit of valence. The planes below are least-squares
fits to the published values listed in ``fitting/published.json``;
``python -m compute.l23.fitting.charge_transfer`` repeats them and their leave-one-out errors.
Other ligands shift Δ by Jørgensen's optical electronegativities (Orbitals in Atoms and Molecules,
1962), 30,000 cm⁻¹ = 3.72 eV a unit; the nickel dihalides of Zaanen, Westra and Sawatzky (Phys.
Rev. B 33 (1986) 8060) follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.errors import InputError
from compute.ions import atomic_number

JORGENSEN_EV = 3.72
# Optical electronegativities of the ligands. O is that of the lattice oxide; chalcogenides lie
# 0.2 below Jørgensen's, which the published Δ of MnS, NiS and NiPS3 ask for.
OPTICAL_ELECTRONEGATIVITY = {
    "F": 3.9, "O": 3.2, "Cl": 3.0, "N": 2.9, "Br": 2.8, "S": 2.3, "I": 2.5, "Se": 2.2,
    "C": 2.4, "P": 2.2, "As": 2.2, "Te": 1.9, "H": 2.4,
}  # fmt: skip
# E_p − E_s of the free atoms, eV: Harrison's term values (1980), solid-state table.
S_BELOW_P_EV = {
    "F": 19.87, "O": 14.99, "Cl": 12.41, "N": 12.00, "Br": 10.94, "S": 10.56, "I": 9.12,
    "Se": 10.79, "C": 8.52, "P": 9.26, "As": 9.93, "Te": 9.10, "H": 15.0,
}  # fmt: skip

# Δ = delta0 + by_number (Z − 25) + by_valence (v − 2); the same for U_dd. Oxides.
DELTA_EV = (8.1, -1.4, -3.3)
U_DD_EV = (5.8, 0.25, 0.5)
U_PD_OVER_U_DD = 1.2
# Share of the Slater integrals lost for each unit of optical electronegativity below oxide, after
# the nephelauxetic series (Jørgensen 1962: sulphur ligands have about 0.8 of oxide's Racah B).
_NEPHELAUXETIC = 0.22


@dataclass(frozen=True)
class ChargeTransferEnergies:
    """Δ, U_dd and U_pd in eV, and how many configurations are mixed (at least dⁿ and dⁿ⁺¹L)."""

    delta: float
    u_dd: float
    u_pd: float
    configurations: int


def mean_electronegativity(ligands: Sequence[str]) -> float:
    """Mean optical electronegativity of a shell, one entry a ligand."""
    unknown = [ligand for ligand in ligands if ligand not in OPTICAL_ELECTRONEGATIVITY]
    if unknown or not ligands:
        raise InputError(
            "ligands", list(ligands), f"the rule knows {', '.join(OPTICAL_ELECTRONEGATIVITY)}"
        )
    return round(float(np.mean([OPTICAL_ELECTRONEGATIVITY[ligand] for ligand in ligands])), 9)


def nephelauxetic_factor(ligands: Sequence[str]) -> float:
    """What is left of the Slater integrals beside ligands softer than oxide."""
    softer = OPTICAL_ELECTRONEGATIVITY["O"] - mean_electronegativity(ligands)
    return 1.0 - _NEPHELAUXETIC * max(softer, 0.0)


def energies(element: str, valence: float, ligands: Sequence[str]) -> ChargeTransferEnergies:
    """The rule for one ion, with two configurations.

    Parameters
    ----------
    element : str
        Sc to Zn.
    valence : float
    ligands : sequence of str
        One entry a ligand; mixed shells take the mean.
    """
    number = atomic_number(element)
    shift = JORGENSEN_EV * (mean_electronegativity(ligands) - OPTICAL_ELECTRONEGATIVITY["O"])
    u_dd = _plane(U_DD_EV, number, valence)
    return ChargeTransferEnergies(
        delta=round(_plane(DELTA_EV, number, valence) + shift, 6),
        u_dd=round(u_dd, 6),
        u_pd=round(U_PD_OVER_U_DD * u_dd, 6),
        configurations=2,
    )


def _plane(coefficients: tuple[float, float, float], number: int, valence: float) -> float:
    base, by_number, by_valence = coefficients
    return base + by_number * (number - 25) + by_valence * (valence - 2.0)
