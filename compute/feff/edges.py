"""Which edges FEFF is asked for, and how those named together (L23) are joined.

FEFF knows single edges alone and reads two letters of a name: ``EDGE L23`` is taken for L2 without
a word. Edges named together are therefore always computed one by one.
"""

from __future__ import annotations

from functools import cache

from compute.edges import SYMBOLS, edge_energy, members
from compute.errors import InputError

EDGES = ("K", "L1", "L2", "L3", "L23", "M1", "M2", "M3", "M23", "M4", "M5", "M45")
LOWEST_EV = 50.0
"""A shallower level is no core level: FEFF takes what lies above −40 eV for valence."""
LOWEST_M_EV = 100.0
"""M edges of 3d metals, 3p to 3d, are multiplets, and the 3p level is shallow."""
WIDEST_EV = 80.0
"""Edges named together that lie farther apart do not overlap; each is asked for on its own."""
_OPEN_4F = frozenset(SYMBOLS[56:70])  # La to Yb: 3d to 4f is a multiplet
_HEAVIEST = 98  # what its tables of free atoms are trusted for


@cache
def absorbers(edge: str) -> tuple[str, ...]:
    """The elements whose edge FEFF is asked for, in order of atomic number.

    It follows from tables alone, and a page asks it of each site.
    """
    return tuple(symbol for symbol in SYMBOLS[:_HEAVIEST] if not why_not(symbol, edge))


def check(element: str, edge: str) -> None:
    """Refuse an edge that FEFF is not meant for.

    Raises
    ------
    InputError
    """
    if edge not in EDGES:
        raise InputError("edge", edge, f"route feff knows {', '.join(EDGES)}")
    if reason := why_not(element, edge):
        raise InputError("absorber", element, reason)


def separation(element: str, edge: str) -> float:
    """Tabulated distance between the lowest and the highest edge of a name, eV; 0 of a single."""
    energies = [edge_energy(element, one) for one in members(edge)]
    known = [energy for energy in energies if energy is not None]
    return max(known) - min(known) if known else 0.0


def why_not(element: str, edge: str) -> str:
    """Why FEFF is not asked for an edge, in words; empty where it is."""
    if element not in SYMBOLS[:_HEAVIEST]:
        return "no element that FEFF knows"
    energies = [edge_energy(element, one) for one in members(edge)]
    found = [energy for energy in energies if energy is not None]
    if len(found) < len(energies) or min(found) < LOWEST_EV:
        return f"its {edge} level is no core level (FEFF needs one below −{LOWEST_EV:g} eV)"
    if edge.startswith("M") and min(found) < LOWEST_M_EV:
        return f"its {edge} edge is too shallow for FEFF (from {LOWEST_M_EV:g} eV)"
    if edge in ("M4", "M5", "M45") and element in _OPEN_4F:
        return f"its {edge} edge, 3d to 4f, is a multiplet, which FEFF does not describe"
    if max(found) - min(found) > WIDEST_EV:
        apart = ", ".join(members(edge))
        return f"its edges {apart} lie {max(found) - min(found):.0f} eV apart; ask for each"
    return ""
