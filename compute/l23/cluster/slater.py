"""What correlation leaves of the Slater integrals of the cluster's orbitals.

Covalency and a soft ligand spread the localised orbitals, which the integrals show by themselves:
F² of the cluster over that of the Hartree-Fock ion is 0.95 in fluorides of nickel, 0.83 in
manganates(IV), 0.81 in pyrite. Correlation screens the more the more the orbitals are spread; a
power of the share, fitted to energies that pair spins (``python -m
compute.l23.fitting.cluster_slater``), predicts ions left out better than the ion's charge does.

An integral of 3d with 3d holds two densities of the spread orbitals, one of 2p with 3d only one,
and so loses the root of what the other loses.
"""

from __future__ import annotations

SLATER_SCALE = (1.137, 2.29)  # factor, power


def slater_scale(share: float) -> float:
    """Factor of the integrals of 3d with 3d; those of 2p with 3d take its root.

    Parameters
    ----------
    share : float
        F²(dd) of the initial field's orbitals (of an empty shell the final one's) over that of the
        Hartree-Fock ion.
    """
    factor, power = SLATER_SCALE
    return float(factor * share**power)
