"""Bond valences: parameters and how far their sums can be trusted.

O'Keeffe and Brese, J. Am. Chem. Soc. 113 (1991) 3226, as tabulated by pymatgen; of 3d metals with
O, F, Cl and S Brese and O'Keeffe, Acta Cryst. B47 (1991) 192, averaged over the usual valences,
which differ by some 0.03 Å. They do not depend on the valence itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import exp, sqrt

_BOND_VALENCE_B = 0.37  # Å, the universal slope
_R0: Mapping[str, Mapping[str, float]] = {
    "O": {"Sc": 1.85, "Ti": 1.81, "V": 1.785, "Cr": 1.74, "Mn": 1.77, "Fe": 1.745, "Co": 1.695,
          "Ni": 1.67, "Cu": 1.67, "Zn": 1.704},
    "F": {"Sc": 1.76, "Ti": 1.75, "V": 1.71, "Cr": 1.66, "Mn": 1.69, "Fe": 1.66, "Co": 1.64,
          "Ni": 1.60, "Cu": 1.60, "Zn": 1.62},
    "Cl": {"Sc": 2.23, "Ti": 2.19, "V": 2.17, "Cr": 2.09, "Mn": 2.13, "Fe": 2.07, "Co": 2.03,
           "Ni": 2.02, "Cu": 2.00, "Zn": 2.01},
    "S": {"Sc": 2.32, "Ti": 2.26, "V": 2.25, "Cr": 2.18, "Mn": 2.22, "Fe": 2.14, "Co": 2.06,
          "Ni": 2.04, "Cu": 1.95, "Zn": 2.09},
}  # fmt: skip


def bond_valence(element: str, other: str, distance_ang: float, *, cutoff: float = 0.02) -> float:
    """Valence of one bond by O'Keeffe and Brese's rule; 0 when below ``cutoff``."""
    r0 = bond_length_of_unit_valence(element, other)
    value = exp((r0 - distance_ang) / _BOND_VALENCE_B)
    return value if value > cutoff else 0.0


def has_parameter(element: str, ligand: str) -> bool:
    """Whether a bond's parameter is tabulated and its sum trusted: 3d elements with O, F, Cl.

    Sulphides have a parameter too, but their bonds are too covalent for the sum to tell.
    """
    return ligand != "S" and element in _R0.get(ligand, {})


def error_of_sum(valence: float) -> float:
    """How far a trusted bond-valence sum may be from the valence it stands for."""
    return 0.6 + 0.2 * abs(valence)


@cache
def bond_length_of_unit_valence(a: str, b: str) -> float:
    """R0 in Å: tabulated, or r_a + r_b − r_a r_b (√c_a − √c_b)² / (c_a r_a + c_b r_b)."""
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Element

    if a in _R0.get(b, {}):
        return _R0[b][a]
    first, second = BV_PARAMS.get(Element(a)), BV_PARAMS.get(Element(b))
    if first is None or second is None:
        return 0.0
    ra, ca, rb, cb = first["r"], first["c"], second["r"], second["c"]
    return float(ra + rb - ra * rb * (sqrt(ca) - sqrt(cb)) ** 2 / (ca * ra + cb * rb))
