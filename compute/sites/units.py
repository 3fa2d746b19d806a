"""Whether a list of atoms holds nothing but complexes of 3d metals, so that each may be an ion.

A complex in a box, or a crystal of which only the complexes are listed: what would balance a charge
of them is not there, and neutrality tells less than elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.sites.coordination import NONMETALS
from compute.sites.fragments import Bonds, fragments, radius
from compute.sites.lewis import lewis
from compute.sites.redox import is_open_shell

if TYPE_CHECKING:
    from pymatgen.core import Structure

_BOND = 1.25  # bonds are within this times the sum of covalent radii
_REACH_ANG = 4.0


def only_complexes(structure: Structure, elements: Sequence[str], bonds: Bonds) -> bool:
    """Whether every unit of an ordered structure is a finite complex of 3d metals or uncharged.

    Parameters
    ----------
    elements : sequence of str
        Of each atom, D and T as H.
    bonds : Bonds
        Among the non-metals.
    """
    metal = np.array([element not in NONMETALS for element in elements])
    if not any(is_open_shell(element) for element in elements):
        return False
    if any(not is_open_shell(element) for element in np.array(elements)[metal]):
        return False  # what may be a cation beside them
    units = _finite_units(structure, elements)
    if units is None:
        return False
    free = [unit for unit in units if not metal[list(unit)].any()]
    groups = {group[0]: group for group in fragments(bonds)}
    return all(
        sum(lewis(bonds, group).charge for first, group in groups.items() if first in unit) == 0
        for unit in free
    )


def _finite_units(structure: Structure, elements: Sequence[str]) -> list[frozenset[int]] | None:
    """Atoms of each connected unit; None where one goes on into the next cell."""
    first, second, images, distances = structure.get_neighbor_list(_REACH_ANG)
    radii = np.array([radius(element) for element in elements])
    bound = (distances > 1e-4) & (distances < _BOND * (radii[first] + radii[second]))
    near: list[list[tuple[int, NDArray[np.int64]]]] = [[] for _ in elements]
    for i, j, image in zip(first[bound], second[bound], images[bound], strict=True):
        near[int(i)].append((int(j), image.astype(np.int64)))
    at: dict[int, NDArray[np.int64]] = {}
    out = []
    for start in range(len(elements)):
        if start in at:
            continue
        at[start] = np.zeros(3, dtype=np.int64)
        unit = [start]
        for atom in unit:
            for other, image in near[atom]:
                cell = at[atom] + image
                if other not in at:
                    at[other] = cell
                    unit.append(other)
                elif (at[other] != cell).any():
                    return None
        out.append(frozenset(unit))
    return out
