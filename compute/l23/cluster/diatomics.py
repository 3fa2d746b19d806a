"""Shells of cyanides and carbonyls: molecules CN⁻ and CO, both atoms in the cluster."""

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

# Ligand and its second atom: charge of the molecule. Carbonyls bound by oxygen are not known.
_MOLECULES = {("C", "N"): -1.0, ("N", "C"): -1.0, ("C", "O"): 0.0}
_LONGEST_ANG = 1.30  # of a triple bond, badly refined ones included
_CHARGE_ERROR = 0.3
_REACH_ANG = 3.2


def second_atoms(structure: Structure, sites: Sequence[Site], site: Site) -> tuple[Partner, ...]:
    """The far atoms of a shell of cyanides or carbonyls, in the ligands' order.

    Empty where any ligand is another: an atom that binds one non-metal more (isocyanides, rings,
    alkyls), one whose bond is longer, or a pair whose formal charges are not the molecule's.
    """
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
    shell = zip(site.ligand_indices, site.ligand_elements, site.ligand_vectors, strict=True)
    for index, element, vector in shell:
        near = bound(index, element)
        if len(near) != 1 or near[0].nn_distance > _LONGEST_ANG:
            return ()
        second = near[0]
        other = elements[second.index]
        molecule = _MOLECULES.get((element, other))
        whole = occupied[index] == occupied[second.index] == 1.0
        if molecule is None or not whole or len(bound(second.index, other)) != 1:
            return ()
        if abs(charges[index] + charges[second.index] - molecule) > _CHARGE_ERROR:
            return ()
        at = vector + np.asarray(second.coords) - structure[index].coords
        found.append(Partner(second.index, other, float(charges[second.index]), at, 0.0))
    return tuple(found)
