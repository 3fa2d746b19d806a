"""High or low spin from bond lengths, before any many-electron calculation."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from compute.ions import d_electrons

if TYPE_CHECKING:
    from compute.sites import Site

_LOW_SPIN_ANYWHERE = frozenset(((3, "Co"), (3, "Ni"), (4, "Co")))
_LOW_SPIN_COVALENT = frozenset(((2, "Fe"), (2, "Co")))  # only with ligands of _SOFT, C or N
_SOFT = frozenset(("P", "S", "As", "Se", "Te", "Br", "I"))
_SOFT_SHORTENING_ANG = 0.10  # covalent bonds are shorter than Shannon's radii by about this


def spin_state(site: Site) -> str:
    """High or low spin where both exist, from bond lengths against Shannon's radii.

    Square-planar d8 is low-spin. Octahedral ions whose low-spin form is known in extended
    solids are compared with the two sums of radii (Acta Cryst. A32 (1976) 751); every other
    d4–d7 ion is high-spin.
    """
    d = d_electrons(site.element, site.oxidation_state)
    if d is None:
        return ""
    if d == 8 and site.geometry == "square plane":
        return "low"
    if not 4 <= d <= 7:
        return ""
    charge = round(site.oxidation_state)
    ligands = set(site.ligand_elements)
    if site.geometry != "octahedron" or ligands & {"F", "Cl", "Br", "I"}:
        return "high"
    if ligands == {"C"}:
        return "low"
    covalent = bool(ligands & (_SOFT | {"C", "N"}))
    if charge != site.oxidation_state or not (
        (charge, site.element) in _LOW_SPIN_ANYWHERE
        or (covalent and (charge, site.element) in _LOW_SPIN_COVALENT)
    ):
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

    try:
        return float(Species(element, charge).get_shannon_radius("VI", "", "ionic"))
    except KeyError:
        return float(Element(element).atomic_radius or 1.4)
