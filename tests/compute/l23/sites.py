"""Sites of published crystals and of complexes, for the tests of routes."""

from __future__ import annotations

from pymatgen.core import Structure

from compute.crystals.published import crystal
from compute.l23.fitting.complexes import complex_structure
from compute.sites import Site, analyze_sites


def site_of(
    name: str, element: str, geometry: str | None = None
) -> tuple[Structure, list[Site], Site]:
    """A crystal, its sites, and its first one of an element, of a geometry if one is named."""
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element and geometry in (None, s.geometry))
    return structure, sites, site


def complex_site(
    element: str, valence: int, ligand: str, distance: float, count: int = 6
) -> tuple[Structure, list[Site], Site]:
    """A complex alone in a box, its sites, and that of the metal; the distance in Å."""
    structure, charges = complex_structure(element, valence, ligand, count, distance)
    sites = analyze_sites(structure, stated=charges)
    return structure, sites, sites[0]
