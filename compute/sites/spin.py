"""High or low spin from bond lengths, before any many-electron calculation."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from compute.ions import d_electrons

if TYPE_CHECKING:
    from compute.sites import Site

_LOW_SPIN_ANYWHERE = frozenset(((3, "Co"), (3, "Ni"), (4, "Co")))
_LOW_SPIN_IN_FLUORIDES = frozenset(((4, "Ni"),))  # K2NiF6 is diamagnetic, K3CoF6 is not
_LOW_SPIN_COVALENT = frozenset(((2, "Fe"), (2, "Co")))  # only with _SOFT, C or N
_HALIDES = frozenset(("F", "Cl", "Br", "I"))
_SOFT = frozenset(("P", "S", "As", "Se", "Te", "Br", "I"))
_STRONG = frozenset(("C", "H"))  # carbonyls, cyanides, rings, hydrides: the strongest fields
_SQUARE = frozenset(("N", "C", "P", "S", "As", "Se"))  # ligands that pair spins in a plane
_HIGH_SPIN_RING_ANG = 2.25  # M–C: manganocene 2.38 is high-spin, every low-spin sandwich shorter
_INTERMEDIATE_MN_ANG = 2.0  # Mn²⁺–N: phthalocyanine 1.94 (S = 3/2), porphyrin 2.09 (S = 5/2)
# What Shannon gives no sixfold anion of: C as fourfold N³⁻, P and As as S and Se beside them. N of
# molecules is as large as O: [Co(NH3)6]3+ has 1.96 Å, high-spin Fe2+ 2.17 to 2.2.
_RADIUS_ANG = {"N": 1.40, "C": 1.46, "P": 1.84, "As": 1.98}
_SOFT_SHORTENING_ANG = 0.10  # covalent bonds are shorter than Shannon's radii by about this


def spin_state(site: Site) -> str:
    """``high``, ``low`` or ``intermediate`` where several exist, from ligands and bond lengths.

    In a square d⁸ and, between N, C, P or S, d⁷ are low-spin, d⁶ is intermediate (iron
    porphyrins and phthalocyanine, S = 1). Where most ligands are carbon or hydrogen all are
    low-spin but long sandwiches. Octahedral ions whose low-spin form is known in extended solids
    are compared with the two sums of Shannon's radii (Acta Cryst. A32 (1976) 751); every
    other d⁴–d⁷ ion is high-spin.
    """
    d = d_electrons(site.element, site.oxidation_state)
    if d is None:
        return ""
    if d == 8 and site.geometry == "square plane":
        return "low"
    if not 4 <= d <= 7:
        return ""
    strong = sum(ligand in _STRONG for ligand in site.ligand_elements)
    if 2 * strong > len(site.ligand_elements):
        long_ring = len(site.ligand_elements) > 6 and d == 5
        return "high" if long_ring and site.mean_bond_length_ang > _HIGH_SPIN_RING_ANG else "low"
    if site.geometry == "square plane":
        return _in_square(site, d)
    return _in_octahedron(site) if site.geometry == "octahedron" else "high"


def _in_square(site: Site, d: int) -> str:
    if not set(site.ligand_elements) <= _SQUARE:
        return "high"
    short = site.mean_bond_length_ang < _INTERMEDIATE_MN_ANG
    return {7: "low", 6: "intermediate", 5: "intermediate" if short else "high"}.get(d, "high")


def _in_octahedron(site: Site) -> str:
    charge = round(site.oxidation_state)
    ligands = set(site.ligand_elements)
    ion = (charge, site.element)
    if charge != site.oxidation_state:
        return "high"
    if ion in _LOW_SPIN_IN_FLUORIDES:
        return "low"
    if ligands & _HALIDES:
        return "high"
    covalent = bool(ligands & (_SOFT | {"C", "N"}))
    if ion not in _LOW_SPIN_ANYWHERE and not (covalent and ion in _LOW_SPIN_COVALENT):
        return "high"
    low, high = _shannon_bonds(site.element, charge, site.ligand_elements)
    return "low" if site.mean_bond_length_ang < (low + high) / 2 else "high"


def _shannon_bonds(element: str, charge: int, ligands: tuple[str, ...]) -> tuple[float, float]:
    """Mean metal–ligand distance, Å, that Shannon's radii give for low and high spin."""
    from pymatgen.core import Element

    anions = {"O": -2, "S": -2, "Se": -2, "Te": -2, "N": -3, "F": -1, "Cl": -1, "Br": -1, "I": -1}
    radii = [_anion_radius(ligand, anions.get(ligand, -2)) for ligand in ligands]
    shortening = _SOFT_SHORTENING_ANG * np.mean([ligand in _SOFT for ligand in ligands])
    base = float(np.mean(radii) - shortening)
    sixfold = Element(element).data["Shannon radii"].get(str(charge), {}).get("VI", {})
    known = [entry["ionic_radius"] for entry in sixfold.values()]
    if not known:
        return 0.0, 0.0
    low = sixfold.get("Low Spin", {}).get("ionic_radius", min(known))
    high = sixfold.get("High Spin", {}).get("ionic_radius", max(known))
    return base + float(low), base + float(high)


@cache
def _anion_radius(element: str, charge: int) -> float:
    from pymatgen.core import Element, Species

    if element in _RADIUS_ANG:
        return _RADIUS_ANG[element]
    try:
        return float(Species(element, charge).get_shannon_radius("VI", "", "ionic"))
    except KeyError:
        return float(Element(element).atomic_radius or 1.4)
