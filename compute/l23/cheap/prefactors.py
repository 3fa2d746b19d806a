"""The global prefactors of route ``cheap``: fitted once to published values, never to a compound.

``python -m compute.l23.fitting.cheap_prefactors`` repeats the fit and prints its errors for
compounds left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prefactors:
    """What multiplies each textbook expression.

    Attributes
    ----------
    point_charge : float
        The lattice's point-charge field.
    repulsion : float
        Repulsion from filled ligand orbitals that do not hop (s, hybrids of a molecule).
    repulsion_gap_ev : float
        How far ligand p lie below d in that repulsion.
    pd_sigma, pd_pi : float
        Harrison's pdσ and pdπ.
    pp : float
        Harrison's hopping among ligands.
    outer : float
        Harrison's hopping between the metal's empty 4s and 4p and the ligands.
    d_power, ligand_power, distance_power : float
        Powers of the d shell's radius, the ligand's radius and the distance in the hopping.
    slater_scale : float
        F and G of the ion beside oxide or fluoride.
    charge_share : float
        Share of an ion's charge beyond 2+ that its radial functions feel; half, not fitted. The
        charges of the lattice are reduced in the same proportion.
    acceptor_gap_ev : float
        π* of cyanide above d; chosen, not fitted.
    """

    point_charge: float
    repulsion: float
    repulsion_gap_ev: float
    pd_sigma: float
    pd_pi: float
    pp: float
    outer: float
    d_power: float
    ligand_power: float
    distance_power: float
    slater_scale: float
    charge_share: float
    acceptor_gap_ev: float


PREFACTORS = Prefactors(
    point_charge=1.103,
    repulsion=2.262,
    repulsion_gap_ev=7.74,
    pd_sigma=1.281,
    pd_pi=1.339,
    pp=0.295,
    outer=4.421,
    d_power=1.010,
    ligand_power=2.223,
    distance_power=4.335,
    slater_scale=0.8,
    charge_share=0.5,
    acceptor_gap_ev=4.0,
)
