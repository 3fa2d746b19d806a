"""Which sites of real crystals the library computes: those whose valence their bonds decide.

A spectrum of a wrong valence is worse than none, so that what is doubtful is left out and told.
"""

from __future__ import annotations

from compute.sites.oxidation import STATED
from spectradb.models import Site

LIGANDS = frozenset(("H", "N", "O", "F", "S", "Cl", "Se", "Br", "I"))
"""Those that metals give electrons to; phosphides, arsenides, tellurides and alloys share them."""
USUAL = {
    "Sc": (3, 3), "Ti": (3, 4), "V": (3, 5), "Cr": (3, 3), "Mn": (2, 4), "Fe": (2, 3),
    "Co": (2, 3), "Ni": (2, 2), "Cu": (1, 2),
}  # fmt: skip
"""Lowest and highest valence that minerals have of an element, beside chromates."""
_CHROMATE = ("Cr", 6)
_SURE, _SURE_OF_UNUSUAL = 0.5, 0.95  # confidence of a valence
_LOWEST = 1.5  # but of copper: below are metals whose nitrides only look like salts (Mn3ZnN)
_SAME = 0.01


def is_trusted(site: Site) -> bool:
    """Whether the library may compute a spectrum of this site as it is."""
    if site.oxidation_state is None:
        return False
    if site.oxidation_method == STATED:
        return True
    if site.element != "Cu" and site.oxidation_state < _LOWEST:
        return False
    if not site.ligands or not LIGANDS.issuperset(site.ligands.split("-")):
        return False
    return (site.oxidation_confidence or 0.0) >= (_SURE if _is_usual(site) else _SURE_OF_UNUSUAL)


def _is_usual(site: Site) -> bool:
    if site.oxidation_state is None or site.element not in USUAL:
        return False
    low, high = USUAL[site.element]
    chromate = site.element == _CHROMATE[0] and abs(site.oxidation_state - _CHROMATE[1]) < _SAME
    return chromate or low - _SAME <= site.oxidation_state <= high + _SAME
