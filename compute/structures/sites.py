"""The distinct sites of a structure with partly occupied places: what can be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compute.errors import InputError
from compute.sites.analysis import Site
from compute.sites.frame import orbits, point_group
from compute.structures.plausibility import majority

if TYPE_CHECKING:
    from pymatgen.core import Structure


def disordered_sites(structure: Structure, *, symprec: float = 0.01) -> list[Site]:
    """Element (of a mixed place the most frequent), orbit and symmetry; no valence, no ligands.

    Raises
    ------
    InputError
        No atoms, or atoms on top of each other.
    """
    if len(structure) == 0:
        raise InputError("structure", "0 atoms", "a structure needs at least one atom")
    elements = [majority(site) for site in structure]
    members, rotations_of = orbits(structure, elements, symprec)
    out = []
    for index in sorted(members):
        name, schoenflies = point_group(rotations_of[index][0])
        out.append(
            Site(
                index=index,
                element=elements[index],
                multiplicity=len(members[index]),
                equivalent_indices=tuple(members[index]),
                oxidation_state=float("nan"),
                oxidation_source="",
                oxidation_confidence=0.0,
                bond_valence_sum=float("nan"),
                spin_state="",
                coordination_number=0,
                geometry="",
                geometry_deviation=float("nan"),
                ligand_elements=(),
                ligand_indices=(),
                ligand_vectors=np.zeros((0, 3)),
                mean_bond_length_ang=float("nan"),
                point_group=name,
                point_group_schoenflies=schoenflies,
                symmetry_rotations=rotations_of[index][1],
                local_axes=np.eye(3),
            )
        )
    return out
