"""Metallic compounds: where charges of ions describe nothing, and what they are worth between.

Silicides, germanides, borides and carbides of metals and hydrides with hydrogen in the holes of a
metal are metals: all charges are 0, as in alloys. Phosphides, arsenides, antimonides, subnitrides,
pairs of pnictogens and sulphides of high states keep the charges that neutrality gives, but those
are formal, and no confidence of ions goes with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from compute.sites.coordination import NONMETALS
from compute.sites.evidence import Evidence
from compute.sites.redox import ACCEPTORS, SOFT, is_open_shell

# Highest confidence of any state of such a structure.
_ODD = 0.2  # a group of strange valences: hydrogens missing on carbon, clusters
_FORMAL = 0.5
_UNKNOWN = 0.2  # hydrogens around a metal and no cation that gives their electrons

_IN_BANDS = frozenset(("B", "Si", "Ge"))  # always, if there are no other non-metals
_PNICTOGENS = frozenset(("P", "As", "Sb"))
_CARBON_LIKE = frozenset(("B", "C", "Si", "Ge"))
_IN_A_HOLE = 2  # metal atoms around a hydrogen, or more
# From these states on a 3d metal takes electrons out of soft anions.
_OXIDISES_SOFT: Mapping[str, int] = {"Cr": 4, "Mn": 4, "Fe": 4, "Co": 4, "Ni": 3, "Cu": 2}


def is_metal(sites: Sequence[Evidence]) -> bool:
    """Whether a structure with a 3d metal has no non-metals but such as metals take into bands."""
    others = [site for site in sites if site.element in NONMETALS]
    if not others or not any(is_open_shell(site.element) for site in sites):
        return False
    ionic = any(_gives_all(site.element) for site in sites)
    return all(
        site.element in _IN_BANDS
        or (site.element == "C" and site.single)
        or (site.element == "H" and not ionic and _between_metals(site))
        for site in others
    )


def limit_of_confidence(sites: Sequence[Evidence], states: Sequence[float]) -> float:
    """Highest confidence of anything in a structure with these states."""
    if any(site.odd for site in sites):
        return _ODD
    if _hydride_of_nothing(sites):
        return _UNKNOWN
    free = [site.stated is None for site in sites]
    return limit_of_formal(
        [(site.element, site.ligands) for site in sites],
        [state if mine else None for state, mine in zip(states, free, strict=True)],
    )


def limit_of_formal(
    sites: Sequence[tuple[str, Sequence[str]]], states: Sequence[float | None]
) -> float:
    """Highest confidence of states of which some may be bookkeeping.

    Parameters
    ----------
    sites : sequence of (str, sequence of str)
        Elements and those of their ligands.
    states : sequence of float or None
        None is known.
    """
    others = any(element not in NONMETALS and not is_open_shell(element) for element, _ in sites)
    formal = any(
        state is not None and (_takes_no_ion(*site, state) or _formal(*site, state, others))
        for site, state in zip(sites, states, strict=True)
    )
    return _FORMAL if formal else 1.0


def _takes_no_ion(element: str, ligands: Sequence[str], state: float) -> bool:
    """P, As, Sb, C, Si, B, Ge among metals alone; pairs of pnictogens may be 4− or 2−."""
    taking = element in _CARBON_LIKE | _PNICTOGENS and state <= -2
    lone = element in _PNICTOGENS and state <= -3  # whatever is near: O of other layers
    return taking and (lone or NONMETALS.isdisjoint(ligands))


def _formal(element: str, ligands: Sequence[str], state: float, others: bool) -> bool:
    """States of 3d metals that no ion has.

    Parameters
    ----------
    others : bool
        Whether there are cations of other elements, so that low states have a reason: Ni⁺ of
        LaNiO2.
    """
    kinds = set(ligands)
    if not is_open_shell(element) or not kinds:
        return False
    if kinds <= SOFT and state > _OXIDISES_SOFT.get(element, 9) - 1 + 1e-6:
        return True
    low = state < 1 or (state < 2 and element != "Cu" and not others)
    return low and not kinds & ACCEPTORS


def _between_metals(site: Evidence) -> bool:
    return site.single and len(site.ligands) >= _IN_A_HOLE


def _hydride_of_nothing(sites: Sequence[Evidence]) -> bool:
    """Whether hydrogens are the only non-metals and no such metal has given them electrons."""
    others = {site.element for site in sites if site.element in NONMETALS}
    hydridic = any(site.element == "H" and site.known == -1 for site in sites)
    return (
        others == {"H"}
        and hydridic
        and not any(_gives_all(site.element) for site in sites)
        and any(is_open_shell(site.element) and site.stated is None for site in sites)
    )


@cache
def _gives_all(element: str) -> bool:
    """Metals that are nothing but cations in hydrides: groups 1 and 2, Al, Zn; Cu⁺ of CuH."""
    from pymatgen.core import Element

    known = Element(element)
    return known.is_alkali or known.is_alkaline or element in ("Al", "Cu", "Zn")
