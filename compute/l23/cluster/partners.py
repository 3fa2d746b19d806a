"""Atoms bound to a ligand by electron pairs: the hydrogens of water, the other sulphur of S2.

Hydrogen takes part in the cluster as an atom: a bare charge would hold no pair. A *negative*
partner (S–S, O–O) shares the pair that makes the ligand a closed shell in the cluster; what the
ligand has more there than its formal charge is taken off the partner's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import OutOfRangeError
from compute.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

NONMETALS = frozenset(("H", "B", "C", "N", "O", "Si", "P", "S", "As", "Se"))
_NOT_OF_NITROGEN = frozenset(("C", "N", "O", "S"))  # no N3- is bound to them
_BOND = 1.2  # a bond is no longer than this times the sum of the covalent radii
_REACH_ANG = 3.2
_SAME_ANG = 1e-2
_CLOSED_SHELL = {"N": -3, "O": -2, "F": -1, "S": -2, "Cl": -1, "Se": -2, "Br": -1, "I": -1}


@dataclass(frozen=True)
class Partner:
    """An atom bound to ligands of the site.

    Attributes
    ----------
    index : int
        In the structure.
    element : str
    charge : float
        Formal.
    vector : float64 (3,)
        From the absorber, Å, Cartesian axes of the structure.
    shift : float
        What its charge beside the cluster differs from the formal one.
    """

    index: int
    element: str
    charge: float
    vector: FloatArray
    shift: float


def partners(
    structure: Structure, elements: Sequence[str], charges: FloatArray, site: Site
) -> list[Partner]:
    """The partners of a site's ligands, each once.

    Parameters
    ----------
    elements : sequence of str
        Of every place of the structure; empty where it is shared or partly empty.
    charges : float64 (n,)
        Formal charges of the places.

    Raises
    ------
    OutOfRangeError
        Nitrogen that shares electrons with more than hydrogen.
    """
    own = np.vstack([np.zeros((1, 3)), site.ligand_vectors])
    found: list[Partner] = []
    for index, element, vector in zip(
        site.ligand_indices, site.ligand_elements, site.ligand_vectors, strict=True
    ):
        near = [
            (one, vector + one.coords - structure[index].coords)
            for one in structure.get_neighbors(structure[index], _REACH_ANG)
            if bound_to(element, elements[one.index], one.nn_distance)
        ]
        near = [pair for pair in near if _distance(own, pair[1]) > _SAME_ANG]
        _refuse_shared_nitrogen(site, element, {elements[one.index] for one, _ in near})
        alike = sum(charges[one.index] < 0 for one, _ in near)
        excess = float(charges[index]) - _CLOSED_SHELL.get(element, float(charges[index]))
        for one, at in near:
            charge = charges[one.index]
            shift = excess / alike if charge < 0 else 0.0
            known = [k for k, p in enumerate(found) if np.linalg.norm(p.vector - at) < _SAME_ANG]
            if known:
                shift += found.pop(known[0]).shift
            found.append(Partner(one.index, elements[one.index], float(charge), at, shift))
    return found


def _refuse_shared_nitrogen(site: Site, ligand: str, bound: set[str]) -> None:
    if ligand == "N" and (others := bound & _NOT_OF_NITROGEN):
        raise OutOfRangeError(
            f"sites[{site.index}]",
            f"{site.element} {site.oxidation_state:+g} with N bound to {', '.join(sorted(others))}",
            "nitrogen of cyanide's other end, nitrosyl, azide or a ring is no closed shell by "
            "itself, which is how route cluster takes its ligands",
        )


def closed_shell_charges(ligands: Sequence[str], formal: Mapping[str, float]) -> dict[str, float]:
    """Charge that each kind of ligand has in the cluster, where p is full."""
    return {e: float(_CLOSED_SHELL.get(e, formal[e])) for e in set(ligands)}


def bound_to(ligand: str, other: str, distance_ang: float) -> bool:
    """Whether a non-metal is so near to a ligand that they share electrons."""
    from pyscf.data import elements, radii

    if other not in NONMETALS:
        return False
    both = sum(float(radii.COVALENT[elements.charge(e)]) for e in (ligand, other))
    return distance_ang < _BOND * both * BOHR_ANGSTROM


def _distance(points: FloatArray, at: FloatArray) -> float:
    return float(np.linalg.norm(points - at, axis=1).min())
