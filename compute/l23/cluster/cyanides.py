"""Shells of cyanides: molecules CN⁻ bound by carbon, both atoms in the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compute.l23.cluster.embedding import most_frequent
from compute.l23.cluster.partners import NONMETALS, Partner, bound_to
from compute.l23.prepared import lattice_charges

if TYPE_CHECKING:
    from pymatgen.core import PeriodicSite, Structure

    from compute.sites import Site

_LONGEST_ANG = 1.30  # of the triple bond, badly refined ones included
_CHARGE, _CHARGE_ERROR = -1.0, 0.3
_REACH_ANG = 3.2


def second_atoms(structure: Structure, sites: Sequence[Site], site: Site) -> tuple[Partner, ...]:
    """The nitrogens of a shell of cyanides, in the ligands' order.

    Empty where any ligand is another: an atom that binds one non-metal more (isocyanides, rings,
    alkyls), one whose bond is longer, or a pair whose formal charges are not the molecule's. Not
    cyanide's other end: Fe3+ bound to six N, of high spin in Prussian blue, comes out of low spin;
    and no carbonyls, whose π* hold more of 3d than what is filled
    (docs/measurements/cluster.md).
    """
    if set(site.ligand_elements) != {"C"}:
        return ()
    elements, occupied = most_frequent(len(structure), sites)
    charges = lattice_charges(structure, sites)

    def bound(index: int, element: str) -> list[PeriodicSite]:
        return [
            one
            for one in structure.get_neighbors(structure[index], _REACH_ANG)
            if elements[one.index] in NONMETALS
            and bound_to(element, elements[one.index], one.nn_distance)
        ]

    found = []
    for index, vector in zip(site.ligand_indices, site.ligand_vectors, strict=True):
        near = bound(index, "C")
        if len(near) != 1 or near[0].nn_distance > _LONGEST_ANG:
            return ()
        second = near[0]
        if elements[second.index] != "N" or len(bound(second.index, "N")) != 1:
            return ()
        if min(occupied[index], occupied[second.index]) < 1.0:
            return ()
        if abs(charges[index] + charges[second.index] - _CHARGE) > _CHARGE_ERROR:
            return ()
        at = vector + np.asarray(second.coords) - structure[index].coords
        found.append(Partner(second.index, "N", float(charges[second.index]), at, 0.0))
    return tuple(found)
