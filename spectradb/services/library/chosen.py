"""Which sites come first where a route is too slow for all: one of each surrounding, then more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import zip_longest

from spectradb.models import Site
from spectradb.services.library.build import expected_cost

_WHOLE = 0.01  # of a valence
_LIGANDS = range(4, 7)
_GROUPS = ("C", "Si", "P", "S", "As", "B", "Se", "Te", "N")
"""Centres of the oxo-anions that minerals are classed by, the more telling first."""


def by_coverage(sites: Iterable[Site], families: Mapping[int, str]) -> list[Site]:
    """These sites in an order of which any beginning covers as much as it can.

    Sites of one element, valence, set of ligands and coordination number share a surrounding. Of
    each surrounding one comes before any has a second, quickest first; within one the families of
    minerals take turns. Left out are sites of several ions and of disorder, which take a
    multiple of the time, of other than four to six ligands, and of cells whose listed atoms carry
    a charge (mostly for lack of hydrogen), which a cluster cannot be cut from.

    Parameters
    ----------
    families : mapping
        Of each structure by its number (:func:`family`).
    """
    surroundings: dict[tuple[str, int, str, int], dict[str, list[Site]]] = defaultdict(dict)
    for site in sorted(sites, key=lambda one: (expected_cost(one), one.pk)):
        state, number = site.oxidation_state or 0.0, site.coordination_number or 0
        if abs(state - round(state)) > _WHOLE or site.occupancy < 1.0 or number not in _LIGANDS:
            continue
        if any(one.code == "charge" for one in site.structure.told):
            continue
        ligands = "-".join(sorted(set(site.ligands.split("-"))))
        of_family = surroundings[site.element, round(state), ligands, number]
        of_family.setdefault(families.get(site.structure_id, ""), []).append(site)
    queues = [_in_turn(list(one.values())) for one in surroundings.values()]
    queues.sort(key=lambda queue: (expected_cost(queue[0]), queue[0].pk))
    return _in_turn(queues)


def family(elements: Iterable[str]) -> str:
    """The family of a compound by its elements: ``Si-O`` a silicate, ``H-O`` a hydrate, ``O``."""
    held = set(elements)
    if "O" in held:
        centre = next((one for one in _GROUPS if one in held), "")
        hydrous = "H" if "H" in held else ""
        return "-".join(filter(None, (centre, hydrous, "O")))
    return "-".join(one for one in ("H", "N", "F", "S", "Cl", "Se", "Br", "I") if one in held)


def _in_turn(queues: list[list[Site]]) -> list[Site]:
    return [site for turn in zip_longest(*queues) for site in turn if site is not None]
