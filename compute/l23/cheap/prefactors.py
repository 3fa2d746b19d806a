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
    sd : float
        Repulsion from filled ligand s orbitals.
    pd_sigma, pd_pi : float
        Harrison's pdσ and pdπ.
    pp : float
        Harrison's hopping among ligands.
    outer : float
        Harrison's hopping between the metal's empty 4s and 4p and the ligands.
    d_power, ligand_power : float
        Powers of the metal's d radius and of the ligand's radius in the hopping.
    slater_scale : float
        F and G of the ion beside oxide or fluoride.
    charge_share : float
        Share of an ion's charge beyond 2+ that its radial functions feel; half, not fitted.
    """

    point_charge: float
    sd: float
    pd_sigma: float
    pd_pi: float
    pp: float
    outer: float
    d_power: float
    ligand_power: float
    slater_scale: float
    charge_share: float


PREFACTORS = Prefactors(
    point_charge=1.307,
    sd=0.959,
    pd_sigma=1.214,
    pd_pi=1.294,
    pp=0.298,
    outer=2.005,
    d_power=0.882,
    ligand_power=1.203,
    slater_scale=0.8,
    charge_share=0.5,
)
